package kernel

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// eachProduct visits every product of a general convolution once; see
// Conv.eachProduct.
func (c GeneralConv) eachProduct(visit func(y, w, x int)) {
	in, out := c.C/c.Groups, c.K/c.Groups
	for k := range c.K {
		for oy := range c.Out.H {
			for ox := range c.Out.W {
				for i := range in {
					for ky := range c.Kernel {
						for kx := range c.Kernel {
							iy, ix := oy*c.Stride+ky-c.Top, ox*c.Stride+kx-c.Left
							x := -1
							if iy >= 0 && iy < c.In.H && ix >= 0 && ix < c.In.W {
								x = ((k/out*in+i)*c.In.H+iy)*c.In.W + ix
							}
							visit((k*c.Out.H+oy)*c.Out.W+ox, ((k*in+i)*c.Kernel+ky)*c.Kernel+kx, x)
						}
					}
				}
			}
		}
	}
}

// general returns d as a general convolution, for the oracle.
func (d Depthwise) general() GeneralConv {
	return GeneralConv{In: d.In, Out: d.Out, C: d.Channels, K: d.Channels, Groups: d.Channels, Window: d.Window}
}

// inLen and outLen are the lengths of plain inputs and outputs.
func (c GeneralConv) inLen() int  { return c.C * c.In.H * c.In.W }
func (c GeneralConv) outLen() int { return c.K * c.Out.H * c.Out.W }

// exactGeneral is GeneralForward in float64: w·x + bias + residual, clipped at 0
// and max.
func exactGeneral(c GeneralConv, x, w, bias, residual []float32, relu bool, limit float32) []exact {
	y := make([]exact, c.outLen())
	for i := range y {
		if bias != nil {
			y[i].add(float64(bias[i/(c.Out.H*c.Out.W)]))
		}
		if residual != nil {
			y[i].add(float64(residual[i]))
		}
	}
	c.eachProduct(func(yi, wi, xi int) {
		v := 0.0
		if xi >= 0 {
			v = float64(x[xi])
		}
		y[yi].add(float64(w[wi]) * v)
	})
	for i := range y {
		if relu && y[i].sum < 0 {
			y[i].sum = 0
		}
		if limit != 0 && y[i].sum > float64(limit) {
			y[i].sum = float64(limit)
		}
	}
	return y
}

// exactGeneralGrads is both gradients; dx0 and dw0 are added to, or nil.
func exactGeneralGrads(c GeneralConv, dx0, dw0, x, dy, w []float32) (dx, dw []exact) {
	dx, dw = make([]exact, c.inLen()), make([]exact, c.WeightLen())
	for i, v := range dx0 {
		dx[i].add(float64(v))
	}
	for i, v := range dw0 {
		dw[i].add(float64(v))
	}
	c.eachProduct(func(yi, wi, xi int) {
		v := 0.0
		if xi >= 0 {
			dx[xi].add(float64(w[wi]) * float64(dy[yi]))
			v = float64(x[xi])
		}
		dw[wi].add(v * float64(dy[yi]))
	})
	return dx, dw
}

// channelMap returns plain [c][H][W] laid out as m, whose channels behind c are
// zeros, with the given border.
func channelMap(t testing.TB, m Map, c int, plain []float32, border float32, offset int) []float32 {
	b := guardedFloats(t, m.view().len(), offset)
	for i := range b {
		b[i] = border
	}
	goSet().PackChannels(m, c, b, plain)
	return b
}

// channels returns the first c channels of b, laid out as m, as [c][H][W], and
// fails the test if the border is not as given or the channels behind are not 0.
func channels(t testing.TB, m Map, c int, b []float32, border float32) []float32 {
	t.Helper()
	plain := unpacked(t, m, b, border)
	for i, v := range plain[c*m.H*m.W:] {
		if v != 0 {
			t.Fatalf("value %d of the channels behind %d is %v, want 0", i, c, v)
		}
	}
	return plain[:c*m.H*m.W]
}

// randomWindow returns a window that fits a map of h × w pixels.
func randomWindow(r *rand.Rand, h, w int) Window {
	for {
		n := 1 + r.IntN(7)
		pad := func() int { return r.IntN(n) }
		v := Square(n, 1+r.IntN(4), n/2)
		if r.IntN(2) == 0 {
			v = Window{n, 1 + r.IntN(3), pad(), pad(), pad(), pad()}
		}
		if h+v.Top+v.Bottom >= n && w+v.Left+v.Right >= n {
			return v
		}
	}
}

// generalConvs are the geometries that networks have, some at the edges, and
// random ones.
func generalConvs() []GeneralConv {
	all := []GeneralConv{
		NewGeneralConv(3, 30, 30, 16, 1, Square(7, 2, 3), true),
		NewGeneralConv(1, 28, 28, 20, 1, Square(5, 1, 2), true),
		NewGeneralConv(3, 15, 17, 24, 1, Square(3, 2, 1), true),
		NewGeneralConv(2, 9, 9, 16, 1, Square(11, 4, 5), true),
		NewGeneralConv(24, 7, 7, 40, 1, Square(1, 1, 0), false),
		NewGeneralConv(20, 14, 14, 33, 1, Square(1, 2, 0), false),
		NewGeneralConv(32, 14, 14, 32, 1, Square(3, 1, 1), false),
		NewGeneralConv(17, 28, 28, 48, 1, Square(3, 2, 1), false),
		NewGeneralConv(16, 13, 11, 32, 1, Square(5, 1, 2), false),
		NewGeneralConv(16, 1, 1, 64, 1, Square(1, 1, 0), false),
		NewGeneralConv(16, 3, 3, 64, 1, Square(3, 1, 0), false),
		NewGeneralConv(8, 6, 6, 24, 1, Window{2, 2, 0, 0, 0, 0}, false),
		NewGeneralConv(16, 8, 8, 16, 1, Window{3, 2, 0, 0, 1, 1}, false),
		NewGeneralConv(32, 6, 6, 64, 4, Square(3, 1, 1), false),
		NewGeneralConv(24, 6, 5, 36, 3, Square(3, 2, 1), false),
		NewGeneralConv(40, 4, 4, 20, 20, Square(1, 1, 0), false),
		NewGeneralConv(64, 5, 5, 64, 2, Square(5, 1, 2), false),
		NewGeneralConv(5, 5, 5, 10, 5, Square(3, 1, 1), false),
		NewGeneralConv(2, 5, 5, 4, 1, Square(3, 1, 1), false),
	}
	r := newRand(11)
	for range 30 {
		h, w, groups := 1+r.IntN(12), 1+r.IntN(34), 1
		if r.IntN(3) == 0 {
			groups = 1 + r.IntN(4)
		}
		c, k := groups*(1+r.IntN(30)), groups*(1+r.IntN(40))
		all = append(all, NewGeneralConv(c, h, w, k, groups, randomWindow(r, h, w), groups == 1 && r.IntN(2) == 0))
	}
	return all
}

// eachGeneral runs f as a subtest for every geometry.
func eachGeneral[G fmt.Stringer](t *testing.T, all []G, f func(t *testing.T, c G)) {
	for i, c := range all {
		t.Run(fmt.Sprintf("%d:%v", i, c), func(t *testing.T) { f(t, c) })
	}
}

// epilogueCases are the steps behind a convolution that are tested together.
var epilogueCases = []struct {
	name                 string
	bias, residual, relu bool
	max                  float32
	sums, alias          bool
}{
	{name: "plain"},
	{name: "sums", sums: true},
	{name: "relu6", bias: true, relu: true, max: 0.5},
	{name: "everything", bias: true, residual: true, relu: true, max: 0.5, sums: true, alias: true},
}

// testForward tests one forward pass in all epilogue cases. Forward is given y,
// x and w as they lie in memory.
func testForward(t *testing.T, c GeneralConv, pack func(s *Set, oihw []float32) []float32, forward func(s *Set, y, x, w []float32, e Epilogue)) {
	x, w := operand(1, c.inLen()), operand(2, c.WeightLen())
	bias, residual, sums0 := operand(3, c.K), operand(4, c.outLen()), operand(5, 2*c.Out.C)
	for i, test := range epilogueCases {
		var exactBias, exactResidual []float32
		if test.bias {
			exactBias = bias
		}
		if test.residual {
			exactResidual = residual
		}
		want := exactGeneral(c, x, w, exactBias, exactResidual, test.relu, test.max)
		eachSet(t, func(t *testing.T, s *Set) {
			e := Epilogue{ReLU: test.relu, Max: test.max}
			y := channelMap(t, c.Out, c.K, residual, untouched, i)
			if test.bias {
				e.Bias = guardedFloats(t, c.Out.C, i)
				copy(e.Bias, bias)
			}
			if test.residual {
				e.Residual = y
				if !test.alias {
					e.Residual = channelMap(t, c.Out, c.K, residual, 0, i)
				}
			}
			if test.sums {
				e.Sums = append(guardedFloats(t, 2*c.Out.C, i)[:0], sums0...)
			}
			forward(s, y, channelMap(t, c.In, c.C, x, 0, i), pack(s, w), e)
			got := channels(t, c.Out, c.K, y, untouched)
			within(t, test.name+" y", got, want, 1)
			if test.sums {
				m := c.Out
				all := make([]float32, m.values())
				m.Unpack(all, y)
				within(t, test.name+" sums", e.Sums, exactSums(m, sums0, all), 1)
			}
		})
	}
}

func TestGeneralForward(t *testing.T) {
	eachGeneral(t, generalConvs(), func(t *testing.T, c GeneralConv) {
		pack := func(s *Set, oihw []float32) []float32 {
			w := guardedFloats(t, c.PackedLen(), 0)
			s.PackGeneral(c, w, oihw)
			return w
		}
		testForward(t, c, pack, func(s *Set, y, x, w []float32, e Epilogue) {
			s.GeneralForward(c, y, x, w, e, guardedFloats(t, c.Scratch(), 0))
		})
	})
}

func TestGeneralDataGrad(t *testing.T) {
	eachGeneral(t, generalConvs(), func(t *testing.T, c GeneralConv) {
		if c.In.isImage() {
			t.Skip("no gradient of the image")
		}
		testDataGrad(t, c, func(s *Set, dx, dy, oihw []float32, add bool) {
			wT := guardedFloats(t, c.TransposedLen(), 0)
			s.PackGeneralTransposed(c, wT, oihw)
			s.GeneralDataGrad(c, dx, dy, wT, add, guardedFloats(t, c.Scratch(), 0))
		})
	})
}

func testDataGrad(t *testing.T, c GeneralConv, dataGrad func(s *Set, dx, dy, oihw []float32, add bool)) {
	dx0, x, dy, w := operand(1, c.inLen()), operand(2, c.inLen()), operand(3, c.outLen()), operand(4, c.WeightLen())
	for _, add := range []bool{false, true} {
		from := dx0
		if !add {
			from = nil
		}
		want, _ := exactGeneralGrads(c, from, nil, x, dy, w)
		eachSet(t, func(t *testing.T, s *Set) {
			dx := channelMap(t, c.In, c.C, dx0, untouched, 3)
			dataGrad(s, dx, channelMap(t, c.Out, c.K, dy, 0, 5), w, add)
			within(t, fmt.Sprintf("add %v: dx", add), channels(t, c.In, c.C, dx, untouched), want, 1)
		})
	}
}

func TestGeneralWeightGrad(t *testing.T) {
	eachGeneral(t, generalConvs(), func(t *testing.T, c GeneralConv) {
		testWeightGrad(t, c, func(s *Set, dw0, x, dy []float32) []float32 {
			dw := guardedFloats(t, c.PackedLen(), 0)
			s.PackGeneral(c, dw, dw0)
			s.GeneralWeightGrad(c, dw, x, dy, guardedFloats(t, c.Scratch(), 0))
			got := guardedFloats(t, c.WeightLen(), 0)
			s.UnpackGeneralGrad(c, got, dw)
			return got
		})
	})
}

func testWeightGrad(t *testing.T, c GeneralConv, weightGrad func(s *Set, dw0, x, dy []float32) []float32) {
	dw0, x, dy, w := operand(1, c.WeightLen()), operand(2, c.inLen()), operand(3, c.outLen()), make([]float32, c.WeightLen())
	_, want := exactGeneralGrads(c, nil, dw0, x, dy, w)
	eachSet(t, func(t *testing.T, s *Set) {
		got := weightGrad(s, dw0, channelMap(t, c.In, c.C, x, 0, 3), channelMap(t, c.Out, c.K, dy, 0, 5))
		within(t, "dw", got, want, 1)
	})
}

// TestGeneralIsConv holds a GeneralConv's packed weights to those of the Conv
// that it says it is.
func TestGeneralIsConv(t *testing.T) {
	same := 0
	for _, conv := range testConvs() {
		c := NewGeneralConv(conv.In.C, conv.In.H, conv.In.W, conv.Out.C, 1, Square(conv.Kernel, conv.Stride, conv.Kernel/2), conv.ofImage())
		if got, ok := c.Conv(); !ok || got != conv {
			t.Fatalf("%v is %v, %v; want %v", c, got, ok, conv)
		}
		s, w := goSet(), operand(1, conv.PackedLen())
		equal := func(what string, a, b []float32) {
			for i := range a {
				if a[i] != b[i] {
					t.Fatalf("%v: %s %d is %v, want %v", c, what, i, a[i], b[i])
				}
			}
			same += len(a)
		}
		a, b := make([]float32, conv.PackedLen()), make([]float32, c.PackedLen())
		s.PackWeights(conv, a, w)
		s.PackGeneral(c, b, w)
		equal("weight", a, b)
		if !conv.ofImage() {
			s.PackWeightsTransposed(conv, a, w)
			s.PackGeneralTransposed(c, b, w)
			equal("transposed weight", a, b)
		}
	}
	if same == 0 {
		t.Error("nothing compared")
	}
	for _, c := range []GeneralConv{
		NewGeneralConv(24, 8, 8, 16, 1, Square(3, 1, 1), false), NewGeneralConv(16, 8, 8, 24, 1, Square(3, 1, 1), false),
		NewGeneralConv(16, 8, 8, 16, 1, Square(3, 1, 0), false), NewGeneralConv(16, 8, 8, 16, 2, Square(3, 1, 1), false),
		NewGeneralConv(16, 8, 8, 16, 1, Window{3, 2, 0, 0, 1, 1}, false), NewGeneralConv(1, 8, 8, 16, 1, Square(3, 1, 1), true),
	} {
		if conv, ok := c.Conv(); ok {
			t.Errorf("%v is said to be %v", c, conv)
		}
	}
}

func TestGeneralDoesNotAllocate(t *testing.T) {
	for _, c := range []GeneralConv{
		NewGeneralConv(24, 9, 9, 40, 1, Square(5, 2, 2), false), NewGeneralConv(24, 7, 7, 40, 4, Square(1, 1, 0), false),
	} {
		eachSet(t, func(t *testing.T, s *Set) {
			y, x, w, wT, scratch := Floats(c.Out.Len()), Floats(c.In.Len()), Floats(c.PackedLen()), Floats(c.TransposedLen()), Floats(c.Scratch())
			e := Epilogue{Bias: Floats(c.Out.C), Residual: y, ReLU: true, Sums: Floats(2 * c.Out.C)}
			if n := testing.AllocsPerRun(3, func() {
				s.GeneralForward(c, y, x, w, e, scratch)
				s.GeneralWeightGrad(c, w, x, y, scratch)
				s.GeneralDataGrad(c, x, y, wT, true, scratch)
			}); n != 0 {
				t.Errorf("%v: %v allocations", c, n)
			}
		})
	}
}

// benchmarkGeneral are convolutions of MobileNetV2, ResNet-18, VGG and SqueezeNet.
var benchmarkGeneral = []GeneralConv{
	NewGeneralConv(3, 224, 224, 64, 1, Square(7, 2, 3), true),
	NewGeneralConv(3, 224, 224, 32, 1, Square(3, 2, 1), true),
	NewGeneralConv(24, 56, 56, 144, 1, Square(1, 1, 0), false),
	NewGeneralConv(144, 56, 56, 24, 1, Square(1, 1, 0), false),
	NewGeneralConv(96, 14, 14, 576, 1, Square(1, 1, 0), false),
	NewGeneralConv(960, 7, 7, 160, 1, Square(1, 1, 0), false),
	NewGeneralConv(320, 4, 4, 1280, 1, Square(1, 1, 0), false),
	NewGeneralConv(64, 56, 56, 64, 1, Square(3, 1, 1), false),
	NewGeneralConv(64, 32, 32, 64, 1, Square(3, 1, 1), false),
	NewGeneralConv(256, 14, 14, 256, 1, Square(3, 1, 1), false),
	NewGeneralConv(512, 7, 7, 512, 1, Square(3, 1, 1), false),
	NewGeneralConv(512, 2, 2, 512, 1, Square(3, 1, 1), false),
	NewGeneralConv(128, 28, 28, 256, 1, Square(3, 2, 1), false),
	NewGeneralConv(32, 28, 28, 64, 1, Square(5, 1, 2), false),
	NewGeneralConv(128, 14, 14, 128, 32, Square(3, 1, 1), false),
}

func BenchmarkGeneral(b *testing.B) {
	for _, s := range setsUnderTest(b) {
		for _, c := range benchmarkGeneral {
			x, y := fillNormal(newRand(1), Floats(c.In.view().len())), Floats(c.Out.Len())
			w, scratch := fillNormal(newRand(2), Floats(c.PackedLen())), Floats(c.Scratch())
			run := func(name string, f func()) {
				b.Run(fmt.Sprintf("%s/%v/%s", name, c, s.Name), func(b *testing.B) {
					for b.Loop() {
						f()
					}
					gigaflops(b, c.WeightLen()*c.Out.H*c.Out.W)
				})
			}
			run("forward", func() { s.GeneralForward(c, y, x, w, Epilogue{ReLU: true}, scratch) })
			run("weightgrad", func() { s.GeneralWeightGrad(c, w, x, y, scratch) })
			if !c.In.isImage() {
				dx, wT := Floats(c.In.Len()), fillNormal(newRand(2), Floats(c.TransposedLen()))
				run("datagrad", func() { s.GeneralDataGrad(c, dx, y, wT, false, scratch) })
			}
		}
	}
}
