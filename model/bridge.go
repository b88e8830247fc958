package model

// Graph returns the network as a graph that shares its weights. It is here for
// as long as the move to graphs takes.
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
