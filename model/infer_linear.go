package model

import "espalier/model/kernel"

// An inferLinear is a linear layer in inference, or a convolution from a vector
// to a vector.
type inferLinear struct {
	node    *Node
	kernels *kernel.Set
	shape   kernel.Linear
	weights []float32 // packed, or nil for a small layer
	bias    []float32 // [Round(Out)], or nil
}

// smallLinear is the most weights for which a layer is computed row by row in
// PyTorch's layout, since packing would gain nothing.
const smallLinear = 1 << 14

func newInferLinear(n *Node, e *Engine) *inferLinear {
	l := &inferLinear{node: n, kernels: e.Kernels, shape: kernel.Linear{In: n.In(), Out: n.Out()}}
	if _, ok := n.Op.(Conv); ok || len(n.Weight) > smallLinear {
		l.weights = kernel.Floats(l.shape.PackedLen())
	}
	return l
}

func (l *inferLinear) pack() {
	l.bias = padded(l.bias, l.node.Bias)
	if l.weights != nil {
		l.kernels.PackLinear(l.shape, l.weights, matrix(l.node))
	}
}

// matrix returns a layer's weights as a matrix [Out][In]. If a convolution's
// map is a single pixel, only one tap of the kernel meets it.
func matrix(n *Node) []float32 {
	op, ok := n.Op.(Conv)
	if !ok {
		return n.Weight
	}
	w := make([]float32, op.Out*n.In())
	fan, taps, tap := n.Fan(), op.Kernel*op.Kernel, op.Padding.Top*op.Kernel+op.Padding.Left
	in, out := n.In()/op.Groups, op.Out/op.Groups
	for o := range op.Out {
		for i := range in {
			w[o*n.In()+o/out*in+i] = n.Weight[o*fan+i*taps+tap]
		}
	}
	return w
}

// run computes y [n][Round(Out)] from x [n][Round(In)], after a ReLU if relu is
// set.
func (l *inferLinear) run(y, x []float32, n int, relu bool) {
	in, out := kernel.Round(l.shape.In), kernel.Round(l.shape.Out)
	if l.weights != nil {
		l.kernels.LinearForward(l.shape, n, y, x, l.weights, kernel.Epilogue{Bias: l.bias, ReLU: relu})
		return
	}
	for i := range n {
		dot(y[i*out:][:l.shape.Out], x[i*in:][:l.shape.In], l.node.Weight, l.node.Bias, relu)
	}
}

// dot computes y = w·x + bias; x [In], y [Out], w [Out][In], bias [Out] or nil.
func dot(y, x, w, bias []float32, relu bool) {
	for o := range y {
		var sum float32
		if bias != nil {
			sum = bias[o]
		}
		for i, w := range w[o*len(x):][:len(x)] {
			sum += w * x[i]
		}
		if relu && sum < 0 {
			sum = 0
		}
		y[o] = sum
	}
}
