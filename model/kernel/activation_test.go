package kernel

import (
	"fmt"
	"math"
	"testing"
)

// activations are all functions, with the derivative that each has in float64.
var activations = []struct {
	name string
	Activation
	value, slope func(x float64) float64
}{
	{"relu", Activation{Kind: Clip, Max: float32(math.Inf(1))},
		func(x float64) float64 { return max(x, 0) }, func(x float64) float64 { return step(x > 0) }},
	{"relu6", Activation{Kind: Clip, Max: 6},
		func(x float64) float64 { return min(max(x, 0), 6) }, func(x float64) float64 { return step(x > 0 && x < 6) }},
	{"clip", Activation{Kind: Clip, Min: -1, Max: 2.5},
		func(x float64) float64 { return min(max(x, -1), 2.5) }, func(x float64) float64 { return step(x > -1 && x < 2.5) }},
	{"leaky", Activation{Kind: LeakyReLU, Slope: 0.25},
		func(x float64) float64 { return max(x, x*0.25) }, func(x float64) float64 { return 0.25 + 0.75*step(x > 0) }},
	{"sigmoid", Activation{Kind: Sigmoid}, exactSigmoid,
		func(x float64) float64 { s := exactSigmoid(x); return s * (1 - s) }},
	{"silu", Activation{Kind: SiLU}, func(x float64) float64 { return x * exactSigmoid(x) },
		func(x float64) float64 { s := exactSigmoid(x); return s + x*s*(1-s) }},
	{"hardsigmoid", Activation{Kind: HardSigmoid}, exactHardSigmoid,
		func(x float64) float64 { return step(x > -3 && x < 3) / 6 }},
	{"hardswish", Activation{Kind: HardSwish}, func(x float64) float64 { return x * exactHardSigmoid(x) },
		func(x float64) float64 { return exactHardSigmoid(x) + x/6*step(x > -3 && x < 3) }},
	{"fake-quantize", Activation{Kind: FakeQuantize, Min: -3, Max: 12, Scale: 0.25},
		func(x float64) float64 { return 0.25 * min(max(math.RoundToEven(4*x), -3), 12) },
		func(x float64) float64 { q := math.RoundToEven(4 * x); return step(q >= -3 && q <= 12) }},
}

func step(ok bool) float64 {
	if ok {
		return 1
	}
	return 0
}

func exactSigmoid(x float64) float64     { return 1 / (1 + math.Exp(-x)) }
func exactHardSigmoid(x float64) float64 { return min(max(x+3, 0), 6) / 6 }

// activationInputs are ordinary values, the bounds, large values and none of
// them: as many as fill a map with a row of odd length.
func activationInputs(n int) []float32 {
	x := operand(1, n)
	for i := range x {
		x[i] *= 4
	}
	copy(x, []float32{0, 3, -3, 6, -1, 2.5, 1e-8, -1e-8, 87, -87, 88.5, -88.5, 1e4, -1e4, 1e-30, -1e-30, 17, -17, 2.9999998, -2.9999998})
	return x
}

// near fails the test unless every got is within relative·|want| + absolute.
func near(t testing.TB, what string, got []float32, want []float64, bound func(i int) float64) {
	t.Helper()
	for i, w := range want {
		if diff := math.Abs(float64(got[i]) - w); !(diff <= bound(i)) {
			t.Fatalf("%s %d is %v, want %v ± %.3g", what, i, got[i], w, bound(i))
		}
	}
}

func TestActivations(t *testing.T) {
	for _, m := range []Map{{16, 1, 1}, {32, 5, 7}, {48, 8, 16}} {
		for _, a := range activations {
			t.Run(fmt.Sprintf("%s/%v", a.name, m), func(t *testing.T) {
				x, dy := activationInputs(m.values()), operand(2, m.values())
				y, dx := make([]float64, len(x)), make([]float64, len(x))
				for i, v := range x {
					y[i] = a.value(float64(v))
					dx[i] = float64(dy[i]) * a.slope(float64(v))
				}
				eachSet(t, func(t *testing.T, s *Set) {
					in := packedMap(t, m, x, 0, 1)
					out := packedMap(t, m, dy, untouched, 2)
					s.Activate(m, m.C, a.Activation, out, in)
					got := unpacked(t, m, out, untouched)
					near(t, "y", got, y, func(i int) float64 { return 0x1p-21*math.Abs(y[i]) + 0x1p-126*max(1, math.Abs(float64(x[i]))) })

					v := in
					if !a.NeedsInput() {
						v = out
						for i, o := range got { // exact in the output that it is given
							if a.Kind == Sigmoid {
								dx[i] = float64(dy[i]) * float64(o) * (1 - float64(o))
							}
							if a.Kind == HardSigmoid {
								dx[i] = float64(dy[i]) * step(o > 0 && o < 1) / 6
							}
						}
					}
					gx := packedMap(t, m, dy, untouched, 3)
					s.ActivationGrad(m, a.Activation, gx, packedMap(t, m, dy, 0, 0), v)
					near(t, "dx", unpacked(t, m, gx, untouched), dx, func(i int) float64 { return 0x1p-20*math.Abs(float64(dy[i])) + 0x1p-140 })

					n := len(x) - 1
					flat := guardedFloats(t, n, 0)
					s.ActivateVector(a.Activation, flat, x[:n])
					near(t, "vector y", flat, y[:n], func(i int) float64 { return 0x1p-21*math.Abs(y[i]) + 0x1p-126*max(1, math.Abs(float64(x[i]))) })
				})
			})
		}
	}
}

// TestActivationsKeepNaN and zeros in channels behind the real ones.
func TestActivationsKeepNaN(t *testing.T) {
	for _, a := range activations {
		eachSet(t, func(t *testing.T, s *Set) {
			x := make([]float32, 67)
			for i := range x {
				x[i] = float32(math.NaN())
			}
			s.ActivateVector(a.Activation, x, x)
			for i, v := range x {
				if v == v {
					t.Fatalf("%s: NaN became %v at %d", a.name, v, i)
				}
			}
			m := Map{48, 3, 5}
			y := Floats(m.Len())
			s.Activate(m, 20, a.Activation, y, y)
			plain := make([]float32, m.values())
			m.Unpack(plain, y)
			for i, v := range plain {
				want := float32(a.value(0))
				if i/15 >= 20 {
					want = 0
				}
				if v != want {
					t.Fatalf("%s: channel %d is %v, want %v", a.name, i/15, v, want)
				}
			}
		})
	}
}

func BenchmarkActivation(b *testing.B) {
	m := Map{64, 32, 32}
	for _, s := range setsUnderTest(b) {
		for _, a := range activations {
			x, y := fillNormal(newRand(1), Floats(m.Len())), Floats(m.Len())
			run := func(name string, f func()) {
				b.Run(name+"/"+a.name+"/"+s.Name, func(b *testing.B) {
					b.SetBytes(int64(8 * len(x)))
					for b.Loop() {
						f()
					}
				})
			}
			run("forward", func() { s.Activate(m, m.C, a.Activation, y, x) })
			run("gradient", func() { s.ActivationGrad(m, a.Activation, y, y, x) })
		}
	}
}
