package model

import (
	"fmt"

	"espalier/model/kernel"
)

// A trainConv is a convolution in training: its geometry, the algorithm chosen
// for it, and its weights in the layouts of that algorithm's kernels. One of the
// four geometries is in use.
type trainConv struct {
	node     *Node
	kernels  *kernel.Set
	in, out  kernel.Map
	winograd *kernel.Winograd
	direct   *kernel.Conv
	depth    *kernel.Depthwise
	general  *kernel.GeneralConv
	group    int       // images computed together
	forward  []float32 // packed weights
	backward []float32 // packed for the data gradient; nil where none is wanted
	bias     []float32 // [Round(Out)], or nil
}

// newTrainConv plans a convolution. With image set, an input of up to four
// channels lies in memory as the image. Only with dataGrad can it compute the
// gradient of its input.
func newTrainConv(n *Node, e *Engine, image, dataGrad bool) *trainConv {
	op, x := n.Op.(Conv), n.Inputs[0].Shape
	c := &trainConv{node: n, kernels: e.Kernels, group: 1}
	w := windowOf(op.Kernel, op.Stride, op.Padding)
	var size, transposed int
	if isDepthwise(n) {
		d := kernel.NewDepthwise(x.C, x.H, x.W, w)
		c.depth, c.in, c.out = &d, d.In, d.Out
		size = d.PackedLen() // serves both ways
	} else {
		g := kernel.NewGeneralConv(x.C, x.H, x.W, op.Out, op.Groups, w, image)
		c.in, c.out = g.In, g.Out
		if plain, ok := g.Conv(); !ok {
			c.general, size, transposed = &g, g.PackedLen(), g.TransposedLen()
		} else if c.direct, size, transposed = &plain, plain.PackedLen(), plain.PackedLen(); e.Algorithm != DirectOnly && kernel.WinogradOK(plain) {
			plan := kernel.NewWinograd(plain)
			c.winograd, c.group = &plan, plan.Group()
			size, transposed = plan.WeightsLen(), plan.WeightsLen()
		}
	}
	c.forward = kernel.Floats(size)
	if dataGrad && transposed > 0 {
		c.backward = kernel.Floats(transposed)
	}
	if n.Bias != nil {
		c.bias = kernel.Floats(c.out.C)
	}
	return c
}

// isDepthwise reports whether a convolution takes each channel of the output from
// one channel of the input.
func isDepthwise(n *Node) bool {
	op := n.Op.(Conv)
	return op.Groups > 1 && op.Groups == n.In() && op.Groups == op.Out
}

// algorithm names how the convolution is computed.
func (c *trainConv) algorithm() string {
	switch {
	case c.winograd != nil:
		return "winograd"
	case c.direct != nil:
		return "direct"
	case c.depth != nil:
		return "depthwise"
	}
	return "general"
}

// scratchLen returns the floats that computing needs beside inputs and outputs.
func (c *trainConv) scratchLen() int {
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

// pack brings the node's present weights into the kernels' layouts.
func (c *trainConv) pack() {
	k, w := c.kernels, c.node.Weight
	copy(c.bias, c.node.Bias)
	switch {
	case c.winograd != nil:
		k.WinogradWeights(*c.winograd, c.forward, w, false)
		if c.backward != nil {
			k.WinogradWeights(*c.winograd, c.backward, w, true)
		}
	case c.direct != nil:
		k.PackWeights(*c.direct, c.forward, w)
		if c.backward != nil {
			k.PackWeightsTransposed(*c.direct, c.backward, w)
		}
	case c.depth != nil:
		k.PackDepthwise(*c.depth, c.forward, w)
	default:
		k.PackGeneral(*c.general, c.forward, w)
		if c.backward != nil {
			k.PackGeneralTransposed(*c.general, c.backward, w)
		}
	}
}

// run computes y from x for n images, n ≤ group. Next is the memory that this
// worker will read next, or nil.
func (c *trainConv) run(y, x []float32, n int, e kernel.Epilogue, scratch, next []float32) {
	switch k := c.kernels; {
	case c.winograd != nil:
		k.WinogradForward(*c.winograd, y, x, n, c.forward, e, scratch, next)
	case c.direct != nil:
		k.ConvForward(*c.direct, y, x, c.forward, e)
	case c.depth != nil:
		k.DepthwiseForward(*c.depth, y, x, c.forward, e, scratch)
	default:
		k.GeneralForward(*c.general, y, x, c.forward, e, scratch)
	}
}

// dataGrad computes the gradient dx of the input from dy for n images, added to
// what dx holds if add is set.
func (c *trainConv) dataGrad(dx, dy []float32, n int, add bool, scratch, next []float32) {
	switch k := c.kernels; {
	case c.winograd != nil:
		var e kernel.Epilogue
		if add {
			e.Residual = dx
		}
		k.WinogradForward(*c.winograd, dx, dy, n, c.backward, e, scratch, next)
	case c.direct != nil:
		k.ConvDataGrad(*c.direct, dx, dy, c.backward, add)
	case c.depth != nil:
		k.DepthwiseDataGrad(*c.depth, dx, dy, c.forward, add, scratch)
	default:
		k.GeneralDataGrad(*c.general, dx, dy, c.backward, add, scratch)
	}
}

// gradLen returns the floats in which a part's weight gradient is summed.
func (c *trainConv) gradLen() int { return len(c.forward) }

// weightGrad adds the weight gradient of n images to sum.
func (c *trainConv) weightGrad(sum, x, dy []float32, n int, scratch, next []float32) {
	switch k := c.kernels; {
	case c.winograd != nil:
		k.WinogradWeightGrad(*c.winograd, sum, x, dy, n, scratch, next)
	case c.direct != nil:
		k.ConvWeightGrad(*c.direct, sum, x, dy)
	case c.depth != nil:
		k.DepthwiseWeightGrad(*c.depth, sum, x, dy, scratch)
	default:
		k.GeneralWeightGrad(*c.general, sum, x, dy, scratch)
	}
}

// weightGradDone converts what weightGrad summed to the layout of the node's
// weights.
func (c *trainConv) weightGradDone(dw, sum []float32) {
	switch k := c.kernels; {
	case c.winograd != nil:
		k.WinogradWeightGradDone(*c.winograd, dw, sum)
	case c.direct != nil:
		k.UnpackWeightGrad(*c.direct, dw, sum)
	case c.depth != nil:
		k.UnpackDepthwiseGrad(*c.depth, dw, sum)
	default:
		k.UnpackGeneralGrad(*c.general, dw, sum)
	}
}

// bytes returns the memory of the packed weights.
func (c *trainConv) bytes() int64 {
	return 4 * int64(len(c.forward)+len(c.backward)+len(c.bias))
}

// String returns, as an example, "winograd 3×3/1 16×32×32→16×32×32".
func (c *trainConv) String() string {
	op := c.node.Op.(Conv)
	return fmt.Sprintf("%s %d×%d/%d %v→%v", c.algorithm(), op.Kernel, op.Kernel, op.Stride, c.node.Inputs[0].Shape, c.node.Shape)
}
