package reference

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"gonum.org/v1/gonum/diff/fd"
	"gonum.org/v1/gonum/floats"
)

// checkGradient compares the gradient of Σ r·f(x), r random, with central
// differences at every coordinate of x.
func checkGradient(t *testing.T, name string, x []float64, f func() []float64, backward func(dy []float64) []float64) {
	t.Helper()
	random := rand.New(rand.NewPCG(7, 7))
	r := normals(random, len(f()))
	f() // what backward needs is from this call
	have := backward(r)
	want := make([]float64, len(x))
	at := slices.Clone(x)
	fd.Gradient(want, func(v []float64) float64 {
		copy(x, v)
		return floats.Dot(f(), r)
	}, at, &fd.Settings{Formula: fd.Central, Step: 1e-5})
	copy(x, at)
	for i := range want {
		if bound := 1e-7 * (1 + math.Abs(want[i])); !(math.Abs(have[i]-want[i]) <= bound) {
			t.Fatalf("%s: gradient %d is %g, differences say %g (bound %g)", name, i, have[i], want[i], bound)
		}
	}
}

func normals(random *rand.Rand, n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = random.NormFloat64()
	}
	return out
}

func TestConvGradients(t *testing.T) {
	for _, s := range []Shape{
		{In: 2, Out: 3, H: 5, W: 4, Kernel: 3, Stride: 1},
		{In: 2, Out: 3, H: 6, W: 4, Kernel: 3, Stride: 2},
		{In: 3, Out: 2, H: 5, W: 5, Kernel: 3, Stride: 2},
		{In: 3, Out: 2, H: 3, W: 3, Kernel: 1, Stride: 1},
		{In: 2, Out: 4, H: 4, W: 6, Kernel: 1, Stride: 2},
		{In: 1, Out: 1, H: 1, W: 1, Kernel: 3, Stride: 1},
	} {
		t.Run(fmt.Sprintf("%+v", s), func(t *testing.T) {
			random := rand.New(rand.NewPCG(1, 2))
			const n = 2
			x, w := normals(random, n*s.In*s.H*s.W), normals(random, s.Out*s.In*s.Kernel*s.Kernel)
			f := func() []float64 { return ConvForward(s, n, x, w) }
			checkGradient(t, "x", x, f, func(dy []float64) []float64 { dx, _ := ConvBackward(s, n, x, w, dy); return dx })
			checkGradient(t, "w", w, f, func(dy []float64) []float64 { _, dw := ConvBackward(s, n, x, w, dy); return dw })
		})
	}
}

func TestNormGradients(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	const n, channels, size = 3, 2, 4
	x := normals(random, n*channels*size)
	b := &Norm{Gamma: normals(random, channels), Beta: normals(random, channels), RunningMean: make([]float64, channels), RunningVar: make([]float64, channels)}
	f := func() []float64 { return b.Forward(n, size, x) }
	checkGradient(t, "x", x, f, func(dy []float64) []float64 { dx, _, _ := b.Backward(n, size, dy); return dx })
	checkGradient(t, "gamma", b.Gamma, f, func(dy []float64) []float64 { _, d, _ := b.Backward(n, size, dy); return d })
	checkGradient(t, "beta", b.Beta, f, func(dy []float64) []float64 { _, _, d := b.Backward(n, size, dy); return d })
}

func TestNormEvaluationIsAffine(t *testing.T) {
	b := &Norm{Gamma: []float64{3}, Beta: []float64{1}, RunningMean: []float64{2}, RunningVar: []float64{4 - 1e-5}}
	if have, want := b.Infer(1, 2, []float64{2, 6}), []float64{1, 7}; !floats.EqualApprox(have, want, 1e-12) {
		t.Errorf("have %v, want %v", have, want)
	}
}

func TestOtherGradients(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	const n = 3
	x := normals(random, n*4)
	checkGradient(t, "relu", x, func() []float64 { return ReLU(x) },
		func(dy []float64) []float64 { return ReLUBackward(ReLU(x), dy) })
	checkGradient(t, "pool", x, func() []float64 { return PoolForward(2, x) },
		func(dy []float64) []float64 { return PoolBackward(2, dy) })
	padded := normals(random, 2*2*4*6)
	checkGradient(t, "pad", padded, func() []float64 { return PadForward(2, 2, 2, 3, padded) },
		func(dy []float64) []float64 { return PadBackward(2, 2, 2, 3, dy) })

	w, bias := normals(random, 2*4), normals(random, 2)
	f := func() []float64 { return LinearForward(n, x, w, bias) }
	checkGradient(t, "linear x", x, f, func(dy []float64) []float64 { d, _, _ := LinearBackward(n, x, w, dy); return d })
	checkGradient(t, "linear w", w, f, func(dy []float64) []float64 { _, d, _ := LinearBackward(n, x, w, dy); return d })
	checkGradient(t, "linear b", bias, f, func(dy []float64) []float64 { _, _, d := LinearBackward(n, x, w, dy); return d })

	logits, labels := normals(random, n*4), []uint8{0, 3, 1}
	teacher := normals(random, n*4)
	for _, l := range []Loss{{}, {LabelSmoothing: 0.1}, {Distill: 0.5, Temperature: 4}, {0.2, 0.9, 2}} {
		checkGradient(t, fmt.Sprintf("loss %+v", l), logits,
			func() []float64 { loss, _ := l.Of(n, logits, teacher, labels); return []float64{loss} },
			func(dy []float64) []float64 {
				_, g := l.Of(n, logits, teacher, labels)
				floats.Scale(dy[0], g)
				return g
			})
	}
}
