package model

import (
	"math"
	"slices"

	"espalier/model/kernel"
)

// A Grid is what a layer's weights are rounded to in quantization-aware training.
// The layer computes with
//
//	scale·min(max(round(w/scale), Low), High)
//
// rounding half to even, as torch.fake_quantize_per_channel_affine does, with one
// scale for each output channel. The weights themselves stay as fine as float32
// is, and training moves them: the gradient passes through the rounding, and stops
// where the code is limited.
//
// Where batch norm follows, these are the codes of the weights that folding it
// gives, up to rounding: folding multiplies weights and scales of a channel by one
// factor. Where this is negative, the limits change places.
type Grid struct {
	Low, High int8
	Scale     []float32 // [Out]
	// Learned trains the scales, as LSQ does (Esser et al. 2020, "Learned step size
	// quantization").
	Learned bool
}

// smallestScale is what a learned scale may not fall below: float32's epsilon.
const smallestScale = 1.1920929e-07

func (q *Grid) clone() *Grid {
	if q == nil {
		return nil
	}
	c := *q
	c.Scale = slices.Clone(q.Scale)
	return &c
}

// like reports whether two grids, or none, differ at most in their scales.
func (q *Grid) like(other *Grid) bool {
	if q == nil || other == nil {
		return q == other
	}
	return q.Low == other.Low && q.High == other.High && q.Learned == other.Learned
}

// rounding returns the function that rounds weights of an output channel. Norm is
// the batch norm behind the layer, or nil.
func (q *Grid) rounding(channel int, norm *Node) kernel.Activation {
	low, high := float32(q.Low), float32(q.High)
	if norm != nil && norm.Weight[channel] < 0 {
		low, high = -high, -low
	}
	return kernel.Activation{Kind: kernel.FakeQuantize, Min: low, Max: high, Scale: max(q.Scale[channel], smallestScale)}
}

// round writes the rounded weights [Out][fan] to dst, which may be weight.
func (q *Grid) round(dst, weight []float32, norm *Node) {
	fan := len(weight) / len(q.Scale)
	for o := range q.Scale {
		r := q.rounding(o, norm)
		for i := o * fan; i < (o+1)*fan; i++ {
			dst[i] = r.Value(weight[i])
		}
	}
}

// Codes returns the codes of weights [Out][fan] that no batch norm stands behind.
func (q *Grid) Codes(weight []float32) []int8 {
	codes := make([]int8, len(weight))
	fan := len(weight) / len(q.Scale)
	for i, w := range weight {
		r := q.rounding(i/fan, nil)
		codes[i] = int8(math.RoundToEven(float64(r.Value(w) / r.Scale)))
	}
	return codes
}

// differentiate takes dw, the gradient by the rounded weights, to that by the
// weights. It returns that by the scales in dScale, unless this is nil: of LSQ,
//
//	Σ dw·(round(w/s) − w/s), or Σ dw·limit where the code is limited,
//
// divided by √(fan·High) (section 2.2).
func (q *Grid) differentiate(dw, weight, dScale []float32, norm *Node) {
	fan := len(weight) / len(q.Scale)
	for o := range q.Scale {
		r := q.rounding(o, norm)
		d, w := dw[o*fan:(o+1)*fan], weight[o*fan:(o+1)*fan]
		if dScale != nil {
			dScale[o] = float32(r.ScaleGrad(d, w) / math.Sqrt(float64(fan)*float64(q.High)))
		}
		r.Gradient(d, w)
	}
}

// rounding returns the function of a Quantize node.
func (n *Node) rounding() kernel.Activation {
	op := n.Op.(Quantize)
	zero := float32(op.Zero)
	return kernel.Activation{Kind: kernel.FakeQuantize, Min: -zero, Max: float32(int(1)<<op.Bits-1) - zero, Scale: max(n.Weight[0], smallestScale)}
}

// scaleShare is what the gradient of a Quantize node's scale is multiplied by:
// 1/√(values of an image · largest code), see Grid.
func (n *Node) scaleShare() float64 {
	r := n.rounding()
	return 1 / math.Sqrt(float64(n.Shape.Len())*float64(max(r.Max, -r.Min)))
}
