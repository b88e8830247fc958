package model

import "espalier/model/kernel"

// A convPlan says how a convolution of maps is computed, in training and in
// inference: its geometry and the algorithm chosen for it, which decides the
// layout of packed weights. Of the four geometries, the first that is set is
// used: winograd, direct, depth, general.
type convPlan struct {
	node     *Node
	kernels  *kernel.Set
	in, out  kernel.Map
	winograd *kernel.Winograd
	direct   *kernel.Conv // for the fastest kernels
	depth    *kernel.Depthwise
	general  *kernel.GeneralConv
	batch    *kernel.GeneralConv // in place of direct or general where there are enough images
	group    int                 // images computed together
}

// planConv plans a convolution for batches of so many images, of which one worker
// computes so many at a time. Only the first number decides the algorithm. With
// image set, the input is in the layout of the image, which has up to four
// channels. Winograd's algorithm works in chunks of so many channels times tiles;
// see kernel.SmallChunk.
func planConv(n *Node, e *Engine, image bool, chunk, batch, images int) convPlan {
	op, x := n.Op.(Conv), n.Inputs[0].Shape
	w := windowOf(op.Kernel, op.Stride, op.Padding)
	c := convPlan{node: n, kernels: e.Kernels, group: 1}
	if isDepthwise(n) {
		d := kernel.NewDepthwise(x.C, x.H, x.W, w)
		c.depth, c.in, c.out = &d, d.In, d.Out
		return c
	}
	g := kernel.NewGeneralConv(x.C, x.H, x.W, op.Out, op.Groups, w, image)
	c.in, c.out = g.In, g.Out
	if plain, ok := g.Conv(); !ok {
		c.general = &g
	} else {
		c.direct = &plain
		if e.Algorithm != DirectOnly && kernel.WinogradOK(plain) {
			plan := kernel.NewWinograd(plain, chunk).Limit(images)
			if e.Algorithm == WinogradOnly || 4*plan.WeightsLen() <= smallWeights || batch*c.out.H*c.out.W >= manyPixels {
				c.winograd, c.group = &plan, plan.Group()
				return c
			}
		}
	}
	if op.Groups == 1 && !image && op.Kernel > 1 && c.out.W%8 != 0 && c.out.H*c.out.W <= smallMap && 4*c.packedLen() >= smallWeights {
		c.batch, c.group = &g, min(images, batchGroup)
	}
	return c
}

// When a convolution is computed how. Transformed weights are four times as long as
// others, and far away where they are large: then Winograd's algorithm needs many
// pixels to be worthwhile.
const (
	smallWeights = 1 << 20 // bytes
	manyPixels   = 128     // of a batch
	smallMap     = 64      // pixels up to which images are computed in batches
	batchGroup   = 32      // images
	leastBatch   = 4       // images from which on a batch is faster
)

// isDepthwise reports whether each output channel depends on only one input
// channel.
func isDepthwise(n *Node) bool {
	op := n.Op.(Conv)
	return op.Groups > 1 && op.Groups == n.In() && op.Groups == op.Out
}

func windowOf(k, stride int, p Padding) kernel.Window {
	return kernel.Window{Kernel: k, Stride: stride, Top: p.Top, Left: p.Left, Bottom: p.Bottom, Right: p.Right}
}

// poolOf returns the geometry of a pool over maps that lie in memory as in.
func poolOf(n *Node, in kernel.Map) kernel.Pool {
	switch op := n.Op.(type) {
	case MaxPool:
		return kernel.NewPool(in, windowOf(op.Kernel, op.Stride, op.Padding), op.Ceil)
	case AvgPool:
		return kernel.NewPool(in, windowOf(op.Kernel, op.Stride, op.Padding), op.Ceil)
	}
	panic("model: not a pool over a window: " + n.Name)
}

// imageLanes is the number of channels of a pixel in the layout of the image.
const imageLanes = 4

// imageLen returns the floats of an image of m's height and width in the layout
// of the image, [H+2][W+2][4].
func imageLen(m kernel.Map) int { return (m.H + 2) * (m.W + 2) * imageLanes }

// packedLen returns the floats of the packed weights, and of the sums of their
// gradient.
func (c *convPlan) packedLen() int {
	switch {
	case c.winograd != nil:
		return c.winograd.WeightsLen()
	case c.direct != nil:
		return c.direct.PackedLen()
	case c.depth != nil:
		return c.depth.PackedLen()
	}
	return c.general.PackedLen()
}

// scratchLen returns the floats that computing needs beside inputs and outputs.
func (c *convPlan) scratchLen() int {
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

// packWeights copies the node's present weights into the kernels' layout.
func (c *convPlan) packWeights(dst []float32) {
	k, w := c.kernels, c.node.Weight
	switch {
	case c.winograd != nil:
		k.WinogradWeights(*c.winograd, dst, w, false)
	case c.direct != nil:
		k.PackWeights(*c.direct, dst, w)
	case c.depth != nil:
		k.PackDepthwise(*c.depth, dst, w)
	default:
		k.PackGeneral(*c.general, dst, w)
	}
}

// forward computes y from x with packed weights for n images, n ≤ group. Next is
// the memory that this worker reads next, to be prefetched, or nil.
func (c *convPlan) forward(y, x []float32, n int, weights []float32, e kernel.Epilogue, scratch, next []float32) {
	switch k := c.kernels; {
	case c.winograd != nil:
		k.WinogradForward(*c.winograd, y, x, n, weights, e, scratch, next)
	case c.batch != nil && n >= leastBatch:
		k.BatchForward(*c.batch, y, x, n, weights, e)
	case c.batch != nil && n > 1:
		in, out := c.in.Len(), c.out.Len()
		for i := range n {
			one := e
			if e.Residual != nil {
				one.Residual = e.Residual[i*out:]
			}
			c.forward(images(y, out, i, 1), images(x, in, i, 1), 1, weights, one, scratch, nil)
		}
	case c.direct != nil:
		k.ConvForward(*c.direct, y, x, weights, e)
	case c.depth != nil:
		k.DepthwiseForward(*c.depth, y, x, weights, e, scratch)
	default:
		k.GeneralForward(*c.general, y, x, weights, e, scratch)
	}
}
