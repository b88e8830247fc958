package model

import "espalier/model/kernel"

// An inferConv is a convolution of maps in inference.
type inferConv struct {
	convPlan
	weights []float32 // packed
	bias    []float32 // [Round(Out)], or nil

	sparse *kernel.Sparse // the list of weights on planes, or nil; see planes
	dense  bool           // on planes: computed on blocks, between two conversions
}

// newInferConv plans a convolution; see planConv.
func newInferConv(n *Node, e *Engine, image bool, batch int) *inferConv {
	p := planConv(n, e, image, kernel.SmallChunk, batch, e.share(batch)) // chunks are small: whole segments share the cache, not single layers
	return &inferConv{convPlan: p, weights: kernel.Floats(p.packedLen())}
}

// bounded reports whether the kernels can apply an upper bound to the output at
// no cost. Direct convolution's fastest kernels cannot, but those of 1×1 kernels
// are no faster than others.
func (c *inferConv) bounded() bool {
	return c.winograd == nil && (c.direct == nil || c.direct.Kernel == 1)
}

func (c *inferConv) pack() {
	c.packWeights(c.weights)
	c.bias = padded(c.bias, c.node.Bias)
}

// padded copies values into dst, with zeros up to a multiple of 16. It makes
// dst if that is nil. It returns nil for nil values.
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
	c.forward(y, x, n, c.weights, e, scratch, nil)
}
