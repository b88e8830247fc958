package pipeline

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"espalier/configs"
	"espalier/dataset"
	"espalier/model/weights"
)

// wholeRun is what testdata/whole_run.py wrote: PyTorch's numbers in float64.
type wholeRun struct {
	Steps    []struct{ Loss, Rate float64 }
	Measured []struct {
		What, Split string
		Loss        float64
		Correct     int
	}
	Momentum    map[string][]float64 // norm and first values, as in the others
	Checkpoints []struct {
		Name    string
		Zeros   []int // by layer
		Tensors map[string][]float64
	}
	Ranges   map[string][2]float64 // scale and zero point
	Channels map[string][]float64  // scales of a layer's weights
}

// TestAWholeRunIsAsPyTorch trains, prunes twice, fine-tunes, measures and
// quantizes as PyTorch does in float64, from the same weights and images. Every
// epoch is one batch of all images, not augmented, so that no order matters.
func TestAWholeRunIsAsPyTorch(t *testing.T) {
	numeric(t)
	var torch wholeRun
	document, err := os.ReadFile("testdata/whole_run.json")
	if err == nil {
		err = json.Unmarshal(document, &torch)
	}
	if err != nil {
		t.Fatal(err)
	}
	g := generator{state: 1}
	file := filepath.Join(t.TempDir(), "w.safetensors")
	if err := weights.Write(file, g.network(), nil); err != nil {
		t.Fatal(err)
	}
	data := g.data(32, 12, 20)
	e, err := configs.Load("smoke", []string{
		"model.weights=" + file, "data.augment=false", "data.train=32", "data.validation=12", "data.test=20",
		"dense.epochs=3", "dense.batch=32", "dense.learning_rate=0.05", "prune.targets=[0.3, 0.5]", "prune.edge_until=0.4",
		"fine_tune.epochs=2", "fine_tune.batch=32", "fine_tune.learning_rate=0.02",
		"quantize.images=32", "quantize.observer=min-max", "quantize.recipe=lab", "sweep.sizes=[]", "engine.algorithm=direct",
	})
	if err != nil {
		t.Fatal(err)
	}
	parts := Parts{Open: func(dataset.Options) (*dataset.Data, error) { return data, nil }}

	// Momentum is in the checkpoint at the end of the dense network's training.
	r := create(t, e)
	r.Hub.Send(Command{Do: StopAfter})
	do(t, r, parts)
	step, _, err := weights.Read(r.Folder.Path(stepCheckpoints[0]))
	if err != nil {
		t.Fatal(err)
	}
	momentum := map[string]weights.Tensor{}
	for _, tensor := range step {
		if name, ok := strings.CutPrefix(tensor.Name, velocityPrefix); ok {
			momentum[name] = tensor
		}
	}
	near(t, "momentum after three steps", momentum, torch.Momentum, 1e-2) // a gradient that a ReLU cuts off or not
	r.Close()
	r, err = Continue(r.Folder)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	done, events := do(t, r, parts)
	if done.Status != StatusDone {
		t.Fatalf("%+v", done)
	}

	steps := of[StepDone](events)
	if len(steps) != len(torch.Steps) {
		t.Fatalf("%d steps, PyTorch took %d", len(steps), len(torch.Steps))
	}
	for i, want := range torch.Steps {
		if have := steps[i]; !(math.Abs(float64(have.Loss)-want.Loss) <= 1e-5) || !(math.Abs(have.LearningRate-want.Rate) <= 1e-15) {
			t.Errorf("step %d: loss %.9g at rate %g, PyTorch has %.9g at %g", i+1, have.Loss, have.LearningRate, want.Loss, want.Rate)
		}
	}
	measured := of[Evaluated](events)
	if len(measured) != len(torch.Measured) {
		t.Fatalf("%d measurements, PyTorch made %d", len(measured), len(torch.Measured))
	}
	for i, want := range torch.Measured {
		bound := 1e-5
		if want.What == "int8" {
			bound = 1e-3 // a value between two codes may take the other
		}
		have := measured[i]
		if have.What != want.What || have.Split != want.Split || have.Correct != want.Correct || !(math.Abs(float64(have.Loss)-want.Loss) <= bound) {
			t.Errorf("%s on %s: %d right, loss %.9g; PyTorch has %s on %s: %d, %.9g", have.What, have.Split, have.Correct, have.Loss, want.What, want.Split, want.Correct, want.Loss)
		}
	}
	for _, c := range torch.Checkpoints {
		tensors := byName(t, r.Folder.Path("checkpoints/"+c.Name+".safetensors"))
		near(t, c.Name, tensors, c.Tensors, 1e-4)
		var zeros []int
		for _, name := range g.layers {
			v, _ := tensors[name+".weight"].Float32s()
			zeros = append(zeros, count(v, 0))
		}
		// Two magnitudes that differ by less than a rounding may change places.
		for i := range c.Zeros {
			if d := zeros[i] - c.Zeros[i]; d < -1 || d > 1 {
				t.Errorf("%s: %d weights of %s are 0, in PyTorch %d", c.Name, zeros[i], g.layers[i], c.Zeros[i])
			}
		}
	}

	integer := byName(t, r.Folder.Path("quantized.safetensors"))
	scales := map[string]weights.Tensor{}
	for _, name := range g.layers {
		scales[name] = integer[name+".weight_scale"]
	}
	near(t, "scales of int8 weights", scales, torch.Channels, 1e-4)
	for name, want := range torch.Ranges {
		scale, err := integer[name+".output_scale"].Float32s()
		if err != nil || len(scale) != 1 {
			t.Fatalf("scale of %s: %v, %v", name, scale, err)
		}
		zero := float64(integer[name+".output_zero_point"].Data[0])
		if have := float64(scale[0]); !(math.Abs(have-want[0]) <= 1e-4*want[0]) || zero != want[1] {
			t.Errorf("%s: scale %.9g and zero point %v, PyTorch has %.9g and %v", name, have, zero, want[0], want[1])
		}
	}
}

// near compares tensors with PyTorch's norms and first values. They may be off by
// a bound times what values are on average.
func near(t *testing.T, what string, have map[string]weights.Tensor, want map[string][]float64, bound float64) {
	t.Helper()
	if names := slices.Sorted(maps.Keys(want)); !slices.Equal(slices.Sorted(maps.Keys(have)), names) {
		t.Errorf("%s: tensors %v, PyTorch has %v", what, slices.Sorted(maps.Keys(have)), names)
	}
	for name, w := range want {
		v, err := have[name].Float32s()
		if err != nil || len(v) < 3 {
			t.Fatalf("%s: %s: %v %v", what, name, v, err)
		}
		var squares float64
		for _, x := range v {
			squares += float64(x) * float64(x)
		}
		if norm := math.Sqrt(squares); !(math.Abs(norm-w[0]) <= bound*w[0]) {
			t.Errorf("%s: %s has norm %.9g, PyTorch has %.9g", what, name, norm, w[0])
		}
		average := w[0] / math.Sqrt(float64(len(v)))
		for i, x := range w[1:] {
			if !(math.Abs(float64(v[i])-x) <= bound*max(average, math.Abs(x))) {
				t.Errorf("%s: %s[%d] is %.9g, PyTorch has %.9g", what, name, i, v[i], x)
			}
		}
	}
}

func byName(t *testing.T, path string) map[string]weights.Tensor {
	t.Helper()
	all, _, err := weights.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	m := map[string]weights.Tensor{}
	for _, tensor := range all {
		m[tensor.Name] = tensor
	}
	return m
}

func count(v []float32, x float32) (n int) {
	for _, y := range v {
		if y == x {
			n++
		}
	}
	return n
}

// A generator draws what whole_run.py draws.
type generator struct {
	state  uint32
	layers []string
}

// draw returns a number from 0 to 1: 24 bits.
func (g *generator) draw() float64 {
	g.state = g.state*1664525 + 1013904223
	return float64(g.state>>8) / (1 << 24)
}

func (g *generator) uniform(name string, low, high float64, shape ...int) weights.Tensor {
	size := 1
	for _, d := range shape {
		size *= d
	}
	data := make([]float32, size)
	for i := range data {
		data[i] = float32(low + (high-low)*g.draw())
	}
	return weights.Float32(name, shape, data)
}

// network draws a ResNet-8 with projection shortcuts.
func (g *generator) network() (all []weights.Tensor) {
	convolution := func(name, norm string, in, out, kernel int) {
		bound := math.Sqrt(6 / float64(in*kernel*kernel))
		all = append(all, g.uniform(name+".weight", -bound, bound, out, in, kernel, kernel),
			g.uniform(norm+".weight", 0.5, 1.5, out), g.uniform(norm+".bias", -0.5, 0.5, out),
			g.uniform(norm+".running_mean", -0.5, 0.5, out), g.uniform(norm+".running_var", 0.5, 1.5, out))
		g.layers = append(g.layers, name)
	}
	convolution("conv1", "bn1", 3, 16, 3)
	in := 16
	for stage := range 3 {
		block, out := fmt.Sprintf("layer%d.0.", stage+1), 16<<stage
		convolution(block+"conv1", block+"bn1", in, out, 3)
		convolution(block+"conv2", block+"bn2", out, out, 3)
		if stage > 0 {
			convolution(block+"downsample.0", block+"downsample.1", in, out, 1)
		}
		in = out
	}
	g.layers = append(g.layers, "fc")
	return append(all, g.uniform("fc.weight", -0.1, 0.1, 10, in), g.uniform("fc.bias", -0.1, 0.1, 10))
}

// data draws images: noise over a brightness that the label gives.
func (g *generator) data(train, validation, test int) *dataset.Data {
	shape := dataset.Shape{H: 32, W: 32, C: 3}
	split := func(n int) *dataset.Split {
		s := &dataset.Split{Shape: shape}
		for i := range n {
			s.Labels = append(s.Labels, uint16(i%10))
			for range shape.Len() {
				s.Images = append(s.Images, uint8(g.draw()*128+float64(12*(i%10))))
			}
		}
		return s
	}
	d := &dataset.Data{Name: dataset.Shapes10, Source: "a test", Shape: shape, Classes: slices.Repeat([]string{"class"}, 10)}
	d.Train, d.Validation, d.Test = split(train), split(validation), split(test)
	d.Mean, d.Std = d.Train.Statistics()
	return d
}
