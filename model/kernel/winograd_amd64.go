package kernel

func winogradAVX512() winogradFuncs {
	return winogradFuncs{
		input:      winogradInputAVX512,
		output:     winogradOutputAVX512,
		gradient:   winogradGradientAVX512,
		multiply:   byChannels(winogradMultiplyAVX512, winogradMultiplyPairsAVX512),
		accumulate: byChannels(winogradAccumulateAVX512, winogradAccumulatePairsAVX512),
		weights: func(u, oihw []float32, in, out int, transposed bool) {
			eachFilter(16, u, oihw, in, out, transposed, winogradWeightsAVX512)
		},
		taps: func(oihw, du []float32, in, out int) {
			eachFilter(16, du, oihw, in, out, false, winogradTapsAVX512)
		},
	}
}

func winogradAVX2() winogradFuncs {
	return winogradFuncs{
		input:      winogradInputAVX2,
		output:     winogradOutputAVX2,
		gradient:   winogradGradientAVX2,
		multiply:   byChannels(winogradMultiplyAVX2, winogradMultiplyPairsAVX2),
		accumulate: byChannels(winogradAccumulateAVX2, winogradAccumulatePairsAVX2),
		weights: func(u, oihw []float32, in, out int, transposed bool) {
			eachFilter(8, u, oihw, in, out, transposed, winogradWeightsAVX2)
		},
		taps: func(oihw, du []float32, in, out int) {
			eachFilter(8, du, oihw, in, out, false, winogradTapsAVX2)
		},
	}
}

// byChannels returns a product that has one function for 16 channels and one for
// pairs of 16.
func byChannels(one, pairs func(winogradProduct)) func(winogradProduct) {
	return func(a winogradProduct) {
		if a.out == Lanes {
			one(a)
		} else {
			pairs(a)
		}
	}
}

// winogradFilter is what assembly transforms of the weights at a time: as many
// input times as many output channels as a register has lanes.
type winogradFilter struct {
	u              []float32 // the first input channel's lanes at the first position
	oihw           []float32 // the first tap
	position, step int       // distances in u: between positions, and between input channels
	row            int       // distance between output channels in oihw
	transposed     bool      // what oihw calls an output channel is an input channel of u
}

// eachFilter calls f for all channels, in units of lanes by lanes.
func eachFilter(lanes int, u, oihw []float32, in, out int, transposed bool, f func(winogradFilter)) {
	all := weightOutputs(in, out)
	row := 9 * in // of oihw
	if transposed {
		row = 9 * out
	}
	for o := 0; o < out; o += lanes {
		for i := 0; i < in; i += lanes {
			at := o*row + 9*i
			if transposed {
				at = i*row + 9*o
			}
			f(winogradFilter{
				u:        u[weightAt(i, o, in, all):],
				oihw:     oihw[at:],
				position: weightPosition(in, all), step: min(all, 2*Lanes),
				row:        row,
				transposed: transposed,
			})
		}
	}
}
