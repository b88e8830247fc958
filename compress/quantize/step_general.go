package quantize

import (
	"espalier/model"
	"espalier/model/kernel"
)

// The steps in this file run the kernels of general shapes on maps.

// inBlocks reports whether all values lie in blocks, as these kernels want them.
func inBlocks(all ...*value) bool {
	for _, v := range all {
		if v == nil || v.layout != blocks {
			return false
		}
	}
	return true
}

// bounds returns how kernels store a node's outputs.
func (n *Node) bounds() kernel.Output {
	low, high := n.Codes()
	return kernel.Output{Zero: n.Output.Zero, Low: low, High: high}
}

func window(kernelSize, stride int, p model.Padding) kernel.Window {
	return kernel.Window{Kernel: kernelSize, Stride: stride, Top: p.Top, Left: p.Left, Bottom: p.Bottom, Right: p.Right}
}

// generalConv returns the step of a convolution from a map, or the image, to a
// map.
func (c *compiler) generalConv(n *Node) step {
	op, in, out := n.Op.(model.Conv), c.values[n.Inputs[0]], c.values[n]
	channels, zero := n.Inputs[0].Shape.C, n.Inputs[0].Output.Zero
	scale, bias := n.requantization(n.Shape.C)
	w := window(op.Kernel, op.Stride, op.Padding)
	if op.Groups == channels && op.Out == channels && channels > 1 {
		k := kernel.IntegerDepthwise{
			Depthwise: kernel.Depthwise{In: in.m, Out: out.m, Channels: channels, Window: w},
			Scale:     scale, Bias: bias, InputZero: zero, Output: n.bounds(),
		}
		t := &depthwiseStep{conv: c.kernels.NewIntegerDepthwise(k, n.Weight), in: in, out: out}
		c.needScratch(t.conv.ScratchBytes())
		c.bytes += t.conv.Bytes()
		return t
	}
	k := kernel.IntegerGeneral{
		GeneralConv: kernel.GeneralConv{In: in.m, Out: out.m, C: channels, K: op.Out, Groups: op.Groups, Window: w},
		Scale:       scale, Bias: bias, InputZero: zero, Output: n.bounds(),
	}
	t := &generalStep{conv: c.kernels.NewIntegerGeneral(k, n.Weight), in: in, out: out}
	c.needScratch(t.conv.ScratchBytes())
	c.bytes += t.conv.Bytes()
	return t
}

// A generalStep runs the kernel of a convolution of any shape.
type generalStep struct {
	conv    *kernel.IntegerGeneral
	in, out *value
}

func (t *generalStep) shared() {}
func (t *generalStep) run(k *kernel.Set, s *space) {
	k.GeneralInteger(s.at(t.out), s.at(t.in), t.conv, s.scratch, s.share)
}

// A depthwiseStep runs the kernel of a depthwise convolution.
type depthwiseStep struct {
	conv    *kernel.IntegerDepthwise
	in, out *value
}

func (t *depthwiseStep) shared() {}
func (t *depthwiseStep) run(k *kernel.Set, s *space) {
	k.DepthwiseInteger(s.at(t.out), s.at(t.in), t.conv, s.scratch, s.share)
}

// generalAdd returns the step of a sum of two maps.
func (c *compiler) generalAdd(n *Node) step {
	a, b := n.Inputs[0], n.Inputs[1]
	return &generalAdd{
		add:    kernel.IntegerAdd{A: a.Output, B: b.Output, Out: n.Output},
		bounds: n.bounds(), a: c.values[a], b: c.values[b], out: c.values[n],
	}
}

// A generalAdd runs the kernel of a sum with any activation.
type generalAdd struct {
	add       kernel.IntegerAdd
	bounds    kernel.Output
	a, b, out *value
}

func (t *generalAdd) run(k *kernel.Set, s *space) {
	k.AddCodes(s.at(t.out), s.at(t.a), s.at(t.b), t.out.m, &t.add, t.bounds)
}

// gate returns the step of a map's product with one value for each channel.
func (c *compiler) gate(n *Node) step {
	x, g := n.Inputs[0], n.Inputs[1]
	return &gateStep{x: c.source(x), gate: c.source(g), to: n.Output, out: c.values[n]}
}

// A gateStep runs the kernel of a gate.
type gateStep struct {
	x, gate source
	to      kernel.Affine
	out     *value
}

func (t *gateStep) run(k *kernel.Set, s *space) {
	k.ScaleChannelCodes(t.out.m, s.at(t.out), s.at(t.x.value), s.at(t.gate.value), t.x.Affine, t.gate.Affine, t.to)
}

// poolOf returns the geometry of a pool between maps.
func poolOf(in, out *value, w kernel.Window) kernel.Pool {
	return kernel.Pool{In: in.m, Out: out.m, Window: w}
}

// generalMaxPool returns the step of a max pool between maps.
func (c *compiler) generalMaxPool(n *Node) step {
	op, in, out := n.Op.(model.MaxPool), c.values[n.Inputs[0]], c.values[n]
	return &generalMaxPool{pool: poolOf(in, out, window(op.Kernel, op.Stride, op.Padding)), in: in, out: out}
}

// A generalMaxPool runs the kernel of a max pool.
type generalMaxPool struct {
	pool    kernel.Pool
	in, out *value
}

func (t *generalMaxPool) run(k *kernel.Set, s *space) {
	k.MaxPoolCodes(t.pool, s.at(t.out), s.at(t.in))
}

// generalAvgPool returns the step of an average pool between maps.
func (c *compiler) generalAvgPool(n *Node) step {
	op, in, out := n.Op.(model.AvgPool), c.source(n.Inputs[0]), c.values[n]
	return &generalAvgPool{
		pool: poolOf(in.value, out, window(op.Kernel, op.Stride, op.Padding)),
		in:   in, to: n.Output, out: out, count: op.CountPadding,
	}
}

// A generalAvgPool runs the kernel of an average pool.
type generalAvgPool struct {
	pool  kernel.Pool
	in    source
	to    kernel.Affine
	out   *value
	count bool // padding counts
}

func (t *generalAvgPool) run(k *kernel.Set, s *space) {
	k.AveragePoolCodes(t.pool, s.at(t.out), s.at(t.in.value), t.in.Affine, t.to, t.count)
}
