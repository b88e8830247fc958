package kernel

import (
	"encoding/json"
	"math"
	"os"
	"slices"
	"testing"
)

// TestFakeQuantizeIsPyTorchs: values, the gradient through the rounding and that of
// a learned scale are those of PyTorch, values and gradients to the last bit.
// testdata/fake_quantize.py wrote what PyTorch gives.
func TestFakeQuantizeIsPyTorchs(t *testing.T) {
	text, err := os.ReadFile("testdata/fake_quantize.json")
	if err != nil {
		t.Fatal(err)
	}
	var rows []struct {
		Scale, Zero, Low, High float32
		X, DY, Y, DX           []float32
		DScale                 float64
	}
	if err := json.Unmarshal(text, &rows); err != nil {
		t.Fatal(err)
	}
	if len(rows) == 0 {
		t.Fatal("no rows")
	}
	m := Map{16, 2, 2}
	for _, r := range rows {
		a := Activation{Kind: FakeQuantize, Scale: r.Scale, Min: r.Low - r.Zero, Max: r.High - r.Zero}
		eachSet(t, func(t *testing.T, s *Set) {
			y := make([]float32, len(r.X))
			s.ActivateVector(a, y, r.X)
			if !slices.Equal(y, r.Y) {
				t.Errorf("scale %g, zero point %g: values are %v, PyTorch's %v", r.Scale, r.Zero, y, r.Y)
			}
			dx := packedMap(t, m, r.DY, untouched, 0)
			s.ActivationGrad(m, a, dx, packedMap(t, m, r.DY, 0, 0), packedMap(t, m, r.X, 0, 0))
			if got := unpacked(t, m, dx, untouched); !slices.Equal(got, r.DX) {
				t.Errorf("scale %g, zero point %g: gradients are %v, PyTorch's %v", r.Scale, r.Zero, got, r.DX)
			}
		})
		if got := a.ScaleGrad(r.DY, r.X); math.Abs(got-r.DScale) > 1e-4*(1+math.Abs(r.DScale)) {
			t.Errorf("scale %g, zero point %g: the scale's gradient is %g, PyTorch's %g", r.Scale, r.Zero, got, r.DScale)
		}
	}
}
