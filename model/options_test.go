package model_test

import (
	"math"
	"testing"

	"espalier/model"
	"espalier/model/kernel"
	"espalier/model/reference"
)

// TestOptionsAgreeWithReference takes one step with each training option and
// compares the loss, and where every parameter went, with the reference.
func TestOptionsAgreeWithReference(t *testing.T) {
	const images, lr = 5, 0.1
	start := testNetwork(t, model.Projection)
	random, _ := batch(8, images)
	teacher := random[:images*10]
	x, labels := batch(3, images)
	for _, c := range []struct {
		name string
		sgd  model.SGD
		loss model.Loss
	}{
		{"none", model.SGD{Momentum: 0.9, WeightDecay: 0.05}, model.Loss{}},
		{"nesterov", model.SGD{Momentum: 0.9, WeightDecay: 0.05, Nesterov: true}, model.Loss{}},
		{"decay on weights", model.SGD{Momentum: 0.9, WeightDecay: 0.05, WeightsOnly: true}, model.Loss{}},
		{"label smoothing", model.SGD{Momentum: 0.9}, model.Loss{LabelSmoothing: 0.1}},
		{"distillation", model.SGD{Momentum: 0.9}, model.Loss{Distill: 0.9, Temperature: 4}},
		{"all", model.SGD{0.9, 0.05, true, true}, model.Loss{0.1, 0.5, 2}},
	} {
		t.Run(c.name, func(t *testing.T) {
			ref := reference.From(start)
			ref.Loss, ref.Teacher = reference.Loss(c.loss), wide(teacher)
			wantLoss := ref.Backward(images, wide(x), labels)
			ref.Update(lr, reference.SGD{
				Momentum: float64(c.sgd.Momentum), WeightDecay: float64(c.sgd.WeightDecay),
				Nesterov: c.sgd.Nesterov, WeightsOnly: c.sgd.WeightsOnly,
			})
			want := map[string][]float64{}
			for _, p := range ref.Parameters() {
				want[p.Name] = p.Data
			}
			engines(t, 2, func(t *testing.T, e *model.Engine) {
				net := start.Clone()
				trainer, err := model.NewTrainer(net, e, images, c.sgd)
				if err != nil {
					t.Fatal(err)
				}
				trainer.Loss, trainer.Teacher = c.loss, teacher
				loss, _ := trainer.Step(x, labels, lr)
				if math.Abs(loss-wantLoss) > 1e-5*wantLoss {
					t.Errorf("loss %.9g, want %.9g", loss, wantLoss)
				}
				for i, p := range net.Parameters() {
					have, moved := make([]float32, len(p.Data)), make([]float64, len(p.Data))
					for j, before := range start.Parameters()[i].Data {
						have[j], moved[j] = p.Data[j]-before, want[p.Name][j]-float64(before)
					}
					// Rounding flips a ReLU or two in five images. An option that is not
					// followed moves parameters by tenths.
					if d := distance(have, moved); !(d < 3e-2) {
						t.Errorf("%s moved elsewhere: off by %.2g", p.Name, d)
					}
				}
			})
		})
	}
}

// TestAverageFollows holds the average to its definition over three steps, and
// Swap to changing places and back.
func TestAverageFollows(t *testing.T) {
	const decay = 0.75
	net := testNetwork(t, model.Projection)
	e := model.NewEngine(kernel.All()[0], 2, model.Auto)
	defer e.Close()
	trainer, err := model.NewTrainer(net, e, 8, model.SGD{Momentum: 0.9})
	if err != nil {
		t.Fatal(err)
	}
	average := model.NewAverage(net, e, decay)
	x, labels := batch(4, 8)
	var want [][]float64
	for step := range 3 {
		trainer.Step(x, labels, 0.1)
		average.Update()
		for i, tensor := range net.Tensors() {
			if step == 0 {
				want = append(want, wide(tensor.Data))
				continue
			}
			for j, v := range tensor.Data {
				want[i][j] = decay*want[i][j] + (1-decay)*float64(v)
			}
		}
	}
	last := net.Clone()
	average.Swap()
	for i, tensor := range net.Tensors() {
		if d := distance(tensor.Data, want[i]); !(d < 1e-6) {
			t.Errorf("%s: the average is off by %.2g", tensor.Name, d)
		}
	}
	average.Swap()
	for i, tensor := range net.Tensors() {
		for j, v := range last.Tensors()[i].Data {
			if tensor.Data[j] != v {
				t.Fatalf("%s[%d] is %g, not %g, after a second Swap", tensor.Name, j, tensor.Data[j], v)
			}
		}
	}
}

// TestOptionsAllocateNothing: a step with everything switched on, and its
// average.
func TestOptionsAllocateNothing(t *testing.T) {
	x, labels := batch(5, 16)
	e := model.NewEngine(kernel.All()[0], 2, model.Auto)
	defer e.Close()
	net := testNetwork(t, model.Projection)
	trainer, err := model.NewTrainer(net, e, 16, model.SGD{0.9, 5e-4, true, true})
	if err != nil {
		t.Fatal(err)
	}
	trainer.Loss, trainer.Teacher = model.Loss{0.1, 0.5, 4}, make([]float32, 16*10)
	average := model.NewAverage(net, e, 0.99)
	if n := testing.AllocsPerRun(3, func() {
		trainer.Step(x, labels, 0.01)
		average.Update()
	}); n != 0 {
		t.Errorf("a step allocates %g times", n)
	}
}
