package prune

import (
	"fmt"
	"slices"

	"espalier/model"
)

// Kept says, for each group of a network and each of its channels, whether it
// stays.
type Kept [][]bool

// All keeps every channel.
func (c *Channels) All() Kept {
	k := make(Kept, len(c.Groups))
	for i, g := range c.Groups {
		k[i] = slices.Repeat([]bool{true}, g.Size)
	}
	return k
}

// Counts returns how many channels of each group stay.
func (k Kept) Counts() []int {
	counts := make([]int, len(k))
	for i, kept := range k {
		for _, stays := range kept {
			if stays {
				counts[i]++
			}
		}
	}
	return counts
}

// Slice returns the network without the channels that are not kept: smaller
// weights, biases, masks and running statistics. If the removed channels are
// zero or unused, it computes the same logits. The network itself does not
// change.
//
// It fails if a group would lose all channels.
func (c *Channels) Slice(keep Kept) (*model.Graph, error) {
	if len(keep) != len(c.Groups) {
		return nil, fmt.Errorf("slicing %s: choices for %d groups of channels, and it has %d", c.Graph.Name, len(keep), len(c.Groups))
	}
	for i, n := range keep.Counts() {
		g := c.Groups[i]
		if len(keep[i]) != g.Size {
			return nil, fmt.Errorf("slicing %s: choices for %d channels of group %s, and it has %d", c.Graph.Name, len(keep[i]), g.Name, g.Size)
		}
		if n == 0 {
			return nil, fmt.Errorf("slicing %s: group %s would lose all of its %d channels; keep at least one", c.Graph.Name, g.Name, g.Size)
		}
	}
	s := &model.Graph{Name: c.Graph.Name, Mean: slices.Clone(c.Graph.Mean), Std: slices.Clone(c.Graph.Std)}
	sliced := map[*model.Node]*model.Node{}
	for _, n := range c.Graph.Nodes {
		m := c.slice(n, keep)
		for _, in := range n.Inputs {
			m.Inputs = append(m.Inputs, sliced[in])
		}
		s.Nodes, sliced[n] = append(s.Nodes, m), m
	}
	if err := s.Check(); err != nil {
		return nil, fmt.Errorf("slicing %s: %w", c.Graph.Name, err)
	}
	return s, nil
}

// staying returns which channels of a node's output stay.
func (c *Channels) staying(n *model.Node, keep Kept) []int {
	var stay []int
	for ch, p := range c.places[n] {
		if p.group < 0 || keep[p.group][p.channel] {
			stay = append(stay, ch)
		}
	}
	return stay
}

// slice returns a node without the channels that are not kept, and without
// inputs.
func (c *Channels) slice(n *model.Node, keep Kept) *model.Node {
	out := c.staying(n, keep)
	m := &model.Node{Name: n.Name, Op: n.Op, Shape: n.Shape}
	m.Shape.C = len(out)
	m.Bias, m.Mean, m.Var = pick(n.Bias, out), pick(n.Mean, out), pick(n.Var, out)
	switch op := n.Op.(type) {
	case model.BatchNorm:
		m.Weight, m.Mask = pick(n.Weight, out), pick(n.Mask, out)
	case model.Linear:
		in := c.staying(n.Inputs[0], keep)
		m.Op = model.Linear{Out: len(out)}
		m.Weight, m.Mask = pickBlocks(n.Weight, n.In(), out, in, 1), pickBlocks(n.Mask, n.In(), out, in, 1)
	case model.Conv:
		in := c.staying(n.Inputs[0], keep)
		op.Out = len(out)
		if depthwise(n) {
			op.Groups, in = len(in), []int{0}
		} else { // groups stay equally wide, so that the first one's choice is every one's
			in = in[:len(in)/op.Groups]
		}
		m.Op = op
		kernel := op.Kernel * op.Kernel
		wide := n.Fan() / kernel
		m.Weight, m.Mask = pickBlocks(n.Weight, wide, out, in, kernel), pickBlocks(n.Mask, wide, out, in, kernel)
	case model.PadShortcut:
		before, _ := slices.BinarySearch(out, op.Before) // zero channels in front that stay
		m.Op = model.PadShortcut{Stride: op.Stride, Before: before, After: len(out) - before - len(c.staying(n.Inputs[0], keep))}
	}
	return m
}

// pick returns some values of a vector; nil for nil.
func pick(v []float32, at []int) []float32 {
	if v == nil {
		return nil
	}
	some := make([]float32, len(at))
	for i, j := range at {
		some[i] = v[j]
	}
	return some
}

// pickBlocks returns some rows and columns of w [rows][columns][block]; nil for
// nil.
func pickBlocks(w []float32, columns int, rows, some []int, block int) []float32 {
	if w == nil {
		return nil
	}
	picked := make([]float32, 0, len(rows)*len(some)*block)
	for _, r := range rows {
		for _, col := range some {
			picked = append(picked, w[(r*columns+col)*block:][:block]...)
		}
	}
	return picked
}
