package reference

import (
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/diff/fd"
)

// TestGridGradients holds the gradients of rounding to differences of what they are
// the derivatives of: scale·(limited(x/scale) + rest) with the rest, what rounding
// adds, held fast (Esser et al. 2020, section 2.1).
func TestGridGradients(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, q := range []grid{{0.3, -8, 7}, {0.1, 0, 15}, {1.7, -2, 1}, {0.02, -128, 127}, {0.9, -3, 12}} {
		x, dy := normals(random, 200), normals(random, 200)
		rest := make([]float64, len(x))
		for i, v := range x {
			limited := min(max(v/q.scale, q.low), q.high)
			rest[i] = math.RoundToEven(limited) - limited
		}
		surrogate := func(scale float64, x []float64) (sum float64) {
			for i, v := range x {
				sum += dy[i] * scale * (min(max(v/scale, q.low), q.high) + rest[i])
			}
			return sum
		}
		dx, dScale := q.backward(x, dy)
		want := fd.Derivative(func(s float64) float64 { return surrogate(s, x) }, q.scale, &fd.Settings{Formula: fd.Central, Step: 1e-7})
		// A value between the last code and half a step beyond it is limited in the
		// surrogate and rounds to the code: the formula counts its rounding error.
		var beyond float64
		for i, v := range x {
			s := v / q.scale
			if r := math.RoundToEven(s); (s > q.high || s < q.low) && r >= q.low && r <= q.high {
				beyond += dy[i] * ((r - s) - r)
			}
		}
		if math.Abs(dScale-beyond-want) > 1e-5*(1+math.Abs(want)) {
			t.Errorf("%+v: gradient of the scale %g, of which %g at the edge; differences say %g", q, dScale, beyond, want)
		}
		differences := fd.Gradient(nil, func(v []float64) float64 { return surrogate(q.scale, v) }, x, &fd.Settings{Formula: fd.Central, Step: 1e-7})
		for i, v := range x {
			edge := math.Abs(v/q.scale-q.high) < 0.51 || math.Abs(v/q.scale-q.low) < 0.51
			if !edge && math.Abs(dx[i]-differences[i]) > 1e-6 {
				t.Errorf("%+v: gradient at %g is %g, differences say %g", q, v, dx[i], differences[i])
			}
		}
	}
}
