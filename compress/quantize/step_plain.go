package quantize

import (
	"math"

	"espalier/model"
	"espalier/model/kernel"
)

// The steps in this file are plain Go, for operators and shapes that have no
// kernel.

// A source is a value that a step reads.
type source struct {
	*value
	shape model.Shape
	kernel.Affine
}

func (c *compiler) source(n *Node) source { return source{c.values[n], n.Shape, n.Output} }

// sources returns a node's inputs.
func (c *compiler) sources(n *Node) []source {
	var all []source
	for _, in := range n.Inputs {
		all = append(all, c.source(in))
	}
	return all
}

// at returns the offset of one code.
func (v source) at(c, y, x int) int {
	at, row, pixel := v.channel(c)
	return at + y*row + x*pixel
}

// input returns the step that quantizes an image.
func (c *compiler) input(n *Node) step {
	return &inputStep{shape: n.Shape, to: n.Output, out: c.values[n]}
}

// An inputStep quantizes an image.
type inputStep struct {
	shape model.Shape
	to    kernel.Affine
	out   *value
}

func (t *inputStep) run(k *kernel.Set, s *space) {
	dst := s.at(t.out)
	if t.out.layout == colours {
		k.QuantizeImage(dst, s.image, t.shape.H, t.shape.W, t.to)
		return
	}
	i := 0
	for c := range t.shape.C {
		at, row, pixel := t.out.channel(c)
		for y := range t.shape.H {
			for x := range t.shape.W {
				dst[at+y*row+x*pixel] = t.to.Quantize(s.image[i])
				i++
			}
		}
	}
}

func (c *compiler) plainConv(n *Node) step {
	t := &plainConv{op: n.Op.(model.Conv), weight: n.Weight, in: c.source(n.Inputs[0]), shape: n.Shape, sink: c.sink(n)}
	t.scale, t.bias = n.requantization(n.Shape.C)
	c.bytes += int64(len(t.weight) + 4*len(t.scale) + 4*len(t.bias))
	return t
}

// A plainConv is a convolution of any kernel, stride, padding and groups.
type plainConv struct {
	op          model.Conv
	weight      []int8
	scale, bias []float32
	in          source
	shape       model.Shape // of the output
	sink
}

func (t *plainConv) run(_ *kernel.Set, s *space) {
	out, src, op := t.open(s), s.at(t.in.value), t.op
	in, outs := t.in.shape.C/op.Groups, op.Out/op.Groups
	out.each(t.shape, func(at, c, y, x int) {
		top, left := y*op.Stride-op.Padding.Top, x*op.Stride-op.Padding.Left
		var sum int32
		weight := t.weight[c*in*op.Kernel*op.Kernel:]
		for i := range in {
			first, row, pixel := t.in.channel(c/outs*in + i)
			for ky := max(0, -top); ky < min(op.Kernel, t.in.shape.H-top); ky++ {
				for kx := max(0, -left); kx < min(op.Kernel, t.in.shape.W-left); kx++ {
					q := int32(src[first+(top+ky)*row+(left+kx)*pixel]) - int32(t.in.Zero)
					sum += int32(weight[(i*op.Kernel+ky)*op.Kernel+kx]) * q
				}
			}
		}
		out.put(at, float32(float32(sum)*t.scale[c])+t.bias[c])
	})
}

// norm returns the step of a batch norm.
func (c *compiler) norm(n *Node) step {
	t := &normStep{in: c.source(n.Inputs[0]), shape: n.Shape, sink: c.sink(n)}
	t.scale, t.bias = n.requantization(n.Shape.C)
	return t
}

// A normStep is a factor and a term for each channel.
type normStep struct {
	in          source
	scale, bias []float32
	shape       model.Shape
	sink
}

func (t *normStep) run(_ *kernel.Set, s *space) {
	out, src := t.open(s), s.at(t.in.value)
	out.each(t.shape, func(at, c, y, x int) {
		q := int32(src[t.in.at(c, y, x)]) - int32(t.in.Zero)
		out.put(at, float32(float32(q)*t.scale[c])+t.bias[c])
	})
}

// inverse returns 1 / the scale of a node's output; logits are in units of 1.
func (n *Node) inverse() float32 {
	if n.Float {
		return 1
	}
	return 1 / n.Output.Scale
}

func (c *compiler) plainAdd(n *Node) step {
	return &plainAdd{in: c.sources(n), inverse: n.inverse(), shape: n.Shape, sink: c.sink(n)}
}

// A plainAdd is a sum of any number of values.
type plainAdd struct {
	in      []source
	inverse float32
	shape   model.Shape
	sink
}

func (t *plainAdd) run(_ *kernel.Set, s *space) {
	out := t.open(s)
	out.each(t.shape, func(at, c, y, x int) {
		var sum float32
		for i, in := range t.in {
			v := in.Dequantize(s.at(in.value)[in.at(c, y, x)])
			if i > 0 {
				v = sum + v
			}
			sum = v
		}
		out.put(at, sum*t.inverse)
	})
}

// mul returns the step of a product.
func (c *compiler) mul(n *Node) step {
	return &mulStep{a: c.source(n.Inputs[0]), b: c.source(n.Inputs[1]), inverse: n.inverse(), shape: n.Shape, sink: c.sink(n)}
}

// A mulStep is a product; b may have one value for each channel.
type mulStep struct {
	a, b    source
	inverse float32
	shape   model.Shape
	sink
}

func (t *mulStep) run(_ *kernel.Set, s *space) {
	out, a, b := t.open(s), s.at(t.a.value), s.at(t.b.value)
	gate := t.b.shape.IsVector()
	out.each(t.shape, func(at, c, y, x int) {
		v := t.a.Dequantize(a[t.a.at(c, y, x)])
		if gate {
			y, x = 0, 0
		}
		v *= t.b.Dequantize(b[t.b.at(c, y, x)])
		out.put(at, v*t.inverse)
	})
}

// rescaling returns which code of to stands for each code of from: the same
// where the two are equal.
func rescaling(from, to kernel.Affine) *kernel.CodeTable { return kernel.NewCodeTable(from, to, nil) }

func (c *compiler) concat(n *Node) step {
	t := &concatStep{in: c.sources(n), out: c.values[n]}
	for _, in := range n.Inputs {
		var codes *kernel.CodeTable
		if in.Output != n.Output {
			codes = rescaling(in.Output, n.Output)
		}
		t.codes = append(t.codes, codes)
	}
	return t
}

// A concatStep joins maps along the channels, each taken to the output's scale.
type concatStep struct {
	in    []source
	codes []*kernel.CodeTable // nil where the scale is the same
	out   *value
}

func (t *concatStep) run(k *kernel.Set, s *space) {
	dst, first := s.at(t.out), 0
	for i, in := range t.in {
		src, codes, n := s.at(in.value), t.codes[i], in.shape.C
		switch {
		case t.out.layout == blocks && in.layout == blocks:
			k.CopyChannelCodes(t.out.m, dst, first, in.m, src, 0, n, codes)
		case codes == nil:
			copy(dst[first:], src[:n])
		default:
			k.TranslateVector(dst[first:], src[:n], codes)
		}
		first += n
	}
}

func (c *compiler) flatten(n *Node) step {
	return &flattenStep{in: c.source(n.Inputs[0]), codes: rescaling(n.Inputs[0].Output, n.Output), out: c.values[n]}
}

// A flattenStep makes a vector of a map.
type flattenStep struct {
	in    source
	codes *kernel.CodeTable
	out   *value
}

func (t *flattenStep) run(_ *kernel.Set, s *space) {
	dst, src, i := s.at(t.out), s.at(t.in.value), 0
	for c := range t.in.shape.C {
		at, row, pixel := t.in.channel(c)
		for y := range t.in.shape.H {
			for x := range t.in.shape.W {
				dst[i] = t.codes[src[at+y*row+x*pixel]]
				i++
			}
		}
	}
}

func (c *compiler) maxPool(n *Node) step {
	return &maxPoolStep{op: n.Op.(model.MaxPool), in: c.source(n.Inputs[0]), out: c.values[n], shape: n.Shape}
}

// A maxPoolStep takes the largest code of each window.
type maxPoolStep struct {
	op    model.MaxPool
	in    source
	out   *value
	shape model.Shape
}

func (t *maxPoolStep) run(_ *kernel.Set, s *space) {
	dst, src, op := s.at(t.out), s.at(t.in.value), t.op
	for c := range t.shape.C {
		from, fromRow, fromPixel := t.in.channel(c)
		to, toRow, toPixel := t.out.channel(c)
		for y := range t.shape.H {
			for x := range t.shape.W {
				top, left := y*op.Stride-op.Padding.Top, x*op.Stride-op.Padding.Left
				var most uint8
				for iy := max(top, 0); iy < min(top+op.Kernel, t.in.shape.H); iy++ {
					for ix := max(left, 0); ix < min(left+op.Kernel, t.in.shape.W); ix++ {
						most = max(most, src[from+iy*fromRow+ix*fromPixel])
					}
				}
				dst[to+y*toRow+x*toPixel] = most
			}
		}
	}
}

func (c *compiler) avgPool(n *Node) step {
	unit := n.Output.Scale
	if n.Float {
		unit = 1
	}
	return &avgPoolStep{op: n.Op.(model.AvgPool), in: c.source(n.Inputs[0]), scale: n.Inputs[0].Output.Scale / unit, shape: n.Shape, sink: c.sink(n)}
}

// An avgPoolStep takes the mean of each window.
type avgPoolStep struct {
	op    model.AvgPool
	in    source
	scale float32 // input scale / output scale
	shape model.Shape
	sink
}

func (t *avgPoolStep) run(_ *kernel.Set, s *space) {
	out, src, op := t.open(s), s.at(t.in.value), t.op
	in := t.in.shape
	out.each(t.shape, func(at, c, y, x int) {
		top, left := y*op.Stride-op.Padding.Top, x*op.Stride-op.Padding.Left
		top0, bottom, left0, right := max(top, 0), min(top+op.Kernel, in.H), max(left, 0), min(left+op.Kernel, in.W)
		count := (bottom - top0) * (right - left0)
		first, row, pixel := t.in.channel(c)
		sum := -int32(count) * int32(t.in.Zero)
		for iy := top0; iy < bottom; iy++ {
			for ix := left0; ix < right; ix++ {
				sum += int32(src[first+iy*row+ix*pixel])
			}
		}
		if op.CountPadding { // but nothing beyond the padding
			count = (min(top+op.Kernel, in.H+op.Padding.Bottom) - top) * (min(left+op.Kernel, in.W+op.Padding.Right) - left)
		}
		out.put(at, float32(sum)*(t.scale/float32(count)))
	})
}

// activation returns the step of an activation that is a node of its own.
func (c *compiler) activation(n *Node) step {
	in := n.Inputs[0]
	codes := kernel.NewCodeTable(in.Output, n.Output, activation(n.Op))
	low, high := n.Codes()
	for i, code := range codes {
		codes[i] = min(max(code, low), high)
	}
	return &tableStep{in: c.values[in], codes: codes, out: c.values[n]}
}

// A tableStep takes each code to another.
type tableStep struct {
	in, out *value
	codes   *kernel.CodeTable
}

func (t *tableStep) run(k *kernel.Set, s *space) {
	if t.in.layout == flat {
		k.TranslateVector(s.at(t.out), s.at(t.in), t.codes)
	} else {
		k.TranslateCodes(t.out.m, s.at(t.out), s.at(t.in), t.codes)
	}
}

// activation returns an activation as a function of one value.
func activation(op model.Op) func(float32) float32 {
	switch op := op.(type) {
	case model.ReLU:
		return func(x float32) float32 { return max(x, 0) }
	case model.Clip:
		return func(x float32) float32 { return min(max(x, op.Min), op.Max) }
	case model.Quantize:
		return func(x float32) float32 { return x }
	case model.LeakyReLU:
		return func(x float32) float32 {
			if x < 0 {
				x *= op.Slope
			}
			return x
		}
	}
	exact := func(x float64) float64 { panic("quantize: no such operator") }
	switch op.(type) {
	case model.Sigmoid:
		exact = func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }
	case model.SiLU:
		exact = func(x float64) float64 { return x / (1 + math.Exp(-x)) }
	case model.HardSigmoid:
		exact = func(x float64) float64 { return min(max(x+3, 0), 6) / 6 }
	case model.HardSwish:
		exact = func(x float64) float64 { return x * min(max(x+3, 0), 6) / 6 }
	}
	return func(x float32) float32 { return float32(exact(float64(x))) }
}
