package model

import (
	"fmt"
	"slices"
)

// A Builder makes a graph node by node. It keeps the first error, which Graph
// returns, so that code that describes a network need not check every step.
//
// New weights are zero, gammas and variances one. Init draws random weights.
type Builder struct {
	graph *Graph
	bare  bool // without weights, of which only the shapes are asked for
	err   error
}

// NewBuilder begins a graph for images of a shape.
func NewBuilder(name string, input Shape) *Builder {
	in := &Node{Name: "input", Op: Input{}, Shape: input}
	return &Builder{graph: &Graph{Name: name, Nodes: []*Node{in}}}
}

// Input returns the input node.
func (b *Builder) Input() *Node { return b.graph.Nodes[0] }

// Add appends a node that computes op, without a bias if op is a convolution, and
// with one if it is a linear layer.
func (b *Builder) Add(name string, op Op, inputs ...*Node) *Node {
	n := &Node{Name: name, Op: op, Inputs: inputs}
	if b.err != nil {
		return n
	}
	var in []Shape
	for _, x := range inputs {
		in = append(in, x.Shape)
	}
	shape, err := shapeOf(op, in)
	if err != nil {
		b.err = fmt.Errorf("node %s (%s): %w", name, OpName(op), err)
		return n
	}
	n.Shape = shape
	b.graph.Nodes = append(b.graph.Nodes, n)
	if b.bare {
		return n
	}
	switch op.(type) {
	case Conv:
		n.Weight = make([]float32, product(n.WeightShape()))
	case Linear:
		n.Weight, n.Bias = make([]float32, product(n.WeightShape())), make([]float32, shape.C)
	case BatchNorm:
		n.Weight, n.Var = slices.Repeat([]float32{1}, shape.C), slices.Repeat([]float32{1}, shape.C)
		n.Bias, n.Mean = make([]float32, shape.C), make([]float32, shape.C)
	}
	return n
}

// Bias gives a convolution a bias of zeros, and returns it.
func (b *Builder) Bias(n *Node) *Node {
	n.Bias = make([]float32, n.Shape.C)
	return n
}

// NormEpsilon is added to variances, and NormMomentum is the weight of a new
// batch in the running statistics: PyTorch's defaults.
const (
	NormEpsilon  = 1e-5
	NormMomentum = 0.1
)

// Norm appends batch norm with PyTorch's defaults.
func (b *Builder) Norm(name string, x *Node) *Node {
	return b.Add(name, BatchNorm{Epsilon: NormEpsilon, Momentum: NormMomentum}, x)
}

// Graph returns the finished graph, or the first error.
func (b *Builder) Graph() (*Graph, error) {
	if b.err != nil {
		return nil, b.err
	}
	return b.graph, b.graph.Check()
}

func product(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}
