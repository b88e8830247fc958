package model

import (
	"math"
	"slices"
	"testing"
)

// TestInit: convolutions are normal with variance 2/fan-in and linear layers uniform
// within ±1/√fan-in, from a stream of their own for each layer and seed.
func TestInit(t *testing.T) {
	made := func(seed uint64) *Graph {
		g, err := ResNet(Arch{Depth: 20, Shortcut: Projection, Classes: 10})
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range g.Nodes {
			for i := range n.Var {
				n.Weight[i], n.Bias[i], n.Mean[i], n.Var[i] = 7, 7, 7, 7
			}
		}
		g.Init(seed)
		return g
	}
	g := made(1)
	for _, l := range g.Layers() {
		var sum, squares, most float64
		for _, w := range l.Weight {
			sum, squares, most = sum+float64(w), squares+float64(w)*float64(w), max(most, math.Abs(float64(w)))
		}
		n, want := float64(len(l.Weight)), 2/float64(l.Fan())
		if _, ok := l.Op.(Linear); ok {
			want /= 6 // of a uniform distribution: bound²/3
			if bound := 1 / math.Sqrt(float64(l.Fan())); most > bound || most < 0.95*bound {
				t.Errorf("%s: the largest weight is %g, want nearly %g", l.Name, most, bound)
			}
		}
		// Five standard errors of the mean and of the variance of a normal distribution.
		if off := math.Abs(sum / n); off > 5*math.Sqrt(want/n) {
			t.Errorf("%s: the mean is %g", l.Name, sum/n)
		}
		if off := math.Abs(squares/n/want - 1); off > 5*math.Sqrt(2/n) {
			t.Errorf("%s: the variance is %g, want %g", l.Name, squares/n, want)
		}
	}
	a, b := g.Node("layer1.0.conv1").Weight, g.Node("layer1.0.conv2").Weight
	if slices.Equal(a, b) {
		t.Error("two layers have the same weights")
	}
	if !slices.Equal(a, made(1).Node("layer1.0.conv1").Weight) || slices.Equal(a, made(2).Node("layer1.0.conv1").Weight) {
		t.Error("the seed does not decide the weights")
	}
	if n := g.Node("bn1"); n.Weight[3] != 1 || n.Bias[3] != 0 || n.Mean[3] != 0 || n.Var[3] != 1 {
		t.Errorf("bn1 begins with %g, %g, %g, %g", n.Weight[3], n.Bias[3], n.Mean[3], n.Var[3])
	}
}
