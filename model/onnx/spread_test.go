package onnx

import (
	"slices"
	"strings"
	"testing"

	"espalier/model"
)

// TestSpreadKernels: kernels that are not square, or dilated, give the logits that
// PyTorch computes, and their zeros stay zero in training.
func TestSpreadKernels(t *testing.T) {
	f, err := Read("testdata/graph/widths.onnx")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(strings.Join(f.Notes, ""), "square ones with zeros") {
		t.Errorf("notes %q", f.Notes)
	}
	x, want := answer(t, "widths")
	got := make([]float32, len(want))
	e := newEngine(t)
	model.NewEvaluator(f.Float, e, 1).Logits(got, x)
	if worst := farthest(got, want); !(worst < 1e-6) {
		t.Errorf("logits %v, want %v", got, want)
	}
	before := slices.Clone(f.Float.Node("wide").Weight)
	trainer, err := model.NewTrainer(f.Float, e, 1, model.SGD{})
	if err != nil {
		t.Fatal(err)
	}
	trainer.Step(x, []uint16{1}, 0.1)
	for name, kept := range map[string]int{"wide": 3 * 6 * 7, "tall": 6 * 3, "dilated": 6 * 5 * 9, "both": 5 * 4 * 6} {
		nonzero := 0
		for _, w := range f.Float.Node(name).Weight {
			if w != 0 {
				nonzero++
			}
		}
		if nonzero != kept {
			t.Errorf("%s has %d weights that are not zero after a step, want %d", name, nonzero, kept)
		}
	}
	if slices.Equal(f.Float.Node("wide").Weight, before) {
		t.Error("the step changed nothing")
	}
}
