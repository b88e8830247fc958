package kernel

import (
	"fmt"
	"testing"
	"unsafe"
)

// guards hands out buffers between guard cells: what writes a guard fails the
// test when it ends, and what reads one has other results for another fill.
type guards struct {
	t      testing.TB
	fill   byte
	offset int // of every buffer, in elements, from a multiple of 64 bytes
}

// guardedOf returns n zeros of any type of integer.
func guardedOf[T uint8 | int32](g guards, n int) []T {
	const margin = 128
	all := Floats((2*margin+g.offset+n)*int(unsafe.Sizeof(T(0)))/4 + 1)
	cells := unsafe.Slice((*T)(unsafe.Pointer(&all[0])), 2*margin+g.offset+n)
	from := margin + g.offset
	for i := range cells {
		if i < from || i >= from+n {
			cells[i] = T(g.fill)
		}
	}
	g.t.Cleanup(func() {
		for i, v := range cells {
			if v != T(g.fill) && (i < from || i >= from+n) {
				g.t.Errorf("wrote %d at %d, outside of a buffer of %d", v, i-from, n)
				return
			}
		}
	})
	return cells[from:][:n:n]
}

func (g guards) bytes(of []uint8) []uint8 {
	b := guardedOf[uint8](g, len(of))
	copy(b, of)
	return b
}

func (g guards) floats(of []float32) []float32 {
	b := guardedFloats(g.t, len(of), g.offset)
	copy(b, of)
	return b
}

// integerOps is every integer operation at odd sizes, on buffers from g; it
// returns what was computed.
var integerOps = []struct {
	name string
	run  func(s *Set, g guards) any
}{
	{"convolution", func(s *Set, g guards) any {
		var all [][]uint8
		for i, c := range testConvs() {
			if c.In.values()*c.Out.C > 1<<19 {
				continue // slow, and no edge case
			}
			r := newRand(uint64(i))
			settings, weight := randomConv(r, c)
			settings.Scale, settings.Bias = g.floats(settings.Scale), g.floats(settings.Bias)
			dst := g.bytes(make([]uint8, c.Out.Len()))
			s.ConvInteger(dst, g.bytes(randomBytes(r, c.inputBytes())), s.NewIntegerConv(settings, weight, 9), Share{})
			all = append(all, dst)
		}
		return all
	}},
	{"add", func(s *Set, g guards) any {
		var all [][]uint8
		for _, m := range elementwiseMaps {
			r := newRand(1)
			a, b := g.bytes(randomBytes(r, m.Len())), g.bytes(randomBytes(r, m.Len()))
			s.AddInteger(a, a, b, m, &IntegerAdd{Affine{0.011, 130}, Affine{0.017, 0}, Affine{0.013, 9}}) // in place
			all = append(all, a)
		}
		return all
	}},
	{"quantize image", func(s *Set, g guards) any {
		var all [][]uint8
		for _, size := range [][2]int{{32, 32}, {1, 1}, {2, 7}, {3, 8}, {5, 16}, {1, 17}} {
			h, w := size[0], size[1]
			dst := g.bytes(make([]uint8, (h+2)*(w+2)*4))
			s.QuantizeImage(dst, g.floats(sprinkle(newRand(2), make([]float32, 3*h*w))), h, w, Affine{0.02, 120})
			all = append(all, dst)
		}
		return all
	}},
	{"pool", func(s *Set, g guards) any {
		var all [][]int32
		for _, m := range elementwiseMaps {
			sums := guardedOf[int32](g, m.C)
			s.PoolInteger(sums, g.bytes(randomBytes(newRand(3), m.Len())), m)
			all = append(all, sums)
		}
		return all
	}},
	{"linear", func(s *Set, g guards) any {
		var all [][]int32
		for _, size := range [][2]int{{64, 10}, {16, 1}, {48, 33}} {
			r := newRand(4)
			weight := make([]int8, size[0]*size[1])
			for i := range weight {
				weight[i] = int8(r.IntN(256) - 128)
			}
			l := s.NewIntegerLinear(size[0], size[1], weight)
			sums := guardedOf[int32](g, l.Sums())
			s.LinearInteger(sums, g.bytes(randomBytes(r, size[0])), l)
			all = append(all, sums)
		}
		return all
	}},
	{"extent", func(s *Set, g guards) any {
		var all []any
		for _, n := range []int{1, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 200} {
			lo, hi, nan := s.Extent(g.floats(fillNormal(newRand(5), make([]float32, n)))) // guards are NaN
			all = append(all, lo, hi, nan)
		}
		return all
	}},
}

// TestIntegerKernelsStayInside runs every integer operation on buffers at odd
// addresses, and holds all sets to the Go version.
func TestIntegerKernelsStayInside(t *testing.T) {
	eachSet(t, func(t *testing.T, s *Set) {
		for _, op := range integerOps {
			t.Run(op.name, func(t *testing.T) {
				want := fmt.Sprint(op.run(goSet(), guards{t, 0, 0}))
				for _, g := range []guards{{t, 0, 0}, {t, 0xA5, 0}, {t, 0xff, 1}, {t, 0x7f, 7}, {t, 1, 13}} {
					if got := fmt.Sprint(op.run(s, g)); got != want {
						t.Errorf("guards of %#x, %d elements off: not what the Go version computes", g.fill, g.offset)
					}
				}
			})
		}
	})
}
