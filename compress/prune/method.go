package prune

import (
	"fmt"

	"espalier/model"
)

// How a target is spread over the layers.
const (
	Together   = "global" // all weights are ranked together
	PerLayer   = "layer"  // every layer loses the same share
	ErdosRenyi = "erk"    // see ERK
)

// Scopes returns the names of all ways to spread a target.
func Scopes() []string { return []string{Together, PerLayer, ErdosRenyi} }

// A Method is how a network's weights are pruned. The zero Method is global
// magnitude pruning.
type Method struct {
	Criterion string // one of Criteria; empty is ByMagnitude
	Scope     string // one of Scopes; empty is Together
	// Each is every candidate's own target, in the place of a Scope.
	Each    []float64
	Block   Block
	Pattern Pattern // in the place of a target
	Floor   float64 // see Selection
	Edges   Edges   // with neither a Block nor a Pattern
}

// An Outcome is what people should know of a pruning beside its sparsity.
type Outcome struct {
	Held  []Held   // by the floor
	Whole []string // layers that the pattern does not fit, left as they were
}

// Prune zeroes a network's weights up to a target from 0 to 1, or to the Pattern,
// and sets the layers' masks: the candidates by the method, each edge layer by the
// same criterion to its own target. What is zero in a mask before stays so.
func (m Method) Prune(n *model.Graph, target float64, e Evidence) (o Outcome, err error) {
	if !(target >= 0 && target < 1) {
		return o, fmt.Errorf("pruning to a sparsity of %v: want a target from 0 to below 1", target)
	}
	layers, edges := Candidates(n), edgeLayers(n)
	scores, err := Score(m.Criterion, layers, e)
	if err != nil {
		return o, err
	}
	outer, err := Score(m.Criterion, edges, e)
	if err != nil {
		return o, err
	}
	if m.Pattern != (Pattern{}) {
		o.Whole = m.Pattern.Apply(layers, scores)
	} else {
		o.Held = m.selection(layers, target).Apply(layers, scores)
	}
	for i, l := range edges {
		own := 0.0
		if m.Pattern == (Pattern{}) && m.Block == (Block{}) {
			own = m.Edges.Target(target)
		}
		Selection{Target: own}.Apply([]*model.Node{l}, outer[i:i+1])
	}
	return o, nil
}

func (m Method) selection(layers []*model.Node, target float64) Selection {
	s := Selection{Target: target, Each: m.Each, Block: m.Block, Floor: m.Floor}
	switch {
	case m.Each != nil:
	case m.Scope == PerLayer:
		s.Each = Uniform(layers, target)
	case m.Scope == ErdosRenyi:
		s.Each = ERK(layers, target)
	}
	return s
}
