package quantize

import (
	"espalier/model"
	"espalier/model/kernel"
)

// The steps in this file run kernels.

// requantization returns the factor and the bias of each channel, padded to
// channels, that turn sums of n into units of its output or into real values.
// Sums are in units of input scale · weight scale.
func (n *Node) requantization(channels int) (scale, bias []float32) {
	from, out := n.Inputs[0].Output, n.Output.Scale
	if n.Float {
		out = 1
	}
	scale, bias = make([]float32, channels), make([]float32, channels)
	for k := range n.Scale {
		scale[k] = float32(float64(from.Scale) * float64(n.Scale[k]) / float64(out))
		bias[k] = n.Bias[k] / out
	}
	return scale, bias
}

// conv adds the steps of a convolution that has a kernel.
func (c *compiler) conv(n *Node) {
	k := c.packConv(n)
	c.add(&convStep{conv: k, in: c.values[n.Inputs[0]], out: c.values[n]})
	if low, high := n.Codes(); int(low) != lowest(k) || high != 255 {
		c.add(&limitStep{values: c.values[n], low: low, high: high})
	}
}

// lowest returns the smallest code that a convolution stores.
func lowest(k *kernel.IntegerConv) int {
	if k.ReLU {
		return int(k.Zero)
	}
	return 0
}

// packConv packs a convolution with the channels that memory has: the node's,
// rounded up to a multiple of 16. The added channels have weights of 0.
func (c *compiler) packConv(n *Node) *kernel.IntegerConv {
	op, in := n.Op.(model.Conv), n.Inputs[0]
	from, to := c.values[in].m, newMemory(n.Shape, 0).m
	low, _ := n.Codes()
	k := kernel.IntegerConv{
		Conv: kernel.Conv{In: from, Out: to, Kernel: op.Kernel, Stride: op.Stride},
		Zero: n.Output.Zero, ReLU: low == n.Output.Zero,
	}
	k.Scale, k.Bias = n.requantization(to.C)
	packed := c.kernels.NewIntegerConv(k, padWeights(n, from.C, to.C), in.Output.Zero)
	c.bytes += packed.Bytes()
	return packed
}

// padWeights returns a convolution's weights with zeros for more channels.
func padWeights(n *Node, in, out int) []int8 {
	shape := n.WeightShape()
	if shape[1] == in && shape[0] == out {
		return n.Weight
	}
	taps := shape[2] * shape[3]
	all := make([]int8, out*in*taps)
	for k := range shape[0] {
		copy(all[k*in*taps:], n.Weight[k*shape[1]*taps:][:shape[1]*taps])
	}
	return all
}

// A convStep runs a convolution's kernel.
type convStep struct {
	conv    *kernel.IntegerConv
	in, out *value
}

func (t *convStep) shared() {}
func (t *convStep) run(k *kernel.Set, s *space) {
	k.ConvInteger(s.at(t.out), s.at(t.in), t.conv, s.share)
}

// A limitStep clamps a map's codes to an activation's limits.
type limitStep struct {
	values    *value
	low, high uint8
}

func (t *limitStep) run(_ *kernel.Set, s *space) {
	m, all := t.values.m, s.at(t.values)
	for c := 0; c < m.C; c += kernel.Lanes {
		for y := range m.H {
			row := all[m.At(c, y, 0):][:m.W*kernel.Lanes]
			for i, code := range row {
				row[i] = min(max(code, t.low), t.high)
			}
		}
	}
}

// convAdd returns the step of a convolution and the sum behind it.
func (c *compiler) convAdd(conv, sum *Node) step {
	other := sum.Inputs[0]
	if other == conv {
		other = sum.Inputs[1]
	}
	return &convAddStep{
		conv: c.packConv(conv),
		add:  kernel.IntegerAdd{A: conv.Output, B: other.Output, Out: sum.Output},
		in:   c.values[conv.Inputs[0]], other: c.values[other], out: c.values[sum],
	}
}

// A convAddStep runs the kernel of a convolution and a sum.
type convAddStep struct {
	conv           *kernel.IntegerConv
	add            kernel.IntegerAdd
	in, other, out *value
}

func (t *convAddStep) shared() {}
func (t *convAddStep) run(k *kernel.Set, s *space) {
	k.ConvAddInteger(s.at(t.out), s.at(t.in), s.at(t.other), t.conv, &t.add, s.share)
}

func (c *compiler) kernelAdd(n *Node) step {
	a, b := n.Inputs[0], n.Inputs[1]
	return &addStep{
		add: kernel.IntegerAdd{A: a.Output, B: b.Output, Out: n.Output},
		a:   c.values[a], b: c.values[b], out: c.values[n],
	}
}

// An addStep runs the kernel of a sum with a ReLU.
type addStep struct {
	add       kernel.IntegerAdd
	a, b, out *value
}

func (t *addStep) run(k *kernel.Set, s *space) {
	k.AddInteger(s.at(t.out), s.at(t.a), s.at(t.b), t.out.m, &t.add)
}

// linear returns the step of a linear layer, or of a 1×1 convolution of one
// pixel.
func (c *compiler) linear(n *Node) step {
	in := c.values[n.Inputs[0]]
	t := &linearStep{
		linear: c.kernels.NewIntegerLinear(in.m.C, n.Shape.C, padColumns(n, in.m.C)),
		in:     in, sink: c.sink(n), offset: make([]int32, n.Shape.C),
	}
	t.scale, t.bias = n.requantization(n.Shape.C)
	fan := n.Fan()
	for k := range t.offset {
		for _, w := range n.Weight[k*fan : (k+1)*fan] {
			t.offset[k] -= int32(w) * int32(n.Inputs[0].Output.Zero)
		}
	}
	c.needSums(t.linear.Sums())
	c.bytes += t.linear.Bytes() + 4*int64(len(t.scale)+len(t.bias)+len(t.offset))
	return t
}

// padColumns returns a matrix with zeros for more inputs.
func padColumns(n *Node, in int) []int8 {
	fan := n.Fan()
	if fan == in {
		return n.Weight
	}
	all := make([]int8, n.Shape.C*in)
	for k := range n.Shape.C {
		copy(all[k*in:], n.Weight[k*fan:(k+1)*fan])
	}
	return all
}

// A linearStep runs the kernel of a linear layer.
type linearStep struct {
	linear      *kernel.IntegerLinear
	offset      []int32 // −input zero point · Σ w
	scale, bias []float32
	in          *value
	sink
}

func (t *linearStep) run(k *kernel.Set, s *space) {
	k.LinearInteger(s.sums, s.at(t.in), t.linear)
	out := t.open(s)
	for i, offset := range t.offset {
		out.put(i, float32(float32(s.sums[i]+offset)*t.scale[i])+t.bias[i])
	}
}

// globalPool returns the step of the mean over all pixels.
func (c *compiler) globalPool(n *Node) step {
	from := n.Inputs[0]
	size, unit := from.Shape.H*from.Shape.W, float64(n.Output.Scale)
	if n.Float {
		unit = 1
	}
	t := &poolStep{
		in: c.values[from], channels: n.Shape.C, offset: int32(from.Output.Zero) * int32(size),
		mean: float32(float64(from.Output.Scale) / unit / float64(size)), sink: c.sink(n),
	}
	c.needSums(t.in.m.C)
	return t
}

// A poolStep takes the mean of each channel.
type poolStep struct {
	in       *value
	channels int
	offset   int32   // zero point · pixels
	mean     float32 // turns a channel's sum into units of the output
	sink
}

func (t *poolStep) run(k *kernel.Set, s *space) {
	src := s.at(t.in)
	if t.in.layout == blocks {
		k.PoolInteger(s.sums, src, t.in.m)
	} else { // one pixel, or the image
		addPixels(s.sums[:t.channels], src, t.in)
	}
	out := t.open(s)
	for c := range t.channels {
		out.put(c, float32(s.sums[c]-t.offset)*t.mean)
	}
}

// addPixels adds up each channel over its pixels.
func addPixels(sums []int32, src []uint8, in *value) {
	for c := range sums {
		at, row, pixel := in.channel(c)
		sums[c] = 0
		for y := range in.m.H {
			for x := range in.m.W {
				sums[c] += int32(src[at+y*row+x*pixel])
			}
		}
	}
}

// padShortcut returns the step of the shortcut without parameters.
func (c *compiler) padShortcut(n *Node) step {
	op := n.Op.(model.PadShortcut)
	return &padStep{op: op, in: c.values[n.Inputs[0]], out: c.values[n], channels: n.Inputs[0].Shape.C, zero: n.Output.Zero}
}

// A padStep takes every Stride-th pixel, with channels of zero points around.
type padStep struct {
	op       model.PadShortcut
	in, out  *value
	channels int // of the input
	zero     uint8
}

func (t *padStep) run(_ *kernel.Set, s *space) {
	const half = kernel.Lanes / 2
	src, dst := s.at(t.in), s.at(t.out)
	for i := range dst {
		dst[i] = t.zero
	}
	step, lanes := t.op.Stride, 1
	if t.op.Before%half == 0 && t.channels%half == 0 && t.in.layout == blocks && t.out.layout == blocks {
		lanes = half // channels that lie together in both
	}
	for c := 0; c < t.channels; c += lanes {
		from, fromRow, fromPixel := t.in.channel(c)
		to, toRow, toPixel := t.out.channel(c + t.op.Before)
		for y := range t.out.m.H {
			a, b := to+y*toRow, from+step*y*fromRow
			for x := range t.out.m.W {
				if lanes == half {
					*(*[half]uint8)(dst[a+x*toPixel:]) = [half]uint8(src[b+step*x*fromPixel:])
				} else {
					dst[a+x*toPixel] = src[b+step*x*fromPixel]
				}
			}
		}
	}
}
