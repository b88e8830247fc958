package kernel

import (
	"fmt"
	"math"
)

// Integer inference works on uint8 activations in the layout of Map, a byte
// where the float kernels have a float, and on int8 weights:
//
//	real value = scale · (q − zero point)
//
// The border of a uint8 map holds the map's zero point, which stands for the real 0, so
// that padding needs no special case. After a ReLU the zero point is 0. Sums are exact:
// u8 × s8 products are added up in int32, which holds the products of up to 32,768
// weights and the correction for the zero point. After the sum everything is float32,
// with one rounding per operation and never fused, so that every Set returns the same
// bytes.

// integerFuncs are the inner functions of integer inference.
type integerFuncs struct {
	packConv   func(c *IntegerConv, weight []int8) packed
	packLinear func(c Conv, weight []int8) packed
	conv       func(dst, src []uint8, c *IntegerConv, share Share)
	direct     func(c Conv) bool
	convAdd    func(dst, src, other []uint8, c *IntegerConv, q *IntegerAdd, share Share)
	add        func(dst, a, b []uint8, m Map, q *IntegerAdd)
	quantize   func(dst []uint8, src []float32, h, w int, q Affine)
	pool       func(sums []int32, src []uint8, m Map)
	linear     func(sums []int32, src []uint8, l *IntegerLinear)
	extent     func(x []float32) (lo, hi float32, nan bool)
}

func integerGo() integerFuncs {
	return integerFuncs{
		packConv:   func(c *IntegerConv, weight []int8) packed { return packByTap(c.Conv, weight) },
		packLinear: packByTap,
		conv: func(dst, src []uint8, c *IntegerConv, share Share) {
			if share.Part == 0 {
				convIntegerGo(dst, src, c)
			}
		},
		direct: func(Conv) bool { return true },
		convAdd: func(dst, src, other []uint8, c *IntegerConv, q *IntegerAdd, share Share) {
			if share.Part == 0 {
				convAddIntegerGo(dst, src, other, c, q)
			}
		},
		add:      addIntegerGo,
		quantize: quantizeImageGo,
		pool:     poolIntegerGo,
		linear:   linearIntegerGo,
		extent:   extentGo,
	}
}

// Affine maps real values to uint8: q = clamp(round(x/Scale) + Zero, 0, 255),
// rounding half to even.
type Affine struct {
	Scale float32 // positive
	Zero  uint8
}

// Quantize returns x's code. Like PyTorch's fbgemm it multiplies by the
// reciprocal of the scale. NaN becomes 0, infinities saturate.
func (a Affine) Quantize(x float32) uint8 {
	return requantize(x*(1/a.Scale), int32(a.Zero), 0)
}

// Dequantize returns the real value of the code q.
func (a Affine) Dequantize(q uint8) float32 {
	return float32(a.Scale * float32(int32(q)-int32(a.Zero))) // rounded: no sum may be fused with it
}

// An IntegerConv is a convolution of uint8 activations with int8 weights,
// packed for the Set that made it. Output channel k of a pixel is
//
//	clamp(round(float32(Σ w·q + Offset[k]) · Scale[k] + Bias[k]) + Zero, low, 255)
//
// with low = Zero under a ReLU and 0 without one.
type IntegerConv struct {
	Conv
	Scale  []float32 // [K] input scale · weight scale / output scale
	Bias   []float32 // [K] bias / output scale
	Offset []int32   // [K] −input zero point · Σ w
	Zero   uint8     // of the output
	ReLU   bool

	weight packed
	fits   bool // no input can make a real value leave the range of int32
}

// packed holds weights in the order in which a kernel reads them.
type packed struct {
	bytes []int8
	words []int16 // the same, widened, for kernels that multiply 16 bits
}

// low returns the smallest code that the convolution stores.
func (c *IntegerConv) low() int32 {
	if c.ReLU {
		return int32(c.Zero)
	}
	return 0
}

// lanes returns the bytes of a pixel in one block of the input: 4 for the
// image (red, green, blue and an unused byte), else 16.
func (c Conv) lanes() int {
	if c.In.C == 3 {
		return 4
	}
	return Lanes
}

// inputBlocks returns the number of blocks of input channels.
func (c Conv) inputBlocks() int {
	if c.In.C == 3 {
		return 1
	}
	return c.In.C / Lanes
}

// inputBytes returns the length of one image of uint8 input.
func (c Conv) inputBytes() int {
	return c.inputBlocks() * (c.In.H + 2) * (c.In.W + 2) * c.lanes()
}

// NewIntegerConv packs weight [K][C][Kernel][Kernel] for s. The other fields
// are taken from c. Offset is computed from the input's zero point.
func (s *Set) NewIntegerConv(c IntegerConv, weight []int8, inputZero uint8) *IntegerConv {
	fan := c.In.C * c.Kernel * c.Kernel
	if len(weight) != c.Out.C*fan || len(c.Scale) != c.Out.C || len(c.Bias) != c.Out.C {
		panic(fmt.Sprintf("kernel: integer convolution %v to %v: %d weights, %d scales, %d biases",
			c.In, c.Out, len(weight), len(c.Scale), len(c.Bias)))
	}
	c.Offset = make([]int32, c.Out.C)
	c.fits = true
	for k := range c.Offset {
		var most int64 // of the sum's magnitude
		for _, w := range weight[k*fan : (k+1)*fan] {
			c.Offset[k] -= int32(w) * int32(inputZero)
			most += 255 * max(int64(w), -int64(w))
		}
		most += max(int64(c.Offset[k]), -int64(c.Offset[k]))
		c.fits = c.fits && inRange(float64(most)*float64(c.Scale[k]), float64(c.Bias[k]))
	}
	c.weight = s.integer.packConv(&c, weight)
	return &c
}

// inRange reports whether a + b, whatever their signs, fits int32 with room for
// rounding and a zero point. NaN does not fit.
func inRange(a, b float64) bool { return math.Abs(a)+math.Abs(b) < 1<<30 }

// Bytes returns the size of the packed weights and of what is applied to sums.
func (c *IntegerConv) Bytes() int64 {
	return c.weight.size() + 4*int64(len(c.Scale)+len(c.Bias)+len(c.Offset))
}

func (p packed) size() int64 { return int64(len(p.bytes)) + 2*int64(len(p.words)) }

// DirectInteger reports whether ConvInteger should compute c. For maps smaller
// than its tiles, GeneralInteger is faster.
func (s *Set) DirectInteger(c Conv) bool { return s.integer.direct(c) }

// ConvInteger computes a share of one image: dst laid out as c.Out, src as c.In or, for
// the image itself, [H+2][W+2][4]. src's border holds the input's zero point;
// dst's border is left as it is.
func (s *Set) ConvInteger(dst, src []uint8, c *IntegerConv, share Share) {
	if len(dst) < c.Out.Len() || len(src) < c.inputBytes() {
		panic(fmt.Sprintf("kernel: integer convolution %v to %v: %d bytes in, %d out", c.In, c.Out, len(src), len(dst)))
	}
	s.integer.conv(dst, src, c, share)
}

// An IntegerAdd adds two quantized maps: both are dequantized, added, clipped
// at 0 and quantized with the output's scale, as PyTorch's
// quantized::add_relu.
type IntegerAdd struct {
	A, B, Out Affine
}

// AddInteger computes dst = relu(a + b) for one image; all three are laid out
// as m, and dst may be a or b.
func (s *Set) AddInteger(dst, a, b []uint8, m Map, q *IntegerAdd) {
	if len(dst) < m.Len() || len(a) < m.Len() || len(b) < m.Len() {
		panic(fmt.Sprintf("kernel: integer add of %v: %d and %d bytes in, %d out", m, len(a), len(b), len(dst)))
	}
	s.integer.add(dst, a, b, m, q)
}

// ConvAddInteger computes relu(ConvInteger + other) for a share of one image. It
// rounds twice, as ConvInteger and AddInteger do one after the other: q.A must be the
// convolution's output. other is laid out as c.Out and does not overlap dst.
func (s *Set) ConvAddInteger(dst, src, other []uint8, c *IntegerConv, q *IntegerAdd, share Share) {
	if len(dst) < c.Out.Len() || len(src) < c.inputBytes() || len(other) < c.Out.Len() || c.Zero != q.A.Zero {
		panic(fmt.Sprintf("kernel: integer convolution %v to %v and add: %d and %d bytes in, %d out, zero points %d and %d",
			c.In, c.Out, len(src), len(other), len(dst), c.Zero, q.A.Zero))
	}
	s.integer.convAdd(dst, src, other, c, q, share)
}

// fits reports whether no sum can leave int32.
func (q *IntegerAdd) fits() bool {
	scale := 255 / float64(q.Out.Scale)
	return inRange(scale*float64(q.A.Scale), scale*float64(q.B.Scale))
}

// QuantizeImage quantizes src [3][h][w] into dst [h+2][w+2][4]. The border
// becomes the zero point and the fourth byte 0.
func (s *Set) QuantizeImage(dst []uint8, src []float32, h, w int, q Affine) {
	if len(dst) < (h+2)*(w+2)*4 || len(src) < 3*h*w {
		panic(fmt.Sprintf("kernel: quantizing an image of %d×%d: %d floats, %d bytes", h, w, len(src), len(dst)))
	}
	fillBorder(dst, h, w, q.Zero)
	s.integer.quantize(dst, src, h, w, q)
}

// fillBorder writes zero into the outermost pixels of dst [h+2][w+2][4].
func fillBorder(dst []uint8, h, w int, zero uint8) {
	row := (w + 2) * 4
	for y := range h + 2 {
		line := dst[y*row:][:row]
		if y == 0 || y == h+1 {
			for i := range line {
				line[i] = zero
			}
			continue
		}
		for i := range 4 {
			line[i], line[row-4+i] = zero, zero
		}
	}
}

// PoolInteger adds up each channel of one image over its pixels: sums [C].
func (s *Set) PoolInteger(sums []int32, src []uint8, m Map) {
	if len(sums) < m.C || len(src) < m.Len() {
		panic(fmt.Sprintf("kernel: integer pool of %v: %d bytes in, %d sums", m, len(src), len(sums)))
	}
	s.integer.pool(sums, src, m)
}

// An IntegerLinear is a matrix of int8 weights, packed for a Set.
type IntegerLinear struct {
	In, Out int
	conv    Conv // the same as a 1×1 convolution over a map of one pixel
	weight  packed
}

// NewIntegerLinear packs weight [out][in]; in is a multiple of 16.
func (s *Set) NewIntegerLinear(in, out int, weight []int8) *IntegerLinear {
	if in%Lanes != 0 || len(weight) != in*out {
		panic(fmt.Sprintf("kernel: integer linear layer of %d×%d: %d weights", out, in, len(weight)))
	}
	padded := make([]int8, (out+Lanes-1)/Lanes*Lanes*in)
	copy(padded, weight)
	c := Conv{In: Map{in, 1, 1}, Out: Map{len(padded) / in, 1, 1}, Kernel: 1, Stride: 1}
	return &IntegerLinear{In: in, Out: out, conv: c, weight: s.integer.packLinear(c, padded)}
}

// Sums returns the length that LinearInteger's sums need: Out rounded up to a
// multiple of 16.
func (l *IntegerLinear) Sums() int { return l.conv.Out.C }

// Bytes returns the size of the packed weights.
func (l *IntegerLinear) Bytes() int64 { return l.weight.size() }

// LinearInteger computes sums[k] = Σ weight[k][i]·src[i] for one image.
func (s *Set) LinearInteger(sums []int32, src []uint8, l *IntegerLinear) {
	if len(sums) < l.Sums() || len(src) < l.In {
		panic(fmt.Sprintf("kernel: integer linear layer of %d×%d: %d bytes in, %d sums", l.Out, l.In, len(src), len(sums)))
	}
	s.integer.linear(sums, src, l)
}

// Extent returns the smallest and the largest value of x, which is not empty,
// and whether x holds a NaN. If it does, lo and hi are meaningless.
func (s *Set) Extent(x []float32) (lo, hi float32, nan bool) { return s.integer.extent(x) }
