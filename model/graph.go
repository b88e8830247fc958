package model

import (
	"fmt"
	"slices"
	"strings"
)

// A Graph is a network: nodes in an order in which every node comes after its
// inputs. The first node is the input, the last one gives the logits, a vector.
// It is plain data; an Evaluator or a Trainer computes it.
type Graph struct {
	Name  string // in words, as "resnet20 projection"
	Nodes []*Node
	// Mean and Std are the normalisation of the inputs, per channel on the 0 to 1
	// scale; nil means unknown.
	Mean, Std []float32
}

// A Node is one operator applied to the outputs of others, with its tensors.
// Conv and Linear have a Weight and may have a Bias. BatchNorm has Weight
// (gamma), Bias (beta), Mean and Var, each [c]. Quantize has its scale as Weight [1].
type Node struct {
	Name   string // as PyTorch names the module, as "layer2.0.conv1"; unique
	Op     Op
	Inputs []*Node
	Shape  Shape // of the output

	Weight    []float32
	Bias      []float32
	Mean, Var []float32 // running statistics; Var is the unbiased variance
	// Mask holds 1 for weights that may be non-zero and 0 for pruned ones, laid
	// out as Weight; nil keeps all. A Trainer holds weights to their mask.
	Mask []float32
	// Grid is what a layer's weights are rounded to where they are used, or nil.
	Grid *Grid
}

// Input returns the first node.
func (g *Graph) Input() *Node { return g.Nodes[0] }

// Output returns the last node.
func (g *Graph) Output() *Node { return g.Nodes[len(g.Nodes)-1] }

// Classes returns the number of logits.
func (g *Graph) Classes() int { return g.Output().Shape.C }

// Node returns the node of that name, or nil.
func (g *Graph) Node(name string) *Node {
	for _, n := range g.Nodes {
		if n.Name == name {
			return n
		}
	}
	return nil
}

// Layers returns the nodes that have weights to prune and to quantize:
// convolutions and linear layers, in the graph's order.
func (g *Graph) Layers() []*Node {
	var layers []*Node
	for _, n := range g.Nodes {
		if n.IsLayer() {
			layers = append(layers, n)
		}
	}
	return layers
}

// Consumers returns the nodes that read each node's output.
func (g *Graph) Consumers() map[*Node][]*Node {
	all := map[*Node][]*Node{}
	for _, n := range g.Nodes {
		for _, in := range n.Inputs {
			all[in] = append(all[in], n)
		}
	}
	return all
}

// Fused reports whether FoldNorms has nothing left to fold: no batch norm alone
// reads a convolution.
func (g *Graph) Fused() bool {
	readers := g.Consumers()
	return !slices.ContainsFunc(g.Nodes, func(n *Node) bool {
		if _, ok := n.Op.(BatchNorm); !ok {
			return false
		}
		_, ok := n.Inputs[0].Op.(Conv)
		return ok && len(readers[n.Inputs[0]]) == 1
	})
}

// SameStructure reports whether two graphs have equal nodes, by name, operator,
// inputs, shape and the codes of their grids, whatever their weights are.
func (g *Graph) SameStructure(h *Graph) bool {
	return slices.EqualFunc(g.Nodes, h.Nodes, func(a, b *Node) bool {
		same := func(x, y *Node) bool { return x.Name == y.Name }
		return a.Name == b.Name && a.Op == b.Op && a.Shape == b.Shape && a.Grid.like(b.Grid) && slices.EqualFunc(a.Inputs, b.Inputs, same)
	})
}

// Clone returns a deep copy.
func (g *Graph) Clone() *Graph {
	c := &Graph{Name: g.Name, Mean: slices.Clone(g.Mean), Std: slices.Clone(g.Std)}
	copies := map[*Node]*Node{}
	for _, n := range g.Nodes {
		m := *n
		m.Inputs = nil
		for _, in := range n.Inputs {
			m.Inputs = append(m.Inputs, copies[in])
		}
		m.Weight, m.Bias, m.Mask = slices.Clone(n.Weight), slices.Clone(n.Bias), slices.Clone(n.Mask)
		m.Mean, m.Var = slices.Clone(n.Mean), slices.Clone(n.Var)
		m.Grid = n.Grid.clone()
		copies[n] = &m
		c.Nodes = append(c.Nodes, &m)
	}
	return c
}

// Check returns an error that names the node if the graph is invalid. It checks
// the order, that names occur once, shapes, the lengths of weights, that every
// output is read, and that the last one is a vector of at least two logits.
func (g *Graph) Check() error {
	if err := g.checkStructure(); err != nil {
		return err
	}
	for _, n := range g.Nodes {
		if err := n.checkWeights(); err != nil {
			return fmt.Errorf("node %s (%s): %w", n.Name, OpName(n.Op), err)
		}
	}
	return nil
}

// checkStructure is Check without weights.
func (g *Graph) checkStructure() error {
	if len(g.Nodes) < 2 {
		return fmt.Errorf("a network of %d nodes: want an input and at least one operator", len(g.Nodes))
	}
	before := map[*Node]bool{}
	names := map[string]bool{}
	read := map[*Node]bool{}
	for i, n := range g.Nodes {
		if n.Name == "" || names[n.Name] {
			return fmt.Errorf("node %d is called %q: want a name that no other node has", i, n.Name)
		}
		names[n.Name] = true
		if _, ok := n.Op.(Input); ok != (i == 0) {
			return fmt.Errorf("node %s: the input must be the first node, and the only input", n.Name)
		}
		var in []Shape
		for _, x := range n.Inputs {
			if !before[x] {
				return fmt.Errorf("node %s reads a node that does not come before it", n.Name)
			}
			read[x] = true
			in = append(in, x.Shape)
		}
		if err := n.checkShape(in); err != nil {
			return fmt.Errorf("node %s (%s): %w", n.Name, OpName(n.Op), err)
		}
		before[n] = true
	}
	for _, n := range g.Nodes[:len(g.Nodes)-1] {
		if !read[n] {
			return fmt.Errorf("node %s: no other node reads its output; remove it", n.Name)
		}
	}
	if out := g.Output().Shape; !out.IsVector() || out.C < 2 {
		return fmt.Errorf("the last node %s gives %v: want a vector of at least two logits", g.Output().Name, out)
	}
	return nil
}

// checkShape checks a node's shape against those of its inputs.
func (n *Node) checkShape(in []Shape) error {
	if _, ok := n.Op.(Input); ok {
		if len(in) > 0 || n.Shape.C < 1 || n.Shape.H < 1 || n.Shape.W < 1 {
			return fmt.Errorf("shape %v: want channels, height and width of at least 1", n.Shape)
		}
		return nil
	}
	shape, err := shapeOf(n.Op, in)
	if err != nil {
		return err
	}
	if shape != n.Shape {
		return fmt.Errorf("shape %v: its inputs give %v", n.Shape, shape)
	}
	return nil
}

// checkWeights checks the lengths of a node's tensors against its shape.
func (n *Node) checkWeights() error {
	for _, t := range n.tensors() {
		if len(t.Data) != product(t.Shape) {
			return fmt.Errorf("%s has %d values: want %v", strings.TrimPrefix(t.Name, n.Name+"."), len(t.Data), t.Shape)
		}
	}
	if n.Mask != nil && len(n.Mask) != len(n.Weight) {
		return fmt.Errorf("the mask has %d values: want %d", len(n.Mask), len(n.Weight))
	}
	return nil
}
