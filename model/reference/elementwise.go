package reference

import (
	"math"

	"espalier/model"
)

// activate returns f(x) for each value, f being the activation op.
func activate(op model.Op, x []float64) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		switch op := op.(type) {
		case model.ReLU:
			y[i] = max(v, 0)
		case model.Clip:
			y[i] = min(max(v, float64(op.Min)), float64(op.Max))
		case model.LeakyReLU:
			y[i] = v
			if v < 0 {
				y[i] = v * float64(op.Slope)
			}
		case model.Sigmoid:
			y[i] = sigmoid(v)
		case model.SiLU:
			y[i] = v * sigmoid(v)
		case model.HardSigmoid:
			y[i] = min(max(v+3, 0), 6) / 6
		case model.HardSwish:
			y[i] = v * min(max(v+3, 0), 6) / 6
		}
	}
	return y
}

// activateBackward returns dy·f′(x). At a corner of f the derivative is 0, or
// LeakyReLU's slope, as in PyTorch.
func activateBackward(op model.Op, x, dy []float64) []float64 {
	dx := make([]float64, len(dy))
	for i, v := range x {
		var slope float64
		switch op := op.(type) {
		case model.ReLU:
			slope = within(v, 0, math.Inf(1))
		case model.Clip:
			slope = within(v, float64(op.Min), float64(op.Max))
		case model.LeakyReLU:
			slope = float64(op.Slope)
			if v > 0 {
				slope = 1
			}
		case model.Sigmoid:
			slope = sigmoid(v) * (1 - sigmoid(v))
		case model.SiLU:
			slope = sigmoid(v) * (1 + v*(1-sigmoid(v)))
		case model.HardSigmoid:
			slope = within(v, -3, 3) / 6
		case model.HardSwish:
			slope = within(v, -3, math.Inf(1)) * (2*v + 3) / 6
			if v >= 3 {
				slope = 1
			}
		}
		dx[i] = dy[i] * slope
	}
	return dx
}

func sigmoid(v float64) float64 { return 1 / (1 + math.Exp(-v)) }

// within returns 1 for low < v < high, and else 0.
func within(v, low, high float64) float64 {
	if low < v && v < high {
		return 1
	}
	return 0
}

// addForward returns the sum of values of one length. The gradient of each is
// the sum's.
func addForward(x [][]float64) []float64 {
	y := make([]float64, len(x[0]))
	for _, v := range x {
		addTo(y, v)
	}
	return y
}

// mulForward returns x·gate, where each value of the gate scales size values of
// x.
func mulForward(size int, x, gate []float64) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = v * gate[i/size]
	}
	return y
}

// mulBackward returns the gradients of x and of the gate.
func mulBackward(size int, x, gate, dy []float64) (dx, dGate []float64) {
	dGate = make([]float64, len(gate))
	for i, v := range x {
		dGate[i/size] += dy[i] * v
	}
	return mulForward(size, dy, gate), dGate
}

// dropout draws the factors by which each value of n images is multiplied, in
// the forward pass and in the backward pass.
func (m *node) dropout(n int, p float64, keep func(m *model.Node, image, index int) bool) {
	size := m.Shape.Len()
	m.kept = make([]float64, n*size)
	for i := range m.kept {
		if keep(m.Node, i/size, i%size) {
			m.kept[i] = 1 / (1 - p)
		}
	}
}
