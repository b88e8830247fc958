package kernel

import "math"

// requantize rounds v half to even, adds the zero point and clamps to low and
// 255. NaN becomes low.
func requantize(v float32, zero, low int32) uint8 {
	switch {
	case v >= 255: // also guards the conversion below
		return 255
	case !(v > -256):
		return uint8(low)
	}
	q := int32(math.RoundToEven(float64(v))) + zero
	return uint8(min(max(q, low), 255))
}

// packOrder calls place for every weight, with its index in a tensor
// [K][C][kernel][kernel] and its index in the packed order
//
//	[K/16][C/16][kernel row][group][kernel column][16 outputs][4 inputs]
//
// in which one vector of 64 products feeds 16 output channels from a group of 4
// input channels. The image has one group, whose fourth input is unused.
func packOrder(c Conv, place func(from, to int)) {
	groups := c.lanes() / 4
	for k := range c.Out.C {
		for i := range c.In.C {
			for y := range c.Kernel {
				for x := range c.Kernel {
					block := (k/Lanes*c.inputBlocks()+i/Lanes)*c.Kernel + y
					group := (block*groups+i%Lanes/4)*c.Kernel + x
					place(((k*c.In.C+i)*c.Kernel+y)*c.Kernel+x, (group*Lanes+k%Lanes)*4+i%4)
				}
			}
		}
	}
}

// packedLen returns the number of packed weights, paddings included.
func packedLen(c Conv) int {
	return c.Out.C * c.inputBlocks() * c.lanes() * c.Kernel * c.Kernel
}

// packBytes packs for kernels that multiply bytes.
func packBytes(c Conv, weight []int8) packed {
	p := make([]int8, packedLen(c))
	packOrder(c, func(from, to int) { p[to] = weight[from] })
	return packed{bytes: p}
}

// packWords packs for kernels that multiply 16 bits.
func packWords(c Conv, weight []int8) packed {
	p := make([]int16, packedLen(c))
	packOrder(c, func(from, to int) { p[to] = int16(weight[from]) })
	return packed{words: p}
}

// packByTap packs for the kernels in Go, each tap's 16 outputs side by side:
// [K/16][C/16][kernel row][kernel column][input lane][16 outputs].
func packByTap(c Conv, weight []int8) packed {
	p := make([]int8, packedLen(c))
	for k := range c.Out.C {
		for i := range c.In.C {
			for y := range c.Kernel {
				for x := range c.Kernel {
					tap := ((k/Lanes*c.inputBlocks()+i/Lanes)*c.Kernel+y)*c.Kernel + x
					p[(tap*c.lanes()+i%Lanes)*Lanes+k%Lanes] = weight[((k*c.In.C+i)*c.Kernel+y)*c.Kernel+x]
				}
			}
		}
	}
	return packed{bytes: p}
}

// convIntegerGo is the definition of ConvInteger.
func convIntegerGo(dst, src []uint8, c *IntegerConv) {
	for k := 0; k < c.Out.C; k += Lanes {
		scale, bias := (*[Lanes]float32)(c.Scale[k:]), (*[Lanes]float32)(c.Bias[k:])
		for y := range c.Out.H {
			for x := range c.Out.W {
				sums := [Lanes]int32(c.Offset[k:])
				c.sum(&sums, src, k/Lanes, y*c.Stride, x*c.Stride)
				out := (*[Lanes]uint8)(dst[c.Out.At(k, y, x):])
				for i, s := range sums {
					v := float32(float32(s)*scale[i]) + bias[i]
					out[i] = requantize(v, int32(c.Zero), c.low())
				}
			}
		}
	}
}

// sum adds to sums what block k of the output channels gets around pixel
// (y, x) of the input.
func (c *IntegerConv) sum(sums *[Lanes]int32, src []uint8, k, y, x int) {
	lanes, row := c.lanes(), (c.In.W+2)*c.lanes()
	weight := c.weight.bytes[k*len(c.weight.bytes)/(c.Out.C/Lanes):]
	edge := 1 - c.Kernel/2 // from the border's corner to the first tap
	for b := range c.inputBlocks() {
		plane := src[b*(c.In.H+2)*row:]
		for ky := range c.Kernel {
			at := (y+ky+edge)*row + (x+edge)*lanes
			taps := plane[at:][:c.Kernel*lanes]
			addCodes(sums, taps, weight)
			weight = weight[len(taps)*Lanes:]
		}
	}
}

// addCodes adds Σ q[i]·weight[16i+l] to every lane l of sums.
func addCodes(sums *[Lanes]int32, q []uint8, weight []int8) {
	weight = weight[:len(q)*Lanes]
	addEightCodes((*[8]int32)(sums[:]), q, weight)
	addEightCodes((*[8]int32)(sums[8:]), q, weight[8:])
}

// addEightCodes is addCodes for eight lanes, whose sums stay in registers. The
// loop's condition tells the compiler that nothing in it needs a bounds check.
func addEightCodes(sums *[8]int32, q []uint8, weight []int8) {
	s0, s1, s2, s3, s4, s5, s6, s7 := sums[0], sums[1], sums[2], sums[3], sums[4], sums[5], sums[6], sums[7]
	for i := 0; i < len(q) && len(weight) >= 8; i++ {
		v, w := int32(q[i]), (*[8]int8)(weight)
		s0 += v * int32(w[0])
		s1 += v * int32(w[1])
		s2 += v * int32(w[2])
		s3 += v * int32(w[3])
		s4 += v * int32(w[4])
		s5 += v * int32(w[5])
		s6 += v * int32(w[6])
		s7 += v * int32(w[7])
		weight = weight[min(Lanes, len(weight)):]
	}
	*sums = [8]int32{s0, s1, s2, s3, s4, s5, s6, s7}
}

// convAddIntegerGo is the definition of ConvAddInteger.
func convAddIntegerGo(dst, src, other []uint8, c *IntegerConv, q *IntegerAdd) {
	convIntegerGo(dst, src, c)
	addIntegerGo(dst, dst, other, c.Out, q)
}

// addIntegerGo is the definition of AddInteger.
func addIntegerGo(dst, a, b []uint8, m Map, q *IntegerAdd) {
	inverse := 1 / q.Out.Scale
	for c := 0; c < m.C; c += Lanes {
		for y := range m.H {
			at, n := m.At(c, y, 0), m.W*Lanes
			da, db := a[at:][:n], b[at:][:n]
			for i := range dst[at:][:n] {
				v := q.A.Dequantize(da[i]) + q.B.Dequantize(db[i])
				dst[at+i] = requantize(v*inverse, int32(q.Out.Zero), int32(q.Out.Zero))
			}
		}
	}
}

// quantizeImageGo is the definition of QuantizeImage inside the border.
func quantizeImageGo(dst []uint8, src []float32, h, w int, q Affine) {
	for y := range h {
		for x := range w {
			pixel := (*[4]uint8)(dst[((y+1)*(w+2)+x+1)*4:])
			for c := range 3 {
				pixel[c] = q.Quantize(src[(c*h+y)*w+x])
			}
			pixel[3] = 0
		}
	}
}

// poolIntegerGo is the definition of PoolInteger.
func poolIntegerGo(sums []int32, src []uint8, m Map) {
	for c := 0; c < m.C; c += Lanes {
		var total [Lanes]int32
		for y := range m.H {
			row := src[m.At(c, y, 0):][:m.W*Lanes]
			for ; len(row) > 0; row = row[Lanes:] {
				for i, q := range (*[Lanes]uint8)(row) {
					total[i] += int32(q)
				}
			}
		}
		copy(sums[c:], total[:])
	}
}

// linearIntegerGo is the definition of LinearInteger.
func linearIntegerGo(sums []int32, src []uint8, l *IntegerLinear) {
	for k := 0; k < l.Sums(); k += Lanes {
		var total [Lanes]int32
		addCodes(&total, src[:l.In], l.weight.bytes[k*l.In:])
		copy(sums[k:], total[:])
	}
}

// extentGo is the definition of Extent.
func extentGo(x []float32) (lo, hi float32, nan bool) {
	lo, hi = x[0], x[0]
	for _, v := range x {
		if v < lo {
			lo = v
		}
		if v > hi {
			hi = v
		}
		nan = nan || v != v
	}
	return lo, hi, nan
}
