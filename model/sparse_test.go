package model_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"espalier/model"
	"espalier/model/kernel"
	"espalier/model/reference"
)

// prune zeroes a share of every layer's weights, at random, but of the layers
// named.
func prune(n *model.Graph, share float64, but ...string) {
	random := rand.New(rand.NewPCG(8, 8))
layers:
	for _, l := range n.Layers() {
		for _, name := range but {
			if l.Name == name {
				continue layers
			}
		}
		for i := range l.Weight {
			if random.Float64() < share {
				l.Weight[i] = 0
			}
		}
	}
}

// TestPrunedNetworksHaveTheSameLogits covers planes with dense layers among
// them, in every stage, and the change between layouts when weights change.
func TestPrunedNetworksHaveTheSameLogits(t *testing.T) {
	for _, shortcut := range []model.Shortcut{model.Projection, model.Pad} {
		dense := testNetwork(t, shortcut)
		pruned := dense.Clone()
		prune(pruned, 0.9, "layer1.0.conv2", "layer3.0.conv2")
		x, _ := batch(12, 13)
		want := map[*model.Graph][]float64{}
		for _, n := range []*model.Graph{dense, pruned} {
			want[n] = reference.From(n).Logits(13, wide(x))
		}
		engines(t, 2, func(t *testing.T, e *model.Engine) {
			n := dense.Clone()
			v := model.NewEvaluator(n, e, 16)
			for i, from := range []*model.Graph{dense, pruned, dense} {
				for j, tensor := range n.Tensors() {
					copy(tensor.Data, from.Tensors()[j].Data)
				}
				v.Reload()
				have := make([]float32, 130)
				v.Logits(have, x)
				if d := distance(have, want[from]); !(d < 1e-5) {
					t.Errorf("%s: logits %d are off by %.2g", shortcut, i, d)
				}
			}
		})
	}
}

// TestDenseLayersAmongSparseOnes has dense layers of stride 1 that change the number
// of channels, as networks that lost channels have: up, down, and beside a sum.
func TestDenseLayersAmongSparseOnes(t *testing.T) {
	b := model.NewBuilder("sliced", model.Shape{C: 3, H: 32, W: 32})
	layer := func(name string, out int, x *model.Node) *model.Node {
		return b.Norm(name+".bn", b.Add(name, model.Conv{Out: out, Kernel: 3, Stride: 1, Padding: model.Pad2D(1), Groups: 1}, x))
	}
	relu := func(x *model.Node) *model.Node { return b.Add(x.Name+".relu", model.ReLU{}, x) }
	x := relu(layer("stem", 32, b.Input()))
	for i := range 6 {
		name := fmt.Sprint("block", i)
		y := layer(name+".up", 32, relu(layer(name+".down", 16, x)))
		x = relu(b.Add(name+".add", model.Add{}, y, x))
	}
	x = b.Add("pool", model.GlobalAvgPool{}, x)
	b.Bias(b.Add("fc", model.Linear{Out: 10}, x))
	g, err := b.Graph()
	if err != nil {
		t.Fatal(err)
	}
	scatter(g, 4)
	prune(g, 0.95, "block1.down", "block3.up", "fc")
	holdGraph(t, g, 13)
}

func BenchmarkPrunedLogits(b *testing.B) {
	for _, k := range kernel.All() {
		for _, share := range []float64{0.8, 0.9, 0.92} {
			b.Run(fmt.Sprintf("%s/%g", k.Name, share), func(b *testing.B) {
				e := model.NewEngine(k, 0, model.Auto)
				defer e.Close()
				net := newNetwork(b, model.Arch{Depth: 20, Shortcut: model.Projection, Classes: 10})
				net.Init(1)
				prune(net, share, "conv1", "fc")
				v := model.NewEvaluator(net, e, 128)
				x, _ := batch(7, 128)
				logits := make([]float32, 1280)
				for b.Loop() {
					v.Logits(logits, x)
				}
				b.ReportMetric(128*float64(b.N)/b.Elapsed().Seconds(), "images/s")
			})
		}
	}
}
