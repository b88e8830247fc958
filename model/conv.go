package model

import "espalier/model/kernel"

// A conv is one convolution made ready to compute: its geometry, the algorithm
// chosen for it, and its weights in the layout of that algorithm's kernels.
type conv struct {
	layer    *Layer
	kernels  *kernel.Set
	geometry kernel.Conv
	winograd *kernel.Winograd // nil: direct
	group    int              // images computed together
	forward  []float32        // weights for the forward pass
	backward []float32        // and for the data gradient, nil without training
}

// newConv plans layer l. Only a training conv can compute gradients.
func newConv(l *Layer, e *Engine, training bool) *conv {
	in := kernel.Map{C: l.In, H: l.Size * l.Stride, W: l.Size * l.Stride}
	c := &conv{
		layer: l, kernels: e.Kernels, group: 1,
		geometry: kernel.Conv{In: in, Out: kernel.Map{C: l.Out, H: l.Size, W: l.Size}, Kernel: l.Kernel, Stride: l.Stride},
	}
	size := c.geometry.PackedLen()
	if e.Algorithm != DirectOnly && kernel.WinogradOK(c.geometry) {
		chunk := kernel.SmallChunk // whole networks pass the cache, rather than layers
		if training {
			chunk = kernel.LargeChunk
		}
		plan := kernel.NewWinogradChunk(c.geometry, chunk)
		c.winograd, c.group, size = &plan, plan.Group(), plan.WeightsLen()
	}
	c.forward = kernel.Floats(size)
	if training && l.In > 3 {
		c.backward = kernel.Floats(size)
	}
	return c
}

// inLen returns the floats of one input image.
func (c *conv) inLen() int {
	if c.geometry.In.C == 3 {
		return imageLen
	}
	return c.geometry.In.Len()
}

// scratchLen returns the floats that computing needs beside inputs and outputs.
func (c *conv) scratchLen() int {
	if c.winograd == nil {
		return 0
	}
	return c.winograd.ScratchLen()
}

// gradLen returns the floats in which a part's weight gradient is summed.
func (c *conv) gradLen() int { return len(c.forward) }

// pack brings the layer's present weights into the kernels' layout.
func (c *conv) pack() {
	if c.winograd != nil {
		c.kernels.WinogradWeights(*c.winograd, c.forward, c.layer.Weight, false)
		if c.backward != nil {
			c.kernels.WinogradWeights(*c.winograd, c.backward, c.layer.Weight, true)
		}
		return
	}
	c.kernels.PackWeights(c.geometry, c.forward, c.layer.Weight)
	if c.backward != nil {
		c.kernels.PackWeightsTransposed(c.geometry, c.backward, c.layer.Weight)
	}
}

// run computes y from x for n images, n ≤ group. next is the input that this
// worker will read next, or nil.
func (c *conv) run(y, x []float32, n int, e kernel.Epilogue, scratch, next []float32) {
	if c.winograd != nil {
		c.kernels.WinogradForward(*c.winograd, y, x, n, c.forward, e, scratch, next)
		return
	}
	c.kernels.ConvForward(c.geometry, y, x, c.forward, e)
}

// dataGrad computes the gradient dx of the input from dy for n images, added
// to what dx holds if add is set.
func (c *conv) dataGrad(dx, dy []float32, n int, add bool, scratch, next []float32) {
	if c.winograd == nil {
		c.kernels.ConvDataGrad(c.geometry, dx, dy, c.backward, add)
		return
	}
	var e kernel.Epilogue
	if add {
		e.Residual = dx
	}
	c.kernels.WinogradForward(*c.winograd, dx, dy, n, c.backward, e, scratch, next)
}

// weightGrad adds the weight gradient of n images to sum.
func (c *conv) weightGrad(sum, x, dy []float32, n int, scratch, next []float32) {
	if c.winograd != nil {
		c.kernels.WinogradWeightGrad(*c.winograd, sum, x, dy, n, scratch, next)
		return
	}
	c.kernels.ConvWeightGrad(c.geometry, sum, x, dy)
}

// weightGradDone converts what weightGrad summed to the layout of the layer's
// weights.
func (c *conv) weightGradDone(dw, sum []float32) {
	if c.winograd != nil {
		c.kernels.WinogradWeightGradDone(*c.winograd, dw, sum)
		return
	}
	c.kernels.UnpackWeightGrad(c.geometry, dw, sum)
}

// The image that the first convolution reads: [34][34][4].
const (
	imageSize = 32
	imageLen  = (imageSize + 2) * (imageSize + 2) * 4
	pixels    = 3 * imageSize * imageSize // of an image outside, [3][32][32]
)
