package model_test

import (
	"math"
	"slices"
	"testing"

	"espalier/model"
	"espalier/model/kernel"
	"espalier/model/reference"
)

// TestDropoutIsThatOfAnyThreadsAndGoesOn: what is dropped follows from the seed,
// the step, the node and the image alone.
func TestDropoutIsThatOfAnyThreadsAndGoesOn(t *testing.T) {
	b := model.NewBuilder("dropout", model.Shape{C: 3, H: 8, W: 8})
	x := b.Add("d1", model.Dropout{P: 0.25}, b.Norm("n", b.Add("c", conv(20, 3, 1), b.Input())))
	b.Add("fc", model.Linear{Out: 4}, b.Add("d2", model.Dropout{P: 0.5}, b.Add("pool", model.GlobalAvgPool{}, x)))
	g, err := b.Graph()
	if err != nil {
		t.Fatal(err)
	}
	fill(g, 1)
	images, labels := draw(2, 21, g.Input().Shape, 4)
	// train takes steps first to end−1 of a training.
	train := func(net *model.Graph, velocity []model.Tensor, threads, first, end int, seed uint64) []model.Tensor {
		e := model.NewEngine(kernel.All()[0], threads, model.Auto)
		defer e.Close()
		trainer, err := model.NewTrainer(net, e, 21, model.SGD{Momentum: 0.9})
		if err != nil {
			t.Fatal(err)
		}
		trainer.Seed, trainer.Steps = seed, first
		for i, v := range velocity {
			copy(trainer.Velocity()[i].Data, v.Data)
		}
		for range end - first {
			trainer.Step(images, labels, 0.1)
		}
		return trainer.Velocity()
	}
	one, two, other := g.Clone(), g.Clone(), g.Clone()
	train(one, nil, 1, 0, 4, 7)
	train(two, train(two, nil, 2, 0, 2, 7), 3, 2, 4, 7)
	train(other, nil, 1, 0, 4, 8)
	same := func(a, b *model.Graph) bool {
		for i, tensor := range a.Tensors() {
			if !slices.Equal(tensor.Data, b.Tensors()[i].Data) {
				return false
			}
		}
		return true
	}
	if !same(one, two) {
		t.Error("a training that was interrupted, with other threads, has other weights")
	}
	if same(one, other) {
		t.Error("another seed drops the same")
	}
}

// TestDropoutHasItsShare trains a network that is one gain for each value: those
// that were dropped have no gradient, the others have one over what is kept.
func TestDropoutHasItsShare(t *testing.T) {
	b := model.NewBuilder("dropout", model.Shape{C: 16, H: 16, W: 16})
	x := b.Add("drop", model.Dropout{P: 0.3}, b.Norm("n", b.Input()))
	b.Add("fc", model.Linear{Out: 2}, b.Add("f", model.Flatten{}, x))
	g, err := b.Graph()
	if err != nil {
		t.Fatal(err)
	}
	fill(g, 1)
	e := model.NewEngine(kernel.All()[0], 1, model.Auto)
	defer e.Close()
	trainer, err := model.NewTrainer(g, e, 1, model.SGD{})
	if err != nil {
		t.Fatal(err)
	}
	images, labels := draw(2, 1, g.Input().Shape, 2)
	trainer.Step(images, labels, 0)
	dropped, n := 0, 16*16*16
	for _, v := range trainer.Velocity()[2].Data[:n] { // of the first logit's weights: value × gradient
		if v == 0 {
			dropped++
		}
	}
	if share := float64(dropped) / float64(n); math.Abs(share-0.3) > 0.03 {
		t.Errorf("%.3f of the values were dropped, want 0.3", share)
	}
}

// TestDropoutScalesAsReference finds out which values were dropped from the
// gradients of a layer that reads them, and gives the same to the reference.
func TestDropoutScalesAsReference(t *testing.T) {
	b := model.NewBuilder("dropout", model.Shape{C: 3, H: 4, W: 4})
	x := b.Add("drop", model.Dropout{P: 0.4}, b.Add("relu", model.LeakyReLU{Slope: 0.5}, b.Bias(b.Add("c", conv(20, 3, 1), b.Input()))))
	b.Add("fc", model.Linear{Out: 2}, b.Add("f", model.Flatten{}, x))
	g, err := b.Graph()
	if err != nil {
		t.Fatal(err)
	}
	fill(g, 1)
	images, labels := draw(2, 1, g.Input().Shape, 2)
	e := model.NewEngine(kernel.All()[0], 1, model.Auto)
	defer e.Close()
	trainer, err := model.NewTrainer(g.Clone(), e, 1, model.SGD{})
	if err != nil {
		t.Fatal(err)
	}
	loss, _ := trainer.Step(images, labels, 0)
	gradient := trainer.Velocity()[2].Data
	ref := reference.From(g)
	ref.Keep = func(_ *model.Node, _, index int) bool { return gradient[index] != 0 }
	if want := ref.Backward(1, wide(images), labels); math.Abs(loss-want) > 1e-5 {
		t.Errorf("loss %g, want %g", loss, want)
	}
	for i, p := range ref.Parameters() {
		if d := distance(trainer.Velocity()[i].Data, p.Gradient); !(d < 1e-4) {
			t.Errorf("%s: gradient is off by %.2g", p.Name, d)
		}
	}
}
