package reference

import (
	"fmt"
	"math"

	"espalier/model"
)

// forward computes the value of every node for n images.
func (r *Network) forward(n int, input []float64, training bool) {
	for _, m := range r.nodes {
		var x []float64 // of the first input
		if len(m.in) > 0 {
			x = m.in[0].y
		}
		switch op := m.Op.(type) {
		case model.Input:
			m.y = input
		case model.Conv:
			m.y = convForward(convOf(m, op), n, x, m.filter(), m.biases())
		case model.Linear:
			m.y = linearForward(n, m.In(), m.Out(), x, m.filter(), m.biases())
		case model.BatchNorm:
			if training && !r.FrozenNorms {
				m.y = m.normTrain(n, op, x)
			} else {
				m.y = m.normInfer(n, op, x)
			}
		case model.Add:
			m.y = addForward(m.values())
		case model.Mul:
			m.y = mulForward(m.gateSize(), x, m.in[1].y)
		case model.Concat:
			m.y = concatForward(n, m.lengths(), m.values())
		case model.MaxPool:
			m.y = maxPoolForward(poolOf(m, op.Kernel, op.Stride, op.Padding), n, x)
		case model.AvgPool:
			m.y = avgPoolForward(poolOf(m, op.Kernel, op.Stride, op.Padding), op.CountPadding, n, x)
		case model.GlobalAvgPool:
			m.y = globalPoolForward(m.pixels(), x)
		case model.Flatten:
			m.y = x
		case model.PadShortcut:
			m.y = padForward(op, n, m.Inputs[0].Shape, m.Shape, x)
		case model.Quantize:
			m.y = m.grid().forward(x)
		case model.Dropout:
			m.y, m.kept = x, nil
			if training && r.Keep != nil {
				m.dropout(n, op.P, r.Keep)
				m.y = mulForward(1, x, m.kept)
			}
		default:
			if !model.IsActivation(op) {
				panic(fmt.Sprintf("reference: no operator %T", op))
			}
			m.y = activate(op, x)
		}
	}
}

// backward computes the gradient of every value and every parameter from the
// gradient of the last node's value. A value's gradient is the sum over the
// nodes that read it.
func (r *Network) backward(n int, dy []float64) {
	for _, m := range r.nodes {
		m.dy = make([]float64, n*m.Shape.Len())
	}
	r.last().dy = dy
	for i := len(r.nodes) - 1; i > 0; i-- {
		m := r.nodes[i]
		x, dy := m.in[0].y, m.dy
		dx := make([][]float64, len(m.in)) // the gradient of each input
		switch op := m.Op.(type) {
		case model.Conv:
			dx[0] = convBackward(convOf(m, op), n, x, m.filter(), dy, m.weight.Gradient, m.biasGradient())
			m.filterBackward()
		case model.Linear:
			dx[0] = linearBackward(n, m.In(), m.Out(), x, m.filter(), dy, m.weight.Gradient, m.biasGradient())
			m.filterBackward()
		case model.BatchNorm:
			if r.FrozenNorms {
				dx[0] = m.normFrozenBackward(n, op, x, dy)
			} else {
				dx[0] = m.normBackward(n, dy)
			}
		case model.Add:
			for i := range dx {
				dx[i] = dy
			}
		case model.Mul:
			dx[0], dx[1] = mulBackward(m.gateSize(), x, m.in[1].y, dy)
		case model.Concat:
			dx = concatBackward(n, m.lengths(), dy)
		case model.MaxPool:
			dx[0] = maxPoolBackward(poolOf(m, op.Kernel, op.Stride, op.Padding), n, x, dy)
		case model.AvgPool:
			dx[0] = avgPoolBackward(poolOf(m, op.Kernel, op.Stride, op.Padding), op.CountPadding, n, dy)
		case model.GlobalAvgPool:
			dx[0] = globalPoolBackward(m.pixels(), dy)
		case model.Flatten:
			dx[0] = dy
		case model.PadShortcut:
			dx[0] = padBackward(op, n, m.Inputs[0].Shape, m.Shape, dy)
		case model.Quantize:
			var dScale float64
			dx[0], dScale = m.grid().backward(x, dy)
			q := m.grid()
			m.weight.Gradient[0] = dScale / math.Sqrt(float64(m.Shape.Len())*max(q.high, -q.low))
		case model.Dropout:
			if dx[0] = dy; m.kept != nil {
				dx[0] = mulForward(1, dy, m.kept)
			}
		default:
			dx[0] = activateBackward(op, x, dy)
		}
		for i, d := range dx {
			addTo(m.in[i].dy, d)
		}
	}
}

// values returns the values of the node's inputs.
func (m *node) values() [][]float64 {
	var all [][]float64
	for _, in := range m.in {
		all = append(all, in.y)
	}
	return all
}

// lengths returns how many values of one image each input has.
func (m *node) lengths() []int {
	var all []int
	for _, in := range m.Inputs {
		all = append(all, in.Shape.Len())
	}
	return all
}

// pixels returns the number of values of a channel of the first input.
func (m *node) pixels() int { return m.Inputs[0].Shape.H * m.Inputs[0].Shape.W }

// gateSize returns how many values of Mul's first input each value of the second
// scales.
func (m *node) gateSize() int { return m.Inputs[0].Shape.Len() / m.Inputs[1].Shape.Len() }

func (m *node) biases() []float64 {
	if m.bias == nil {
		return make([]float64, m.Out())
	}
	return m.bias.Data
}

// biasGradient returns where the bias's gradient goes.
func (m *node) biasGradient() []float64 {
	if m.bias == nil {
		return make([]float64, m.Out())
	}
	return m.bias.Gradient
}

func addTo(dst, src []float64) {
	for i, v := range src {
		dst[i] += v
	}
}
