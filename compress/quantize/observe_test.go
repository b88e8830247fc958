package quantize

import (
	"slices"
	"testing"

	"espalier/model"
)

// TestObserve: the same points as the float network has, in its order; codes
// that stand for the values; and values that the float network's are near.
func TestObserve(t *testing.T) {
	for _, shortcut := range []model.Shortcut{model.Projection, model.Pad} {
		n, x := randomNetwork(t, shortcut, 3)
		for _, r := range []Recipe{lab, named(t, "onednn")} {
			q := mustBuild(t, n, calibrated(t, n, x, MinMax), r)
			e := testEngine(t, "")
			v := NewEvaluator(q, e)
			logits := make([]float32, 30)
			v.Logits(logits, x)

			found := map[string]Activation{}
			var points, want []string
			v.Observe(x, func(a Activation) {
				points, found[a.Point] = append(points, a.Point), a
				if len(a.Values) != 3*a.C*a.H*a.W {
					t.Errorf("%s: %d values of 3 images of %d×%d×%d", a.Point, len(a.Values), a.C, a.H, a.W)
				}
				for i, code := range a.Codes {
					if a.Dequantize(code) != a.Values[i] {
						t.Fatalf("%s: code %d stands for %g, not for %g", a.Point, code, a.Dequantize(code), a.Values[i])
					}
				}
				if (a.Codes == nil) != (a.Point == "fc" && r.FloatLogits) {
					t.Errorf("%s: %d codes", a.Point, len(a.Codes))
				}
			})
			model.NewEvaluator(n, e, 3).Observe(x, func(point string, rows model.Rows) {
				want = append(want, point)
				var sum, got float64
				for row := range rows {
					for _, v := range row {
						sum += float64(v)
					}
				}
				a := found[point]
				for _, v := range a.Values {
					got += float64(v)
				}
				if mean := (got - sum) / float64(len(a.Values)); mean > 3*float64(a.Scale) || mean < -3*float64(a.Scale) {
					t.Errorf("%s shortcuts, %s: the mean is off by %g, and a step is %g", shortcut, point, mean, a.Scale)
				}
			})
			if !slices.Equal(points, want) {
				t.Errorf("points %v, want %v", points, want)
			}
			if !slices.Equal(found["fc"].Values, logits) {
				t.Errorf("observed logits %g, computed %g", found["fc"].Values, logits)
			}
			if got, want := found["input"].Codes[2*pixels+1024+33], q.Input().Output.Quantize(x[2*pixels+1024+33]); got != want {
				t.Errorf("a pixel of the third image has code %d, want %d", got, want)
			}
			again := make([]float32, 30)
			if v.Logits(again, x); !slices.Equal(again, logits) {
				t.Error("logits after observing differ")
			}
		}
	}
}
