package quantize

import (
	"fmt"
	"slices"

	"espalier/model"
	"espalier/model/kernel"
)

// An Activation is one quantization point's values for some images.
type Activation struct {
	Point   string // named as model.Evaluator.Observe does
	C, H, W int    // of an image
	kernel.Affine
	Codes  []uint8   // [n][C][H][W]; nil for logits in float32
	Values []float32 // [n][C][H][W], what the codes stand for
	// Optional says that an integer network may lack the point: it lies before
	// an activation that can be computed in the same step.
	Optional bool
}

// Observe computes x [n][c][h][w] and calls see with the values at every
// quantization point, in the network's order. see may keep them.
func (v *Evaluator) Observe(x []float32, see func(Activation)) {
	n := len(x) / v.pixels
	if n == 0 || len(x) != n*v.pixels {
		panic(fmt.Sprintf("quantize: observing %d values", len(x)))
	}
	nodes := v.net.points()
	all := make([]Activation, len(nodes))
	for p, m := range nodes {
		all[p] = Activation{Point: m.Point(), C: m.Shape.C, H: m.Shape.H, W: m.Shape.W, Affine: m.Output}
		all[p].Values = make([]float32, n*m.Shape.Len())
		if !m.Float {
			all[p].Codes = make([]uint8, n*m.Shape.Len())
		}
	}
	if v.observed == nil {
		v.observed = compile(v.net, v.engine.Kernels, true)
	}
	plan := v.observed
	spaces := make([]*space, v.engine.Threads())
	v.engine.Each(n, func(worker, i int) {
		if spaces[worker] == nil {
			spaces[worker] = plan.space()
			spaces[worker].logits = make([]float32, v.Classes())
		}
		s := spaces[worker]
		s.image = x[i*v.pixels : (i+1)*v.pixels]
		for _, step := range plan.steps {
			step.run(v.engine.Kernels, s)
		}
		for p, m := range nodes {
			all[p].fill(i*m.Shape.Len(), m, plan.values[m], s)
		}
	})
	for _, a := range all {
		see(a)
	}
}

// fill writes one image's values, from an offset on.
func (a *Activation) fill(i int, n *Node, v *value, s *space) {
	if n.Float {
		copy(a.Values[i:], s.logits)
		return
	}
	codes := s.at(v)
	for c := range n.Shape.C {
		at, row, pixel := v.channel(c)
		for y := range n.Shape.H {
			for x := range n.Shape.W {
				a.Codes[i] = codes[at+y*row+x*pixel]
				a.Values[i] = a.Dequantize(a.Codes[i])
				i++
			}
		}
	}
}

// points returns the nodes whose outputs are quantization points: all but padding
// shortcuts, which only move codes, and the codes of fewer bits that layers read.
func (n *Network) points() []*Node {
	return slices.DeleteFunc(slices.Clone(n.Nodes), func(m *Node) bool {
		switch m.Op.(type) {
		case model.PadShortcut, model.Quantize:
			return true
		}
		return false
	})
}
