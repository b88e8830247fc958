package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// codes returns n random codes, weights n random weights.
func codes(r *rand.Rand, n int) []uint8 {
	b := make([]uint8, n)
	for i := range b {
		b[i] = uint8(r.IntN(256))
	}
	return b
}

func randomWeights(r *rand.Rand, n int) []int8 {
	b := make([]int8, n)
	for i := range b {
		b[i] = int8(r.IntN(256) - 128)
	}
	return b
}

// codeGuard surrounds and fills what no kernel may write.
const codeGuard = 173

// codeMap returns plain [c][H][W] laid out as m, with zero in the channels
// behind and in the border, or the image [H+2][W+2][4].
func codeMap(m Map, c int, plain []uint8, border uint8) []uint8 {
	v := m.view()
	b := make([]uint8, v.len())
	for i := range b {
		b[i] = border
	}
	for i, q := range plain {
		ch, y, x := i/(m.H*m.W), i/m.W%m.H, i%m.W
		b[ch/v.size*v.plane+v.at(y, x)+ch%v.size] = q
	}
	return b
}

// plainCodes returns all channels of b, laid out as m, as [C][H][W], and fails
// the test if the border is not as given.
func plainCodes(t testing.TB, m Map, b []uint8, border uint8) []uint8 {
	t.Helper()
	v, plain, inside := m.view(), make([]uint8, m.values()), make([]bool, m.Len())
	for i := range plain {
		ch, y, x := i/(m.H*m.W), i/m.W%m.H, i%m.W
		at := ch/v.size*v.plane + v.at(y, x) + ch%v.size
		plain[i], inside[at] = b[at], true
	}
	for i, in := range inside {
		if !in && b[i] != border {
			t.Fatalf("byte %d of %v's border is %d, want %d", i, m, b[i], border)
		}
	}
	return plain
}

func sameCodes(t testing.TB, what string, got, want []uint8) {
	t.Helper()
	for i, w := range want {
		if got[i] != w {
			t.Fatalf("%s %d is %d, want %d", what, i, got[i], w)
		}
	}
}

// randomLayer returns scales, biases and bounds that make codes of all sizes.
func randomLayer(r *rand.Rand, k, fan int) (scale, bias []float32, zero uint8, out Output) {
	for range k {
		scale = append(scale, float32(r.Float64()+0.1)/float32(70*math.Sqrt(float64(fan))))
		bias = append(bias, float32(r.NormFloat64()*20))
	}
	out = Output{Zero: uint8(r.IntN(200)), High: 255}
	switch r.IntN(3) {
	case 0:
		out.Low = out.Zero
	case 1:
		out.Low, out.High = out.Zero, out.Zero+uint8(r.IntN(50))
	}
	return scale, bias, uint8(r.IntN(256)), out
}

// exactCodes is an integer convolution as the definition has it.
func exactCodes(c GeneralConv, x []uint8, w []int8, scale, bias []float32, zero uint8, out Output) []uint8 {
	sums := make([]int32, c.outLen())
	c.eachProduct(func(yi, wi, xi int) {
		if xi >= 0 {
			sums[yi] += int32(w[wi]) * (int32(x[xi]) - int32(zero))
		}
	})
	y := make([]uint8, len(sums))
	for i, s := range sums {
		k := i / (c.Out.H * c.Out.W)
		v := math.RoundToEven(float64(float32(float32(s)*scale[k])+bias[k])) + float64(out.Zero)
		y[i] = uint8(min(max(v, float64(out.Low)), float64(out.High)))
	}
	return y
}

func TestGeneralInteger(t *testing.T) {
	eachGeneral(t, generalConvs(), func(t *testing.T, c GeneralConv) {
		r := newRand(uint64(c.C*100 + c.K))
		x, w := codes(r, c.inLen()), randomWeights(r, c.WeightLen())
		scale, bias, zero, out := randomLayer(r, c.K, c.WeightLen()/c.K)
		want := exactCodes(c, x, w, scale, bias, zero, out)
		eachSet(t, func(t *testing.T, s *Set) {
			layer := s.NewIntegerGeneral(IntegerGeneral{GeneralConv: c, Scale: scale, Bias: bias, InputZero: zero, Output: out}, w)
			y := codeMap(c.Out, c.K, nil, codeGuard)
			inShares(func(share Share) {
				s.GeneralInteger(y, codeMap(c.In, c.C, x, zero), layer, make([]uint8, c.ScratchBytes()), share)
			})
			got := plainCodes(t, c.Out, y, codeGuard)
			sameCodes(t, "code", got, want)
			for i, q := range got[len(want):] {
				if q != max(out.Zero, out.Low) {
					t.Fatalf("code %d behind the channels is %d, want %d", i, q, out.Zero)
				}
			}
		})
	})
}

func TestDepthwiseInteger(t *testing.T) {
	eachGeneral(t, depthwiseConvs(), func(t *testing.T, d Depthwise) {
		c := d.general()
		r := newRand(uint64(d.Channels))
		x, w := codes(r, c.inLen()), randomWeights(r, c.WeightLen())
		scale, bias, zero, out := randomLayer(r, c.K, c.WeightLen()/c.K)
		want := exactCodes(c, x, w, scale, bias, zero, out)
		eachSet(t, func(t *testing.T, s *Set) {
			layer := s.NewIntegerDepthwise(IntegerDepthwise{Depthwise: d, Scale: scale, Bias: bias, InputZero: zero, Output: out}, w)
			y := codeMap(d.Out, c.K, nil, codeGuard)
			inShares(func(share Share) {
				s.DepthwiseInteger(y, codeMap(d.In, c.C, x, zero), layer, make([]uint8, d.ScratchBytes()), share)
			})
			sameCodes(t, "code", plainCodes(t, d.Out, y, codeGuard), want)
		})
	})
}

// TestIntegerOverflow has scales that lead sums out of int32: codes saturate.
func TestIntegerOverflow(t *testing.T) {
	c := NewGeneralConv(16, 5, 9, 16, 1, Square(3, 1, 1), false)
	r := newRand(1)
	x, w := codes(r, c.inLen()), randomWeights(r, c.WeightLen())
	scale, bias := make([]float32, 16), make([]float32, 16)
	for i, v := range []float32{1e30, 1e10, float32(math.Inf(1)), float32(math.NaN()), 3e5} {
		scale[i], bias[15-i] = v, v
	}
	out := Output{Zero: 30, High: 255}
	eachSet(t, func(t *testing.T, s *Set) {
		layer := s.NewIntegerGeneral(IntegerGeneral{GeneralConv: c, Scale: scale, Bias: bias, InputZero: 3, Output: out}, w)
		want := goSet().NewIntegerGeneral(IntegerGeneral{GeneralConv: c, Scale: scale, Bias: bias, InputZero: 3, Output: out}, w)
		got, exact := make([]uint8, c.Out.Len()), make([]uint8, c.Out.Len())
		in := codeMap(c.In, 16, x, 3)
		s.GeneralInteger(got, in, layer, nil, Share{})
		goSet().GeneralInteger(exact, in, want, nil, Share{})
		sameCodes(t, "code", got, exact)
	})
}

func TestIntegerDoesNotAllocate(t *testing.T) {
	c, d := NewGeneralConv(24, 9, 9, 40, 1, Square(5, 2, 2), false), NewDepthwise(24, 9, 9, Square(5, 2, 2))
	p := NewPool(c.In, Square(3, 2, 1), false)
	eachSet(t, func(t *testing.T, s *Set) {
		general := s.NewIntegerGeneral(IntegerGeneral{GeneralConv: c, Scale: make([]float32, 40), Bias: make([]float32, 40)}, make([]int8, c.WeightLen()))
		depth := s.NewIntegerDepthwise(IntegerDepthwise{Depthwise: d, Scale: make([]float32, 24), Bias: make([]float32, 24)}, make([]int8, 24*25))
		x, y, scratch := make([]uint8, c.In.Len()), make([]uint8, c.Out.Len()), make([]uint8, c.ScratchBytes())
		q := &IntegerAdd{Affine{1, 0}, Affine{1, 0}, Affine{1, 0}}
		if n := testing.AllocsPerRun(3, func() {
			s.GeneralInteger(y, x, general, scratch, Share{})
			s.DepthwiseInteger(y, x, depth, scratch, Share{})
			s.AddCodes(x, x, x, c.In, q, Output{High: 255})
			s.MaxPoolCodes(p, y, x)
			s.AveragePoolCodes(p, y, x, Affine{1, 0}, Affine{1, 0}, true)
			s.CopyChannelCodes(c.In, x, 3, c.In, x, 3, 20, nil)
		}); n != 0 {
			t.Errorf("%v allocations", n)
		}
	})
}

func BenchmarkGeneralInteger(b *testing.B) {
	for _, s := range setsUnderTest(b) {
		run := func(name fmt.Stringer, macs int, f func()) {
			b.Run(fmt.Sprintf("%v/%s", name, s.Name), func(b *testing.B) {
				for b.Loop() {
					f()
				}
				gigaflops(b, macs)
			})
		}
		for _, c := range benchmarkGeneral {
			layer := s.NewIntegerGeneral(IntegerGeneral{GeneralConv: c, Scale: make([]float32, c.K), Bias: make([]float32, c.K)}, make([]int8, c.WeightLen()))
			x, y, scratch := make([]uint8, c.In.view().len()), make([]uint8, c.Out.Len()), make([]uint8, c.ScratchBytes())
			run(c, c.WeightLen()*c.Out.H*c.Out.W, func() { s.GeneralInteger(y, x, layer, scratch, Share{}) })
		}
		for _, d := range benchmarkDepthwise {
			layer := s.NewIntegerDepthwise(IntegerDepthwise{Depthwise: d, Scale: make([]float32, d.Channels), Bias: make([]float32, d.Channels)}, make([]int8, d.PackedLen()))
			x, y, scratch := make([]uint8, d.In.Len()), make([]uint8, d.Out.Len()), make([]uint8, d.ScratchBytes())
			run(d, d.PackedLen()*d.Out.H*d.Out.W, func() { s.DepthwiseInteger(y, x, layer, scratch, Share{}) })
		}
	}
}
