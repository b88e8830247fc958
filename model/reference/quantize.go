package reference

import (
	"math"

	"espalier/model"
)

// A grid rounds values to multiples of a scale, low to high of them.
type grid struct{ scale, low, high float64 }

// forward returns scale·min(max(round(x/scale), low), high), half to even: what
// PyTorch calls to fake-quantize.
func (q grid) forward(x []float64) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = q.scale * min(max(math.RoundToEven(v/q.scale), q.low), q.high)
	}
	return y
}

// backward returns the gradients of x and of the scale. The first passes through
// the rounding as if it were not there, and stops at the limits (Bengio et al.
// 2013, the straight-through estimator). The second is that of Esser et al. 2020
// (LSQ), equation 3.
func (q grid) backward(x, dy []float64) (dx []float64, dScale float64) {
	dx = make([]float64, len(x))
	for i, v := range x {
		switch steps := math.RoundToEven(v / q.scale); {
		case steps < q.low:
			dScale += dy[i] * q.low
		case steps > q.high:
			dScale += dy[i] * q.high
		default:
			dx[i] = dy[i]
			dScale += dy[i] * (steps - v/q.scale)
		}
	}
	return dx, dScale
}

// grid returns what a Quantize node rounds to.
func (m *node) grid() grid {
	op := m.Op.(model.Quantize)
	zero := float64(op.Zero)
	return grid{m.weight.Data[0], -zero, float64(int(1)<<op.Bits-1) - zero}
}

// gridOf returns what a layer's weights of one output channel are rounded to. See
// model.Grid.
func (m *node) gridOf(o int) grid {
	q := grid{float64(m.Grid.Scale[o]), float64(m.Grid.Low), float64(m.Grid.High)}
	if m.scale != nil {
		q.scale = m.scale.Data[o]
	}
	if m.norm != nil && m.norm.weight.Data[o] < 0 {
		q.low, q.high = -q.high, -q.low
	}
	return q
}

// filter returns the weights that a layer computes with.
func (m *node) filter() []float64 {
	if m.Grid == nil {
		return m.weight.Data
	}
	var all []float64
	fan := m.Fan()
	for o := range m.Out() {
		all = append(all, m.gridOf(o).forward(m.weight.Data[o*fan:(o+1)*fan])...)
	}
	return all
}

// filterBackward takes the gradient by what filter returns to those of the weights
// and of the scales.
func (m *node) filterBackward() {
	if m.Grid == nil {
		return
	}
	fan := m.Fan()
	for o := range m.Out() {
		q := m.gridOf(o)
		dw := m.weight.Gradient[o*fan : (o+1)*fan]
		dx, dScale := q.backward(m.weight.Data[o*fan:(o+1)*fan], dw)
		copy(dw, dx)
		if m.scale != nil {
			m.scale.Gradient[o] = dScale / math.Sqrt(float64(fan)*float64(m.Grid.High))
		}
	}
}
