package model_test

import (
	"slices"
	"testing"

	"espalier/model"
	"espalier/model/kernel"
)

// TestLogitsDoNotDependOnTheBatch computes images alone, in a group that is not
// full, and in several parts: to the same bits.
func TestLogitsDoNotDependOnTheBatch(t *testing.T) {
	n := newNetwork(t, model.Arch{Depth: 14, Shortcut: model.Projection, Classes: 10})
	n.Init(3)
	const size, images = 3 * 32 * 32, 19
	x, _ := batch(3, images)
	engines(t, 2, func(t *testing.T, e *model.Engine) {
		all := make([]float32, 10*images)
		model.NewEvaluator(n, e, images).Logits(all, x)
		v := model.NewEvaluator(n, e, 3)
		for _, few := range []int{1, 3} {
			for i := 0; i+few <= images; i += 6 {
				have := make([]float32, 10*few)
				v.Logits(have, x[i*size:(i+few)*size])
				if want := all[10*i : 10*(i+few)]; !slices.Equal(have, want) {
					t.Fatalf("images %d to %d in a batch of %d: %v, among %d: %v", i, i+few-1, few, have, images, want)
				}
			}
		}
	})
}

func TestLogitsAllocateNothing(t *testing.T) {
	e := model.NewEngine(kernel.All()[0], 2, model.Auto)
	defer e.Close()
	x, _ := batch(4, 12)
	logits := make([]float32, 120)
	v := model.NewEvaluator(testNetwork(t, model.Projection), e, 12)
	if n := testing.AllocsPerRun(3, func() { v.Logits(logits, x) }); n != 0 {
		t.Errorf("a batch allocates %g times", n)
	}
}
