// Package reference evaluates and trains any model.Graph in float64 with loops
// that follow the formulas. The engine in package model is tested against it.
// It is itself tested against finite differences and against PyTorch in
// float64. Only tests use it.
//
// A value of a node is [n][c][h][w], flat: n images of the node's shape. Every
// operator is a pair of functions that stand side by side: forward computes y
// from x; backward computes the gradient dx of the loss by x from the gradient
// dy by y.
package reference

import (
	"espalier/model"
)

// A Network is a model.Graph in float64, with gradients and momentum.
type Network struct {
	// Loss is what Backward differentiates. Teacher [n][classes] are the
	// teacher's logits, if the loss needs them.
	Loss    Loss
	Teacher []float64
	// Keep says which values dropout keeps in training, by node, image and
	// index. Nil keeps all values and scales none.
	Keep func(n *model.Node, image, index int) bool

	// FrozenNorms is as of a model.Trainer.
	FrozenNorms bool

	nodes      []*node
	parameters []*Parameter
	statistics map[string][]float64
}

// A Parameter is a trained tensor under its PyTorch name.
type Parameter struct {
	Name                     string
	Data, Gradient, Velocity []float64
	Weight                   bool      // of a convolution or linear layer, rather than a bias or batch norm's
	Mask                     []float32 // 0 for pruned weights; or nil
}

// SGD is a model.SGD in float64.
type SGD struct {
	Momentum, WeightDecay float64
	Nesterov, WeightsOnly bool
}

// A node is a node of the graph with its state and its value.
type node struct {
	*model.Node
	in             []*node
	weight, bias   *Parameter // nil if the operator has none
	mean, variance []float64  // batch norm's running statistics
	scale          *Parameter // of a layer's grid, where it is learned
	norm           *node      // the batch norm behind a layer with a grid

	y, dy      []float64 // [n] of Shape: the value, and the loss's gradient by it
	xhat, rstd []float64 // of batch norm's last batch: see normTrain
	kept       []float64 // dropout's factor of each value: 0 or 1/(1−P)
}

// From returns a network with copies of g's weights.
func From(g *model.Graph) *Network {
	r := &Network{statistics: map[string][]float64{}}
	of := map[*model.Node]*node{}
	for _, m := range g.Nodes {
		x := &node{Node: m, mean: wide(m.Mean), variance: wide(m.Var)}
		for _, in := range m.Inputs {
			x.in = append(x.in, of[in])
		}
		if op, ok := m.Op.(model.Quantize); ok && !op.Learned {
			x.weight = &Parameter{Data: wide(m.Weight), Gradient: make([]float64, 1)}
		} else if m.Weight != nil {
			x.weight = r.parameter(m.Name+".weight", m.Weight)
			x.weight.Weight, x.weight.Mask = m.IsLayer(), m.Mask
		}
		if m.Bias != nil {
			x.bias = r.parameter(m.Name+".bias", m.Bias)
		}
		if m.Grid != nil && m.Grid.Learned {
			x.scale = r.parameter(m.Name+".weight_scale", m.Grid.Scale)
		}
		if m.Mean != nil {
			r.statistics[m.Name+".running_mean"], r.statistics[m.Name+".running_var"] = x.mean, x.variance
		}
		of[m] = x
		r.nodes = append(r.nodes, x)
	}
	for _, u := range g.Units() {
		of[u.Node].norm = of[u.Norm]
	}
	return r
}

func (r *Network) parameter(name string, data []float32) *Parameter {
	p := &Parameter{Name: name, Data: wide(data), Gradient: make([]float64, len(data)), Velocity: make([]float64, len(data))}
	r.parameters = append(r.parameters, p)
	return p
}

func wide(data []float32) []float64 {
	out := make([]float64, len(data))
	for i, v := range data {
		out[i] = float64(v)
	}
	return out
}

// Parameters returns all trained tensors, in the order of the graph's.
func (r *Network) Parameters() []*Parameter { return r.parameters }

// Statistics returns the running mean and variance of every batch norm under
// PyTorch's names.
func (r *Network) Statistics() map[string][]float64 { return r.statistics }

// Logits evaluates n images x [n][c][h][w] with running statistics and without
// dropout, and returns [n][classes].
func (r *Network) Logits(n int, x []float64) []float64 {
	r.forward(n, x, false)
	return r.last().y
}

// Values is Logits but returns the value of every node, by its name.
func (r *Network) Values(n int, x []float64) map[string][]float64 {
	r.forward(n, x, false)
	all := map[string][]float64{}
	for _, m := range r.nodes {
		all[m.Name] = m.y
	}
	return all
}

// Backward runs n images x [n][c][h][w] forward in training mode, which moves
// the running statistics, and computes all gradients of the mean loss, which it
// returns.
func (r *Network) Backward(n int, x []float64, labels []uint16) float64 {
	r.forward(n, x, true)
	loss, dLogits := r.Loss.Of(n, r.last().y, r.Teacher, labels)
	r.backward(n, dLogits)
	return loss
}

// Update takes a step of torch.optim.SGD with the last gradients.
func (r *Network) Update(lr float64, o SGD) {
	for _, p := range r.parameters {
		p.Update(lr, o)
	}
}

// Update takes a step with the last gradient. Masked weights stay zero.
func (p *Parameter) Update(lr float64, o SGD) {
	decay := o.WeightDecay
	if o.WeightsOnly && !p.Weight {
		decay = 0
	}
	for i, g := range p.Gradient {
		g += decay * p.Data[i]
		p.Velocity[i] = o.Momentum*p.Velocity[i] + g
		if o.Nesterov {
			p.Data[i] -= lr * (g + o.Momentum*p.Velocity[i])
		} else {
			p.Data[i] -= lr * p.Velocity[i]
		}
		if p.Mask != nil {
			p.Data[i] *= float64(p.Mask[i])
		}
	}
}

func (r *Network) last() *node { return r.nodes[len(r.nodes)-1] }
