package pipeline

import (
	"slices"
	"testing"
)

func TestDominator(t *testing.T) {
	costs := []float64{1, 2, 2, 3, 1}
	top1 := []float64{0.5, 0.8, 0.7, 0.8, 0.5}
	// The third costs what the second does and is less accurate; the fourth costs
	// more and is no better; equal points do not dominate each other.
	if have, want := Dominator(costs, top1), []int{-1, -1, 1, 1, -1}; !slices.Equal(have, want) {
		t.Errorf("%v, want %v", have, want)
	}
}

func TestAxes(t *testing.T) {
	c := &Cost{Bytes: 4000, SparseBytes: 3000, MACs: 2e6, Speeds: []Speed{{Batch: 1, Threads: 1, Seconds: 0.002}, {Batch: 128, Threads: 2, Seconds: 0.128}}}
	want := map[string]float64{"ms an image, one thread": 2, "ms an image in batches of 128": 1, "kB without zeros": 3, "million MACs": 2}
	for _, a := range Axes() {
		x, ok := a.Of(c)
		if w, known := want[a.Name]; known && (!ok || x != w) {
			t.Errorf("%s is %g, want %g", a.Name, x, w)
		}
		if a.Name == "ms an image, all threads" && ok {
			t.Error("one image on all threads was not measured")
		}
	}
}
