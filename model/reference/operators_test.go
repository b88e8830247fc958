package reference

import (
	"testing"

	"gonum.org/v1/gonum/floats"

	"espalier/model"
)

// TestOperators compares operators in inference with numbers worked out by hand.
func TestOperators(t *testing.T) {
	line := model.Shape{C: 1, H: 1, W: 5}
	x := []float64{-4, -1, 0.5, 2, 8}
	for _, c := range []struct {
		name string
		op   model.Op
		want []float64
	}{
		{"relu", model.ReLU{}, []float64{0, 0, 0.5, 2, 8}},
		{"relu6", model.Clip{Min: 0, Max: 6}, []float64{0, 0, 0.5, 2, 6}},
		{"leaky relu", model.LeakyReLU{Slope: 0.25}, []float64{-1, -0.25, 0.5, 2, 8}},
		{"hard sigmoid", model.HardSigmoid{}, []float64{0, 2. / 6, 3.5 / 6, 5. / 6, 1}},
		{"hard swish", model.HardSwish{}, []float64{0, -2. / 6, 1.75 / 6, 10. / 6, 8}},
		{"dropout", model.Dropout{P: 0.5}, x},
		{"max pool", model.MaxPool{Kernel: 3, Stride: 2, Padding: model.Pad2D(1)}, []float64{-1, 2, 8}},
		{"max pool rounded up", model.MaxPool{Kernel: 2, Stride: 2, Padding: model.Padding{Bottom: 1}, Ceil: true}, []float64{-1, 2, 8}},
		{"average pool", model.AvgPool{Kernel: 2, Stride: 2, Padding: model.Padding{Left: 1, Bottom: 1}}, []float64{-4, -0.25, 5}},
		{"average pool, padding counted", model.AvgPool{Kernel: 2, Stride: 2, Padding: model.Padding{Left: 1, Bottom: 1}, CountPadding: true}, []float64{-1, -0.125, 2.5}},
		{"average pool rounded up", model.AvgPool{Kernel: 2, Stride: 2, Padding: model.Padding{Bottom: 1}, Ceil: true, CountPadding: true}, []float64{-1.25, 0.625, 4}},
		{"padding shortcut", model.PadShortcut{Stride: 2, Before: 1}, []float64{0, 0, 0, -4, 0.5, 8}},
		{"global average pool", model.GlobalAvgPool{}, []float64{1.1}},
	} {
		g := build(t, line, func(b *model.Builder, x *model.Node) *model.Node {
			// A second channel makes a vector of at least two logits.
			return b.Add("both", model.Concat{}, b.Add("op", c.op, x), b.Add("again", c.op, x))
		})
		if have := From(g).Values(1, x)["op"]; !floats.EqualApprox(have, c.want, 1e-12) {
			t.Errorf("%s: have %v, want %v", c.name, have, c.want)
		}
	}
}

func TestNormInInferenceIsAffine(t *testing.T) {
	g := build(t, model.Shape{C: 1, H: 1, W: 2}, func(b *model.Builder, x *model.Node) *model.Node { return b.Norm("bn", x) })
	n := g.Node("bn")
	n.Weight[0], n.Bias[0], n.Mean[0], n.Var[0] = 3, 1, 2, 4
	if have, want := From(g).Logits(1, []float64{2, 6}), []float64{1, 7}; !floats.EqualApprox(have, want, 1e-4) {
		t.Errorf("have %v, want %v", have, want)
	}
}

// TestKeepDecidesWhatDropoutKeeps: half the values are dropped, the others double.
func TestKeepDecidesWhatDropoutKeeps(t *testing.T) {
	g := build(t, model.Shape{C: 2, H: 1, W: 1}, func(b *model.Builder, x *model.Node) *model.Node {
		return b.Add("dropout", model.Dropout{P: 0.5}, x)
	})
	r := From(g)
	r.Keep = func(_ *model.Node, image, index int) bool { return image == index }
	r.forward(2, []float64{1, 2, 3, 4}, true)
	if have, want := r.last().y, []float64{2, 0, 0, 8}; !floats.Equal(have, want) {
		t.Errorf("have %v, want %v", have, want)
	}
}

// TestUpdate has steps worked out by hand: a weight of 2 with gradient 1, decay
// 0.5 and velocity 4; a masked one stays zero.
func TestUpdate(t *testing.T) {
	for _, c := range []struct {
		weight bool
		o      SGD
		want   float64
	}{
		{true, SGD{Momentum: 0.9, WeightDecay: 0.5}, 2 - 0.1*5.6},
		{false, SGD{Momentum: 0.9, WeightDecay: 0.5, WeightsOnly: true}, 2 - 0.1*4.6},
		{true, SGD{Momentum: 0.9, WeightDecay: 0.5, WeightsOnly: true}, 2 - 0.1*5.6},
		{true, SGD{Momentum: 0.9, WeightDecay: 0.5, Nesterov: true}, 2 - 0.1*(2+0.9*5.6)},
	} {
		p := &Parameter{Data: []float64{2, 0}, Gradient: []float64{1, 1}, Velocity: []float64{4, 4}, Weight: c.weight, Mask: []float32{1, 0}}
		p.Update(0.1, c.o)
		if want := []float64{c.want, 0}; !floats.EqualApprox(p.Data, want, 1e-12) {
			t.Errorf("%+v: have %v, want %v", c.o, p.Data, want)
		}
	}
}
