package kernel

func winogradAVX512() winogradFuncs {
	f := winogradGo()
	f.input = winogradInputAVX512
	f.output = winogradOutputAVX512
	f.gradient = winogradGradientAVX512
	f.multiply = func(a winogradProduct) {
		if a.channels == Lanes {
			winogradMultiplyAVX512(a)
		} else {
			winogradMultiplyPairsAVX512(a)
		}
	}
	f.accumulate = func(a winogradProduct) {
		if a.channels == Lanes {
			winogradAccumulateAVX512(a)
		} else {
			winogradAccumulatePairsAVX512(a)
		}
	}
	return f
}

func winogradAVX2() winogradFuncs { return winogradGo() }
