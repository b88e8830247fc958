package quantize

import (
	"math"
	"slices"

	"espalier/model"
	"espalier/model/kernel"
)

// A Network is a graph in integers: every value has a scale and a zero point,
// every weight is a code. It is plain data; an Evaluator computes it, and package
// reference says what that computes.
type Network struct {
	Name      string
	Mean, Std []float32 // as in model.Graph
	Recipe    Recipe
	// Calibration says what the activations' ranges were observed on.
	Calibration Calibrated
	// Nodes come in an order in which every node comes after its inputs. The
	// first is the input, the last gives the logits.
	Nodes []*Node
}

// A Node is one operator together with what is computed in the same step: batch
// norm is folded into the convolution before it, and Act has no rounding of its
// own.
type Node struct {
	Name   string // of the operator's node in the graph
	Op     model.Op
	Inputs []*Node
	Shape  model.Shape // of the output
	// Act is the activation that belongs to the node: nil, ReLU or Clip. ActName
	// is its node's name in the graph.
	Act     model.Op
	ActName string

	Weight []int8 // of Conv and Linear, laid out as in model.Node
	// WeightBits is how many bits each code of Weight needs: 8, or fewer.
	WeightBits int
	Scale      []float32 // one for each output channel: of the weights, or batch norm's factors
	Bias       []float32 // one for each output channel, in float32

	Output kernel.Affine // of the output's codes
	// Keeps says that the output has its first input's scale and zero point, as
	// a max pool's has.
	Keeps bool
	// Float says that the output is float32 and has no codes. Only logits may be.
	Float bool
}

// Calibrated describes a calibration.
type Calibrated struct {
	Observer string
	Images   int
	Batch    int // images observed at a time
}

// Input returns the first node.
func (n *Network) Input() *Node { return n.Nodes[0] }

// Output returns the last node.
func (n *Network) Output() *Node { return n.Nodes[len(n.Nodes)-1] }

// Classes returns the number of logits.
func (n *Network) Classes() int { return n.Output().Shape.C }

// Node returns the node of that name, or nil.
func (n *Network) Node(name string) *Node {
	i := slices.IndexFunc(n.Nodes, func(m *Node) bool { return m.Name == name })
	if i < 0 {
		return nil
	}
	return n.Nodes[i]
}

// Layers returns the nodes with integer weights, convolutions and linear layers,
// in the network's order.
func (n *Network) Layers() []*Node {
	var all []*Node
	for _, m := range n.Nodes {
		if m.IsLayer() {
			all = append(all, m)
		}
	}
	return all
}

// IsLayer reports whether the node is a convolution or a linear layer.
func (n *Node) IsLayer() bool { return model.IsLayer(n.Op) }

// Point returns the name of the node's output as a quantization point, as
// model.Evaluator.Observe names it: the node's name, or that of its clipping.
func (n *Node) Point() string {
	if _, ok := n.Act.(model.Clip); ok {
		return n.ActName
	}
	return n.Name
}

// Fan returns the number of weights that one output sums over.
func (n *Node) Fan() int { return len(n.Weight) / n.Shape.C }

// WeightShape returns the weight's shape in PyTorch's layout, as of model.Node.
func (n *Node) WeightShape() []int {
	switch op := n.Op.(type) {
	case model.Conv:
		return []int{op.Out, n.Inputs[0].Shape.C / op.Groups, op.Kernel, op.Kernel}
	case model.Linear:
		return []int{op.Out, n.Inputs[0].Shape.C}
	}
	return nil
}

// Codes returns the smallest and the largest code that the node gives: the
// activation's limits, rounded, or those of its bits.
func (n *Node) Codes() (low, high uint8) {
	high = n.largest()
	switch act := n.Act.(type) {
	case model.ReLU:
		return n.Output.Zero, high
	case model.Clip:
		return n.Output.Quantize(act.Min), n.Output.Quantize(act.Max)
	}
	return 0, high
}

// largest returns the largest code of the node's bits.
func (n *Node) largest() uint8 {
	if op, ok := n.Op.(model.Quantize); ok {
		return 1<<op.Bits - 1
	}
	return 255
}

// MACs returns the multiply-adds of one image, as of model.Graph.
func (n *Network) MACs() int64 {
	var total int64
	for _, l := range n.Layers() {
		total += int64(len(l.Weight)) * int64(l.Shape.H) * int64(l.Shape.W)
	}
	return total
}

// Sparsity returns the number of codes of weights that are zero, and of all, as of
// model.Graph.
func (n *Network) Sparsity() (zero, total int) {
	for _, l := range n.Layers() {
		for _, w := range l.Weight {
			if w == 0 {
				zero++
			}
		}
		total += len(l.Weight)
	}
	return zero, total
}

// Bytes returns the size of the weights, packed, scales, zero points and biases.
func (n *Network) Bytes() int64 {
	const affine = 4 + 1
	var total int64
	for _, m := range n.Nodes {
		total += int64(packedLen(len(m.Weight), m.WeightBits) + 4*len(m.Scale) + 4*len(m.Bias))
		if m.stored() {
			total += affine
		}
	}
	return total
}

// FloatBytes returns the size that a network's weights and biases have in
// float32 once batch norm is folded in.
func FloatBytes(g *model.Graph) int64 {
	var total int64
	for _, n := range g.ForInference().Nodes {
		switch n.Op.(type) {
		case model.Conv, model.Linear:
			total += 4 * int64(len(n.Weight)+n.Out()) // folding gives each output a bias
		case model.BatchNorm:
			total += 4 * 2 * int64(n.Out())
		}
	}
	return total
}

// RoundBiases rounds every bias to a multiple of input scale · weight scale,
// which int32 holds exactly. Recipes with IntegerBias do so, and a runtime that
// adds int32 biases cannot do otherwise. If all weights of a channel are zero,
// or so small that the bias would need more than 30 bits, the bias stays as it
// is.
func (n *Network) RoundBiases() {
	for _, l := range n.Layers() {
		l.roundBias(l.Inputs[0].Output)
	}
}

func (n *Node) roundBias(in kernel.Affine) {
	fan := n.Fan()
	for k, bias := range n.Bias {
		unit := float64(in.Scale) * float64(n.Scale[k])
		multiple := math.RoundToEven(float64(bias) / unit)
		zeros := !slices.ContainsFunc(n.Weight[k*fan:(k+1)*fan], func(code int8) bool { return code != 0 })
		if math.Abs(multiple) <= 1<<30 && !zeros {
			n.Bias[k] = float32(multiple * unit)
		}
	}
}

// Quantization returns the scale and zero point of a node of Graph. It is not ok
// if the value stays real.
func (n *Network) Quantization(node string) (a kernel.Affine, ok bool) {
	for _, m := range n.Nodes {
		switch {
		case m.Act != nil && m.ActName == node, m.Act == nil && m.Name == node:
			return m.Output, !m.Float
		}
	}
	return kernel.Affine{}, false
}

// Parameters returns a node's codes, scales and biases.
func (n *Network) Parameters(node string) (codes []int8, scale, bias []float32) {
	m := n.Node(node)
	return m.Weight, m.Scale, m.Bias
}

// WeightBits returns how many bits the codes of a layer's weights have.
func (n *Network) WeightBits(layer string) int { return n.Node(layer).WeightBits }

// Graph returns the graph that the network computes, without weights.
func (n *Network) Graph() *model.Graph {
	g := &model.Graph{Name: n.Name, Mean: n.Mean, Std: n.Std}
	of := map[*Node]*model.Node{}
	add := func(name string, op model.Op, shape model.Shape, inputs []*model.Node) *model.Node {
		m := &model.Node{Name: name, Op: op, Inputs: inputs, Shape: shape}
		g.Nodes = append(g.Nodes, m)
		return m
	}
	for _, m := range n.Nodes {
		var inputs []*model.Node
		for _, in := range m.Inputs {
			inputs = append(inputs, of[in])
		}
		of[m] = add(m.Name, m.Op, m.Shape, inputs)
		if m.Act != nil {
			of[m] = add(m.ActName, m.Act, m.Shape, []*model.Node{of[m]})
		}
	}
	return g
}

// steps returns the integer nodes of a graph, without codes and scales: what a
// recipe computes in one step, and which values keep their input's scale. The
// graph comes from ForInference.
func steps(g *model.Graph, r Recipe) []*Node {
	of := map[*model.Node]*Node{}
	var all []*Node
	add := func(from *model.Node, last *model.Node) {
		n := &Node{Name: from.Name, Op: from.Op, Shape: from.Shape}
		if n.IsLayer() {
			n.WeightBits = r.width(n.Name).Weights
		}
		for _, in := range from.Inputs {
			n.Inputs = append(n.Inputs, of[in])
		}
		if last != from {
			n.Act, n.ActName = last.Op, last.Name
		}
		n.Keeps = r.keeps(n)
		of[last] = n
		all = append(all, n)
	}
	for _, u := range g.Units() {
		switch {
		case u.Act == nil || r.fuses(u.Act.Op):
			add(u.Node, u.Output())
		default:
			add(u.Node, u.Node)
			add(u.Act, u.Act)
		}
	}
	last := all[len(all)-1]
	if _, ok := last.Op.(model.Flatten); ok {
		last.Keeps = true // nothing computes with what is flattened last
	}
	if r.FloatLogits {
		last.floatLogits()
	}
	return all
}

// floatLogits leaves the last node's output in float32 if it is a sum or a
// mean, which would otherwise be rounded to codes.
func (n *Node) floatLogits() {
	switch n.Op.(type) {
	case model.Flatten:
		if n.Inputs[0].Shape == n.Shape { // it moves nothing
			n.Inputs[0].floatLogits()
			n.Float = n.Inputs[0].Float
		}
	case model.Conv, model.Linear, model.BatchNorm, model.Add, model.Mul, model.AvgPool, model.GlobalAvgPool:
		n.Float = n.Act == nil
	}
}
