package onnx

import (
	"math"
	"math/rand/v2"
	"testing"

	"espalier/compress/prune"
	"espalier/compress/quantize"
	"espalier/model"
	"espalier/model/kernel"
)

const pixels = 3 * 32 * 32

// randomNetwork returns a ResNet-8 with He-like weights and some statistics in
// its batch norms.
func randomNetwork(t testing.TB, shortcut model.Shortcut) *model.Graph {
	return randomOf(t, model.Arch{Depth: 8, Shortcut: shortcut, Classes: 10})
}

// archs are networks of the published width with both shortcuts, and a wider
// one.
var archs = []model.Arch{
	{Depth: 8, Shortcut: model.Projection, Classes: 10},
	{Depth: 8, Shortcut: model.Pad, Classes: 10},
	{Depth: 8, Shortcut: model.Pad, Classes: 10, Width: 32},
}

func randomOf(t testing.TB, a model.Arch) *model.Graph {
	n, err := model.ResNet(a)
	if err != nil {
		t.Fatal(err)
	}
	n.Mean, n.Std = []float32{0.1, 0.2, 0.3}, []float32{0.4, 0.5, 0.6}
	r := rand.New(rand.NewPCG(1, 2))
	readers := n.Consumers()
	for _, l := range n.Layers() {
		for i := range l.Weight {
			l.Weight[i] = float32(r.NormFloat64() * math.Sqrt(2/float64(l.Fan())))
		}
		for i := range l.Bias {
			l.Bias[i] = float32(r.NormFloat64())
		}
		for _, b := range readers[l] { // its batch norm
			for i := range b.Mean {
				b.Mean[i], b.Bias[i] = float32(r.NormFloat64())/4, float32(r.NormFloat64())/4
				b.Weight[i], b.Var[i] = float32(0.5+r.Float64()), float32(0.5+r.Float64())
			}
		}
	}
	return n
}

// pruned sets nine tenths of n's weights to zero, and one channel as a whole.
func pruned(t testing.TB, n *model.Graph) *model.Graph {
	n = n.Clone()
	if err := prune.Global(prune.Candidates(n), 0.9); err != nil {
		t.Fatal(err)
	}
	prune.Bake(n)
	l := n.Node("layer2.0.conv1")
	clear(l.Weight[3*l.Fan() : 4*l.Fan()])
	return n
}

// randomImages returns normalised images that are smooth, as photographs are.
func randomImages(count int) []float32 {
	r := rand.New(rand.NewPCG(3, 4))
	x := make([]float32, count*pixels)
	for plane := 0; plane < len(x); plane += 1024 {
		a, b, c := r.NormFloat64(), r.NormFloat64(), r.NormFloat64()
		for i := range 1024 {
			h, w := float64(i/32)/16-1, float64(i%32)/16-1
			x[plane+i] = float32(a + b*h + c*w + 0.2*r.NormFloat64())
		}
	}
	return x
}

func newEngine(t testing.TB) *model.Engine {
	k, err := kernel.Select("")
	if err != nil {
		t.Fatal(err)
	}
	e := model.NewEngine(k, 1, model.DirectOnly)
	t.Cleanup(e.Close)
	return e
}

// quantized calibrates n on x and quantizes it.
func quantized(t testing.TB, n *model.Graph, recipe string, x []float32) *quantize.Network {
	return narrow(t, n, recipe, quantize.Eight, x)
}

// narrow is quantized with a width for all layers but the first and the last.
func narrow(t testing.TB, n *model.Graph, recipe string, width quantize.Width, x []float32) *quantize.Network {
	r, err := quantize.RecipeNamed(recipe)
	if err != nil {
		t.Fatal(err)
	}
	if r, err = r.WithWidths(quantize.Spread(n, width, quantize.Eight)); err != nil {
		t.Fatal(err)
	}
	e := newEngine(t)
	load := func(first, count int) ([]float32, error) { return x[first*pixels : (first+count)*pixels], nil }
	var q *quantize.Network
	v := model.NewEvaluator(n, e, quantize.CalibrationBatch)
	err = quantize.Calibrate(v, e, r.Observers(n), []string{quantize.MinMax}, load, []int{len(x) / pixels}, func(c *quantize.Calibration) error {
		q, err = quantize.Build(n, c, r)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return q
}
