package kernel

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// guard is what stands around every buffer that a kernel may write.
const guard = 0xA5

// guarded returns n bytes at an odd address, with check to see that nothing
// around them changed.
func guarded(t *testing.T, n int) (b []uint8, check func()) {
	const margin = 67
	all := bytes.Repeat([]byte{guard}, n+2*margin)
	return all[margin : margin+n : margin+n], func() {
		t.Helper()
		for i, v := range all {
			if v != guard && (i < margin || i >= margin+n) {
				t.Fatalf("wrote %d at %d, outside of a buffer of %d bytes", v, i-margin, n)
			}
		}
	}
}

func randomBytes(r *rand.Rand, n int) []uint8 {
	b := make([]uint8, n)
	for i := range b {
		b[i] = uint8(r.Uint32())
		if r.IntN(2) == 0 {
			b[i] = 0 // as after a ReLU
		}
	}
	return b
}

// integerSets returns the Sets to hold against the definition.
func integerSets(t testing.TB) []*Set {
	sets := All()
	sets = sets[:len(sets)-1]
	if len(sets) == 0 {
		t.Skip("this machine runs only the Go kernels")
	}
	return sets
}

// randomConv returns a convolution whose outputs spread over all codes and
// saturate at both ends.
func randomConv(r *rand.Rand, conv Conv) (c IntegerConv, weight []int8) {
	c = IntegerConv{Conv: conv, Zero: uint8(r.IntN(256)), ReLU: r.IntN(2) == 0}
	fan := conv.In.C * conv.Kernel * conv.Kernel
	for range conv.Out.C {
		c.Scale = append(c.Scale, 0.03*r.Float32()/float32(math.Sqrt(float64(fan))))
		c.Bias = append(c.Bias, 100*(r.Float32()-0.5))
		for range fan {
			weight = append(weight, int8(r.IntN(256)-128))
		}
	}
	return c, weight
}

// inShares calls f for each of three shares, of which a small map has some without
// outputs.
func inShares(f func(share Share)) {
	for i := range 3 {
		f(Share{i, 3})
	}
}

func TestConvInteger(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, shape := range []struct{ in, out, kernel, stride, h, w int }{
		{3, 16, 3, 1, 32, 32}, {3, 16, 3, 1, 9, 11}, {3, 32, 3, 2, 8, 8}, {3, 16, 1, 1, 4, 8},
		{16, 16, 3, 1, 32, 32}, {32, 32, 3, 1, 16, 16}, {64, 64, 3, 1, 8, 8},
		{16, 32, 3, 2, 32, 32}, {32, 64, 3, 2, 16, 16}, {16, 32, 1, 2, 32, 32}, {32, 64, 1, 2, 16, 16},
		{16, 16, 3, 1, 1, 8}, {16, 16, 3, 1, 2, 7}, {16, 32, 3, 1, 3, 8}, {32, 16, 3, 1, 5, 9}, {16, 16, 3, 1, 7, 23},
		{16, 16, 3, 2, 1, 1}, {16, 16, 3, 2, 5, 17}, {48, 32, 3, 2, 7, 31}, {32, 16, 1, 1, 1, 1}, {32, 16, 1, 1, 3, 10}, {16, 48, 1, 2, 9, 33},
	} {
		conv := Conv{
			In:     Map{shape.in, shape.h, shape.w},
			Out:    Map{shape.out, (shape.h-1)/shape.stride + 1, (shape.w-1)/shape.stride + 1},
			Kernel: shape.kernel, Stride: shape.stride,
		}
		name := fmt.Sprintf("%v to %v, %d×%d", conv.In, conv.Out, shape.kernel, shape.kernel)
		settings, weight := randomConv(r, conv)
		input := uint8(r.IntN(256))
		other := randomBytes(r, conv.Out.Len())
		add := &IntegerAdd{A: Affine{0.011, settings.Zero}, B: Affine{0.017, uint8(r.IntN(256))}, Out: Affine{0.023, uint8(r.IntN(40))}}
		src := randomBytes(r, conv.inputBytes()) // with any bytes in the border: kernels take them as they are
		want := bytes.Repeat([]byte{guard}, conv.Out.Len())
		convIntegerGo(want, src, goIntegerSet().NewIntegerConv(settings, weight, input))
		sum := bytes.Repeat([]byte{guard}, conv.Out.Len())
		addIntegerGo(sum, want, other, conv.Out, add)
		for _, s := range integerSets(t) {
			got, check := guarded(t, conv.Out.Len())
			c := s.NewIntegerConv(settings, weight, input)
			inShares(func(share Share) { s.ConvInteger(got, src, c, share) })
			check()
			if i := firstDifference(got, want); i >= 0 {
				t.Errorf("%s, %s: byte %d is %d, want %d", s.Name, name, i, got[i], want[i])
			}
			if n := testing.AllocsPerRun(3, func() { s.ConvInteger(got, src, c, Share{}) }); n != 0 {
				t.Errorf("%s, %s: %v allocations", s.Name, name, n)
			}
			got, check = guarded(t, conv.Out.Len())
			inShares(func(share Share) { s.ConvAddInteger(got, src, other, c, add, share) })
			check()
			if i := firstDifference(got, sum); i >= 0 {
				t.Errorf("%s, %s and add: byte %d is %d, want %d", s.Name, name, i, got[i], sum[i])
			}
			if n := testing.AllocsPerRun(3, func() { s.ConvAddInteger(got, src, other, c, add, Share{}) }); n != 0 {
				t.Errorf("%s, %s and add: %v allocations", s.Name, name, n)
			}
		}
	}
}

func goIntegerSet() *Set { return &Set{Name: "go", integer: integerGo()} }

func firstDifference(a, b []uint8) int {
	for i := range a {
		if a[i] != b[i] {
			return i
		}
	}
	return -1
}

// TestConvIntegerDefinition holds the Go version against sums by the textbook,
// with the zero point subtracted from every input.
func TestConvIntegerDefinition(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	conv := Conv{In: Map{32, 5, 6}, Out: Map{16, 3, 3}, Kernel: 3, Stride: 2}
	settings, weight := randomConv(r, conv)
	const zero = 77
	src := bytes.Repeat([]byte{zero}, conv.In.Len())
	for c := range conv.In.C {
		for y := range conv.In.H {
			for x := range conv.In.W {
				src[conv.In.At(c, y, x)] = uint8(r.Uint32())
			}
		}
	}
	dst := make([]uint8, conv.Out.Len())
	s := goIntegerSet()
	s.ConvInteger(dst, src, s.NewIntegerConv(settings, weight, zero), Share{})
	for k := range conv.Out.C {
		for y := range conv.Out.H {
			for x := range conv.Out.W {
				sum := 0
				for c := range conv.In.C {
					for i := range 9 {
						iy, ix := 2*y+i/3-1, 2*x+i%3-1
						if iy >= 0 && iy < conv.In.H && ix >= 0 && ix < conv.In.W {
							sum += (int(src[conv.In.At(c, iy, ix)]) - zero) * int(weight[(k*conv.In.C+c)*9+i])
						}
					}
				}
				v := float64(float32(float32(sum)*settings.Scale[k]) + settings.Bias[k])
				want := math.RoundToEven(v) + float64(settings.Zero)
				low := 0.0
				if settings.ReLU {
					low = float64(settings.Zero)
				}
				want = min(max(want, low), 255)
				if got := dst[conv.Out.At(k, y, x)]; float64(got) != want {
					t.Fatalf("channel %d, pixel %d %d: %d, want %g", k, y, x, got, want)
				}
			}
		}
	}
}

func TestRequantize(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	for _, c := range []struct {
		v         float32
		zero, low int32
		want      uint8
	}{
		{0.5, 0, 0, 0}, {1.5, 0, 0, 2}, {2.5, 0, 0, 2}, {-0.5, 7, 0, 7}, {-1.5, 7, 0, 5}, // half to even
		{254.5, 0, 0, 254}, {255.5, 0, 0, 255}, {1e30, 3, 0, 255}, {inf, 3, 0, 255}, // saturation
		{-1e30, 200, 0, 0}, {-inf, 200, 200, 200}, {-256, 255, 0, 0}, {-255.4, 255, 0, 0}, {nan, 9, 4, 4},
	} {
		if got := requantize(c.v, c.zero, c.low); got != c.want {
			t.Errorf("requantize(%g, %d, %d) is %d, want %d", c.v, c.zero, c.low, got, c.want)
		}
	}
}

// TestConvIntegerSaturates sends sums to both ends of float32 and to NaN, which
// only the definition computes, and as far as the assembly takes them.
func TestConvIntegerSaturates(t *testing.T) {
	conv := Conv{In: Map{16, 2, 8}, Out: Map{16, 2, 8}, Kernel: 3, Stride: 1}
	inf := float32(math.Inf(1))
	weight := make([]int8, 16*16*9)
	for i := range weight {
		weight[i] = 1
	}
	src := bytes.Repeat([]byte{3}, conv.In.Len())
	other := bytes.Repeat([]byte{200}, conv.Out.Len())
	for _, test := range []struct {
		scale, bias []float32
		fits        bool
	}{
		{[]float32{1e30, -1e30, inf, -inf, 0, 3e6, -3e6, 255}, []float32{0, 0, -inf, inf, 0.5, 0, 0, 0}, false},
		{[]float32{2.9e4, -2.9e4, 1, -1, 0, 100, -80, 0, 0}, []float32{0, 0, 0, 0, 0.5, 0, 0, 1e9, -1e9}, true},
	} {
		settings := IntegerConv{Conv: conv, Zero: 5, Scale: make([]float32, 16), Bias: make([]float32, 16)}
		copy(settings.Scale, test.scale)
		copy(settings.Bias, test.bias)
		add := &IntegerAdd{A: Affine{1, 5}, B: Affine{0.5, 0}, Out: Affine{1, 0}}
		want, sum := make([]uint8, conv.Out.Len()), make([]uint8, conv.Out.Len())
		c := goIntegerSet().NewIntegerConv(settings, weight, 0)
		if c.fits != test.fits {
			t.Errorf("scales of %g: fits is %v", test.scale, c.fits)
		}
		convIntegerGo(want, src, c)
		addIntegerGo(sum, want, other, conv.Out, add)
		if at := conv.Out.At(0, 0, 0); want[at] != 255 || want[at+1] != 0 || !test.fits && want[at+2] != 0 {
			t.Errorf("saturated at %d and %d, NaN became %d", want[at], want[at+1], want[at+2])
		}
		for _, s := range integerSets(t) {
			got := make([]uint8, conv.Out.Len())
			c := s.NewIntegerConv(settings, weight, 0)
			s.ConvInteger(got, src, c, Share{})
			if !slices.Equal(got, want) {
				t.Errorf("%s: %v, want %v", s.Name, got, want)
			}
			s.ConvAddInteger(got, src, other, c, add, Share{})
			if !slices.Equal(got, sum) {
				t.Errorf("%s, and add: %v, want %v", s.Name, got, sum)
			}
		}
	}
}

func TestAddInteger(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for _, m := range []Map{{16, 32, 32}, {32, 16, 16}, {64, 8, 8}, {16, 1, 1}, {48, 3, 5}} {
		a, b := randomBytes(r, m.Len()), randomBytes(r, m.Len())
		q := &IntegerAdd{A: Affine{0.011, 130}, B: Affine{0.017, 0}, Out: Affine{0.013, uint8(r.IntN(40))}}
		want := bytes.Repeat([]byte{guard}, m.Len())
		addIntegerGo(want, a, b, m, q)
		for _, s := range integerSets(t) {
			got, check := guarded(t, m.Len())
			s.AddInteger(got, a, b, m, q)
			check()
			if i := firstDifference(got, want); i >= 0 {
				t.Errorf("%s, %v: byte %d is %d, want %d", s.Name, m, i, got[i], want[i])
			}
			if n := testing.AllocsPerRun(3, func() { s.AddInteger(got, a, b, m, q) }); n != 0 {
				t.Errorf("%s, %v: %v allocations", s.Name, m, n)
			}
		}
	}
}

func TestAddIntegerByHand(t *testing.T) {
	m := Map{16, 1, 1}
	a, b, dst := make([]uint8, m.Len()), make([]uint8, m.Len()), make([]uint8, m.Len())
	at := m.At(0, 0, 0)
	a[at], b[at] = 14, 20     // 0.5·(14−10) + 0.25·20 = 7, at scale 2: 3.5, to even 4
	a[at+1], b[at+1] = 0, 4   // −5 + 1 is below 0
	a[at+2], b[at+2] = 12, 16 // 1 + 4 = 5: 2.5, to even 2
	goIntegerSet().AddInteger(dst, a, b, m, &IntegerAdd{A: Affine{0.5, 10}, B: Affine{0.25, 0}, Out: Affine{2, 3}})
	if got, want := dst[at:at+3], []uint8{7, 3, 5}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestQuantizeImage(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for _, size := range [][2]int{{32, 32}, {1, 16}, {5, 24}, {3, 7}} {
		h, w := size[0], size[1]
		src := make([]float32, 3*h*w)
		for i := range src {
			src[i] = float32(r.NormFloat64())
		}
		copy(src, []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), 1e38, -1e38, 0})
		q := Affine{Scale: 0.0186, Zero: 114}
		want := make([]uint8, (h+2)*(w+2)*4)
		goIntegerSet().QuantizeImage(want, src, h, w, q)
		for _, s := range integerSets(t) {
			got, check := guarded(t, len(want))
			s.QuantizeImage(got, src, h, w, q)
			check()
			if i := firstDifference(got, want); i >= 0 {
				t.Errorf("%s, %d×%d: byte %d is %d, want %d", s.Name, h, w, i, got[i], want[i])
			}
		}
		if p := (w + 2 + 1) * 4; want[p] != 0 || want[0] != 114 || want[p+3] != 0 {
			t.Errorf("%d×%d: NaN became %d, the border %d, the fourth byte %d", h, w, want[p], want[0], want[p+3])
		}
	}
}

func TestPoolInteger(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	for _, m := range []Map{{64, 8, 8}, {16, 1, 1}, {32, 3, 5}} {
		src := randomBytes(r, m.Len())
		want := make([]int32, m.C)
		for c := range m.C {
			for y := range m.H {
				for x := range m.W {
					want[c] += int32(src[m.At(c, y, x)])
				}
			}
		}
		for _, s := range append(integerSets(t), goIntegerSet()) {
			got := make([]int32, m.C)
			s.PoolInteger(got, src, m)
			if !slices.Equal(got, want) {
				t.Errorf("%s, %v: %v, want %v", s.Name, m, got, want)
			}
		}
	}
}

func TestLinearInteger(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	for _, size := range [][2]int{{64, 10}, {16, 1}, {48, 100}} {
		in, out := size[0], size[1]
		src, weight := randomBytes(r, in), make([]int8, in*out)
		for i := range weight {
			weight[i] = int8(r.IntN(256) - 128)
		}
		for _, s := range append(integerSets(t), goIntegerSet()) {
			l := s.NewIntegerLinear(in, out, weight)
			sums := make([]int32, l.Sums())
			s.LinearInteger(sums, src, l)
			for k := range out {
				var want int32
				for i, q := range src {
					want += int32(q) * int32(weight[k*in+i])
				}
				if sums[k] != want {
					t.Fatalf("%s, %d to %d: output %d is %d, want %d", s.Name, in, out, k, sums[k], want)
				}
			}
		}
	}
}

func TestExtent(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 14))
	for _, n := range []int{1, 31, 32, 64, 65, 200, 4096} {
		x := make([]float32, n)
		for i := range x {
			x[i] = float32(r.NormFloat64()) + 3
		}
		for _, s := range append(integerSets(t), goIntegerSet()) {
			lo, hi, nan := s.Extent(x)
			if lo != slices.Min(x) || hi != slices.Max(x) || nan {
				t.Errorf("%s, %d values: %g to %g, NaN %v", s.Name, n, lo, hi, nan)
			}
			for i := range x {
				keep := x[i]
				x[i] = float32(math.NaN())
				if _, _, nan := s.Extent(x); !nan {
					t.Fatalf("%s, %d values: missed the NaN at %d", s.Name, n, i)
				}
				x[i] = keep
			}
		}
	}
}

func BenchmarkConvInteger(b *testing.B) {
	r := rand.New(rand.NewPCG(15, 16))
	for _, conv := range []Conv{
		{Map{3, 32, 32}, Map{16, 32, 32}, 3, 1},
		{Map{16, 32, 32}, Map{16, 32, 32}, 3, 1},
		{Map{16, 32, 32}, Map{32, 16, 16}, 3, 2},
		{Map{16, 32, 32}, Map{32, 16, 16}, 1, 2},
		{Map{32, 16, 16}, Map{32, 16, 16}, 3, 1},
		{Map{64, 8, 8}, Map{64, 8, 8}, 3, 1},
	} {
		settings, weight := randomConv(r, conv)
		src := randomBytes(r, conv.inputBytes())
		dst := make([]uint8, conv.Out.Len())
		report := func(b *testing.B) {
			ops := 2 * float64(len(weight)) * float64(conv.Out.H*conv.Out.W) * float64(b.N)
			b.ReportMetric(ops/b.Elapsed().Seconds()/1e9, "GOP/s")
		}
		other := make([]uint8, conv.Out.Len())
		add := &IntegerAdd{A: Affine{0.01, settings.Zero}, B: Affine{0.01, 0}, Out: Affine{0.01, 0}}
		for _, s := range setsUnderTest(b) {
			c := s.NewIntegerConv(settings, weight, 0)
			b.Run(fmt.Sprintf("in=%v/out=%v/kernel=%d/%s", conv.In, conv.Out, conv.Kernel, s.Name), func(b *testing.B) {
				for b.Loop() {
					s.ConvInteger(dst, src, c, Share{})
				}
				report(b)
			})
			if conv.Kernel == 3 && conv.In == conv.Out {
				b.Run(fmt.Sprintf("add/in=%v/out=%v/kernel=%d/%s", conv.In, conv.Out, conv.Kernel, s.Name), func(b *testing.B) {
					for b.Loop() {
						s.ConvAddInteger(dst, src, other, c, add, Share{})
					}
					report(b)
				})
			}
		}
	}
}

func BenchmarkQuantizeImage(b *testing.B) {
	const size = 3 * 32 * 32
	dst := make([]uint8, 34*34*4)
	for _, images := range []int{1, 128} { // in the first-level cache and outside of it
		src := make([]float32, images*size)
		for _, s := range setsUnderTest(b) {
			b.Run(fmt.Sprintf("images=%d/%s", images, s.Name), func(b *testing.B) {
				for i := 0; b.Loop(); i++ {
					at := i % images * size
					s.QuantizeImage(dst, src[at:at+size], 32, 32, Affine{0.02, 114})
				}
			})
		}
	}
}
