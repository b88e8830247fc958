package kernel

import (
	"fmt"
	"math"
	"testing"
)

// affines are scales and zero points of inputs and outputs.
var affines = []Affine{{0.02, 0}, {0.031, 128}, {0.0173, 255}, {0.5, 7}}

func TestAddCodes(t *testing.T) {
	r := newRand(3)
	for _, m := range []Map{{16, 1, 1}, {32, 5, 7}, {48, 8, 16}} {
		for i, qa := range affines {
			q := &IntegerAdd{A: qa, B: affines[(i+1)%4], Out: affines[(i+2)%4]}
			a, b := codes(r, m.values()), codes(r, m.values())
			for _, bounds := range []Output{{q.Out.Zero, 0, 255}, {q.Out.Zero, q.Out.Zero, 255}, {q.Out.Zero, q.Out.Zero, q.Out.Zero + min(50, 255-q.Out.Zero)}} {
				want := make([]uint8, len(a))
				for i := range want {
					v := float32(q.A.Scale*float32(int(a[i])-int(q.A.Zero))) + float32(q.B.Scale*float32(int(b[i])-int(q.B.Zero)))
					code := math.RoundToEven(float64(v*(1/q.Out.Scale))) + float64(bounds.Zero)
					want[i] = uint8(min(max(code, float64(bounds.Low)), float64(bounds.High)))
				}
				eachSet(t, func(t *testing.T, s *Set) {
					y := codeMap(m, m.C, nil, codeGuard)
					s.AddCodes(y, codeMap(m, m.C, a, 0), codeMap(m, m.C, b, 9), m, q, bounds)
					sameCodes(t, fmt.Sprint(m, q, bounds), plainCodes(t, m, y, codeGuard), want)
				})
			}
		}
	}
}

func TestPoolCodes(t *testing.T) {
	eachGeneral(t, poolCases(), func(t *testing.T, p Pool) {
		r := newRand(uint64(p.In.H))
		x := codes(r, p.In.values())
		want := make([]uint8, p.Out.values())
		p.eachTap(func(y, _, xi int) {
			if xi >= 0 {
				want[y] = max(want[y], x[xi])
			}
		})
		eachSet(t, func(t *testing.T, s *Set) {
			y := codeMap(p.Out, p.Out.C, nil, codeGuard)
			s.MaxPoolCodes(p, y, codeMap(p.In, p.In.C, x, 255))
			sameCodes(t, "maximum", plainCodes(t, p.Out, y, codeGuard), want)
		})
		for i, in := range affines {
			out, padding := affines[(i+1)%4], i%2 == 0
			counts, sums := p.counts(padding), make([]int32, len(want))
			p.eachTap(func(y, _, xi int) {
				if xi >= 0 {
					sums[y] += int32(x[xi]) - int32(in.Zero)
				}
			})
			for i, sum := range sums {
				v := float32(sum) * float32(in.Scale/out.Scale/float32(counts[i]))
				want[i] = uint8(min(max(math.RoundToEven(float64(v))+float64(out.Zero), 0), 255))
			}
			eachSet(t, func(t *testing.T, s *Set) {
				y := codeMap(p.Out, p.Out.C, nil, codeGuard)
				s.AveragePoolCodes(p, y, codeMap(p.In, p.In.C, x, 255), in, out, padding)
				sameCodes(t, "mean", plainCodes(t, p.Out, y, codeGuard), want)
			})
		}
	})
}

func TestCodeTable(t *testing.T) {
	in, out := Affine{0.1, 100}, Affine{0.05, 3}
	table := NewCodeTable(in, out, Activation{Kind: HardSwish}.Value)
	for q, got := range table {
		x := float64(in.Dequantize(uint8(q)))
		want := math.RoundToEven(x*exactHardSigmoid(x)/0.05) + 3
		if math.Abs(float64(got)-min(max(want, 0), 255)) > 1 {
			t.Errorf("code %d of %v: %d, want %v", q, x, got, want)
		}
	}
	m := Map{32, 3, 5}
	x := codes(newRand(6), m.values())
	want := make([]uint8, len(x))
	for i, q := range x {
		want[i] = table[q]
	}
	s := goSet()
	y := codeMap(m, m.C, nil, codeGuard)
	s.TranslateCodes(m, y, codeMap(m, m.C, x, 0), table)
	sameCodes(t, "code", plainCodes(t, m, y, codeGuard), want)
	v := make([]uint8, len(x))
	s.TranslateVector(v, x, table)
	sameCodes(t, "code of the vector", v, want)
}

func TestCopyChannelCodes(t *testing.T) {
	table := NewCodeTable(affines[0], affines[1], nil)
	for _, test := range []struct{ d, to, m, from, n int }{{48, 16, 32, 0, 32}, {48, 5, 32, 0, 20}, {64, 24, 32, 7, 25}, {16, 2, 16, 3, 0}} {
		d, m := Map{test.d, 3, 5}, Map{test.m, 3, 5}
		r := newRand(7)
		x, y0 := codes(r, m.values()), codes(r, d.values())
		for _, table := range []*CodeTable{nil, table} {
			want := append([]uint8(nil), y0...)
			for i, q := range x[test.from*15:][:test.n*15] {
				if table != nil {
					q = table[q]
				}
				want[test.to*15+i] = q
			}
			y := codeMap(d, d.C, y0, codeGuard)
			goSet().CopyChannelCodes(d, y, test.to, m, codeMap(m, m.C, x, 0), test.from, test.n, table)
			sameCodes(t, fmt.Sprint(test), plainCodes(t, d, y, codeGuard), want)
		}
	}
}

func TestScaleChannelCodes(t *testing.T) {
	m, r := Map{32, 3, 5}, newRand(8)
	x, gate := codes(r, m.values()), codes(r, m.C)
	qx, qg, out := affines[1], Affine{1.0 / 255, 0}, affines[2]
	want := make([]uint8, len(x))
	for i, q := range x {
		v := qx.Dequantize(q) * qg.Dequantize(gate[i/15])
		want[i] = uint8(min(max(math.RoundToEven(float64(v*(1/out.Scale)))+float64(out.Zero), 0), 255))
	}
	y := codeMap(m, m.C, nil, codeGuard)
	goSet().ScaleChannelCodes(m, y, codeMap(m, m.C, x, 0), gate, qx, qg, out)
	sameCodes(t, "code", plainCodes(t, m, y, codeGuard), want)
}
