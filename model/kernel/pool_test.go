package kernel

import (
	"fmt"
	"math"
	"testing"
)

// poolCases are pools that networks have, some at the edges, and random ones.
func poolCases() []Pool {
	all := []Pool{
		NewPool(Map{16, 8, 8}, Square(2, 2, 0), false),
		NewPool(Map{16, 7, 7}, Square(2, 2, 0), true),
		NewPool(Map{32, 14, 15}, Square(3, 2, 1), false),
		NewPool(Map{16, 13, 13}, Square(3, 2, 0), true),
		NewPool(Map{16, 6, 7}, Square(3, 1, 1), false),
		NewPool(Map{16, 9, 33}, Square(5, 3, 2), true),
		NewPool(Map{16, 7, 7}, Square(7, 1, 0), false),
		NewPool(Map{16, 1, 1}, Square(3, 2, 1), false),
		NewPool(Map{16, 4, 5}, Square(1, 2, 0), false),
		NewPool(Map{16, 10, 10}, Square(2, 3, 0), false),
		NewPool(Map{16, 6, 6}, Window{3, 2, 0, 1, 1, 0}, true),
	}
	r := newRand(13)
	for range 20 {
		m := Map{16 * (1 + r.IntN(3)), 1 + r.IntN(12), 1 + r.IntN(34)}
		w := randomWindow(r, m.H, m.W)
		half := w.Kernel / 2
		w.Top, w.Left, w.Bottom, w.Right = min(w.Top, half), min(w.Left, half), min(w.Bottom, half), min(w.Right, half)
		if m.H+w.Top+w.Bottom >= w.Kernel && m.W+w.Left+w.Right >= w.Kernel {
			all = append(all, NewPool(m, w, r.IntN(2) == 0))
		}
	}
	return all
}

// eachTap visits every pixel of every window: output, tap and input in their
// plain arrays; x is −1 in the padding.
func (p Pool) eachTap(visit func(y, tap, x int)) {
	for c := range p.In.C {
		for oy := range p.Out.H {
			for ox := range p.Out.W {
				for tap := range p.Kernel * p.Kernel {
					iy, ix := oy*p.Stride-p.Top+tap/p.Kernel, ox*p.Stride-p.Left+tap%p.Kernel
					x := -1
					if iy >= 0 && iy < p.In.H && ix >= 0 && ix < p.In.W {
						x = (c*p.In.H+iy)*p.In.W + ix
					}
					visit((c*p.Out.H+oy)*p.Out.W+ox, tap, x)
				}
			}
		}
	}
}

// TestMaxPool has small whole numbers for values, so that many are equal, and a
// NaN and a −Inf among them.
func TestMaxPool(t *testing.T) {
	eachGeneral(t, poolCases(), func(t *testing.T, p Pool) {
		x, dy, dx0 := operand(1, p.In.values()), operand(2, p.Out.values()), operand(3, p.In.values())
		for i := range x {
			x[i] = float32(math.Round(float64(2*x[i]))) - 3
		}
		x[len(x)/3], x[len(x)/2] = float32(math.NaN()), float32(math.Inf(-1))
		want, tap, from := make([]float32, len(dy)), make([]uint8, len(dy)), make([]int, len(dy))
		for i := range want {
			want[i] = float32(math.Inf(-1))
		}
		p.eachTap(func(y, k, x0 int) {
			if k == 0 {
				from[y] = x0
			}
			if x0 >= 0 && (x[x0] > want[y] || x[x0] != x[x0]) {
				want[y], tap[y], from[y] = x[x0], uint8(k), x0
			}
		})
		dx := make([]exact, len(x))
		for i, v := range dx0 {
			dx[i].add(float64(v))
		}
		for i, v := range dy {
			if from[i] >= 0 {
				dx[from[i]].add(float64(v))
			}
		}
		eachSet(t, func(t *testing.T, s *Set) {
			y, in := packedMap(t, p.Out, dy, untouched, 3), packedMap(t, p.In, x, 0, 1)
			s.MaxPool(p, y, nil, in, guardedFloats(t, p.Scratch(), 0))
			sameValues(t, "y without arg", unpacked(t, p.Out, y, untouched), want)

			y = packedMap(t, p.Out, dy, untouched, 3)
			arg := make([]uint8, p.ArgLen()+1)
			arg[p.ArgLen()] = 77
			s.MaxPool(p, y, arg, in, guardedFloats(t, p.Scratch(), 0))
			sameValues(t, "y", unpacked(t, p.Out, y, untouched), want)
			if arg[p.ArgLen()] != 77 {
				t.Error("wrote behind arg")
			}
			got := make([]uint8, len(tap))
			for i := range got {
				c, pixel := i/(p.Out.H*p.Out.W), i%(p.Out.H*p.Out.W)
				got[i] = arg[(c/Lanes*p.Out.H*p.Out.W+pixel)*Lanes+c%Lanes]
			}
			for i := range got {
				if got[i] != tap[i] {
					t.Fatalf("place %d is %d, want %d", i, got[i], tap[i])
				}
			}

			gx := packedMap(t, p.In, dx0, untouched, 5)
			s.MaxPoolGrad(p, gx, packedMap(t, p.Out, dy, untouched, 2), arg, true)
			within(t, "dx", unpacked(t, p.In, gx, untouched), dx, 1)
		})
	})
}

// sameValues fails the test unless all values are equal, NaN to NaN.
func sameValues(t testing.TB, what string, got, want []float32) {
	t.Helper()
	for i, v := range want {
		if got[i] != v && (got[i] == got[i] || v == v) {
			t.Fatalf("%s %d is %v, want %v", what, i, got[i], v)
		}
	}
}

// counts returns the number of pixels that each of PyTorch's windows divides by.
func (p Pool) counts(padding bool) []float64 {
	counts := make([]float64, p.Out.values())
	p.eachTap(func(y, tap, x int) {
		oy, ox := y/p.Out.W%p.Out.H, y%p.Out.W
		iy, ix := oy*p.Stride-p.Top+tap/p.Kernel, ox*p.Stride-p.Left+tap%p.Kernel
		if x >= 0 || padding && iy < p.In.H+p.Bottom && ix < p.In.W+p.Right {
			counts[y]++
		}
	})
	return counts
}

func TestAveragePoolWindow(t *testing.T) {
	eachGeneral(t, poolCases(), func(t *testing.T, p Pool) {
		x, dy, dx0 := operand(1, p.In.values()), operand(2, p.Out.values()), operand(3, p.In.values())
		for _, padding := range []bool{false, true} {
			counts := p.counts(padding)
			y, dx := make([]exact, len(dy)), make([]exact, len(x))
			for i, v := range dx0 {
				dx[i].add(float64(v))
			}
			p.eachTap(func(yi, _, xi int) {
				if xi >= 0 {
					y[yi].add(float64(x[xi]) / counts[yi])
					dx[xi].add(float64(dy[yi]) / counts[yi])
				}
			})
			for i := range y {
				y[i].terms++ // the division
			}
			for i := range dx {
				dx[i].terms++
			}
			eachSet(t, func(t *testing.T, s *Set) {
				got := packedMap(t, p.Out, dy, untouched, 3)
				s.AveragePoolWindow(p, got, packedMap(t, p.In, x, 0, 1), guardedFloats(t, p.Scratch(), 0), padding)
				within(t, "y", unpacked(t, p.Out, got, untouched), y, 1)
				gx := packedMap(t, p.In, dx0, untouched, 5)
				s.AveragePoolWindowGrad(p, gx, packedMap(t, p.Out, dy, 0, 2), guardedFloats(t, p.Scratch(), 0), padding, true)
				within(t, "dx", unpacked(t, p.In, gx, untouched), dx, 1)
			})
		}
	})
}

// TestNewPool compares sizes with PyTorch's.
func TestNewPool(t *testing.T) {
	for _, test := range []struct {
		size       int
		w          Window
		ceil       bool
		want, last int
	}{
		{112, Square(3, 2, 1), false, 56, 3}, {111, Square(3, 2, 0), true, 55, 3}, {13, Square(3, 2, 0), true, 6, 3},
		{14, Square(3, 2, 0), true, 7, 2}, {7, Square(2, 2, 0), true, 4, 1}, {7, Square(2, 2, 0), false, 3, 2},
		{5, Square(2, 2, 1), true, 3, 2}, {1, Square(2, 2, 1), true, 1, 1}, {3, Square(3, 3, 1), true, 2, 1},
	} {
		p := NewPool(Map{16, test.size, test.size}, test.w, test.ceil)
		if p.Out.H != test.want || p.Out.W != test.want {
			t.Errorf("%v of %d, ceil %v: %d, want %d", test.w, test.size, test.ceil, p.Out.H, test.want)
		}
		n := test.want - 1
		if got := p.count(n, n, false); got != float32(test.last*test.last) {
			t.Errorf("%v of %d: the last window has %v pixels, want %d²", test.w, test.size, got, test.last)
		}
	}
}

func TestPoolsDoNotAllocate(t *testing.T) {
	p := NewPool(Map{32, 14, 14}, Square(3, 2, 1), false)
	eachSet(t, func(t *testing.T, s *Set) {
		y, x, scratch, arg := Floats(p.Out.Len()), Floats(p.In.Len()), Floats(p.Scratch()), make([]uint8, p.ArgLen())
		for _, padding := range []bool{false, true} {
			if n := testing.AllocsPerRun(3, func() {
				s.MaxPool(p, y, arg, x, scratch)
				s.MaxPoolGrad(p, x, y, arg, false)
				s.AveragePoolWindow(p, y, x, scratch, padding)
				s.AveragePoolWindowGrad(p, x, y, scratch, padding, false)
			}); n != 0 {
				t.Errorf("%v allocations", n)
			}
		}
	})
}

func BenchmarkPool(b *testing.B) {
	for _, s := range setsUnderTest(b) {
		for _, p := range []Pool{
			NewPool(Map{64, 112, 112}, Square(3, 2, 1), false), NewPool(Map{64, 32, 32}, Square(2, 2, 0), false),
		} {
			x, y, scratch, arg := fillNormal(newRand(1), Floats(p.In.Len())), Floats(p.Out.Len()), Floats(p.Scratch()), make([]uint8, p.ArgLen())
			run := func(name string, f func()) {
				b.Run(fmt.Sprintf("%s/%v/%s", name, p, s.Name), func(b *testing.B) {
					b.SetBytes(int64(4 * (len(x) + len(y))))
					for b.Loop() {
						f()
					}
					gigaflops(b, p.Out.values()*p.Kernel*p.Kernel)
				})
			}
			run("max", func() { s.MaxPool(p, y, nil, x, scratch) })
			run("max and places", func() { s.MaxPool(p, y, arg, x, scratch) })
			run("max gradient", func() { s.MaxPoolGrad(p, x, y, arg, false) })
			run("average", func() { s.AveragePoolWindow(p, y, x, scratch, true) })
			run("average gradient", func() { s.AveragePoolWindowGrad(p, x, y, scratch, true, false) })
		}
	}
}
