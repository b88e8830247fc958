package prune

import "espalier/model"

// Sparsity counts the zeros among convolution and linear weights.
type Sparsity struct {
	Zero, Total int
	Layers      []LayerSparsity // in forward order
}

// LayerSparsity counts one layer's zeros.
type LayerSparsity struct {
	Name         string
	Zero, Total  int
	DeadChannels int // output channels whose weights are all zero
}

// Share returns the share of weights that are zero, 0 to 1.
func (s Sparsity) Share() float64 { return share(s.Zero, s.Total) }

func share(part, whole int) float64 {
	if whole == 0 {
		return 0
	}
	return float64(part) / float64(whole)
}

// Measure counts a network's zeros, masked or not.
func Measure(n *model.Graph) Sparsity {
	var all Sparsity
	for _, l := range n.Layers() {
		s := measureLayer(l)
		all.Zero += s.Zero
		all.Total += s.Total
		all.Layers = append(all.Layers, s)
	}
	return all
}

func measureLayer(l *model.Node) LayerSparsity {
	s := LayerSparsity{Name: l.Name, Total: len(l.Weight)}
	fan := l.Fan()
	for o := range l.Out() {
		zero := 0
		for _, w := range l.Weight[o*fan : (o+1)*fan] {
			if w == 0 {
				zero++
			}
		}
		s.Zero += zero
		if zero == fan {
			s.DeadChannels++
		}
	}
	return s
}
