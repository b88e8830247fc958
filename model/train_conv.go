package model

import (
	"fmt"

	"espalier/model/kernel"
)

// A trainConv is a convolution in training.
type trainConv struct {
	convPlan
	weights    []float32 // packed
	transposed []float32 // packed for the data gradient; nil if there is none or weights has the right layout
	bias       []float32 // [Round(Out)], or nil
}

// newTrainConv plans a convolution; see planConv. With dataGrad it can also compute
// the gradient of its input.
func newTrainConv(n *Node, e *Engine, image, dataGrad bool, batch, images int) *trainConv {
	p := planConv(n, e, image, kernel.LargeChunk, batch, images)
	c := &trainConv{convPlan: p, weights: kernel.Floats(p.packedLen()), bias: padded(nil, n.Bias)}
	switch {
	case !dataGrad || c.depth != nil:
	case c.general != nil:
		c.transposed = kernel.Floats(c.general.TransposedLen())
	case c.winograd != nil:
		t := c.winograd.Transposed()
		c.transposed = kernel.Floats(t.WeightsLen())
	default:
		c.transposed = kernel.Floats(c.packedLen())
	}
	return c
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

// pack copies the node's present weights and bias into the kernels' layouts.
func (c *trainConv) pack() {
	c.packWeights(c.weights)
	c.bias = padded(c.bias, c.node.Bias)
	if c.transposed == nil {
		return
	}
	switch k, w := c.kernels, c.node.Weight; {
	case c.winograd != nil:
		k.WinogradWeights(c.winograd.Transposed(), c.transposed, w, true)
	case c.direct != nil:
		k.PackWeightsTransposed(*c.direct, c.transposed, w)
	default:
		k.PackGeneralTransposed(*c.general, c.transposed, w)
	}
}

// dataGrad computes the gradient dx of the input from dy for n images. With add
// it adds to dx.
func (c *trainConv) dataGrad(dx, dy []float32, n int, add bool, scratch, next []float32) {
	switch k := c.kernels; {
	case c.batch != nil && n > 1:
		in, out := c.in.Len(), c.out.Len()
		for i := range n {
			c.dataGrad(images(dx, in, i, 1), images(dy, out, i, 1), 1, add, scratch, nil)
		}
	case c.winograd != nil:
		var e kernel.Epilogue
		if add {
			e.Residual = dx
		}
		k.WinogradForward(c.winograd.Transposed(), dx, dy, n, c.transposed, e, scratch, next)
	case c.direct != nil:
		k.ConvDataGrad(*c.direct, dx, dy, c.transposed, add)
	case c.depth != nil:
		k.DepthwiseDataGrad(*c.depth, dx, dy, c.weights, add, scratch)
	default:
		k.GeneralDataGrad(*c.general, dx, dy, c.transposed, add, scratch)
	}
}

// gradLen returns the floats in which a part's weight gradient is summed.
func (c *trainConv) gradLen() int { return len(c.weights) }

// weightGrad adds the weight gradient of n images to sum.
func (c *trainConv) weightGrad(sum, x, dy []float32, n int, scratch, next []float32) {
	switch k := c.kernels; {
	case c.batch != nil && n > 1:
		in, out := c.in.Len(), c.out.Len()
		for i := range n {
			c.weightGrad(sum, images(x, in, i, 1), images(dy, out, i, 1), 1, scratch, nil)
		}
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
	return 4 * int64(len(c.weights)+len(c.transposed)+len(c.bias))
}

// String returns a text such as "winograd 3×3/1 16×32×32→16×32×32".
func (c *trainConv) String() string {
	op := c.node.Op.(Conv)
	return fmt.Sprintf("%s %d×%d/%d %v→%v", c.algorithm(), op.Kernel, op.Kernel, op.Stride, c.node.Inputs[0].Shape, c.node.Shape)
}
