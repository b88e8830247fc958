package kernel

import (
	"fmt"
	"testing"
)

// depthwiseConvs are geometries that networks have, some at the edges, and
// random ones.
func depthwiseConvs() []Depthwise {
	all := []Depthwise{
		NewDepthwise(32, 16, 16, Square(3, 1, 1)),
		NewDepthwise(24, 15, 15, Square(3, 2, 1)),
		NewDepthwise(40, 14, 14, Square(5, 1, 2)),
		NewDepthwise(20, 28, 28, Square(5, 2, 2)),
		NewDepthwise(16, 9, 9, Square(7, 1, 3)),
		NewDepthwise(33, 7, 7, Square(7, 2, 3)),
		NewDepthwise(16, 1, 1, Square(3, 1, 1)),
		NewDepthwise(16, 2, 3, Square(7, 1, 3)),
		NewDepthwise(16, 5, 8, Square(1, 1, 0)),
		NewDepthwise(1, 4, 4, Square(1, 2, 0)),
		NewDepthwise(17, 8, 8, Window{3, 2, 0, 0, 1, 1}),
		NewDepthwise(16, 3, 112, Square(3, 2, 1)),
	}
	r := newRand(12)
	for range 30 {
		h, w := 1+r.IntN(12), 1+r.IntN(34)
		all = append(all, NewDepthwise(1+r.IntN(40), h, w, randomWindow(r, h, w)))
	}
	return all
}

func (d Depthwise) packed(t *testing.T, s *Set, oihw []float32) []float32 {
	w := guardedFloats(t, d.PackedLen(), 0)
	s.PackDepthwise(d, w, oihw)
	return w
}

func TestDepthwiseForward(t *testing.T) {
	eachGeneral(t, depthwiseConvs(), func(t *testing.T, d Depthwise) {
		pack := func(s *Set, oihw []float32) []float32 { return d.packed(t, s, oihw) }
		testForward(t, d.general(), pack, func(s *Set, y, x, w []float32, e Epilogue) {
			s.DepthwiseForward(d, y, x, w, e, guardedFloats(t, d.Scratch(), 0))
		})
	})
}

func TestDepthwiseDataGrad(t *testing.T) {
	eachGeneral(t, depthwiseConvs(), func(t *testing.T, d Depthwise) {
		testDataGrad(t, d.general(), func(s *Set, dx, dy, oihw []float32, add bool) {
			s.DepthwiseDataGrad(d, dx, dy, d.packed(t, s, oihw), add, guardedFloats(t, d.Scratch(), 0))
		})
	})
}

func TestDepthwiseWeightGrad(t *testing.T) {
	eachGeneral(t, depthwiseConvs(), func(t *testing.T, d Depthwise) {
		testWeightGrad(t, d.general(), func(s *Set, dw0, x, dy []float32) []float32 {
			dw := d.packed(t, s, dw0)
			s.DepthwiseWeightGrad(d, dw, x, dy, guardedFloats(t, d.Scratch(), 0))
			got := guardedFloats(t, len(dw0), 0)
			s.UnpackDepthwiseGrad(d, got, dw)
			return got
		})
	})
}

func TestDepthwiseDoesNotAllocate(t *testing.T) {
	d := NewDepthwise(24, 9, 9, Square(5, 2, 2))
	eachSet(t, func(t *testing.T, s *Set) {
		y, x, w, scratch := Floats(d.Out.Len()), Floats(d.In.Len()), Floats(d.PackedLen()), Floats(d.Scratch())
		e := Epilogue{Bias: Floats(d.Out.C), Residual: y, ReLU: true, Sums: Floats(2 * d.Out.C)}
		if n := testing.AllocsPerRun(3, func() {
			s.DepthwiseForward(d, y, x, w, e, scratch)
			s.DepthwiseWeightGrad(d, w, x, y, scratch)
			s.DepthwiseDataGrad(d, x, y, w, true, scratch)
		}); n != 0 {
			t.Errorf("%v allocations", n)
		}
	})
}

// benchmarkDepthwise are convolutions of MobileNetV2 and of later networks.
var benchmarkDepthwise = []Depthwise{
	NewDepthwise(96, 32, 32, Square(3, 1, 1)), NewDepthwise(96, 112, 112, Square(3, 2, 1)), NewDepthwise(144, 56, 56, Square(3, 1, 1)),
	NewDepthwise(384, 14, 14, Square(3, 1, 1)), NewDepthwise(960, 7, 7, Square(3, 1, 1)), NewDepthwise(960, 4, 4, Square(3, 1, 1)),
	NewDepthwise(240, 28, 28, Square(5, 1, 2)), NewDepthwise(96, 56, 56, Square(7, 1, 3)),
}

func BenchmarkDepthwise(b *testing.B) {
	for _, s := range setsUnderTest(b) {
		for _, d := range benchmarkDepthwise {
			x, y := fillNormal(newRand(1), Floats(d.In.Len())), Floats(d.Out.Len())
			w, scratch := fillNormal(newRand(2), Floats(d.PackedLen())), Floats(d.Scratch())
			dx := Floats(d.In.Len())
			run := func(name string, f func()) {
				b.Run(fmt.Sprintf("%s/%v/%s", name, d, s.Name), func(b *testing.B) {
					for b.Loop() {
						f()
					}
					gigaflops(b, d.PackedLen()*d.Out.H*d.Out.W)
				})
			}
			run("forward", func() { s.DepthwiseForward(d, y, x, w, Epilogue{ReLU: true}, scratch) })
			run("weightgrad", func() { s.DepthwiseWeightGrad(d, w, x, y, scratch) })
			run("datagrad", func() { s.DepthwiseDataGrad(d, dx, y, w, false, scratch) })
		}
	}
}
