package kernel

import (
	"fmt"
	"testing"
)

func TestScaleChannels(t *testing.T) {
	for _, m := range []Map{{16, 1, 1}, {48, 5, 7}, {32, 8, 8}} {
		t.Run(m.String(), func(t *testing.T) {
			x, dy, gate, g0 := operand(1, m.values()), operand(2, m.values()), operand(3, m.C), operand(4, m.C)
			want, dgate := make([]float32, len(x)), make([]exact, m.C)
			for i, v := range g0 {
				dgate[i].add(float64(v))
			}
			for i, v := range x {
				c := i / (m.H * m.W)
				want[i] = v * gate[c]
				dgate[c].add(float64(v) * float64(dy[i]))
			}
			eachSet(t, func(t *testing.T, s *Set) {
				y := packedMap(t, m, dy, untouched, 2)
				s.ScaleChannels(m, y, packedMap(t, m, x, 0, 1), gate)
				sameValues(t, "y", unpacked(t, m, y, untouched), want)
				got := append(guardedFloats(t, m.C, 0)[:0], g0...)
				s.ScaleChannelsGrad(m, got, packedMap(t, m, dy, 0, 1), packedMap(t, m, x, 0, 3))
				within(t, "dgate", got, dgate, 1)
			})
		})
	}
}

func TestMultiply(t *testing.T) {
	m := Map{32, 3, 5}
	a, b, y0 := operand(1, m.values()), operand(2, m.values()), operand(3, m.values())
	for _, add := range []bool{false, true} {
		want := make([]float32, len(a))
		for i := range want {
			want[i] = a[i] * b[i]
			if add {
				want[i] = y0[i] + float32(a[i]*b[i])
			}
		}
		eachSet(t, func(t *testing.T, s *Set) {
			y := packedMap(t, m, y0, untouched, 0)
			s.Multiply(m, y, packedMap(t, m, a, 0, 1), packedMap(t, m, b, 0, 2), add)
			sameValues(t, "y", unpacked(t, m, y, untouched), want)
		})
	}
}

func TestCopyChannels(t *testing.T) {
	for _, test := range []struct{ d, to, m, from, n int }{
		{48, 0, 16, 0, 16}, {48, 16, 32, 0, 32}, {48, 5, 32, 0, 20}, {64, 24, 32, 7, 25}, {32, 12, 16, 4, 12},
		{16, 15, 16, 0, 1}, {48, 3, 48, 19, 29}, {16, 2, 16, 3, 0}, {64, 24, 16, 0, 12}, {80, 8, 64, 0, 64},
	} {
		for _, size := range [][2]int{{1, 1}, {3, 5}, {8, 8}} {
			d, m := Map{test.d, size[0], size[1]}, Map{test.m, size[0], size[1]}
			x, y0 := operand(1, m.values()), operand(2, d.values())
			copied, added := append([]float32(nil), y0...), append([]float32(nil), y0...)
			plane := size[0] * size[1]
			for i, v := range x[test.from*plane:][:test.n*plane] {
				copied[test.to*plane+i] = v
				added[test.to*plane+i] += v
			}
			t.Run(fmt.Sprintf("%+v %v", test, size), func(t *testing.T) {
				eachSet(t, func(t *testing.T, s *Set) {
					in := packedMap(t, m, x, 0, 1)
					y := packedMap(t, d, y0, untouched, 0)
					s.CopyChannels(d, y, test.to, m, in, test.from, test.n)
					sameValues(t, "copied", unpacked(t, d, y, untouched), copied)
					y = packedMap(t, d, y0, untouched, 0)
					s.AddChannels(d, y, test.to, m, in, test.from, test.n)
					sameValues(t, "added", unpacked(t, d, y, untouched), added)
				})
			})
		}
	}
}

func TestPackChannels(t *testing.T) {
	for _, test := range []struct{ m, c int }{{3, 3}, {1, 1}, {4, 2}, {16, 5}, {32, 20}, {16, 16}} {
		m := Map{test.m, 3, 5}
		x := operand(1, test.c*15)
		b := channelMap(t, m, test.c, x, untouched, 0)
		v := m.view()
		for y := -1; y <= m.H; y++ {
			for xx := -1; xx <= m.W; xx++ {
				for block := range v.blocks {
					for l := range v.size {
						c, want := block*v.size+l, float32(0)
						switch inside := y >= 0 && y < m.H && xx >= 0 && xx < m.W; {
						case !inside:
							want = untouched
						case c < test.c:
							want = x[(c*m.H+y)*m.W+xx]
						}
						if got := b[block*v.plane+v.at(y, xx)+l]; got != want {
							t.Fatalf("%v: channel %d at (%d, %d) is %v, want %v", test, c, y, xx, got, want)
						}
					}
				}
			}
		}
		if m.isImage() {
			continue
		}
		got := guardedFloats(t, len(x), 0)
		goSet().UnpackChannels(m, test.c, got, b)
		sameValues(t, "unpacked", got, x)
	}
}

func BenchmarkChannels(b *testing.B) {
	m, d := Map{64, 32, 32}, Map{96, 32, 32}
	for _, s := range setsUnderTest(b) {
		x, y, gate := fillNormal(newRand(1), Floats(m.Len())), Floats(d.Len()), Floats(m.C)
		run := func(name string, f func()) {
			b.Run(name+"/"+s.Name, func(b *testing.B) {
				b.SetBytes(int64(8 * len(x)))
				for b.Loop() {
					f()
				}
			})
		}
		run("scale", func() { s.ScaleChannels(m, y, x, gate) })
		run("scale gradient", func() { s.ScaleChannelsGrad(m, gate, x, x) })
		run("multiply", func() { s.Multiply(m, y, x, x, false) })
		run("copy at 16", func() { s.CopyChannels(d, y, 16, m, x, 0, 64) })
		run("copy at 12", func() { s.CopyChannels(d, y, 12, m, x, 0, 64) })
		run("add at 12", func() { s.AddChannels(d, y, 12, m, x, 0, 64) })
	}
}
