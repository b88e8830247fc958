package quantize

import (
	"fmt"
	"math"

	"espalier/model"
	"espalier/model/kernel"
)

// Prepare returns a copy of a float network for quantization-aware training: it
// computes in float32 what the network in integers computes in codes. Every value
// that has a scale of its own is rounded by a Quantize node behind it, and every
// layer's weights are rounded to a model.Grid. Scales are at first those that Build
// makes of the calibration. With learned, training moves those of fewer than 8 bits
// (LSQ); weights' begin as 2·mean|w|/√largest code (Esser et al. 2020, section 2.1).
//
// Convert makes the network in integers of it.
func Prepare(g *model.Graph, c *Calibration, r Recipe, learned bool) (*model.Graph, error) {
	if r.PerTensor || r.Shared {
		return nil, fmt.Errorf("quantization-aware training: recipe %s lets channels or values share a scale, which training would tear apart: choose lab or ort", r.Name)
	}
	q, err := Build(g, c, r)
	if err != nil {
		return nil, err
	}
	p := &preparer{graph: g.Clone(), after: map[string]*model.Node{}, learned: learned}
	readers := p.graph.Consumers()
	for _, n := range q.Nodes {
		if isQuantizeOp(n.Op) {
			p.narrow(n)
			continue
		}
		if n.IsLayer() {
			p.layer(n, r, readers)
		}
		p.value(n, readers)
	}
	p.order()
	return p.graph, p.graph.Check()
}

// roundingSuffix ends the name of the Quantize node behind a value.
const roundingSuffix = ".codes"

func isQuantizeOp(op model.Op) bool {
	_, ok := op.(model.Quantize)
	return ok
}

// A preparer adds Quantize nodes and grids to a graph.
type preparer struct {
	graph   *model.Graph
	after   map[string]*model.Node // what stands for a value of the network in integers, by its node's name
	added   []*model.Node
	learned bool
}

// value adds the rounding of a node's output, unless it keeps its input's scale or
// stays real.
func (p *preparer) value(n *Node, readers map[*model.Node][]*model.Node) {
	of := p.graph.Node(n.Name)
	if n.Act != nil {
		of = p.graph.Node(n.ActName)
	} else if norm := folded(of, readers); norm != nil {
		of = norm
	}
	p.after[n.Name] = of
	if n.Keeps || n.Float {
		return
	}
	p.after[n.Name] = p.round(n.Name+roundingSuffix, of, readers[of], n.Output, 8)
}

// narrow adds the rounding to fewer bits of what some layers read.
func (p *preparer) narrow(n *Node) {
	op := n.Op.(model.Quantize)
	value := p.after[n.Inputs[0].Name]
	p.after[n.Name] = p.round(n.Name, value, nil, n.Output, op.Bits)
}

// folded returns the batch norm that is folded into a convolution, or nil.
func folded(n *model.Node, readers map[*model.Node][]*model.Node) *model.Node {
	if _, ok := n.Op.(model.Conv); !ok || len(readers[n]) != 1 {
		return nil
	}
	if _, ok := readers[n][0].Op.(model.BatchNorm); !ok {
		return nil
	}
	return readers[n][0]
}

// round adds a Quantize node that some readers of a value read instead.
func (p *preparer) round(name string, of *model.Node, readers []*model.Node, a kernel.Affine, bits int) *model.Node {
	q := &model.Node{
		Name: name, Op: model.Quantize{Bits: bits, Zero: a.Zero, Learned: p.learned && bits < 8},
		Inputs: []*model.Node{of}, Shape: of.Shape, Weight: []float32{a.Scale},
	}
	for _, r := range readers {
		for i, in := range r.Inputs {
			if in == of {
				r.Inputs[i] = q
			}
		}
	}
	p.added = append(p.added, q)
	return q
}

// layer puts a layer's weights on a grid, and lets it read what the layer of the
// network in integers reads.
func (p *preparer) layer(n *Node, r Recipe, readers map[*model.Node][]*model.Node) {
	l := p.graph.Node(n.Name)
	if isQuantizeOp(n.Inputs[0].Op) {
		narrow := p.after[n.Inputs[0].Name]
		if _, ok := l.Inputs[0].Op.(model.Dropout); ok { // which the network in integers lacks
			narrow.Inputs[0] = l.Inputs[0]
		}
		l.Inputs[0] = narrow
	}
	at := r.at(n.WeightBits)
	l.Grid = &model.Grid{Low: at.SmallestWeight, High: int8(at.WeightSteps), Scale: append([]float32(nil), n.Scale...), Learned: p.learned && n.WeightBits < 8}
	norm := folded(l, readers)
	fan := l.Fan()
	for o := range l.Grid.Scale {
		if norm != nil {
			if f := foldFactor(norm, o); f != 0 {
				l.Grid.Scale[o] /= f
			}
		}
		if l.Grid.Learned {
			var sum float64
			for _, w := range l.Weight[o*fan : (o+1)*fan] {
				sum += math.Abs(float64(w))
			}
			if s := 2 * sum / float64(fan) / math.Sqrt(float64(l.Grid.High)); s > 0 {
				l.Grid.Scale[o] = float32(s)
			}
		}
	}
}

// foldFactor returns the magnitude of what folding multiplies a channel's weights
// by.
func foldFactor(norm *model.Node, channel int) float32 {
	rstd := 1 / math.Sqrt(float64(norm.Var[channel])+norm.Op.(model.BatchNorm).Epsilon)
	return float32(math.Abs(float64(norm.Weight[channel]) * rstd))
}

// order puts every added node behind its input.
func (p *preparer) order() {
	behind := map[*model.Node][]*model.Node{}
	for _, q := range p.added {
		behind[q.Inputs[0]] = append(behind[q.Inputs[0]], q)
	}
	var all []*model.Node
	var add func(n *model.Node)
	add = func(n *model.Node) {
		all = append(all, n)
		for _, q := range behind[n] {
			add(q)
		}
	}
	for _, n := range p.graph.Nodes {
		add(n)
	}
	p.graph.Nodes = all
}

// IsPrepared reports whether a graph is one that Prepare made: its values and
// weights are rounded.
func IsPrepared(g *model.Graph) bool {
	for _, n := range g.Nodes {
		if n.Grid != nil || isQuantizeOp(n.Op) {
			return true
		}
	}
	return false
}

// Convert returns the network in integers that a prepared graph stands for: codes
// are those that its weights and values are rounded to.
func Convert(g *model.Graph, r Recipe) (*Network, error) {
	plain, given, widths := strip(g)
	r, err := r.WithWidths(widths)
	if err != nil {
		return nil, err
	}
	plain = plain.ForInference()
	inner := r.narrowed(plain)
	q := &Network{Name: g.Name, Mean: g.Mean, Std: g.Std, Recipe: r, Calibration: Calibrated{Observer: "training"}, Nodes: steps(inner, r)}
	b := builder{recipe: r, given: given}
	for _, n := range q.Nodes {
		b.node(n, inner.Node(n.Name))
	}
	if b.err != nil {
		return nil, b.err
	}
	if r.IntegerBias {
		q.RoundBiases()
	}
	return q, nil
}

// strip takes the Quantize nodes out of a prepared graph. It returns what each of
// them says of the value that it rounds, by the name of the node in integers, and
// the layers' widths.
func strip(g *model.Graph) (plain *model.Graph, given map[string]kernel.Affine, widths map[string]Width) {
	given, widths = map[string]kernel.Affine{}, map[string]Width{}
	plain = g.Clone()
	for _, n := range plain.Nodes {
		if !n.IsLayer() || n.Grid == nil {
			continue
		}
		w := Width{Weights: bitsOf(n.Grid.High), Activations: 8}
		if op, ok := n.Inputs[0].Op.(model.Quantize); ok {
			w.Activations = op.Bits
		}
		widths[n.Name] = w
	}
	var nodes []*model.Node
	by := map[*model.Node]*model.Node{}
	for _, n := range plain.Nodes {
		for i, in := range n.Inputs {
			if x := by[in]; x != nil {
				n.Inputs[i] = x
			}
		}
		if op, ok := n.Op.(model.Quantize); ok {
			by[n] = n.Inputs[0]
			given[n.Name] = kernel.Affine{Scale: n.Weight[0], Zero: op.Zero}
			continue
		}
		nodes = append(nodes, n)
	}
	plain.Nodes = nodes
	return plain, given, widths
}

// bitsOf returns the bits of codes up to high.
func bitsOf(high int8) int {
	bits := 1
	for ; high > 0; high >>= 1 {
		bits++
	}
	return bits
}

// Unprepared returns a copy of a graph without what Prepare added: the weights that
// training moved, in float32. Masks stay.
func Unprepared(g *model.Graph) *model.Graph {
	plain, _, _ := strip(g)
	for _, n := range plain.Nodes {
		n.Grid = nil
	}
	return plain
}
