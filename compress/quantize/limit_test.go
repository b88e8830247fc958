package quantize_test

import (
	"strings"
	"testing"

	"espalier/compress/quantize"
	"espalier/model"
)

// wideNetwork returns a network whose last layer sums over 1,024 weights for each
// of a number of channels, with weights and values as large as codes get: every
// product has the same sign.
func wideNetwork(t testing.TB, channels int) *model.Graph {
	b := model.NewBuilder("wide", model.Shape{C: 3, H: 32, W: 32})
	x := b.Bias(b.Add("conv", model.Conv{Out: channels, Kernel: 1, Stride: 1, Groups: 1}, b.Input()))
	b.Add("fc", model.Linear{Out: 3}, b.Add("flatten", model.Flatten{}, x))
	g, err := b.Graph()
	if err != nil {
		t.Fatal(err)
	}
	for i := range g.Node("conv").Weight {
		g.Node("conv").Weight[i] = 1
	}
	for i := range g.Output().Weight {
		g.Output().Weight[i] = []float32{1, -1, 1}[i*3/len(g.Output().Weight)]
	}
	return g
}

// TestLargestSums: sums of as many products as Build accepts, all of them as large
// as they get and of one sign, are what they are in 64 bits, whatever the zero
// point. One channel more is refused.
func TestLargestSums(t *testing.T) {
	const channels = quantize.MaxFan / 1024
	recipe, err := quantize.RecipeNamed("onednn")
	if err != nil {
		t.Fatal(err)
	}
	x := make([]float32, 2*3*1024)
	for i := range x {
		x[i] = 1
		if i >= 3*1024 {
			x[i] = -1
		}
	}
	for _, values := range []quantize.Range{{Min: 0, Max: 3}, {Min: -3, Max: 0}, {Min: -3, Max: 3}} {
		c := &quantize.Calibration{Ranges: map[string]quantize.Range{
			"input": {Min: -1, Max: 1}, "conv": values, "flatten": values, "fc": {Min: -1e5, Max: 1e5},
		}}
		q, err := quantize.Build(wideNetwork(t, channels), c, recipe)
		if err != nil {
			t.Fatal(err)
		}
		compareWithReference(t, "the largest sums", q, x)
		if _, err := quantize.Build(wideNetwork(t, channels+1), c, recipe); err == nil || !strings.Contains(err.Error(), "quantizing fc: each output sums over 33792 weights") {
			t.Errorf("a layer that is too large: %v", err)
		}
	}
}
