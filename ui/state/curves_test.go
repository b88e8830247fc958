package state

import (
	"math"
	"testing"

	"espalier/compress/pipeline"
	"espalier/internal/finite"
)

func TestShadesOfSensitivity(t *testing.T) {
	var r Run
	tell := func(p pipeline.SensitivityPoint) {
		r.Apply(pipeline.Event{Seq: r.Seq + 1, Body: p})
	}
	tell(pipeline.SensitivityPoint{Loss: 1})
	for _, p := range []pipeline.SensitivityPoint{
		{Of: "weights", Layer: "a", Level: 0.5, Loss: 1.1}, {Of: "weights", Layer: "a", Level: 0.9, Loss: 11},
		{Of: "weights", Layer: "b", Level: 0.5, Loss: 0.9}, {Of: "weights", Layer: "b", Level: 0.9, Loss: finite.OrNull(math.NaN())},
		{Of: "bits", Layer: "a", Level: 8, Loss: 1.001},
	} {
		tell(p)
	}
	if len(r.Curves) != 2 || len(r.Curves[0].Levels) != 2 || r.Curves[1].Of != "bits" {
		t.Fatalf("%+v", r.Curves)
	}
	for layer, want := range map[string][2]float64{"a": {0, 1}, "b": {0, 1}} {
		have := r.Curves[0].Shades(layer)
		for i, w := range want {
			if math.Abs(have[i]-w) > 1e-9 {
				t.Errorf("layer %s: shades %v, want %v", layer, have, want)
			}
		}
	}
	if have := r.Curves[1].Shades("a"); len(have) != 1 || math.Abs(have[0]-1) > 1e-9 {
		t.Errorf("bits: %v", have)
	}
	tell(pipeline.SensitivityPoint{Loss: 2}) // measured anew after an interruption
	if r.Curves != nil {
		t.Errorf("%+v is left", r.Curves)
	}
}
