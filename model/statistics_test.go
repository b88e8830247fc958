package model_test

import (
	"math"
	"slices"
	"testing"

	"espalier/model"
	"espalier/model/reference"
)

// TestEstimateNorms compares with the mean over batches of what the reference
// finds in each: a network that takes each batch's statistics whole.
func TestEstimateNorms(t *testing.T) {
	for _, s := range []model.Spec{
		{Network: model.CIFARResNet, Depth: 8, Shortcut: model.Projection},
		{Network: model.DenseNet, Depth: 10},
	} {
		s.Input, s.Classes = model.Shape{C: 3, H: 16, W: 16}, 10
		g, err := s.Build()
		if err != nil {
			t.Fatal(err)
		}
		fill(g, 1)
		whole := g.Clone()
		for _, n := range whole.Nodes {
			if op, ok := n.Op.(model.BatchNorm); ok {
				op.Momentum = 1
				n.Op = op
			}
		}
		sizes := []int{12, 12, 5}
		want := map[string][]float64{}
		var batches [][]float32
		for i, n := range sizes {
			x, labels := draw(uint64(i), n, s.Input, s.Classes)
			batches = append(batches, x)
			r := reference.From(whole)
			r.Backward(n, wide(x), labels)
			for name, v := range r.Statistics() {
				if want[name] == nil {
					want[name] = make([]float64, len(v))
				}
				for j := range v {
					want[name][j] += v[j] / float64(len(sizes))
				}
			}
		}
		engines(t, 2, func(t *testing.T, e *model.Engine) {
			n := g.Clone()
			if err := model.EstimateNorms(n, e, 12, slices.Values(batches)); err != nil {
				t.Fatal(err)
			}
			held := 0
			for _, tensor := range n.Tensors() {
				w, ok := want[tensor.Name]
				if !ok {
					continue
				}
				held++
				for j, v := range tensor.Data {
					if !(math.Abs(float64(v)-w[j]) <= 2e-5*(1+math.Abs(w[j]))) {
						t.Fatalf("%s: %s[%d] is %g, want %g", s, tensor.Name, j, v, w[j])
					}
				}
			}
			if held != len(want) || held == 0 {
				t.Errorf("%d of %d statistics", held, len(want))
			}
			for i, p := range n.Parameters() {
				if !slices.Equal(p.Data, g.Parameters()[i].Data) {
					t.Errorf("%s changed", p.Name)
				}
			}
		})
	}
}

func TestEstimateNormsWithoutImages(t *testing.T) {
	g, err := model.ResNet(model.Arch{Depth: 8, Shortcut: model.Projection, Classes: 10})
	if err != nil {
		t.Fatal(err)
	}
	engines(t, 1, func(t *testing.T, e *model.Engine) {
		if err := model.EstimateNorms(g, e, 8, slices.Values([][]float32{})); err == nil {
			t.Error("no images give statistics")
		}
	})
}
