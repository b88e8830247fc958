package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

var (
	nan = float32(math.NaN())
	inf = float32(math.Inf(1))
)

// elementwiseMaps are the shapes that training meets, then odd ones: rows of
// every length modulo 4, down to a single pixel.
var elementwiseMaps = []Map{
	{16, 32, 32}, {32, 16, 16}, {64, 8, 8},
	{16, 1, 1}, {16, 1, 2}, {32, 2, 3}, {16, 3, 4}, {48, 5, 5}, {16, 2, 9}, {32, 7, 6},
}

// sprinkle fills b with normally distributed values, and among them some of the
// values that catch shortcuts.
func sprinkle(r *rand.Rand, b []float32) []float32 {
	odd := []float32{nan, inf, -inf, 0, float32(math.Copysign(0, -1)), 1e-42, -1e-42, math.MaxFloat32}
	for i := range fillNormal(r, b) {
		if r.IntN(50) == 0 {
			b[i] = odd[r.IntN(len(odd))]
		}
	}
	return b
}

// randomMap returns an image of odd values behind a border that no kernel
// should look at or change, and a check that the border is as it was.
func randomMap(t *testing.T, r *rand.Rand, m Map) (s []float32, check func()) {
	const border = -12345
	s = guardedFloats(t, m.Len(), m.W%Lanes) // 0, 8, and odd numbers
	for i := range s {
		s[i] = border
	}
	m.Pack(s, sprinkle(r, make([]float32, m.C*m.H*m.W)))
	return s, func() {
		t.Helper()
		inside := make([]bool, len(s))
		m.rows(func(_, from, to int) {
			for i := from; i < to; i++ {
				inside[i] = true
			}
		})
		for i, v := range s {
			if !inside[i] && v != border {
				t.Fatalf("the border holds %v at %d", v, i)
			}
		}
	}
}

// same fails the test unless two results have the same bits, up to the payload
// of NaN.
func same(t *testing.T, what string, got, want []float32) {
	t.Helper()
	for i, w := range want {
		if math.Float32bits(got[i]) != math.Float32bits(w) && !(got[i] != got[i] && w != w) {
			t.Fatalf("%s[%d] = %v (%#x), the Go kernel has %v (%#x)", what, i, got[i], math.Float32bits(got[i]), w, math.Float32bits(w))
		}
	}
}

// Every operation on maps, with all its buffers: in is what it may write or
// read, first of all its result.
var mapOps = []struct {
	name    string
	maps    int // that it works on
	vectors int // of m.C floats
	sums    bool
	run     func(s *Set, m Map, x, v [][]float32, sums []float32)
}{
	{"apply", 2, 2, false, func(s *Set, m Map, x, v [][]float32, _ []float32) {
		s.NormApply(m, x[0], x[1], nil, v[0], v[1], false)
	}},
	{"apply ReLU", 2, 2, false, func(s *Set, m Map, x, v [][]float32, _ []float32) {
		s.NormApply(m, x[0], x[1], nil, v[0], v[1], true)
	}},
	{"apply residual ReLU", 3, 2, false, func(s *Set, m Map, x, v [][]float32, _ []float32) {
		s.NormApply(m, x[0], x[1], x[2], v[0], v[1], true)
	}},
	{"apply in place", 2, 2, false, func(s *Set, m Map, x, v [][]float32, _ []float32) {
		s.NormApply(m, x[0], x[0], x[1], v[0], v[1], true)
	}},
	{"apply onto residual", 2, 2, false, func(s *Set, m Map, x, v [][]float32, _ []float32) {
		s.NormApply(m, x[0], x[1], x[0], v[0], v[1], false)
	}},
	{"sums", 1, 0, true, func(s *Set, m Map, x, v [][]float32, sums []float32) {
		s.NormSums(m, x[0], sums)
	}},
	{"backward sums", 2, 1, true, func(s *Set, m Map, x, v [][]float32, sums []float32) {
		s.NormBackwardSums(m, x[0], nil, x[1], v[0], sums)
	}},
	{"backward sums masked", 3, 1, true, func(s *Set, m Map, x, v [][]float32, sums []float32) {
		s.NormBackwardSums(m, x[0], x[1], x[2], v[0], sums)
	}},
	{"backward", 3, 3, false, func(s *Set, m Map, x, v [][]float32, _ []float32) {
		s.NormBackward(m, x[0], x[1], x[2], v[0], v[1], v[2])
	}},
	{"backward in place", 2, 3, false, func(s *Set, m Map, x, v [][]float32, _ []float32) {
		s.NormBackward(m, x[0], x[0], x[1], v[0], v[1], v[2])
	}},
	{"add", 2, 0, false, func(s *Set, m Map, x, v [][]float32, _ []float32) {
		s.AddInto(m, x[0], x[1])
	}},
	{"pool", 1, 1, false, func(s *Set, m Map, x, v [][]float32, _ []float32) {
		s.AveragePool(m, v[0], x[0])
	}},
	{"pool gradient", 1, 1, false, func(s *Set, m Map, x, v [][]float32, _ []float32) {
		s.AveragePoolGrad(m, x[0], v[0])
	}},
}

// TestElementwiseMapsAreEqual holds every set's operations on maps to the Go
// version, bit by bit.
func TestElementwiseMapsAreEqual(t *testing.T) {
	eachSet(t, func(t *testing.T, s *Set) {
		for _, op := range mapOps {
			for i, m := range elementwiseMaps {
				t.Run(fmt.Sprintf("%s/%v", op.name, m), func(t *testing.T) {
					r := newRand(uint64(i))
					got, gotV, gotSums := mapBuffers(t, r, m, op.maps, op.vectors)
					r = newRand(uint64(i))
					want, wantV, wantSums := mapBuffers(t, r, m, op.maps, op.vectors)
					op.run(s, m, got, gotV, gotSums)
					op.run(goSet(), m, want, wantV, wantSums)
					for i := range want {
						same(t, fmt.Sprint("map ", i), got[i], want[i])
					}
					for i := range wantV {
						same(t, fmt.Sprint("vector ", i), gotV[i], wantV[i])
					}
					same(t, "sums", gotSums, wantSums)
				})
			}
		}
	})
}

// mapBuffers returns what an operation on maps may need; the vectors stand at
// odd addresses.
func mapBuffers(t *testing.T, r *rand.Rand, m Map, maps, vectors int) (x, v [][]float32, sums []float32) {
	for range maps {
		s, check := randomMap(t, r, m)
		t.Cleanup(check)
		x = append(x, s)
	}
	for i := range vectors {
		v = append(v, fillNormal(r, guardedFloats(t, m.C, 1+i)))
	}
	return x, v, fillNormal(r, guardedFloats(t, 2*m.C, 5))
}

// TestElementwiseVectorsAreEqual holds sums of vectors, the optimizer and the
// image's layout to the Go version, bit by bit.
func TestElementwiseVectorsAreEqual(t *testing.T) {
	eachSet(t, func(t *testing.T, s *Set) {
		for _, n := range []int{0, 1, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 1000} {
			buffers := func() (b [4][]float32) {
				r := newRand(uint64(n))
				for i := range b {
					b[i] = sprinkle(r, guardedFloats(t, n, i))
				}
				for i := range b[3] {
					b[3][i] = float32(r.IntN(2)) // the mask
				}
				return b
			}
			got, want := buffers(), buffers()
			s.Add(got[0], got[1])
			goSet().Add(want[0], want[1])
			for _, nesterov := range []bool{false, true} {
				s.SGD(got[0], got[1], got[2], nil, 0.1, 0.9, 1e-4, nesterov)
				goSet().SGD(want[0], want[1], want[2], nil, 0.1, 0.9, 1e-4, nesterov)
				s.SGD(got[0], got[1], got[2], got[3], 0.1, 0.9, 1e-4, nesterov)
				goSet().SGD(want[0], want[1], want[2], want[3], 0.1, 0.9, 1e-4, nesterov)
			}
			for i := range want {
				same(t, fmt.Sprintf("n=%d: vector %d", n, i), got[i], want[i])
			}
		}
		for _, side := range []int{0, 1, 2, 3, 4, 5, 8, 12, 31, 32} {
			image := func(s *Set) []float32 {
				dst := fillNormal(newRand(1), guardedFloats(t, (side+2)*(side+2)*4, 0))
				s.PackImage(dst, sprinkle(newRand(2), guardedFloats(t, 3*side*side, 3)))
				return dst
			}
			same(t, fmt.Sprintf("image of %d", side), image(s), image(goSet()))
		}
	})
}

// TestElementwiseDefinitions holds every set to what the documentation says, in
// float64.
func TestElementwiseDefinitions(t *testing.T) {
	m := Map{32, 5, 7}
	n := m.C * m.H * m.W
	r := newRand(3)
	y, g, a := fillNormal(r, make([]float32, n)), fillNormal(r, make([]float32, n)), fillNormal(r, make([]float32, n))
	c := [3][]float32{}
	for i := range c {
		c[i] = fillNormal(r, make([]float32, m.C))
	}
	packed := func(t *testing.T, src []float32) []float32 {
		s := guardedFloats(t, m.Len(), 0)
		m.Pack(s, src)
		return s
	}
	unpacked := func(s []float32) []float32 {
		dst := make([]float32, n)
		m.Unpack(dst, s)
		return dst
	}
	channel := func(i int) int { return i / (m.H * m.W) }
	f := func(v float32) float64 { return float64(v) }
	// each collects what a value is the sum of.
	each := func(terms func(i int) []float64) []exact {
		e := make([]exact, n)
		for i := range e {
			for _, v := range terms(i) {
				e[i].add(v)
			}
		}
		return e
	}
	perChannel := func(term func(i int) float64) []exact {
		e := make([]exact, m.C)
		for i := range n {
			e[channel(i)].add(term(i))
		}
		return e
	}
	sumsOf := func(sums []float32, which int) []float32 {
		out := make([]float32, m.C)
		for c := range out {
			out[c] = sums[(c/Lanes*2+which)*Lanes+c%Lanes]
		}
		return out
	}
	eachSet(t, func(t *testing.T, s *Set) {
		dst := packed(t, a)
		s.NormApply(m, dst, packed(t, y), packed(t, g), c[0], c[1], false)
		within(t, "apply", unpacked(dst), each(func(i int) []float64 {
			return []float64{f(y[i]) * f(c[0][channel(i)]), f(c[1][channel(i)]), f(g[i])}
		}), 1)

		s.NormBackward(m, dst, packed(t, g), packed(t, y), c[0], c[1], c[2])
		within(t, "backward", unpacked(dst), each(func(i int) []float64 {
			return []float64{f(g[i]) * f(c[0][channel(i)]), f(y[i]) * f(c[1][channel(i)]), f(c[2][channel(i)])}
		}), 1)

		sums := guardedFloats(t, 2*m.C, 0)
		s.NormSums(m, packed(t, y), sums)
		within(t, "Σ y", sumsOf(sums, 0), perChannel(func(i int) float64 { return f(y[i]) }), 1)
		within(t, "Σ y²", sumsOf(sums, 1), perChannel(func(i int) float64 { return f(y[i]) * f(y[i]) }), 1)

		clear(sums)
		masked := packed(t, g)
		s.NormBackwardSums(m, masked, packed(t, a), packed(t, y), c[2], sums)
		mask := func(i int) float64 {
			if a[i] > 0 {
				return f(g[i])
			}
			return 0
		}
		within(t, "masked g", unpacked(masked), each(func(i int) []float64 { return []float64{mask(i)} }), 1)
		within(t, "Σ g", sumsOf(sums, 0), perChannel(mask), 1)
		within(t, "Σ g(y−mean)", sumsOf(sums, 1), perChannel(func(i int) float64 {
			return mask(i) * (f(y[i]) - f(c[2][channel(i)]))
		}), 1)

		pooled := guardedFloats(t, m.C, 0)
		s.AveragePool(m, pooled, packed(t, y))
		within(t, "pool", pooled, perChannel(func(i int) float64 { return f(y[i]) / float64(m.H*m.W) }), 1)
		s.AveragePoolGrad(m, dst, c[0])
		within(t, "pool gradient", unpacked(dst), each(func(i int) []float64 {
			return []float64{f(c[0][channel(i)]) / float64(m.H*m.W)}
		}), 1)
	})
}

// TestNormBackwardIsTheGradient compares the two passes, with the coefficients
// that NormBackward documents, to central differences of batch norm in float64.
func TestNormBackwardIsTheGradient(t *testing.T) {
	m := Map{16, 3, 5}
	const eps, step = 1e-5, 1e-5
	n := m.H * m.W
	r := newRand(4)
	y, g, gamma := fillNormal(r, make([]float32, m.C*n)), fillNormal(r, make([]float32, m.C*n)), fillNormal(r, make([]float32, m.C))
	moments := func(y []float64) (mean, variance float64) {
		for _, v := range y {
			mean += v / float64(n)
		}
		for _, v := range y {
			variance += (v - mean) * (v - mean) / float64(n)
		}
		return mean, variance
	}
	// loss is Σ g·batchnorm(y) over one channel.
	loss := func(c int, y []float64) (sum float64) {
		mean, variance := moments(y)
		for i, v := range y {
			sum += float64(g[c*n+i]) * float64(gamma[c]) * (v - mean) / math.Sqrt(variance+eps)
		}
		return sum
	}
	eachSet(t, func(t *testing.T, s *Set) {
		py, pg, dy := make([]float32, m.Len()), make([]float32, m.Len()), make([]float32, m.Len())
		m.Pack(py, y)
		m.Pack(pg, g)
		mean, sums := make([]float32, m.C), make([]float32, 2*m.C)
		want := make([]float64, m.C*n)
		variance := make([]float64, m.C)
		for c := range m.C {
			wide := make([]float64, n)
			for i := range wide {
				wide[i] = float64(y[c*n+i])
			}
			mu, v := moments(wide)
			mean[c], variance[c] = float32(mu), v
			for i, at := range wide {
				wide[i] = at + step
				up := loss(c, wide)
				wide[i] = at - step
				want[c*n+i] = (up - loss(c, wide)) / (2 * step)
				wide[i] = at
			}
		}
		s.NormBackwardSums(m, pg, nil, py, mean, sums)
		var k [3][]float32
		for c := range m.C {
			square := variance[c] + eps
			c0 := float64(gamma[c]) / math.Sqrt(square)
			c1 := -c0 * float64(sums[Lanes+c]) / (float64(n) * square)
			c2 := -c0*float64(sums[c])/float64(n) - c1*float64(mean[c])
			for i, v := range []float64{c0, c1, c2} {
				k[i] = append(k[i], float32(v))
			}
		}
		s.NormBackward(m, dy, pg, py, k[0], k[1], k[2])
		got := make([]float32, m.C*n)
		m.Unpack(got, dy)
		for i, v := range got {
			if diff := math.Abs(float64(v) - want[i]); diff > 1e-5 {
				t.Fatalf("dy[%d] = %v, central differences give %v", i, v, want[i])
			}
		}
	})
}

// TestReLUAndNaN: a ReLU keeps NaN and its gradient stops there, as PyTorch's
// do.
func TestReLUAndNaN(t *testing.T) {
	m := Map{16, 1, 4}
	eachSet(t, func(t *testing.T, s *Set) {
		y, a, g := make([]float32, m.Len()), make([]float32, m.Len()), make([]float32, m.Len())
		for x, v := range []float32{nan, -1, -inf, 2} {
			y[m.At(3, 0, x)] = v
			g[m.At(3, 0, x)] = 5
		}
		one, zero := make([]float32, 16), make([]float32, 16)
		for i := range one {
			one[i] = 1
		}
		s.NormApply(m, a, y, nil, one, zero, true)
		for x, want := range []float32{nan, 0, 0, 2} {
			if got := a[m.At(3, 0, x)]; got != want && want == want || got == got && want != want {
				t.Errorf("relu(%v) = %v", y[m.At(3, 0, x)], got)
			}
		}
		clear(y)
		s.NormBackwardSums(m, g, a, y, zero, make([]float32, 32))
		for x, want := range []float32{0, 0, 0, 5} {
			if got := g[m.At(3, 0, x)]; got != want {
				t.Errorf("the gradient behind relu = %v is %v, want %v", a[m.At(3, 0, x)], got, want)
			}
		}
	})
}

// TestSGDSteps follows one weight by hand: w = 1, g = 0.5, lr = 0.5, momentum
// 0.5, decay 0.25. Every number is exact in float32.
func TestSGDSteps(t *testing.T) {
	eachSet(t, func(t *testing.T, s *Set) {
		w, g, v := []float32{1, 1}, []float32{0.5, 0.5}, []float32{0, 0}
		mask := []float32{1, 0}
		s.SGD(w, g, v, nil, 0.5, 0.5, 0.25, false)
		if v[0] != 0.75 || w[0] != 0.625 {
			t.Errorf("first step: v = %v, w = %v, want 0.75 and 0.625", v[0], w[0])
		}
		s.SGD(w, g, v, mask, 0.5, 0.5, 0.25, false)
		if v[0] != 1.03125 || w[0] != 0.109375 || w[1] != 0 {
			t.Errorf("second step: v = %v, w = %v, want 1.03125 and [0.109375 0]", v[0], w)
		}
		w, v = []float32{1, 1}, []float32{0, 0}
		s.SGD(w, g, v, mask, 0.5, 0.5, 0.25, true)
		if v[0] != 0.75 || w[0] != 0.4375 || w[1] != 0 {
			t.Errorf("Nesterov's step: v = %v, w = %v, want 0.75 and [0.4375 0]", v[0], w)
		}
	})
}

func TestElementwiseAllocatesNothing(t *testing.T) {
	m := Map{16, 8, 8}
	eachSet(t, func(t *testing.T, s *Set) {
		r := newRand(5)
		x, v, sums := mapBuffers(t, r, m, 3, 3)
		for _, op := range mapOps {
			if n := testing.AllocsPerRun(10, func() { op.run(s, m, x, v, sums) }); n != 0 {
				t.Errorf("%s: %v allocations", op.name, n)
			}
		}
		w := make([]float32, 100)
		if n := testing.AllocsPerRun(10, func() { s.SGD(w, w, w, nil, 0.1, 0.9, 0, true) }); n != 0 {
			t.Errorf("SGD: %v allocations", n)
		}
	})
}

// BenchmarkElementwise walks a batch of 128 images of each stage, so that the
// smaller ones come from the cache and the larger ones from memory.
func BenchmarkElementwise(b *testing.B) {
	for _, s := range setsUnderTest(b) {
		for _, op := range mapOps {
			for _, m := range elementwiseMaps[:3] {
				b.Run(fmt.Sprintf("%s/%v/%s", op.name, m, s.Name), func(b *testing.B) {
					const images = 128
					var x [3][]float32
					for i := range x {
						x[i] = Floats(images * m.Len())
					}
					v := [][]float32{Floats(m.C), Floats(m.C), Floats(m.C)}
					sums := Floats(2 * m.C)
					b.SetBytes(int64(op.maps * images * m.C * m.H * m.W * 4))
					for b.Loop() {
						for i := range images {
							at := i * m.Len()
							op.run(s, m, [][]float32{x[0][at:], x[1][at:], x[2][at:]}, v, sums)
						}
					}
				})
			}
		}
	}
}
