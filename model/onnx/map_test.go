package onnx

import (
	"strings"
	"testing"

	"espalier/model"
)

// TestFlattenOnce: a value with height and width is flattened once before a linear
// layer, and a vector is not flattened again.
func TestFlattenOnce(t *testing.T) {
	point := model.Conv{Out: 4, Kernel: 1, Stride: 1, Groups: 1}
	for name, c := range map[string]struct {
		build func(b *model.Builder, x *model.Node) *model.Node // what the classifier reads
		want  string
	}{
		"a gate and a global pool": {func(b *model.Builder, x *model.Node) *model.Node {
			gate := b.Add("gate", model.Sigmoid{}, b.Add("squeeze", point, b.Add("mean", model.GlobalAvgPool{}, x)))
			return b.Add("pool", model.GlobalAvgPool{}, b.Add("mul", model.Mul{}, x, gate))
		}, "GlobalAveragePool Conv Sigmoid Mul GlobalAveragePool Flatten Gemm"},
		"an activation behind a global pool": {func(b *model.Builder, x *model.Node) *model.Node {
			return b.Add("relu", model.ReLU{}, b.Add("pool", model.GlobalAvgPool{}, x))
		}, "GlobalAveragePool Relu Flatten Gemm"},
		"a sum of vectors": {func(b *model.Builder, x *model.Node) *model.Node {
			x = b.Add("flat", model.Flatten{}, x)
			return b.Add("sum", model.Add{}, b.Add("left", model.Linear{Out: 5}, x), b.Add("right", model.Linear{Out: 5}, x))
		}, "Flatten Gemm Gemm Add Gemm"},
		"a convolution of one pixel": {func(b *model.Builder, x *model.Node) *model.Node {
			return b.Add("last", model.Conv{Out: 6, Kernel: 7, Stride: 7, Groups: 1}, x)
		}, "Conv Flatten Gemm"},
	} {
		b := model.NewBuilder("net", model.Shape{C: 3, H: 8, W: 8})
		b.Add("fc", model.Linear{Out: 2}, c.build(b, b.Add("conv", point, b.Input())))
		g, err := b.Graph()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var ops []string
		for _, n := range Float(g, Header{}).graph.nodes {
			ops = append(ops, n.op)
		}
		if got := strings.Join(ops, " "); got != "Conv "+c.want {
			t.Errorf("%s: %s, want Conv %s", name, got, c.want)
		}
	}
}
