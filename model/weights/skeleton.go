package weights

import (
	"fmt"
	"slices"

	"espalier/model"
)

// described returns the network that a file's metadata describe, with room for
// the tensors that the file has. A convolution or linear layer has a bias if
// the file has one. No memory is allocated for tensors that the file does not
// hold.
func described(text string, byName map[string]Tensor) (*model.Graph, error) {
	g, err := model.ParseGraph(text)
	if err != nil {
		return nil, fmt.Errorf("metadata %q: %w", MetaGraph, err)
	}
	for _, n := range g.Nodes {
		shape := n.WeightShape()
		if shape == nil {
			continue
		}
		t, ok := byName[n.Name+".weight"]
		if !ok {
			return nil, fmt.Errorf("tensor %s.weight of shape %v is missing from this %s", n.Name, shape, g.Name)
		}
		if !slices.Equal(t.Shape, shape) {
			return nil, fmt.Errorf("tensor %s: expected shape %v, found %v", t.Name, shape, t.Shape)
		}
		n.Weight = make([]float32, len(t.Data)/t.DType.Size())
		if _, norm := n.Op.(model.BatchNorm); norm {
			n.Bias, n.Mean, n.Var = make([]float32, n.Out()), make([]float32, n.Out()), make([]float32, n.Out())
		} else if _, ok := byName[n.Name+".bias"]; ok {
			n.Bias = make([]float32, n.Out())
		}
		if n.Grid != nil {
			n.Grid.Scale = make([]float32, n.Out())
		}
	}
	return g, g.Check()
}
