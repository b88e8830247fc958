package model_test

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"espalier/internal/shared"
	"espalier/model"
	"espalier/model/kernel"
	"espalier/model/reference"
	"espalier/model/weights"
)

// zoo describes networks that PyTorch trained, whose answers are in
// ../shared/zoo. Names are those of the state dicts.
var zoo = map[string]func(b *model.Builder){"vgg": vgg, "resnet_odd": resnetOdd, "squeezenet": squeezenet}

func conv(out, kernel, stride int) model.Conv {
	return model.Conv{Out: out, Kernel: kernel, Stride: stride, Padding: model.Pad2D(kernel / 2), Groups: 1}
}

// vgg has biases before batch norm, max pools, two linear layers and dropout.
func vgg(b *model.Builder) {
	x, i := b.Input(), 0
	add := func(op model.Op) *model.Node { // names count up, as in a Sequential
		x = b.Add(fmt.Sprint(i), op, x)
		i++
		return x
	}
	for _, width := range []int{24, 48, 96} {
		for range 2 {
			b.Bias(add(conv(width, 3, 1)))
			add(model.BatchNorm{Epsilon: 1e-5, Momentum: 0.1})
			add(model.ReLU{})
		}
		add(model.MaxPool{Kernel: 2, Stride: 2})
	}
	for _, op := range []model.Op{model.Flatten{}, model.Linear{Out: 128}, model.ReLU{}, model.Dropout{P: 0.3}, model.Linear{Out: 10}} {
		add(op)
	}
}

// resnetOdd has four stages of one block, of odd widths.
func resnetOdd(b *model.Builder) {
	x := b.Add("relu", model.ReLU{}, b.Norm("bn1", b.Add("conv1", conv(20, 3, 1), b.Input())))
	for i, width := range []int{20, 40, 72, 100} {
		name, stride := fmt.Sprintf("layer%d.0", i+1), 1
		if i > 0 {
			stride = 2
		}
		y := b.Add(name+".relu1", model.ReLU{}, b.Norm(name+".bn1", b.Add(name+".conv1", conv(width, 3, stride), x)))
		y = b.Norm(name+".bn2", b.Add(name+".conv2", conv(width, 3, 1), y))
		if i > 0 {
			x = b.Norm(name+".shortcut.1", b.Add(name+".shortcut.0", conv(width, 1, stride), x))
		}
		x = b.Add(name+".relu", model.ReLU{}, b.Add(name, model.Add{}, y, x))
	}
	x = b.Add("flatten", model.Flatten{}, b.Add("pool", model.AvgPool{Kernel: 4, Stride: 4}, x))
	b.Add("linear", model.Linear{Out: 10}, x)
}

// squeezenet has concatenations and biases, and no batch norm.
func squeezenet(b *model.Builder) {
	layer := func(name string, out, kernel int, x *model.Node) *model.Node {
		return b.Add(name+".relu", model.ReLU{}, b.Bias(b.Add(name, conv(out, kernel, 1), x)))
	}
	fire := func(name string, squeeze, expand int, x *model.Node) *model.Node {
		x = layer(name+".squeeze", squeeze, 1, x)
		return b.Add(name, model.Concat{}, layer(name+".a", expand, 1, x), layer(name+".b", expand, 3, x))
	}
	pool := model.MaxPool{Kernel: 3, Stride: 2, Padding: model.Pad2D(1)}
	x := b.Add("2", pool, layer("0", 32, 3, b.Input()))
	x = fire("4", 16, 32, fire("3", 16, 32, x))
	x = fire("7", 24, 48, fire("6", 24, 48, b.Add("5", pool, x)))
	x = b.Bias(b.Add("9", conv(10, 1, 1), x))
	b.Add("10", model.GlobalAvgPool{}, x)
}

// A zooNetwork is a network with PyTorch's answers.
type zooNetwork struct {
	Mean, Std [3]float64
	Logits    [][]float64 // of the first 16 test images
	graph     *model.Graph
	train     golden // three steps in float64
}

// eachOfTheZoo runs do on every network, or skips the test where they are not.
func eachOfTheZoo(t *testing.T, do func(t *testing.T, z zooNetwork)) {
	for name, describe := range zoo {
		t.Run(name, func(t *testing.T) {
			train := openShared(t, "zoo/"+name+"_train.safetensors")
			b := model.NewBuilder(name, model.Shape{C: 3, H: 32, W: 32})
			describe(b)
			g, err := b.Graph()
			if err != nil {
				t.Fatal(err)
			}
			state, _, err := weights.Read(shared.Path("zoo/" + name + ".pt"))
			if err != nil {
				t.Fatal(err)
			}
			for _, tensor := range g.Tensors() {
				from, ok := find(state, tensor.Name)
				values, err := from.Float32s()
				if !ok || err != nil || len(values) != len(tensor.Data) {
					t.Fatalf("%s: found %v, %v, %d values of %d", tensor.Name, ok, err, len(values), len(tensor.Data))
				}
				copy(tensor.Data, values)
			}
			z := zooNetwork{graph: g, train: train}
			answers, err := os.ReadFile(shared.Path("zoo/" + name + ".json"))
			if err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(answers, &z); err != nil {
				t.Fatal(err)
			}
			do(t, z)
		})
	}
}

// records returns the first records of the test images and of data_batch_1.
var records = sync.OnceValues(func() (map[string][]byte, error) {
	dir := os.Getenv("ESPALIER_DATA")
	if dir == "" {
		temporary, err := os.MkdirTemp("", "espalier-zoo")
		if err != nil {
			return nil, err
		}
		defer os.RemoveAll(temporary)
		unpack := exec.Command("go", "run", ".", temporary)
		unpack.Dir = shared.Path("cifar10")
		if out, err := unpack.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("unpacking the images: %w: %s", err, out)
		}
		dir = filepath.Join(temporary, "cifar-10-batches-bin")
	}
	all := map[string][]byte{}
	for _, file := range []string{"test_batch.bin", "data_batch_1.bin"} {
		content, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			return nil, err
		}
		all[file] = content[:128*3073]
	}
	return all, nil
})

// images returns images first to first+n−1 of a file, normalised, and labels.
func (z zooNetwork) images(t *testing.T, file string, first, n int) (x []float64, labels []uint16) {
	t.Helper()
	all, err := records()
	if err != nil {
		t.Fatal(err)
	}
	for i := first; i < first+n; i++ {
		record := all[file][i*3073:][:3073]
		labels = append(labels, uint16(record[0]))
		for j, p := range record[1:] {
			c := j / 1024
			x = append(x, float64((float32(p)/255-float32(z.Mean[c]))/float32(z.Std[c])))
		}
	}
	return x, labels
}

func TestReferenceHasTheZoosLogits(t *testing.T) {
	if testing.Short() {
		t.Skip("unpacking the images takes some seconds")
	}
	eachOfTheZoo(t, func(t *testing.T, z zooNetwork) {
		x, _ := z.images(t, "test_batch.bin", 0, 16)
		have := reference.From(z.graph).Logits(16, x)
		for i, want := range z.Logits {
			closeTo(t, fmt.Sprintf("logits of image %d", i), have[10*i:10*i+10], want, 2e-5) // PyTorch's are float32
		}
	})
}

func TestReferenceTrainsTheZooAsPyTorch(t *testing.T) {
	if testing.Short() {
		t.Skip("three steps in float64 take some seconds")
	}
	const bound = 1e-9
	eachOfTheZoo(t, func(t *testing.T, z zooNetwork) {
		ref := reference.From(z.graph)
		for s, want := range z.train.float64s("loss64") {
			x, labels := z.images(t, "data_batch_1.bin", 32*s, 32)
			if loss := ref.Backward(32, x, labels); math.Abs(loss-want) > bound {
				t.Errorf("step %d: loss %.15g, PyTorch has %.15g", s, loss, want)
			}
			if s == 0 {
				for _, p := range ref.Parameters() {
					closeTo(t, "gradient of "+p.Name, p.Gradient, z.train.float64s("grad64."+p.Name), bound)
				}
			}
			ref.Update(0.01, reference.SGD{Momentum: 0.9, WeightDecay: 5e-4})
		}
		checked := map[string]bool{}
		for _, p := range ref.Parameters() {
			closeTo(t, p.Name, p.Data, z.train.float64s("after64."+p.Name), bound)
			checked[p.Name] = true
		}
		for name, v := range ref.Statistics() {
			closeTo(t, name, v, z.train.float64s("after64."+name), bound)
			checked[name] = true
		}
		for _, tensor := range z.train.tensors {
			if name, ok := strings.CutPrefix(tensor.Name, "after64."); ok && !checked[name] {
				t.Errorf("nothing here is called %s", name)
			}
		}
	})
}

// TestTrainerTrainsTheZooAsPyTorch takes PyTorch's three steps in float32. The
// engine's first gradients may be as far from float64 as rounding moves ReLUs.
func TestTrainerTrainsTheZooAsPyTorch(t *testing.T) {
	if testing.Short() {
		t.Skip("unpacking the images takes some seconds")
	}
	eachOfTheZoo(t, func(t *testing.T, z zooNetwork) {
		for _, n := range z.graph.Nodes {
			if _, ok := n.Op.(model.Dropout); ok {
				n.Op = model.Dropout{}
			}
		}
		for _, k := range kernel.All() {
			if k.Name == "go" {
				continue // takes a while
			}
			e := model.NewEngine(k, 2, model.Auto)
			defer e.Close()
			net := z.graph.Clone()
			trainer, err := model.NewTrainer(net, e, 32, model.SGD{Momentum: 0.9, WeightDecay: 5e-4})
			if err != nil {
				t.Fatal(err)
			}
			for s, want := range z.train.float64s("loss64") {
				x, labels := z.images(t, "data_batch_1.bin", 32*s, 32)
				loss, _ := trainer.Step(narrow(x), labels, 0.01)
				if off := math.Abs(loss - want); off > []float64{1e-5, 1e-4, 1e-3}[s] {
					t.Errorf("%s: step %d: loss is off by %.2g", k.Name, s, off)
				}
			}
			var d, w float64
			for i, p := range net.Parameters() {
				for j, want := range z.train.float64s("after64." + p.Name) {
					before := float64(z.graph.Parameters()[i].Data[j])
					d, w = d+(float64(p.Data[j])-want)*(float64(p.Data[j])-want), w+(want-before)*(want-before)
				}
			}
			if off := math.Sqrt(d / w); !(off < 0.05) {
				t.Errorf("%s: updates are off by %.2g", k.Name, off)
			} else {
				t.Logf("%s: updates are off by %.2g", k.Name, off)
			}
		}
	})
}
