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
	f.weights = func(u, oihw []float32, channels int, transposed bool) {
		eachFilter(u, oihw, channels, transposed, winogradWeightsAVX512)
	}
	f.taps = func(oihw, du []float32, channels int) {
		eachFilter(du, oihw, channels, false, winogradTapsAVX512)
	}
	return f
}

func winogradAVX2() winogradFuncs { return winogradGo() }

// winogradFilter is what assembly transforms of the weights at a time: 16 input
// times 16 output channels.
type winogradFilter struct {
	u              []float32 // the first input channel's lanes at the first position
	oihw           []float32 // the first tap
	position, step int       // distances in u: between positions, and between input channels
	row            int       // distance between output channels in oihw
	transposed     bool      // what oihw calls an output channel is an input channel of u
}

// eachFilter calls f for all channels.
func eachFilter(u, oihw []float32, channels int, transposed bool, f func(winogradFilter)) {
	for out := 0; out < channels; out += Lanes {
		for in := 0; in < channels; in += Lanes {
			o, i := out, in
			if transposed {
				o, i = in, out
			}
			f(winogradFilter{
				u:        u[weightAt(in, out, channels):],
				oihw:     oihw[(o*channels+i)*9:],
				position: channels * channels, step: min(channels, 2*Lanes),
				row:        9 * channels,
				transposed: transposed,
			})
		}
	}
}
