package kernel

import (
	"fmt"
	"testing"
)

// linearLayers are a batch's size and a layer each.
var linearLayers = []struct {
	n int
	Linear
}{
	{1, Linear{1, 1}}, {3, Linear{16, 10}}, {1, Linear{64, 1000}}, {8, Linear{100, 33}}, {17, Linear{33, 48}},
	{14, Linear{48, 16}}, {29, Linear{7, 5}}, {2, Linear{9000, 17}}, {15, Linear{2048, 40}},
}

// rows lays n plain vectors of a length out with zeros behind each, and takes
// them out again.
func vectorRows(t testing.TB, n, length int, plain []float32) []float32 {
	b := guardedFloats(t, n*Round(length), 0)
	for i := range n {
		copy(b[i*Round(length):], plain[i*length:][:length])
	}
	return b
}

func plainRows(t testing.TB, n, length int, b []float32) []float32 {
	t.Helper()
	var plain []float32
	for i := range n {
		row := b[i*Round(length):][:Round(length)]
		for j, v := range row[length:] {
			if v != 0 {
				t.Fatalf("value %d behind vector %d is %v, want 0", j, i, v)
			}
		}
		plain = append(plain, row[:length]...)
	}
	return plain
}

func TestLinear(t *testing.T) {
	for _, l := range linearLayers {
		t.Run(fmt.Sprintf("%d:%dx%d", l.n, l.In, l.Out), func(t *testing.T) {
			n := l.n
			x, w, bias := operand(1, n*l.In), operand(2, l.In*l.Out), operand(3, l.Out)
			dy, dx0, dw0 := operand(4, n*l.Out), operand(5, n*l.In), operand(6, l.In*l.Out)
			y, dx, dw, db := make([]exact, n*l.Out), make([]exact, n*l.In), make([]exact, l.In*l.Out), make([]exact, l.Out)
			for i, v := range dx0 {
				dx[i].add(float64(v))
			}
			for i, v := range dw0 {
				dw[i].add(float64(v))
			}
			for i := range n {
				for k := range l.Out {
					g := float64(dy[i*l.Out+k])
					y[i*l.Out+k].add(float64(bias[k]))
					db[k].add(g)
					for j := range l.In {
						a, b := float64(x[i*l.In+j]), float64(w[k*l.In+j])
						y[i*l.Out+k].add(a * b)
						dx[i*l.In+j].add(g * b)
						dw[k*l.In+j].add(g * a)
					}
				}
			}
			for i := range y {
				y[i].sum = min(max(y[i].sum, 0), 2)
			}
			eachSet(t, func(t *testing.T, s *Set) {
				packed, transposed := guardedFloats(t, l.PackedLen(), 0), guardedFloats(t, l.TransposedLen(), 0)
				s.PackLinear(l.Linear, packed, w)
				s.PackLinearTransposed(l.Linear, transposed, w)
				got := guardedFloats(t, n*Round(l.Out), 0)
				inX, inDY := vectorRows(t, n, l.In, x), vectorRows(t, n, l.Out, dy)
				s.LinearForward(l.Linear, n, got, inX, packed, Epilogue{Bias: vectorRows(t, 1, l.Out, bias), ReLU: true, Max: 2})
				within(t, "y", plainRows(t, n, l.Out, got), y, 1)

				gotDX := vectorRows(t, n, l.In, dx0)
				s.LinearDataGrad(l.Linear, n, gotDX, inDY, transposed, true)
				within(t, "dx", plainRows(t, n, l.In, gotDX), dx, 1)

				gotDW, plain := guardedFloats(t, l.PackedLen(), 0), guardedFloats(t, len(dw0), 0)
				s.PackLinear(l.Linear, gotDW, dw0)
				s.LinearWeightGrad(l.Linear, n, gotDW, inX, inDY)
				s.UnpackLinearGrad(l.Linear, plain, gotDW)
				within(t, "dw", plain, dw, 1)

				gotDB := guardedFloats(t, Round(l.Out), 0)
				s.LinearBiasGrad(l.Linear, n, gotDB, inDY)
				within(t, "db", gotDB[:l.Out], db, 1)
			})
		})
	}
}

func BenchmarkLinear(b *testing.B) {
	for _, s := range setsUnderTest(b) {
		for _, n := range []int{1, 16, 128} {
			for _, l := range []Linear{{512, 10}, {1280, 1000}, {4096, 4096}} {
				x, y := fillNormal(newRand(1), Floats(n*Round(l.In))), Floats(n*Round(l.Out))
				w, wT, dx := fillNormal(newRand(2), Floats(l.PackedLen())), Floats(l.TransposedLen()), Floats(n*Round(l.In))
				run := func(name string, f func()) {
					b.Run(fmt.Sprintf("%s/%d×%d→%d/%s", name, n, l.In, l.Out, s.Name), func(b *testing.B) {
						for b.Loop() {
							f()
						}
						gigaflops(b, n*l.In*l.Out)
					})
				}
				run("forward", func() { s.LinearForward(l, n, y, x, w, Epilogue{}) })
				run("datagrad", func() { s.LinearDataGrad(l, n, dx, y, wT, false) })
				run("weightgrad", func() { s.LinearWeightGrad(l, n, w, x, y) })
			}
		}
	}
}
