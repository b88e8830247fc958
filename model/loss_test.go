package model

import (
	"math"
	"testing"
)

// TestTallyOfLogitsThatAreNotFinite: an image with such a logit counts as wrong,
// also where its label's logit is the largest of those that are numbers, or the
// first of none.
func TestTallyOfLogitsThatAreNotFinite(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	var tally Tally
	tally.Add([]float32{
		3, 2, 1,
		nan, nan, nan,
		3, nan, 1,
		3, 2, -inf,
		inf, 2, 1,
		1, 2, 3,
	}, make([]uint16, 6), 3)
	if tally.Total != 6 || tally.Correct != 1 || tally.NotFinite != 4 {
		t.Errorf("%+v: want 1 of 6 right and 4 not finite", tally)
	}
}

// TestTallyOfEqualLogits: of equal logits the first is the answer, as in PyTorch's
// argmax.
func TestTallyOfEqualLogits(t *testing.T) {
	for label, want := range []int{0, 1, 0} {
		var tally Tally
		tally.Add([]float32{1, 2, 2}, []uint16{uint16(label)}, 3)
		if tally.Correct != want {
			t.Errorf("label %d: %d right, want %d", label, tally.Correct, want)
		}
	}
}
