package model

import "espalier/model/kernel"

// Quantization-aware training: weights that are rounded where they are used, and
// Quantize nodes. Both are activations to the compiler: what a Quantize node gives
// is computed again where it is needed, from what stands before it.

// A trainGrid is a layer's grid in training.
type trainGrid struct {
	*Grid
	node, norm *Node
	rounded    *Node      // the layer with its weights rounded
	scale      *parameter // where scales are learned, or nil
}

func (t *Trainer) newTrainGrid(n, norm *Node) *trainGrid {
	rounded := *n
	rounded.Weight = make([]float32, len(n.Weight))
	g := &trainGrid{Grid: n.Grid, node: n, norm: norm, rounded: &rounded}
	if n.Grid.Learned {
		g.scale = t.scaleParameter(Tensor{n.Name + scaleSuffix, []int{n.Out()}, n.Grid.Scale})
	}
	return g
}

func (t *Trainer) scaleParameter(tensor Tensor) *parameter {
	p := t.parameter(tensor, t.slots())
	p.step = true
	return p
}

// before returns pack, with the weights rounded before it where there is a grid.
func (g *trainGrid) before(pack func()) func() {
	if g == nil {
		return pack
	}
	return func() {
		g.round(g.rounded.Weight, g.node.Weight, g.norm)
		pack()
	}
}

// differentiate takes a part's gradient by the rounded weights to that by the
// weights and scales.
func (g *trainGrid) differentiate(weight *parameter, part int) {
	if g == nil {
		return
	}
	var dScale []float32
	if g.scale != nil {
		dScale = g.scale.slot(part)
	}
	g.Grid.differentiate(weight.slot(part), g.node.Weight, dScale, g.norm)
}

// describeQuantize prepares a Quantize node's value.
func (t *Trainer) describeQuantize(p *trainPlan, v *trainValue) {
	n := v.unit.Node
	act := n.rounding()
	v.act = &act
	p.packs = append(p.packs, func() { act = n.rounding() })
	if n.Op.(Quantize).Learned {
		v.learns = true
		v.scale = t.scaleParameter(Tensor{n.Name + ".weight", []int{1}, n.Weight})
	}
}

// scaleGradient emits the gradient of a Quantize node's learned scale, from the
// gradient of its value.
func (c *scheduler) scaleGradient(v *trainValue, r int) {
	if v.scale == nil {
		return
	}
	n, g, x := v.unit.Node, v.g, c.before(v, r)
	at := c.sumWeights(r, kernel.Lanes, func(part int, sum []float32) {
		v.scale.slot(part)[0] = sum[0] * float32(n.scaleShare())
	})
	m, act := v.m, v.act
	c.emit(r, 1, "gradient of the scale of "+v.name(), func(s *trainSpan) {
		for i := range s.n {
			s.w.moved[at] += float32(m.ScaleGrad(*act, g.of(s, i, 1), x.of(s, i, 1)))
		}
	}, g, x)
}
