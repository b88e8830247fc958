package kernel

import "fmt"

// Integer convolutions of every geometry. Codes are laid out as floats are, one
// byte each. Borders and the channels that fill up a block hold the map's zero
// point.

// An Output says how an integer layer stores its results: the code of a real
// value v is clamp(round(v/scale) + Zero, Low, High). With a ReLU, Low is Zero;
// with a ReLU6, High is the code of 6; otherwise they are 0 and 255. High is at
// least Low.
type Output struct {
	Zero, Low, High uint8
}

// code rounds v half to even, adds the zero point and clamps. NaN becomes Low.
func (o Output) code(v float32) uint8 {
	return min(requantize(v, int32(o.Zero), int32(o.Low)), o.High)
}

// An IntegerGeneral is a general convolution of uint8 activations with int8
// weights, packed for the Set that made it. Output channel k of a pixel is the
// Output of
//
//	float32(Σ w·(q − InputZero)) · Scale[k] + Bias[k]
type IntegerGeneral struct {
	GeneralConv
	Scale     []float32 // [K] input scale · weight scale / output scale
	Bias      []float32 // [K] bias / output scale
	InputZero uint8
	Output

	packed integerPacked
}

// An IntegerDepthwise is the same for a depthwise convolution.
type IntegerDepthwise struct {
	Depthwise
	Scale, Bias []float32 // [Channels]
	InputZero   uint8
	Output

	packed integerPacked
}

// integerPacked holds a layer's constants for all channels in memory. Channels
// that fill up a block give the output's zero point.
type integerPacked struct {
	weight      []int8
	group       int // input channels whose weights lie side by side
	scale, bias []float32
	offset      []int32 // −InputZero·Σ w
	fits        bool    // whether no real value can leave int32, whatever the input
}

// pack sets the constants for k channels, n in memory, whose weights are stored
// one after the other.
func (p *integerPacked) pack(k, n int, scale, bias []float32, weight []int8, zero uint8) {
	if len(scale) != k || len(bias) != k || k < 1 || len(weight)%k != 0 {
		panic(fmt.Sprintf("kernel: integer layer of %d channels: %d weights, %d scales, %d biases", k, len(weight), len(scale), len(bias)))
	}
	p.scale, p.bias, p.offset, p.fits = Floats(n), Floats(n), make([]int32, n), true
	copy(p.scale, scale)
	copy(p.bias, bias)
	fan := len(weight) / k
	for c := range k {
		var most int64
		for _, w := range weight[c*fan:][:fan] {
			p.offset[c] -= int32(w) * int32(zero)
			most += 255 * max(int64(w), -int64(w))
		}
		most += max(int64(p.offset[c]), -int64(p.offset[c]))
		p.fits = p.fits && inRange(float64(most)*float64(scale[c]), float64(bias[c]))
	}
}

// Bytes returns the size of the packed weights and of what is applied to sums.
func (p *integerPacked) Bytes() int64 {
	return int64(len(p.weight)) + 4*int64(len(p.scale)+len(p.bias)+len(p.offset))
}

// NewIntegerGeneral packs weight [K][C/Groups][k][k] for s. The other fields are
// taken from c.
func (s *Set) NewIntegerGeneral(c IntegerGeneral, weight []int8) *IntegerGeneral {
	c.check()
	if len(weight) != c.WeightLen() {
		panic(fmt.Sprintf("kernel: integer convolution %v: %d weights", c.GeneralConv, len(weight)))
	}
	c.packed.pack(c.K, c.Out.C, c.Scale, c.Bias, weight, c.InputZero)
	c.packed.group = s.integerSlide.group
	c.packed.weight = make([]int8, c.integerLen())
	c.eachWeight(c.packed.group, func(at, plain int) { c.packed.weight[at] = weight[plain] })
	return &c
}

// Bytes returns the size of the packed weights and of what is applied to sums.
func (c *IntegerGeneral) Bytes() int64 { return c.packed.Bytes() }

// Bytes returns the size of the packed weights and of what is applied to sums.
func (d *IntegerDepthwise) Bytes() int64 { return d.packed.Bytes() }

// NewIntegerDepthwise packs weight [Channels][1][k][k] for s as
// [C/16][ky][kx][16]. The other fields are taken from d.
func (s *Set) NewIntegerDepthwise(d IntegerDepthwise, weight []int8) *IntegerDepthwise {
	d.check()
	taps := d.Kernel * d.Kernel
	if len(weight) != d.Channels*taps {
		panic(fmt.Sprintf("kernel: integer %v: %d weights", d.Depthwise, len(weight)))
	}
	d.packed.pack(d.Channels, d.Out.C, d.Scale, d.Bias, weight, d.InputZero)
	d.packed.weight = make([]int8, d.PackedLen())
	for c := range d.Channels {
		for tap, v := range weight[c*taps:][:taps] {
			d.packed.weight[(c/Lanes*taps+tap)*Lanes+c%Lanes] = v
		}
	}
	return &d
}

// lanes4 returns the number of channels in a block of integer input, a
// multiple of 4: the image's block has 4.
func (c GeneralConv) lanes4() int { return (c.inBlock() + 3) / 4 * 4 }

// integerLen returns the length of the packed integer weights,
//
//	[K/16][C/16][ky][kx][group of channels][16 k][c]
//
// with groups of 2 or 4 channels, as the Set wants them.
func (c GeneralConv) integerLen() int {
	return c.packedBlocks(c.Out.C, c.K, c.C, c.inBlock()) * Lanes * c.lanes4() * c.Kernel * c.Kernel
}

// eachWeight visits every weight: its place in the packed integer weights and in
// PyTorch's layout.
func (c GeneralConv) eachWeight(group int, visit func(at, plain int)) {
	n, in, out := c.inBlock(), c.C/c.Groups, c.K/c.Groups
	size := c.lanes4() * c.Kernel * c.Kernel * Lanes
	base := 0
	for block := range c.Out.C / Lanes {
		first, end := band(block, out, in, c.K, n)
		for k := block * Lanes; k < min(c.K, (block+1)*Lanes); k++ {
			for i := range in {
				ch := k/out*in + i
				for tap := range c.Kernel * c.Kernel {
					at := base + (ch/n-first)*size + (tap*c.lanes4()+ch%n/group*group)*Lanes + k%Lanes*group + ch%n%group
					visit(at, (k*in+i)*c.Kernel*c.Kernel+tap)
				}
			}
		}
		base += (end - first) * size
	}
}

// ScratchBytes returns the length of the scratch that GeneralInteger needs.
func (c GeneralConv) ScratchBytes() int { return c.In.scratch(c.margins(c.In, c.Out)) }

// ScratchBytes returns the length of the scratch that DepthwiseInteger needs.
func (d Depthwise) ScratchBytes() int {
	return Map{Lanes, d.In.H, d.In.W}.scratch(d.margins(d.In, d.Out))
}

// GeneralInteger computes a share of one image.
//
//	dst, src   laid out as c.Out and c.In, src's border being c.InputZero
//	scratch    [c.ScratchBytes()]
func (s *Set) GeneralInteger(dst, src []uint8, c *IntegerGeneral, scratch []uint8, share Share) {
	need("dst", dst, c.Out.Len())
	need("src", src, c.In.view().len())
	src, v := reach(c.In, src, scratch, c.margins(c.In, c.Out), c.InputZero)
	s.integerSlide.forward(c.slide(c.Out, v), dst, src, c, share)
}

// DepthwiseInteger computes a share of one image.
//
//	dst, src   laid out as d.Out and d.In, src's border being d.InputZero
//	scratch    [d.ScratchBytes()]
func (s *Set) DepthwiseInteger(dst, src []uint8, d *IntegerDepthwise, scratch []uint8, share Share) {
	need("dst", dst, d.Out.Len())
	need("src", src, d.In.Len())
	eachReach(d.In, src, scratch, d.margins(d.In, d.Out), d.InputZero, func(x []uint8, v view, blocks, block int) {
		s.integerSlide.depthwise(d.slide(v, blocks), dst[block*d.Out.Plane():], x, d, block, share)
	})
}

// integerSlideFuncs are the inner functions of general integer convolutions.
// depthwise gets the number of the first block, at which its slices begin.
type integerSlideFuncs struct {
	group     int // see integerPacked
	forward   func(s slide, dst, src []uint8, c *IntegerGeneral, share Share)
	depthwise func(s slide, dst, src []uint8, d *IntegerDepthwise, block int, share Share)
}

func integerSlideGo() integerSlideFuncs {
	return integerSlideFuncs{group: 4, forward: generalIntegerGo, depthwise: depthwiseIntegerGo}
}

// generalIntegerGo is the definition of GeneralInteger. The first share is all of it.
func generalIntegerGo(s slide, dst, src []uint8, c *IntegerGeneral, share Share) {
	if share.Part != 0 {
		return
	}
	n, in, out := c.inBlock(), c.C/c.Groups, c.K/c.Groups
	lanes, group, base := c.lanes4(), c.packed.group, 0
	for block := range c.Out.C / Lanes {
		first, end := band(block, out, in, c.K, n)
		for oy := range s.rows {
			for ox := range s.cols {
				sums := [Lanes]int32(c.packed.offset[block*Lanes:])
				at := base
				for b := first; b < end; b++ {
					for ky := range s.tapRows {
						for kx := range s.tapCols {
							p := s.src + b*s.srcPlane + oy*s.srcRow + ox*s.srcCol + ky*s.tapRow + kx*s.tapCol
							for i, q := range src[p:][:lanes] {
								w := c.packed.weight[at+i/group*group*Lanes+i%group:]
								for l := range sums {
									sums[l] += int32(q) * int32(w[group*l])
								}
							}
							at += lanes * Lanes
						}
					}
				}
				c.packed.store(dst[s.dst+block*s.dstPlane+oy*s.dstRow+ox*s.dstCol:], &sums, block, c.Output)
			}
		}
		base += (end - first) * lanes * s.tapRows * s.tapCols * Lanes
	}
}

// depthwiseIntegerGo is the definition of DepthwiseInteger. The first share is all of
// it.
func depthwiseIntegerGo(s slide, dst, src []uint8, d *IntegerDepthwise, block int, share Share) {
	if share.Part != 0 {
		return
	}
	for o := range s.outs {
		for oy := range s.rows {
			for ox := range s.cols {
				sums := [Lanes]int32(d.packed.offset[(block+o)*Lanes:])
				for ky := range s.tapRows {
					for kx := range s.tapCols {
						q := (*[Lanes]uint8)(src[s.src+o*s.srcPlane+oy*s.srcRow+ox*s.srcCol+ky*s.tapRow+kx*s.tapCol:])
						w := (*[Lanes]int8)(d.packed.weight[(block+o)*s.wOut+ky*s.wRow+kx*s.wCol:])
						for l := range sums {
							sums[l] += int32(q[l]) * int32(w[l])
						}
					}
				}
				d.packed.store(dst[s.dst+o*s.dstPlane+oy*s.dstRow+ox*s.dstCol:], &sums, block+o, d.Output)
			}
		}
	}
}

// store writes one pixel of a block of outputs.
func (p *integerPacked) store(dst []uint8, sums *[Lanes]int32, block int, o Output) {
	scale, bias, out := (*pixel)(p.scale[block*Lanes:]), (*pixel)(p.bias[block*Lanes:]), (*[Lanes]uint8)(dst)
	for l, s := range sums {
		out[l] = o.code(float32(float32(s)*scale[l]) + bias[l])
	}
}
