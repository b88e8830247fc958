package kernel

func winogradAVX512() winogradFuncs {
	return winogradFuncs{
		input:      winogradInputAVX512,
		output:     winogradOutputAVX512,
		gradient:   winogradGradientAVX512,
		multiply:   byChannels(winogradMultiplyAVX512, winogradMultiplyPairsAVX512),
		accumulate: byChannels(winogradAccumulateAVX512, winogradAccumulatePairsAVX512),
		weights: func(u, oihw []float32, channels int, transposed bool) {
			eachFilter(16, u, oihw, channels, transposed, winogradWeightsAVX512)
		},
		taps: func(oihw, du []float32, channels int) {
			eachFilter(16, du, oihw, channels, false, winogradTapsAVX512)
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
		weights: func(u, oihw []float32, channels int, transposed bool) {
			eachFilter(8, u, oihw, channels, transposed, winogradWeightsAVX2)
		},
		taps: func(oihw, du []float32, channels int) {
			eachFilter(8, du, oihw, channels, false, winogradTapsAVX2)
		},
	}
}

// byChannels returns a product that has one function for 16 channels and one for
// pairs of 16.
func byChannels(one, pairs func(winogradProduct)) func(winogradProduct) {
	return func(a winogradProduct) {
		if a.channels == Lanes {
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
func eachFilter(lanes int, u, oihw []float32, channels int, transposed bool, f func(winogradFilter)) {
	for out := 0; out < channels; out += lanes {
		for in := 0; in < channels; in += lanes {
			o, i := out, in
			if transposed {
				o, i = in, out
			}
			f(winogradFilter{
				u:        u[weightAt(in, out, channels):],
				oihw:     oihw[(o*channels+i)*9:],
				position: weightPosition(channels), step: min(channels, 2*Lanes),
				row:        9 * channels,
				transposed: transposed,
			})
		}
	}
}
