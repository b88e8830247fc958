package model

import "espalier/model/kernel"

// A trainLinear is a linear layer in training. Vectors are [n][Round(in)] and
// [n][Round(out)], padded with zeros.
type trainLinear struct {
	node              *Node
	kernels           *kernel.Set
	shape             kernel.Linear
	group             int       // images computed together
	forward, backward []float32 // packed weights; nil for a small layer
	bias              []float32 // [Round(out)]; zeros if the layer has none
}

// smallLayer is the most weights for which a layer is computed image by image in
// PyTorch's layout, since packing would gain nothing.
const smallLayer = 1 << 13

func newTrainLinear(n *Node, e *Engine) *trainLinear {
	l := &trainLinear{node: n, kernels: e.Kernels, shape: kernel.Linear{In: n.In(), Out: n.Out()}, group: 1}
	l.bias = kernel.Floats(kernel.Round(n.Out()))
	if len(n.Weight) > smallLayer {
		l.group = 8
		l.forward, l.backward = kernel.Floats(l.shape.PackedLen()), kernel.Floats(l.shape.TransposedLen())
	}
	return l
}

func (l *trainLinear) pack() {
	copy(l.bias, l.node.Bias)
	if l.forward != nil {
		l.kernels.PackLinear(l.shape, l.forward, l.node.Weight)
		l.kernels.PackLinearTransposed(l.shape, l.backward, l.node.Weight)
	}
}

// run computes y = w·x + bias for n vectors.
func (l *trainLinear) run(y, x []float32, n int) {
	if l.forward != nil {
		l.kernels.LinearForward(l.shape, n, y, x, l.forward, kernel.Epilogue{Bias: l.bias})
		return
	}
	in, out := kernel.Round(l.shape.In), kernel.Round(l.shape.Out)
	for i := range n {
		dot(y[i*out:][:l.shape.Out], x[i*in:][:l.shape.In], l.node.Weight, l.node.Bias, false)
	}
}

// gradLen returns the floats in which a part's weight gradient is summed.
func (l *trainLinear) gradLen() int {
	if l.forward != nil {
		return l.shape.PackedLen()
	}
	return len(l.node.Weight)
}

// differentiate computes dx from dy, unless dx is nil, and adds to the gradient
// of the weights in sum and to that of the bias in db [Round(out)].
func (l *trainLinear) differentiate(dx, sum, db, x, dy []float32, n int) {
	if l.forward != nil {
		l.kernels.LinearWeightGrad(l.shape, n, sum, x, dy)
		l.kernels.LinearBiasGrad(l.shape, n, db, dy)
		if dx != nil {
			l.kernels.LinearDataGrad(l.shape, n, dx, dy, l.backward, false)
		}
		return
	}
	in, out := kernel.Round(l.shape.In), kernel.Round(l.shape.Out)
	clear(dx)
	for i := range n {
		x := x[i*in:][:l.shape.In]
		for o, d := range dy[i*out:][:l.shape.Out] {
			db[o] += d
			row := sum[o*len(x):][:len(x)]
			w := l.node.Weight[o*len(x):][:len(x)]
			if dx == nil {
				for j, v := range x {
					row[j] += v * d
				}
				continue
			}
			dx := dx[i*in:][:len(x)]
			for j, v := range x {
				dx[j] += w[j] * d
				row[j] += v * d
			}
		}
	}
}

// weightGradDone converts what differentiate summed to the layout of the node's
// weights.
func (l *trainLinear) weightGradDone(dw, sum []float32) {
	if l.forward != nil {
		l.kernels.UnpackLinearGrad(l.shape, dw, sum)
		return
	}
	copy(dw, sum)
}

func (l *trainLinear) bytes() int64 {
	return 4 * int64(len(l.forward)+len(l.backward)+len(l.bias))
}
