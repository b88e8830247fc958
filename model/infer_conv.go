package model

import "espalier/model/kernel"

// An inferConv is a convolution in inference: its geometry, the algorithm chosen
// for it, and its weights in the layout of that algorithm's kernels. One of the
// geometries is in use.
type inferConv struct {
	node     *Node
	kernels  *kernel.Set
	in, out  kernel.Map
	winograd *kernel.Winograd
	direct   *kernel.Conv // what today's fastest kernels know
	depth    *kernel.Depthwise
	general  *kernel.GeneralConv
	group    int       // images computed together
	weights  []float32 // packed
	bias     []float32 // [Round(Out)], or nil

	sparse *kernel.Sparse // the list of weights on planes, or nil; see planes
	dense  bool           // on planes, computed on blocks between two conversions
}

// newInferConv plans a convolution of maps. With image set, an input of up to
// four channels lies in memory as the image.
func newInferConv(n *Node, e *Engine, image bool) *inferConv {
	op, x := n.Op.(Conv), n.Inputs[0].Shape
	w := windowOf(op.Kernel, op.Stride, op.Padding)
	c := &inferConv{node: n, kernels: e.Kernels, group: 1}
	if op.Groups == x.C && op.Out == x.C && op.Groups > 1 {
		d := kernel.NewDepthwise(x.C, x.H, x.W, w)
		c.depth, c.in, c.out = &d, d.In, d.Out
		c.weights = kernel.Floats(d.PackedLen())
		return c
	}
	g := kernel.NewGeneralConv(x.C, x.H, x.W, op.Out, op.Groups, w, image)
	c.in, c.out = g.In, g.Out
	if plain, ok := g.Conv(); ok {
		c.direct = &plain
		if e.Algorithm != DirectOnly && kernel.WinogradOK(plain) {
			plan := kernel.NewWinogradChunk(plain, kernel.SmallChunk) // whole networks pass the cache, rather than layers
			c.winograd, c.group = &plan, plan.Group()
			c.weights = kernel.Floats(plan.WeightsLen())
			return c
		}
		c.weights = kernel.Floats(plain.PackedLen())
		return c
	}
	c.general = &g
	c.weights = kernel.Floats(g.PackedLen())
	return c
}

func windowOf(k, stride int, p Padding) kernel.Window {
	return kernel.Window{Kernel: k, Stride: stride, Top: p.Top, Left: p.Left, Bottom: p.Bottom, Right: p.Right}
}

// bounded reports whether the kernels know an upper bound of the output.
func (c *inferConv) bounded() bool { return c.depth != nil || c.general != nil }

// scratchLen returns the floats that computing needs beside inputs and outputs.
func (c *inferConv) scratchLen() int {
	switch {
	case c.winograd != nil:
		return c.winograd.ScratchLen()
	case c.depth != nil:
		return c.depth.Scratch()
	case c.general != nil:
		return c.general.Scratch()
	}
	return 0
}

// pack brings the node's present weights into the kernels' layout.
func (c *inferConv) pack() {
	k, w := c.kernels, c.node.Weight
	switch {
	case c.winograd != nil:
		k.WinogradWeights(*c.winograd, c.weights, w, false)
	case c.direct != nil:
		k.PackWeights(*c.direct, c.weights, w)
	case c.depth != nil:
		k.PackDepthwise(*c.depth, c.weights, w)
	default:
		k.PackGeneral(*c.general, c.weights, w)
	}
	c.bias = padded(c.bias, c.node.Bias)
}

// padded copies values into dst, made if it is nil, with zeros up to a multiple
// of 16. It returns nil for nil.
func padded(dst, values []float32) []float32 {
	if values == nil {
		return nil
	}
	if dst == nil {
		dst = kernel.Floats(kernel.Round(len(values)))
	}
	copy(dst, values)
	return dst
}

// run computes y from x for n images, n ≤ group.
func (c *inferConv) run(y, x []float32, n int, e kernel.Epilogue, scratch []float32) {
	switch k := c.kernels; {
	case c.winograd != nil:
		k.WinogradForward(*c.winograd, y, x, n, c.weights, e, scratch, nil)
	case c.direct != nil:
		k.ConvForward(*c.direct, y, x, c.weights, e)
	case c.depth != nil:
		k.DepthwiseForward(*c.depth, y, x, c.weights, e, scratch)
	default:
		k.GeneralForward(*c.general, y, x, c.weights, e, scratch)
	}
}

// An inferLinear is a linear layer in inference, or a convolution of a vector
// that gives a vector.
type inferLinear struct {
	node    *Node
	kernels *kernel.Set
	shape   kernel.Linear
	weights []float32 // packed, or nil for a small layer
	bias    []float32 // [Round(Out)], or nil
}

// smallLinear is up to how many weights a layer computes row by row as the
// definition says, in PyTorch's layout: packing gains nothing.
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

// matrix returns a layer's weights as those of a linear layer [Out][In]. Of a
// convolution that gives a vector of a vector, one tap meets the pixel.
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
