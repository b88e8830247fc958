package model

import "strings"

// IsLayer reports whether the node is a convolution or a linear layer.
func (n *Node) IsLayer() bool { return IsLayer(n.Op) }

// A Tensor is a named part of a network. It shares Data with the network.
type Tensor struct {
	Name  string
	Shape []int
	Data  []float32
}

// In returns the channels of the node's first input.
func (n *Node) In() int { return n.Inputs[0].Shape.C }

// Out returns the channels of the node's output.
func (n *Node) Out() int { return n.Shape.C }

// WeightShape returns the weight's shape in PyTorch's layout: [Out][In/Groups]
// [Kernel][Kernel] of a convolution, [Out][In] of a linear layer, [c] of batch
// norm, [1] of Quantize, nil of others.
func (n *Node) WeightShape() []int {
	switch op := n.Op.(type) {
	case Conv:
		return []int{op.Out, n.In() / op.Groups, op.Kernel, op.Kernel}
	case Linear:
		return []int{op.Out, n.In()}
	case BatchNorm:
		return []int{n.Out()}
	case Quantize:
		return []int{1}
	}
	return nil
}

// Stride returns a convolution's or pool's stride, 1 of other nodes.
func (n *Node) Stride() int {
	switch op := n.Op.(type) {
	case Conv:
		return op.Stride
	case MaxPool:
		return op.Stride
	case AvgPool:
		return op.Stride
	}
	return 1
}

// Fan returns the number of weights that one output sums over.
func (n *Node) Fan() int {
	return product(n.WeightShape()[1:])
}

// MACs returns the multiply-adds of a convolution or linear layer for one image.
// Pixels at borders count like all others. Other nodes have none.
func (n *Node) MACs() int64 {
	if !n.IsLayer() {
		return 0
	}
	return int64(len(n.Weight)) * int64(n.Shape.H) * int64(n.Shape.W)
}

// scaleSuffix ends the name of a grid's scales.
const scaleSuffix = ".weight_scale"

// tensors returns the node's state under PyTorch's names. Data is shared.
func (n *Node) tensors() []Tensor {
	switch n.Op.(type) {
	case Conv, Linear:
		all := []Tensor{{n.Name + ".weight", n.WeightShape(), n.Weight}}
		if n.Bias != nil {
			all = append(all, Tensor{n.Name + ".bias", []int{n.Out()}, n.Bias})
		}
		if n.Grid != nil {
			all = append(all, Tensor{n.Name + scaleSuffix, []int{n.Out()}, n.Grid.Scale})
		}
		return all
	case Quantize:
		return []Tensor{{n.Name + ".weight", []int{1}, n.Weight}}
	case BatchNorm:
		c := []int{n.Out()}
		return []Tensor{
			{n.Name + ".weight", c, n.Weight}, {n.Name + ".bias", c, n.Bias},
			{n.Name + ".running_mean", c, n.Mean}, {n.Name + ".running_var", c, n.Var},
		}
	}
	return nil
}

// Tensors returns the network's state in the graph's order and under PyTorch's
// names: weights, biases, batch norm's parameters and running statistics. Data
// is shared with the graph.
func (g *Graph) Tensors() []Tensor {
	var all []Tensor
	for _, n := range g.Nodes {
		all = append(all, n.tensors()...)
	}
	return all
}

// Parameters returns the tensors that training changes by gradients, in the
// order of Tensors.
func (g *Graph) Parameters() []Tensor {
	var all []Tensor
	for _, n := range g.Nodes {
		for _, t := range n.tensors() {
			if n.trains(t) {
				all = append(all, t)
			}
		}
	}
	return all
}

// trains reports whether a tensor of the node's is changed by gradients: running
// statistics are not, nor are scales unless they are learned.
func (n *Node) trains(t Tensor) bool {
	if op, ok := n.Op.(Quantize); ok {
		return op.Learned
	}
	if n.Grid != nil && !n.Grid.Learned && strings.HasSuffix(t.Name, scaleSuffix) {
		return false
	}
	return !strings.Contains(t.Name[len(n.Name):], ".running_")
}

// Weights returns the number of convolution and linear weights, without biases
// and batch norm: 270,896 for ResNet-20 with projection shortcuts.
func (g *Graph) Weights() int {
	total := 0
	for _, l := range g.Layers() {
		total += len(l.Weight)
	}
	return total
}

// ParameterCount returns the number of trained values, as PyTorch counts them:
// without running statistics.
func (g *Graph) ParameterCount() int {
	total := 0
	for _, t := range g.Parameters() {
		total += len(t.Data)
	}
	return total
}

// MACs returns the multiply-adds of one image's forward pass.
func (g *Graph) MACs() int64 {
	var total int64
	for _, l := range g.Layers() {
		total += l.MACs()
	}
	return total
}

// Sparsity returns the number of weights that are zero, and of all weights.
func (g *Graph) Sparsity() (zero, total int) {
	for _, l := range g.Layers() {
		for _, w := range l.Weight {
			if w == 0 {
				zero++
			}
		}
		total += len(l.Weight)
	}
	return zero, total
}
