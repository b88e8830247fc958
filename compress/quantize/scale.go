package quantize

import (
	"math"

	"espalier/model/kernel"
)

// A Range is the smallest and the largest value of an activation.
type Range struct{ Min, Max float32 }

// Activation returns the affine quantization for a range, widened to hold 0:
//
//	scale = (max − min) / (qmax − qmin)
//	zero point = qmin − round(min/scale)
//
// in float32 and rounding half to even, as PyTorch's
// UniformQuantizationObserverBase._calculate_qparams.
func (r Recipe) Activation(x Range) kernel.Affine { return r.narrowActivation(x, 8) }

// narrowActivation is Activation for codes of so many bits, 0 to 2^bits − 1.
func (r Recipe) narrowActivation(x Range, bits int) kernel.Affine {
	lo, hi := min(x.Min, 0), max(x.Max, 0)
	steps := r.activationSteps(bits)
	s := (hi - lo) / steps
	if r.UnitEmpty && s < r.EmptyScale {
		return kernel.Affine{Scale: 1}
	}
	s = max(s, r.EmptyScale)
	zero := -math.RoundToEven(float64(lo / s))
	return kernel.Affine{Scale: s, Zero: uint8(min(max(zero, 0), float64(steps)))}
}

// Weights quantizes a layer's weights [out][fan]: codes [out][fan] and one
// scale for each output channel.
func (r Recipe) Weights(weight []float32, out int) (codes []int8, scales []float32) {
	return r.ClippedWeights(weight, out, 1)
}

// weightScale returns the scale of weights up to magnitude a.
func (r Recipe) weightScale(a float32) float32 {
	s := a / r.WeightSteps
	if r.UnitEmpty && s < r.EmptyScale {
		return 1
	}
	return max(s, r.EmptyScale)
}

// weightCode returns w's code.
func (r Recipe) weightCode(w, scale float32) int8 {
	v := w * (1 / scale)
	if r.Divide {
		v = w / scale
	}
	q := math.RoundToEven(float64(v))
	return int8(min(max(q, float64(r.SmallestWeight)), math.Floor(float64(r.WeightSteps))))
}

func maxAbs(x []float32) float32 {
	var a float32
	for _, v := range x {
		a = max(a, v, -v)
	}
	return a
}
