package model

// A Unit is what the compilers compute in one step: a node and, if nothing else
// reads it, the nodes that follow it: a convolution's batch norm, and the
// activation of a convolution, linear layer, batch norm, sum or product. Any
// other node is a unit of its own.
type Unit struct {
	Node   *Node
	Norm   *Node // the batch norm behind a convolution, or nil
	Act    *Node // the activation, or nil
	Inputs []*Unit
}

// Name returns the name of the unit's first node. Quantization and reports use
// it for the unit's output.
func (u *Unit) Name() string { return u.Node.Name }

// Output returns the node whose value the unit gives.
func (u *Unit) Output() *Node {
	switch {
	case u.Act != nil:
		return u.Act
	case u.Norm != nil:
		return u.Norm
	}
	return u.Node
}

// Shape returns the shape of the unit's output.
func (u *Unit) Shape() Shape { return u.Node.Shape }

// Units returns the graph's units in its order. Each node belongs to one unit.
func (g *Graph) Units() []*Unit {
	readers := g.Consumers()
	of := map[*Node]*Unit{} // by the node whose value the unit gives
	var units []*Unit
	taken := map[*Node]bool{}
	for _, n := range g.Nodes {
		if taken[n] {
			continue
		}
		u := &Unit{Node: n}
		if _, ok := n.Op.(Conv); ok {
			if next := only(readers, n); next != nil {
				if _, ok := next.Op.(BatchNorm); ok {
					u.Norm = next
				}
			}
		}
		if takesActivation(n.Op) {
			if next := only(readers, u.Output()); next != nil && IsActivation(next.Op) && !isQuantize(next.Op) {
				u.Act = next
			}
		}
		for _, in := range n.Inputs {
			u.Inputs = append(u.Inputs, of[in])
		}
		for _, m := range []*Node{u.Norm, u.Act} {
			if m != nil {
				taken[m] = true
			}
		}
		of[u.Output()] = u
		units = append(units, u)
	}
	return units
}

// only returns the node that reads n, or nil if none or several do.
func only(readers map[*Node][]*Node, n *Node) *Node {
	if all := readers[n]; len(all) == 1 {
		return all[0]
	}
	return nil
}

// isQuantize tells Quantize, which has a step of its own wherever it stands.
func isQuantize(op Op) bool {
	_, ok := op.(Quantize)
	return ok
}

func takesActivation(op Op) bool {
	switch op.(type) {
	case Conv, Linear, BatchNorm, Add, Mul:
		return true
	}
	return false
}
