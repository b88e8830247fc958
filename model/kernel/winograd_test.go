package kernel

import (
	"fmt"
	"math"
	"slices"
	"testing"
)

// winogradBound is the largest relative error, in the L2 norm, that F(4×4, 3×3)
// may make in float32. Measured on normally distributed values: 0.8e-6 to
// 2.6e-6, growing with the number of products in a sum.
const winogradBound = 5e-6

// winogradConv returns the convolution that keeps the shape of its input.
func winogradConv(c, h, w int) Conv {
	m := Map{C: c, H: h, W: w}
	return Conv{In: m, Out: m, Kernel: 3, Stride: 1}
}

// winogradTo is winogradConv with k output channels.
func winogradTo(k int, c Conv) Conv {
	c.Out.C = k
	return c
}

// winogradShapes are the shapes of a ResNet-20, and odd ones: a single tile, odd
// numbers of tiles, chunks that end inside an image, many channels, others in the
// output than in the input, maps that are no whole number of tiles.
var winogradShapes = []Conv{
	winogradConv(16, 32, 32),
	winogradConv(32, 16, 16),
	winogradConv(64, 8, 8),
	winogradConv(16, 4, 4),
	winogradConv(32, 4, 20),
	winogradConv(16, 12, 12),
	winogradConv(32, 28, 28),
	winogradConv(96, 12, 8),
	winogradConv(160, 4, 4),
	winogradTo(32, winogradConv(16, 8, 8)),
	winogradTo(16, winogradConv(32, 8, 8)),
	winogradTo(48, winogradConv(80, 8, 4)),
	winogradTo(256, winogradConv(176, 4, 4)),
	winogradConv(16, 7, 7),
	winogradConv(48, 6, 11),
	winogradTo(64, winogradConv(32, 14, 14)),
	winogradConv(32, 3, 12),
}

// eachWinograd runs f for every shape and, in a group, a single image, one less
// than fit and all that fit. The exact results are the same for all sets, so f hands
// those out itself.
func eachWinograd(t *testing.T, f func(t *testing.T, p Winograd, c Conv, images int)) {
	eachShape(t, winogradShapes, func(t *testing.T, c Conv) {
		for _, chunk := range []int{SmallChunk, LargeChunk} {
			p := NewWinograd(c, chunk)
			for _, images := range slices.Compact([]int{1, max(1, p.Group()-1), p.Group()}) {
				if testing.Short() && images*c.Out.values()*9*c.In.C > 5<<20 {
					continue // slow to verify
				}
				t.Run(fmt.Sprintf("chunk=%d,images=%d", chunk, images), func(t *testing.T) { f(t, p, c, images) })
			}
		}
	})
}

// images is a batch in a kernel's layout and plainly.
type images struct {
	m     Map
	n     int
	laid  []float32 // [n] as m, between guards
	plain []float32 // [n][C][H][W]
}

// newImages returns n images of zeros whose borders hold border.
func newImages(t testing.TB, m Map, n int, border float32) images {
	b := images{m: m, n: n, laid: guardedFloats(t, n*m.Len(), n%4), plain: make([]float32, n*m.C*m.H*m.W)}
	for i := range b.laid {
		b.laid[i] = border
	}
	b.pack()
	return b
}

func (b images) pack() {
	for i := range b.n {
		b.m.Pack(b.laid[i*b.m.Len():], b.one(i))
	}
}

// unpack reads plain back and fails the test if the border is not as newImages
// left it.
func (b images) unpack(t testing.TB, border float32) []float32 {
	t.Helper()
	check := append([]float32(nil), b.laid...)
	for i := range b.n {
		b.m.Unpack(b.one(i), b.laid[i*b.m.Len():])
		b.m.Pack(check[i*b.m.Len():], make([]float32, len(b.one(i))))
	}
	want := newImages(t, b.m, b.n, border)
	for i, v := range check {
		if v != want.laid[i] {
			t.Fatalf("wrote %v on the border, at float %d", v, i)
		}
	}
	return b.plain
}

// one returns the plain image i.
func (b images) one(i int) []float32 {
	n := b.m.C * b.m.H * b.m.W
	return b.plain[i*n:][:n]
}

// normalImages returns n images of normally distributed values with a border of
// zeros.
func normalImages(t testing.TB, m Map, n int, seed uint64) images {
	b := newImages(t, m, n, 0)
	fillNormal(newRand(seed), b.plain)
	b.pack()
	return b
}

// closeL2 fails the test if got differs from want by more than bound, in the L2
// norm relative to want's.
func closeL2(t testing.TB, what string, got []float32, want []exact, bound float64) {
	t.Helper()
	var diff, norm, worst float64
	at := 0
	for i, w := range want {
		d := float64(got[i]) - w.sum
		diff, norm = diff+d*d, norm+w.sum*w.sum
		if math.Abs(d) > worst {
			worst, at = math.Abs(d), i
		}
	}
	if r := math.Sqrt(diff / norm); !(r <= bound) {
		t.Errorf("%s: relative L2 error %.3g, allowed %.3g; worst is [%d] = %v, want %v", what, r, bound, at, got[at], want[at].sum)
	}
}

func TestWinogradForward(t *testing.T) {
	eachWinograd(t, func(t *testing.T, p Winograd, c Conv, n int) {
		r := newRand(1)
		x := normalImages(t, c.In, n, 2)
		residual := normalImages(t, c.Out, n, 3)
		w := fillNormal(r, make([]float32, 9*c.In.C*c.Out.C))
		bias := fillNormal(r, guardedFloats(t, c.Out.C, 0))
		var products []exact
		for i := range n {
			products = append(products, exactForward(c, x.one(i), w, nil, nil, false)...)
		}
		eachSet(t, func(t *testing.T, s *Set) {
			u := guardedFloats(t, p.WeightsLen(), n%3)
			s.WinogradWeights(p, u, w, false)
			for name, e := range map[string]Epilogue{
				"plain":    {},
				"bias":     {Bias: bias},
				"relu":     {ReLU: true},
				"residual": {Residual: residual.laid},
				"sums":     {Sums: fillNormal(newRand(4), guardedFloats(t, 2*c.Out.C, 0))},
				"all":      {Bias: bias, Residual: residual.laid, ReLU: true, Sums: guardedFloats(t, 2*c.Out.C, 0)},
			} {
				before := append([]float32(nil), e.Sums...)
				y := newImages(t, c.Out, n, 7)
				s.WinogradForward(p, y.laid, x.laid, n, u, e, leftovers(t, p), make([]float32, 5))
				got := y.unpack(t, 7)
				want := append([]exact(nil), products...)
				for i := range want {
					if e.Bias != nil {
						want[i].add(float64(bias[i/(c.Out.H*c.Out.W)%c.Out.C]))
					}
					if e.Residual != nil {
						want[i].add(float64(residual.plain[i]))
					}
					if e.ReLU {
						want[i].sum = max(0, want[i].sum)
					}
				}
				closeL2(t, name, got, want, winogradBound)
				if e.Sums == nil {
					continue
				}
				sums := exactSums(c.Out, before, nil)
				for i := range n {
					for j, v := range exactSums(c.Out, nil, y.one(i)) {
						sums[j] = exact{sums[j].sum + v.sum, sums[j].total + v.total, sums[j].terms + v.terms}
					}
				}
				within(t, name+" sums", e.Sums, sums, 1)
			}
		})
	})
}

// The residual may be the output itself: it accumulates.
func TestWinogradDataGradAccumulates(t *testing.T) {
	eachWinograd(t, func(t *testing.T, p Winograd, c Conv, n int) {
		dy := normalImages(t, c.Out, n, 1)
		before := normalImages(t, c.In, n, 2)
		w := fillNormal(newRand(3), make([]float32, 9*c.In.C*c.Out.C))
		var want []exact
		for i := range n {
			want = append(want, exactDataGrad(c, before.one(i), dy.one(i), w)...)
		}
		eachSet(t, func(t *testing.T, s *Set) {
			q := p.Transposed()
			u := guardedFloats(t, q.WeightsLen(), n%3)
			s.WinogradWeights(q, u, w, true)
			dx := normalImages(t, c.In, n, 2)
			s.WinogradForward(q, dx.laid, dy.laid, n, u, Epilogue{Residual: dx.laid}, leftovers(t, p), nil)
			closeL2(t, "dx", dx.unpack(t, 0), want, winogradBound)
		})
	})
}

func TestWinogradWeightGrad(t *testing.T) {
	eachWinograd(t, func(t *testing.T, p Winograd, c Conv, n int) {
		const rounds = 2 // the second must add to the first
		var x, dy [rounds]images
		want := make([]exact, 9*c.In.C*c.Out.C)
		for round := range rounds {
			x[round], dy[round] = normalImages(t, c.In, n, uint64(2*round)), normalImages(t, c.Out, n, uint64(2*round+1))
			for i := range n {
				for j, v := range exactWeightGrad(c, make([]float32, len(want)), x[round].one(i), dy[round].one(i)) {
					want[j].sum += v.sum
				}
			}
		}
		eachSet(t, func(t *testing.T, s *Set) {
			du := guardedFloats(t, p.WeightsLen(), n%3)
			for round := range rounds {
				s.WinogradWeightGrad(p, du, x[round].laid, dy[round].laid, n, leftovers(t, p), make([]float32, 5))
			}
			dw := guardedFloats(t, len(want), n%5)
			for i := range dw {
				dw[i] = 5 // is overwritten
			}
			s.WinogradWeightGradDone(p, dw, du)
			closeL2(t, "dw", dw, want, winogradBound)
		})
	})
}

// leftovers returns scratch memory whose contents must not matter.
func leftovers(t testing.TB, p Winograd) []float32 {
	b := guardedFloats(t, p.ScratchLen(), 7)
	for i := range b {
		b[i] = float32(math.NaN())
	}
	return b
}

// What the definition makes NaN stays visible. Winograd's sums mix a tile, so
// that its whole tile may become NaN, and an infinity turns into one.
func TestWinogradLetsNaNThrough(t *testing.T) {
	eachShape(t, []Conv{winogradConv(16, 8, 8), winogradConv(32, 8, 8)}, func(t *testing.T, c Conv) {
		p := NewWinograd(c, LargeChunk)
		for _, bad := range []float32{float32(math.NaN()), float32(math.Inf(1))} {
			for _, where := range []string{"x", "w", "residual", "bias"} {
				x, residual := normalImages(t, c.In, 1, 1), normalImages(t, c.In, 1, 2)
				w := fillNormal(newRand(3), make([]float32, 9*c.In.C*c.Out.C))
				bias := Floats(c.Out.C)
				switch where {
				case "x":
					x.plain[len(x.plain)/3] = bad
				case "w":
					w[len(w)/3] = bad
				case "residual":
					residual.plain[len(residual.plain)/3] = bad
				case "bias":
					bias[5] = bad
				}
				x.pack()
				residual.pack()
				want := exactForward(c, x.plain, w, bias, residual.plain, true)
				eachSet(t, func(t *testing.T, s *Set) {
					u := Floats(p.WeightsLen())
					s.WinogradWeights(p, u, w, false)
					y := newImages(t, c.Out, 1, 0)
					s.WinogradForward(p, y.laid, x.laid, 1, u, Epilogue{Bias: bias, Residual: residual.laid, ReLU: true}, leftovers(t, p), nil)
					lost := 0
					for i, got := range y.unpack(t, 0) {
						if !finite(want[i].sum) && finite(float64(got)) {
							lost++
						}
					}
					if lost > 0 {
						t.Errorf("%v in %s: %d outputs hide it", bad, where, lost)
					}
				})
			}
		}
	})
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

func TestWinogradOK(t *testing.T) {
	for _, c := range []Conv{
		{In: Map{16, 8, 8}, Out: Map{16, 8, 8}, Kernel: 1, Stride: 1},
		{In: Map{16, 8, 8}, Out: Map{16, 4, 4}, Kernel: 3, Stride: 2},
		{In: Map{3, 32, 32}, Out: Map{16, 32, 32}, Kernel: 3, Stride: 1},
		winogradConv(24, 8, 8),
		winogradTo(24, winogradConv(16, 8, 8)),
		winogradConv(16, 5, 5),
		winogradConv(16, 2, 2),
	} {
		if WinogradOK(c) {
			t.Errorf("%v is accepted", c)
		}
	}
	for _, c := range winogradShapes {
		if !WinogradOK(c) {
			t.Errorf("%v is refused", c)
		}
	}
}

// BenchmarkWinograd reports GFLOP/s as if the products were those of the
// definition.
func BenchmarkWinograd(b *testing.B) {
	for _, s := range setsUnderTest(b) {
		for _, c := range winogradShapes[:3] {
			p := NewWinograd(c, LargeChunk)
			n := p.Group()
			x, y := normalImages(b, c.In, n, 1), normalImages(b, c.Out, n, 2)
			w := fillNormal(newRand(3), Floats(9*c.In.C*c.Out.C))
			u, du, scratch := Floats(p.WeightsLen()), Floats(p.WeightsLen()), Floats(p.ScratchLen())
			s.WinogradWeights(p, u, w, false)
			sums := Floats(2 * c.Out.C)
			macs := n * 9 * c.In.C * c.Out.C * c.Out.H * c.Out.W
			for _, op := range []struct {
				name string
				macs int
				f    func()
			}{
				{"forward", macs, func() { s.WinogradForward(p, y.laid, x.laid, n, u, Epilogue{Sums: sums}, scratch, x.laid) }},
				{"data", macs, func() {
					s.WinogradForward(p, y.laid, x.laid, n, u, Epilogue{Residual: y.laid}, scratch, x.laid)
				}},
				{"weight", macs, func() { s.WinogradWeightGrad(p, du, x.laid, y.laid, n, scratch, x.laid) }},
				{"transform", 0, func() { s.WinogradWeights(p, u, w, false) }},
				{"transform-transposed", 0, func() { s.WinogradWeights(p, u, w, true) }},
				{"done", 0, func() { s.WinogradWeightGradDone(p, w, du) }},
			} {
				b.Run(fmt.Sprintf("%s/%v/%s", op.name, c.In, s.Name), func(b *testing.B) {
					b.ReportAllocs()
					for b.Loop() {
						op.f()
					}
					if op.macs > 0 {
						gigaflops(b, op.macs)
						b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*n), "µs/image")
					}
				})
			}
		}
	}
}
