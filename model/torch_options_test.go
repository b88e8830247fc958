package model_test

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"testing"

	"espalier/model"
	"espalier/model/kernel"
	"espalier/model/reference"
)

// torchOptions is what testdata/options.py wrote.
type torchOptions struct {
	SGD []struct {
		LR, Momentum, Decay float64
		Nesterov            bool
		Before              []float64
		Gradients, After    [][]float64
	}
	Loss []struct {
		Smoothing, Distill, Temperature float64
		Logits, Teacher                 []float64
		Labels                          []int
		Loss                            float64
		Gradient                        []float64
	}
	Average []struct {
		Decay         float64
		Values, After [][]float64
	}
}

func openOptions(t *testing.T) (o torchOptions) {
	t.Helper()
	document, err := os.ReadFile("testdata/options.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(document, &o); err != nil {
		t.Fatal(err)
	}
	if len(o.SGD) == 0 || len(o.Loss) == 0 || len(o.Average) == 0 {
		t.Fatal("cases are missing")
	}
	return o
}

func TestUpdatesAreAsPyTorch(t *testing.T) {
	for _, c := range openOptions(t).SGD {
		name := fmt.Sprintf("momentum %g, decay %g, nesterov %t", c.Momentum, c.Decay, c.Nesterov)
		p := &reference.Parameter{Data: append([]float64(nil), c.Before...), Velocity: make([]float64, len(c.Before)), Weight: true}
		for step, g := range c.Gradients {
			p.Gradient = g
			p.Update(c.LR, reference.SGD{Momentum: c.Momentum, WeightDecay: c.Decay, Nesterov: c.Nesterov})
			closeTo(t, fmt.Sprintf("%s, step %d", name, step), p.Data, c.After[step], 1e-14)
		}
		for _, k := range kernel.All() {
			// Long enough for the vectors in assembly.
			repeat := func(x []float64) (long []float32) {
				for range 100 {
					long = append(long, narrow(x)...)
				}
				return long
			}
			w, v := repeat(c.Before), make([]float32, 100*len(c.Before))
			for step, g := range c.Gradients {
				k.SGD(w, repeat(g), v, nil, float32(c.LR), float32(c.Momentum), float32(c.Decay), c.Nesterov)
				for i := range 100 {
					closeTo(t, fmt.Sprintf("%s, %s, step %d", k.Name, name, step), wide(w[i*len(g):(i+1)*len(g)]), c.After[step], 1e-6)
				}
			}
		}
	}
}

func TestLossesAreAsPyTorch(t *testing.T) {
	for _, c := range openOptions(t).Loss {
		name := fmt.Sprintf("label smoothing %g, distillation %g at %g", c.Smoothing, c.Distill, c.Temperature)
		labels := make([]uint16, len(c.Labels))
		for i, label := range c.Labels {
			labels[i] = uint16(label)
		}
		l := reference.Loss{LabelSmoothing: c.Smoothing, Distill: c.Distill, Temperature: c.Temperature}
		loss, gradient := l.Of(len(labels), c.Logits, c.Teacher, labels)
		if math.Abs(loss-c.Loss) > 1e-13*c.Loss {
			t.Errorf("%s: loss %.15g, PyTorch has %.15g", name, loss, c.Loss)
		}
		closeTo(t, name+": gradient", gradient, c.Gradient, 1e-13)
	}
}

// TestAverageIsAsPyTorch moves a batch norm's weights and statistics as the
// script did, and averages them.
func TestAverageIsAsPyTorch(t *testing.T) {
	e := model.NewEngine(kernel.All()[0], 2, model.Auto)
	defer e.Close()
	for _, c := range openOptions(t).Average {
		net := testNetwork(t, model.Projection)
		norm := net.Node("bn1")
		average := model.NewAverage(net, e, c.Decay)
		for step, v := range c.Values {
			copy(norm.Weight, narrow(v[:3]))
			copy(norm.Mean, narrow(v[3:]))
			average.Update()
			average.Swap()
			have := append(wide(norm.Weight[:3]), wide(norm.Mean[:3])...)
			average.Swap()
			closeTo(t, fmt.Sprintf("decay %g, step %d", c.Decay, step), have, c.After[step], 1e-6)
		}
	}
}
