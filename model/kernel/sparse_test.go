package kernel

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"testing"
)

// prune returns random weights of c [K][C][k][k], each of them left with the
// probability density; every fifth output channel has none at all.
func prune(r *rand.Rand, c Conv, density float64) []float32 {
	w := make([]float32, c.Out.C*c.In.C*c.Kernel*c.Kernel)
	per := c.In.C * c.Kernel * c.Kernel
	for i := range w {
		if r.Float64() < density && (density == 1 || i/per%5 != 4) {
			w[i] = float32(r.NormFloat64())
		}
	}
	return w
}

// exactSparse is exactForward without the products of weights that are zero.
func exactSparse(c Conv, x, w, bias, residual []float32, relu bool) []exact {
	y := exactForward(Conv{In: Map{0, c.In.H, c.In.W}, Out: c.Out, Kernel: c.Kernel, Stride: c.Stride}, nil, nil, bias, residual, false)
	c.eachProduct(func(yi, wi, xi int) {
		if xi >= 0 && w[wi] != 0 {
			y[yi].add(float64(w[wi]) * float64(x[xi]))
		}
	})
	for i := range y {
		if relu && y[i].sum < 0 {
			y[i].sum = 0
		}
	}
	return y
}

// planesOf returns plain [C][H][W] between guards, laid out as p.
func planesOf(t testing.TB, p Planes, plain []float32) []float32 {
	s := guardedFloats(t, p.Len(), p.W%5)
	for c := range p.C {
		for y := range p.H {
			for x := range p.W {
				s[p.At(c, y, x)] = plain[(c*p.H+y)*p.W+x]
			}
		}
	}
	return s
}

// runSparse computes y for several plain images [n][C][H][W], each with its own
// residual, and checks that the rows of zeros stay as they are.
func runSparse(t testing.TB, s *Set, p *Sparse, x []float32, images int, bias, residual []float32, relu, inPlace bool) []float32 {
	in, out := p.Input(), p.Output()
	px := guardedFloats(t, images*in.Len(), in.W%3)
	py, pr := guardedFloats(t, images*out.Len(), in.W%4), guardedFloats(t, images*out.Len(), 1)
	n, m := in.C*in.H*in.W, out.C*out.H*out.W
	for i := range images {
		s.PackPlanes(in, px[i*in.Len():][:in.Len()], x[i*n:])
		if residual != nil {
			s.PackPlanes(out, pr[i*out.Len():][:out.Len()], residual[i*m:])
		}
	}
	e := Epilogue{Bias: bias, ReLU: relu}
	if residual != nil {
		e.Residual = pr
		if inPlace {
			py = pr
		}
	}
	s.SparseForward(p, py, px, images, e)
	y := make([]float32, images*m)
	for i := range images {
		image := py[i*out.Len():][:out.Len()]
		for c := range out.C {
			for j := range out.H * out.W {
				y[(i*out.C+c)*out.H*out.W+j] = image[out.At(c, j/out.W, j%out.W)]
			}
			for x := range out.W {
				if image[out.At(c, -1, x)] != 0 || image[out.At(c, out.H, x)] != 0 {
					t.Fatalf("wrote into the rows of zeros of channel %d", c)
				}
			}
		}
	}
	return y
}

func TestSparseForward(t *testing.T) {
	convs := append(testConvs(),
		convShape(7, 5, 6, 9, 3, 1), convShape(3, 1, 8, 8, 3, 1), convShape(5, 9, 16, 32, 3, 2), convShape(5, 9, 16, 32, 1, 1),
		convShape(3, 5, 8, 32, 3, 1), convShape(4, 7, 16, 16, 3, 1), convShape(4, 6, 16, 16, 3, 2), convShape(4, 3, 15, 31, 3, 2))
	for i, c := range convs {
		densities := []float64{0, 0.02, 0.1, 0.4, 1}
		if c.In.values()*c.Out.C > 1<<17 {
			densities = densities[2:3] // slow to verify, and no edge cases
		}
		for j, density := range densities {
			const images = 2
			r := newRand(uint64(10*i + j))
			w := prune(r, c, density)
			n, m := c.In.values(), c.Out.values()
			x, bias, residual := operand(1, images*n), operand(2, c.Out.C), operand(3, images*m)
			relu, inPlace := r.IntN(2) == 0, r.IntN(2) == 0
			if r.IntN(3) == 0 {
				bias = nil
			}
			if r.IntN(3) == 0 {
				residual = nil
			}
			var want []exact
			for i := range images {
				var own []float32
				if residual != nil {
					own = residual[i*m:][:m]
				}
				want = append(want, exactSparse(c, x[i*n:][:n], w, bias, own, relu)...)
			}
			eachSet(t, func(t *testing.T, s *Set) {
				y := runSparse(t, s, NewSparse(c, w), x, images, bias, residual, relu, inPlace)
				within(t, fmt.Sprintf("%v at density %v: y", c, density), y, want, 1)
			})
		}
	}
}

// TestSparseAsDense: with no weight at zero, sparse and dense convolution agree.
func TestSparseAsDense(t *testing.T) {
	c := convShape(16, 16, 8, 8, 3, 1)
	w, x, bias := operand(1, 16*16*9), operand(2, c.In.values()), operand(3, 16)
	eachSet(t, func(t *testing.T, s *Set) {
		p := NewSparse(c, w)
		if len(p.entries) != len(w) {
			t.Fatalf("%d of %d weights listed", len(p.entries), len(w))
		}
		packed := make([]float32, c.PackedLen())
		s.PackWeights(c, packed, w)
		y := packedMap(t, c.Out, make([]float32, c.Out.values()), 0, 0)
		s.ConvForward(c, y, packedMap(t, c.In, x, 0, 0), packed, Epilogue{Bias: bias, ReLU: true})
		dense := make([]float32, c.Out.values())
		c.Out.Unpack(dense, y)
		want := exactForward(c, x, w, bias, nil, true)
		for i, v := range runSparse(t, s, p, x, 1, bias, nil, true, false) {
			if diff := math.Abs(float64(v) - float64(dense[i])); diff > 2*want[i].bound() {
				t.Fatalf("y[%d] = %v, dense %v", i, v, dense[i])
			}
		}
	})
}

// TestSparseKeepsNaN: NaN and Inf reach the outputs that are connected to them,
// and no other.
func TestSparseKeepsNaN(t *testing.T) {
	for _, size := range []int{32, 16, 8, 5} {
		for _, stride := range []int{1, 2} {
			c := convShape(16, 16, size, size, 3, stride)
			for _, odd := range []float32{nan, inf} {
				w, x := prune(newRand(1), c, 0.3), operand(2, c.In.values())
				for _, at := range []int{0, size - 1, size * size / 2, size*size - 1, 7*size*size + 3} {
					x[at] = odd
				}
				eachSet(t, func(t *testing.T, s *Set) {
					y := runSparse(t, s, NewSparse(c, w), x, 1, nil, nil, true, false)
					within(t, fmt.Sprintf("%v: y", c), y, exactSparse(c, x, w, nil, nil, true), 1)
				})
			}
		}
	}
}

// TestPlanesConversions holds conversions to their definitions, exactly.
func TestPlanesConversions(t *testing.T) {
	eachSet(t, func(t *testing.T, s *Set) {
		for _, size := range [][2]int{{32, 32}, {16, 16}, {8, 8}, {4, 24}, {1, 1}, {5, 3}, {2, 17}, {3, 8}, {7, 32}, {3, 48}, {16, 8}} {
			m := Map{32, size[0], size[1]}
			p := m.Planes()
			plain := operand(4, m.values())
			x := planesOf(t, p, plain)

			planes := guardedFloats(t, p.Len(), p.W%5)
			s.MapToPlanes(m, planes, packedMap(t, m, plain, nan, 0))
			same(t, fmt.Sprintf("%v as planes", m), planes, x)

			back := packedMap(t, m, make([]float32, m.values()), 7, 0)
			s.PlanesToMap(m, back, x)
			same(t, fmt.Sprintf("%v as map", m), back, packedMap(t, m, plain, 7, 0))

			packed := guardedFloats(t, p.Len(), p.W%3)
			s.PackPlanes(p, packed, plain)
			same(t, fmt.Sprintf("%v packed", p), packed, x)

			mean := guardedFloats(t, p.C, 1)
			s.AveragePoolPlanes(p, mean, x)
			want := make([]exact, p.C)
			for i, v := range plain {
				want[i/(p.H*p.W)].add(float64(v) / float64(p.H*p.W))
			}
			within(t, "mean", mean, want, 1)
			wantGo := make([]float32, p.C)
			goSet().AveragePoolPlanes(p, wantGo, x)
			same(t, "mean", mean, wantGo)
		}
	})
}

// TestSparseRuns holds the lists to what kernels expect of them: every weight
// once, in runs whose taps are a step apart.
func TestSparseRuns(t *testing.T) {
	for _, c := range []Conv{convShape(5, 4, 9, 9, 3, 1), convShape(5, 4, 8, 8, 3, 1), convShape(5, 4, 16, 16, 3, 2), convShape(5, 4, 9, 9, 3, 2), convShape(5, 4, 8, 8, 1, 2)} {
		for _, density := range []float64{0.3, 1} {
			w := prune(newRand(3), c, density)
			p := NewSparse(c, w)
			step, longest := uint32(c.Stride*c.In.W), map[int]int{}
			if c.Stride == 1 && c.In.W == 8 {
				step *= 2
			}
			entries := p.entries
			for _, columns := range p.columns {
				for _, n := range columns {
					total := 0
					for i, runs := range n.runs {
						for range runs {
							for j := 1; j <= i; j++ {
								if entries[j].offset != entries[j-1].offset+step {
									t.Errorf("%v: a run of offsets %v", c, entries[:i+1])
								}
							}
							entries = entries[i+1:]
							total += i + 1
							longest[i+1]++
						}
					}
					if total != int(n.entries) {
						t.Errorf("%v: %d entries in runs of %v", c, n.entries, n.runs)
					}
				}
			}
			have, want := map[float32]int{}, map[float32]int{}
			for _, e := range p.entries {
				have[e.weight]++
			}
			for _, v := range w {
				if v != 0 {
					want[v]++
				}
			}
			if len(entries) != 0 || !maps.Equal(have, want) {
				t.Errorf("%v: %d entries left over, %d weights listed of %d", c, len(entries), len(have), len(want))
			}
			if most := map[bool]int{true: 3, false: 2}[c.Stride == 1 && c.In.W != 8]; c.Kernel == 3 && density == 1 && longest[most] == 0 {
				t.Errorf("%v: runs of %v, want some of %d", c, longest, most)
			}
		}
	}
}

func TestSparseAllocatesNothing(t *testing.T) {
	c := convShape(16, 16, 8, 8, 3, 1)
	p := NewSparse(c, prune(newRand(1), c, 0.1))
	eachSet(t, func(t *testing.T, s *Set) {
		x, y := Floats(p.Input().Len()), Floats(p.Output().Len())
		if n := testing.AllocsPerRun(10, func() { s.SparseForward(p, y, x, 1, Epilogue{ReLU: true}) }); n != 0 {
			t.Errorf("%v allocations", n)
		}
	})
}

// BenchmarkSparse states GFLOP/s twice: of the weights that are left, and of
// the dense convolution that they stand for.
func BenchmarkSparse(b *testing.B) {
	for _, c := range resnetConvs {
		for _, density := range []float64{0.3, 0.2, 0.1, 0.08, 0.05, 0.02} {
			for _, s := range setsUnderTest(b) {
				b.Run(fmt.Sprintf("%v/%v/%s", c, density, s.Name), func(b *testing.B) {
					p := NewSparse(c, prune(newRand(1), c, density))
					const images = 8
					x, y := Floats(images*p.Input().Len()), Floats(images*p.Output().Len())
					bias := Floats(c.Out.C)
					fillNormal(newRand(1), x)
					e := Epilogue{Bias: bias, Residual: Floats(len(y)), ReLU: true}
					for b.Loop() {
						s.SparseForward(p, y, x, images, e)
					}
					pixels := images * c.Out.H * c.Out.W
					gigaflops(b, pixels*len(p.entries))
					perSecond := float64(b.N) / b.Elapsed().Seconds()
					b.ReportMetric(2e-9*float64(pixels*c.In.C*c.Out.C*c.Kernel*c.Kernel)*perSecond, "dense-GFLOP/s")
					b.ReportMetric(1e6/(perSecond*images), "µs/image")
				})
			}
		}
	}
}

func BenchmarkPlanes(b *testing.B) {
	for _, s := range setsUnderTest(b) {
		for _, m := range elementwiseMaps[:3] {
			p := m.Planes()
			x, y := Floats(m.Len()), Floats(p.Len())
			for name, f := range map[string]func(){
				"from map": func() { s.MapToPlanes(m, y, x) },
				"to map":   func() { s.PlanesToMap(m, x, y) },
				"pack":     func() { s.PackPlanes(p, y, x) },
				"pool":     func() { s.AveragePoolPlanes(p, x, y) },
			} {
				b.Run(fmt.Sprintf("%s/%v/%s", name, m, s.Name), func(b *testing.B) {
					for b.Loop() {
						f()
					}
				})
			}
		}
	}
}
