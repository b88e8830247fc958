package model

import (
	"math"
	"slices"
)

// Passes take a graph and return a new one. They do not change the graph they
// are given.

// FoldNorms returns a copy of the graph in which batch norms are folded into
// convolutions: every batch norm that is the only reader of a convolution. The
// weight becomes w·γ/√(var+ε), the bias β + (b − mean)·γ/√(var+ε), as in
// PyTorch's fuse_conv_bn_weights. Other batch norms stay.
func (g *Graph) FoldNorms() *Graph {
	f := g.Clone()
	readers := f.Consumers()
	for _, b := range slices.Clone(f.Nodes) {
		op, ok := b.Op.(BatchNorm)
		if !ok {
			continue
		}
		conv := b.Inputs[0]
		if _, ok := conv.Op.(Conv); !ok || len(readers[conv]) > 1 {
			continue
		}
		conv.fold(b, op.Epsilon)
		f.replace(b, conv)
	}
	return f
}

// fold folds a batch norm into the convolution before it.
func (conv *Node) fold(b *Node, epsilon float64) {
	bias := make([]float32, conv.Out())
	fan := conv.Fan()
	for o := range bias {
		rstd := float32(1 / math.Sqrt(float64(b.Var[o])+epsilon))
		scale := b.Weight[o] * rstd
		for i := o * fan; i < (o+1)*fan; i++ {
			conv.Weight[i] *= scale
		}
		if conv.Grid != nil && scale != 0 {
			conv.Grid.Scale[o] *= float32(math.Abs(float64(scale)))
		}
		mean := b.Mean[o]
		if conv.Bias != nil {
			mean -= conv.Bias[o]
		}
		bias[o] = b.Bias[o] - mean*scale
	}
	conv.Bias = bias
}

// DropDropout returns a copy of the graph without dropout, which does nothing in
// inference.
func (g *Graph) DropDropout() *Graph {
	f := g.Clone()
	for _, n := range slices.Clone(f.Nodes) {
		if _, ok := n.Op.(Dropout); ok {
			f.replace(n, n.Inputs[0])
		}
	}
	return f
}

// ForInference returns a copy without dropout, with batch norm folded, and with
// weights on their grids, where they have some.
func (g *Graph) ForInference() *Graph {
	f := g.DropDropout().FoldNorms()
	for _, n := range f.Nodes {
		if n.Grid != nil {
			n.Grid.round(n.Weight, n.Weight, nil)
		}
	}
	return f
}

// replace removes node n from the graph. Its readers read by instead.
func (g *Graph) replace(n, by *Node) {
	g.Nodes = slices.DeleteFunc(g.Nodes, func(m *Node) bool { return m == n })
	for _, m := range g.Nodes {
		for i, in := range m.Inputs {
			if in == n {
				m.Inputs[i] = by
			}
		}
	}
}
