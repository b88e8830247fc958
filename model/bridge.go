package model

import (
	"fmt"
	"strings"
)

// Graph returns the network as a graph that shares its weights. It is here for
// as long as the move to graphs takes, as NetworkOf.
func (n *Network) Graph() *Graph {
	g, err := ResNet(n.Arch)
	if err != nil {
		panic(err) // New accepts what ResNet accepts
	}
	if n.Fused() {
		g = g.FoldNorms()
	}
	for _, l := range n.Layers() {
		node := g.Node(l.Name)
		node.Weight, node.Bias, node.Mask = l.Weight, l.Bias, l.Mask
		if b := l.Norm; b != nil {
			norm := g.Node(b.Name)
			norm.Weight, norm.Bias, norm.Mean, norm.Var = b.Gamma, b.Beta, b.Mean, b.Var
		}
	}
	if n.Std != [3]float32{} {
		g.Mean, g.Std = n.Mean[:], n.Std[:]
	}
	return g
}

// NetworkOf returns the CIFAR ResNet that a graph describes, with the graph's
// weights, or an error for any other graph.
func NetworkOf(g *Graph) (*Network, error) {
	a := archOf(g)
	same, err := ResNet(a)
	if err == nil && g.Fused() {
		same = same.FoldNorms()
	}
	if err != nil || !g.SameStructure(same) {
		return nil, fmt.Errorf("%s is not a CIFAR ResNet", g.Name)
	}
	n, err := New(a)
	if err != nil {
		return nil, err
	}
	for _, l := range n.Layers() {
		node := g.Node(l.Name)
		l.Weight, l.Bias, l.Mask = node.Weight, node.Bias, node.Mask
		if l.Norm == nil {
			continue
		}
		if norm := g.Node(l.Norm.Name); norm != nil {
			*l.Norm = ChannelNorm{norm.Name, norm.Weight, norm.Bias, norm.Mean, norm.Var}
		} else {
			l.Norm = nil
		}
	}
	copy(n.Mean[:], g.Mean)
	copy(n.Std[:], g.Std)
	return n, nil
}

// archOf guesses the architecture from a few names.
func archOf(g *Graph) Arch {
	a := Arch{Shortcut: Projection, Classes: g.Classes(), Depth: 2}
	for _, n := range g.Nodes {
		switch n.Op.(type) {
		case PadShortcut:
			a.Shortcut = Pad
		case Conv:
			if n.Name == "conv1" {
				a.Width = n.Out()
			} else if strings.HasPrefix(n.Name, "layer1.") {
				a.Depth += 3 // two convolutions a block in each of three stages
			}
		}
	}
	if a.Width == MinWidth {
		a.Width = 0
	}
	return a
}
