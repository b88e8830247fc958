package onnx

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"espalier/compress/quantize"
	"espalier/model"
	"espalier/model/reference"
)

// generalNetwork is a small network of operators that ResNets lack, and a
// calibration for it.
func generalNetwork(t testing.TB, recipe string) *quantize.Network {
	t.Helper()
	b := model.NewBuilder("general", model.Shape{C: 3, H: 32, W: 32})
	conv := func(name string, out, kernel, stride, groups int, x *model.Node) *model.Node {
		return b.Bias(b.Add(name, model.Conv{Out: out, Kernel: kernel, Stride: stride, Padding: model.Pad2D(kernel / 2), Groups: groups}, x))
	}
	x := b.Add("relu", model.ReLU{}, conv("stem", 12, 5, 2, 1, b.Input()))
	x = b.Add("depthwise.clip", model.Clip{Min: 0, Max: 6}, conv("depthwise", 12, 3, 1, 12, x))
	x = b.Add("cat", model.Concat{}, b.Add("a.relu", model.ReLU{}, conv("a", 10, 1, 1, 1, x)), conv("b", 6, 3, 1, 1, x))
	x = b.Add("pool", model.MaxPool{Kernel: 3, Stride: 2, Padding: model.Pad2D(1)}, x)
	y := conv("c", 16, 3, 1, 2, x)
	x = b.Add("sum", model.Add{}, x, y, b.Add("swish", model.HardSwish{}, conv("d", 16, 1, 1, 1, x)))
	x = b.Add("norm.relu", model.ReLU{}, b.Norm("norm", x))
	gate := b.Add("gate", model.Sigmoid{}, conv("squeeze", 16, 1, 1, 1, b.Add("mean", model.GlobalAvgPool{}, x)))
	x = b.Add("mul", model.Mul{}, x, gate)
	x = b.Add("average", model.AvgPool{Kernel: 2, Stride: 2, CountPadding: true}, x)
	x = b.Add("hidden.relu", model.ReLU{}, b.Add("hidden", model.Linear{Out: 24}, b.Add("flat", model.Flatten{}, x)))
	b.Add("fc", model.Linear{Out: 10}, x)
	g, err := b.Graph()
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(5, 6))
	for _, n := range g.Nodes {
		for i := range n.Weight {
			n.Weight[i] = float32(r.NormFloat64())
			if n.IsLayer() {
				n.Weight[i] /= float32(n.Fan()) / 3
			}
		}
		for i := range n.Bias {
			n.Bias[i] = float32(r.NormFloat64()) / 4
		}
		for i := range n.Mean {
			n.Mean[i], n.Var[i] = float32(r.NormFloat64())/4, float32(0.5+r.Float64())
		}
	}
	c := &quantize.Calibration{Calibrated: quantize.Calibrated{Observer: "min-max", Images: 1, Batch: 1}, Ranges: map[string]quantize.Range{}}
	values := floatValues(g, randomImages(8))
	for _, u := range g.Units() {
		n := u.Node
		if u.Act != nil && u.Act.Op == (model.ReLU{}) {
			n = u.Act
		}
		c.Ranges[u.Name()] = rangeOf(values[n.Name])
		if u.Act != nil {
			c.Ranges[u.Act.Name] = rangeOf(values[u.Act.Name])
		}
	}
	found, err := quantize.RecipeNamed(recipe)
	if err != nil {
		t.Fatal(err)
	}
	q, err := quantize.Build(g, c, found)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func rangeOf(values []float64) quantize.Range {
	r := quantize.Range{}
	for _, v := range values {
		r.Min, r.Max = min(r.Min, float32(v)), max(r.Max, float32(v))
	}
	return r
}

// TestGeneralIntegerInRuntime: onnxruntime computes networks of other operators
// as the own integer network does, and what is read of the file is the network.
func TestGeneralIntegerInRuntime(t *testing.T) {
	r := newRuntime(t)
	const images = 20
	x := randomImages(images)
	for _, recipe := range []string{"lab", "onednn", "ort"} {
		q := generalNetwork(t, recipe)
		q.RoundBiases()
		want := make([]float32, images*10)
		quantize.NewEvaluator(q, newEngine(t)).Logits(want, x)
		for _, level := range levels {
			got := r.logits(t, Integer(q, Header{}), level, x)
			compareCodes(t, fmt.Sprintf("recipe %s, level %s", recipe, level), got, want, q.Output().Output.Scale, 1)
		}
	}
}

// TestNarrowInRuntime: onnxruntime computes networks of fewer bits as the own
// integer network does, with weights of up to 4 bits as int4 and as int8, and the
// files are read again.
func TestNarrowInRuntime(t *testing.T) {
	r := newRuntime(t)
	const images = 100
	x := randomImages(images)
	for _, c := range []struct {
		recipe string
		width  quantize.Width
	}{
		{"lab", quantize.Width{Weights: 4, Activations: 8}}, {"ort", quantize.Width{Weights: 4, Activations: 4}},
		{"lab", quantize.Width{Weights: 6, Activations: 6}}, {"lab", quantize.Width{Weights: 2, Activations: 4}},
	} {
		n := randomOf(t, archs[0])
		q := narrow(t, n, c.recipe, c.width, x[:32*pixels])
		want := make([]float32, images*10)
		quantize.NewEvaluator(q, newEngine(t)).Logits(want, x)
		for _, int4 := range []bool{false, true} {
			file := Integer(q, Header{Version: "v1", Metadata: metadataOf(t, q), Int4: int4})
			for _, level := range levels {
				what := fmt.Sprintf("%v, recipe %s, int4 %v, level %s", c.width, c.recipe, int4, level)
				compareCodes(t, what, r.logits(t, file, level, x), want, q.Output().Output.Scale, 1)
			}
			_, read, _, err := open(written(t, file))
			if err != nil {
				t.Fatalf("%v, int4 %v: %v", c.width, int4, err)
			}
			again := make([]float32, images*10)
			quantize.NewEvaluator(read, newEngine(t)).Logits(again, x)
			compareCodes(t, fmt.Sprintf("%v, int4 %v, read again", c.width, int4), again, want, q.Output().Output.Scale, 1)
		}
	}
}

// TestReadGeneralInteger: a file of a network of any graph is read again.
func TestReadGeneralInteger(t *testing.T) {
	x := randomImages(4)
	for _, recipe := range quantize.Recipes() {
		q := generalNetwork(t, recipe)
		_, got, _, err := open(written(t, Integer(q, Header{Version: "v1", Metadata: metadataOf(t, q)})))
		if err != nil {
			t.Errorf("%s: %v", recipe, err)
			continue
		}
		q.RoundBiases()
		have, want := make([]float32, 40), make([]float32, 40)
		quantize.NewEvaluator(got, newEngine(t)).Logits(have, x)
		quantize.NewEvaluator(q, newEngine(t)).Logits(want, x)
		compareCodes(t, recipe, have, want, q.Output().Output.Scale, 1)
	}
}

// floatValues computes every node's values in float64.
func floatValues(g *model.Graph, x []float32) map[string][]float64 {
	wide := make([]float64, len(x))
	for i, v := range x {
		wide[i] = float64(v)
	}
	return reference.From(g).Values(len(x)/pixels, wide)
}
