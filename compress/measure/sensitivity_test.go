package measure

import (
	"context"
	"path/filepath"
	"testing"

	"espalier/compress/prune"
	"espalier/dataset"
	"espalier/internal/finite"
	"espalier/model"
	"espalier/model/kernel"
)

// TestSensitivityThatIsNotFinite: a loss that overflows is kept in the file like any
// other, and not measured again.
func TestSensitivityThatIsNotFinite(t *testing.T) {
	f, err := Open(Source{Path: save(t, 10, true, nil)})
	if err != nil {
		t.Fatal(err)
	}
	fc := f.Float.Node("fc")
	for i := range fc.Weight {
		fc.Weight[i] = 3e38
	}
	d, err := dataset.Open(dataset.Options{Set: dataset.Shapes10, Seed: 1, TrainLimit: 8, Validation: 20, TestLimit: 1})
	if err != nil {
		t.Fatal(err)
	}
	e := model.NewEngine(kernel.All()[0], 1, model.Auto)
	defer e.Close()
	path := filepath.Join(t.TempDir(), "sensitivity.json")
	p := Pruning{Scoring: prune.Scoring{Criterion: prune.L1, Normalise: prune.None}}
	measured := 0
	for range 2 {
		s, err := f.Sensitivity(context.Background(), e, d, p, []float64{0.5}, 7, path, func(string) { measured++ })
		if err != nil {
			t.Fatal(err)
		}
		if finite.Is(s.Dense.Loss) || s.Images != 7 || len(s.Groups) != 6 {
			t.Errorf("%+v", s)
		}
	}
	if measured != 7 {
		t.Errorf("%d measurements of 6 groups and the dense network", measured)
	}
}
