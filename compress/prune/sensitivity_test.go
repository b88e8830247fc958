package prune

import (
	"math"
	"slices"
	"testing"

	"espalier/model"
)

func TestWithin(t *testing.T) {
	curve := Curve{{0.5, 0.1}, {0.7, 0.05}, {0.9, 1.1}}
	for _, c := range []struct{ limit, want float64 }{
		{0, 0}, {0.05, 0.25}, {0.1, 0.7}, {0.6, 0.8}, {1.1, 0.9}, {2.2, 0.95},
	} {
		if have := curve.within(c.limit); math.Abs(have-c.want) > 1e-12 {
			t.Errorf("within %v: %v, want %v", c.limit, have, c.want)
		}
	}
	if have := (Curve{{0.5, 0.1}, {0.9, math.NaN()}}).within(100); have != 0.5 {
		t.Errorf("beyond a loss that is not finite: %v, want 0.5", have)
	}
	if have := (Curve{{0.5, 0}, {0.9, -0.1}}).within(1); have != 0.9 {
		t.Errorf("a layer that costs nothing: %v, want 0.9", have)
	}
}

// TestEven: the layers come to the target, at the same rise.
func TestEven(t *testing.T) {
	a, b := layer("a", make([]float32, 100)...), layer("b", make([]float32, 300)...)
	layers := []*model.Node{a, b}
	curves := map[string]Curve{"a": {{0.5, 1}, {0.9, 3}}, "b": {{0.5, 0.1}, {0.9, 0.5}}}
	each := Even(layers, curves, 0.6)
	if have := (100*each[0] + 300*each[1]) / 400; math.Abs(have-0.6) > 1e-9 {
		t.Errorf("the layers come to %v", have)
	}
	if !(each[0] < each[1]) {
		t.Errorf("the sensitive layer loses %v, the other %v", each[0], each[1])
	}
	limit := 2 * each[0] // on the first line of a
	if d := curves["b"].within(limit) - each[1]; math.Abs(d) > 1e-6 {
		t.Errorf("layers cost different rises: %v", d)
	}
}

func TestSmallestChannels(t *testing.T) {
	in := &model.Node{Name: "in", Op: model.Input{}, Shape: model.Shape{C: 2, H: 1, W: 1}}
	l := &model.Node{Name: "fc", Op: model.Linear{Out: 3}, Inputs: []*model.Node{in}, Shape: model.Shape{C: 3, H: 1, W: 1}, Weight: []float32{5, -5, 1, 1, -2, 2}}
	if have := SmallestChannels(l, 2./3); !slices.Equal(have, []int{2, 3, 4, 5}) {
		t.Errorf("%v", have)
	}
}
