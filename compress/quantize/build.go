package quantize

import (
	"fmt"
	"math"

	"espalier/internal/finite"
	"espalier/model"
	"espalier/model/kernel"
)

// MaxFan is the most weights that one output may sum over. Sums of 255 · 128 for
// each stay below 2³⁰, and a bias below 2³⁰ can be added in int32.
const MaxFan = 1 << 15

// Build quantizes a network: batch norm is folded into the convolutions,
// weights are quantized, and activations get the scales that the recipe makes
// of the calibrated ranges.
func Build(g *model.Graph, c *Calibration, r Recipe) (*Network, error) {
	g = g.ForInference()
	observers := r.Observers(g)
	g = r.narrowed(g)
	q := &Network{Name: g.Name, Mean: g.Mean, Std: g.Std, Recipe: r, Calibration: c.Calibrated, Nodes: steps(g, r)}
	b := builder{ranges: c.Ranges, recipe: r, watchers: map[string]int{}}
	for _, by := range observers {
		b.watchers[by]++
	}
	b.observers = observers
	for _, n := range q.Nodes {
		b.node(n, g.Node(n.Name))
	}
	if b.err != nil {
		return nil, b.err
	}
	if r.IntegerBias {
		q.RoundBiases()
	}
	return q, nil
}

// A builder fills in nodes and keeps the first error.
type builder struct {
	ranges    map[string]Range
	recipe    Recipe
	observers map[string]string        // by point, see Recipe.Observers
	watchers  map[string]int           // points of each observer
	given     map[string]kernel.Affine // by Quantize node's name, of a prepared graph; or nil
	err       error
}

// node fills in n's codes and scales, of the graph's node from.
func (b *builder) node(n *Node, from *model.Node) {
	switch op := n.Op.(type) {
	case model.Conv, model.Linear:
		b.layer(n, from)
	case model.BatchNorm:
		b.norm(n, from, op.Epsilon)
	case model.Quantize:
		n.Output = b.narrow(n, op.Bits)
		return
	}
	switch {
	case n.Keeps:
		n.Output = n.Inputs[0].Output
	case b.recipe.FixedSigmoid && isSigmoid(n.Op):
		n.Output = kernel.Affine{Scale: 1.0 / 256}
	default:
		n.Output = b.activation(n)
	}
}

// narrow returns the quantization of a Quantize node: its input's range, which its
// observer found for codes of 8 bits, in fewer steps.
func (b *builder) narrow(n *Node, bits int) kernel.Affine {
	if b.given != nil {
		return b.given[n.Name]
	}
	return b.recipe.narrowActivation(b.ranges[n.Inputs[0].Point()], bits)
}

func isSigmoid(op model.Op) bool {
	switch op.(type) {
	case model.Sigmoid, model.HardSigmoid:
		return true
	}
	return false
}

// activation returns the quantization of a node's output.
func (b *builder) activation(n *Node) kernel.Affine {
	point := n.Point()
	if b.given != nil {
		a, ok := b.given[n.Name+roundingSuffix]
		if !ok && !n.Float && b.err == nil {
			b.err = fmt.Errorf("quantizing %s: the network was not trained to round its output, as recipe %s does; choose the recipe that it was trained for", n.Name, b.recipe.Name)
		}
		if n.Float {
			a.Scale = 1
		}
		return a
	}
	x, ok := b.ranges[point]
	if !ok && b.err == nil {
		b.err = fmt.Errorf("quantizing: calibration gave no range for %s; calibrate this network again", point)
	}
	if finite.First([]float32{x.Min, x.Max}) >= 0 {
		b.fail(point, "its range, %g to %g, is not finite", x.Min, x.Max)
	}
	a := b.recipe.Activation(x)
	if _, ok := n.Act.(model.ReLU); ok && a.Zero != 0 && b.watchers[b.observers[point]] == 1 {
		b.fail(point, "its range goes below 0, behind a ReLU")
	}
	return a
}

// layer quantizes the weights of a convolution or linear layer.
func (b *builder) layer(n *Node, from *model.Node) {
	n.Bias = make([]float32, from.Out())
	copy(n.Bias, from.Bias)
	b.finite(n.Name, "weight", from.Weight)
	b.finite(n.Name, "bias", n.Bias)
	if fan := from.Fan(); fan > MaxFan && b.err == nil {
		b.err = fmt.Errorf("quantizing %s: each output sums over %d weights, but int32 holds sums over at most %d; make the layer smaller", n.Name, fan, MaxFan)
	}
	if from.Grid != nil {
		n.Weight, n.Scale = from.Grid.Codes(from.Weight), from.Grid.Scale
		return
	}
	n.Weight, n.Scale = b.recipe.NarrowWeights(from.Weight, from.Out(), n.WeightBits)
}

// norm turns a batch norm that no convolution precedes into a factor and a term
// for each channel.
func (b *builder) norm(n *Node, from *model.Node, epsilon float64) {
	n.Scale, n.Bias = make([]float32, from.Out()), make([]float32, from.Out())
	for c := range n.Scale {
		rstd := float32(1 / math.Sqrt(float64(from.Var[c])+epsilon))
		n.Scale[c] = from.Weight[c] * rstd
		n.Bias[c] = from.Bias[c] - float32(from.Mean[c]*n.Scale[c])
	}
	b.finite(n.Name, "factor", n.Scale)
	b.finite(n.Name, "bias", n.Bias)
}

// finite returns an error if a number is NaN or infinite.
func (b *builder) finite(where, what string, values []float32) {
	if i := finite.First(values); i >= 0 {
		b.fail(where, "%s %d is %g", what, i, values[i])
	}
}

func (b *builder) fail(where, format string, args ...any) {
	if b.err == nil {
		b.err = fmt.Errorf("quantizing %s: %s; train from a checkpoint without such values", where, fmt.Sprintf(format, args...))
	}
}
