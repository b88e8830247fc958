package prune

import (
	"fmt"
	"math"
	"slices"

	"espalier/model"
)

// Edges says how the first convolution and the classifier are pruned: lightly
// at low targets, and no further beyond Until.
type Edges struct {
	Share float64 // of the target that applies to each edge layer, 0 to 1
	Until float64 // the last target at which edge layers are pruned, 0 to 1
}

// Target returns the sparsity of an edge layer at a global target; 0 if it is
// not pruned.
func (e Edges) Target(target float64) float64 {
	if target > e.Until {
		return 0
	}
	return e.Share * target
}

// edgeLayers returns the network's first layer and its last one, the classifier.
func edgeLayers(n *model.Graph) []*model.Node {
	layers := n.Layers()
	if len(layers) < 2 {
		return layers
	}
	return []*model.Node{layers[0], layers[len(layers)-1]}
}

// IsEdge reports whether a layer is one of the edge layers.
func IsEdge(n *model.Graph, l *model.Node) bool {
	return slices.Contains(edgeLayers(n), l)
}

// Candidates returns the layers that are ranked together: all but the edge layers.
func Candidates(n *model.Graph) []*model.Node {
	edges := edgeLayers(n)
	return slices.DeleteFunc(n.Layers(), func(l *model.Node) bool { return slices.Contains(edges, l) })
}

// Magnitude prunes a network to a sparsity target from 0 to 1: the candidates
// globally, each edge layer by itself to its own target. Pruned weights become
// zero, every layer gets a mask, and weights that a mask held at zero before
// stay pruned. Edge layers that are not pruned at this target keep the zeros
// they have.
func Magnitude(n *model.Graph, target float64, edges Edges) error {
	if !(target >= 0 && target < 1) {
		return fmt.Errorf("pruning to a sparsity of %v: want a target from 0 to below 1", target)
	}
	if err := Global(Candidates(n), target); err != nil {
		return err
	}
	for _, l := range edgeLayers(n) {
		if err := Global([]*model.Node{l}, edges.Target(target)); err != nil {
			return err
		}
	}
	return nil
}

// Global is unstructured L1 magnitude pruning over some layers, as PyTorch's
// torch.nn.utils.prune.global_unstructured with L1Unstructured: the absolute values of
// all weights are ranked together, and the smallest round(target × count) of them, half
// to even as Python rounds, are masked and zeroed. Of equal magnitudes, the weight that
// comes last in the layers' order is pruned first. PyTorch does not promise an order, but
// does the same wherever the two were compared. Weights that a mask holds at zero rank
// before all others, and zeros are never given up: if more weights are zero already than
// the target asks for, they stay masked.
//
// It fails, changing nothing, when a weight is not a number.
func Global(layers []*model.Node, target float64) error {
	ranks, zeros, err := rank(layers)
	if err != nil {
		return err
	}
	count := max(int(math.RoundToEven(target*float64(len(ranks)))), zeros)
	slices.Sort(ranks)
	pruned := make([]bool, len(ranks))
	for _, r := range ranks[:count] {
		pruned[r.position()] = true
	}
	for _, l := range layers {
		own := pruned[:len(l.Weight)]
		pruned = pruned[len(l.Weight):]
		l.Mask = make([]float32, len(own))
		for i, p := range own {
			if p {
				l.Weight[i] = 0
			} else {
				l.Mask[i] = 1
			}
		}
	}
	return nil
}

// Smallest returns which weights of a layer would be pruned next: of those that
// are not zero, and no mask holds at zero, the round(share × count) with the
// smallest magnitudes, half to even, ranked as Global ranks them. The layer stays
// as it is. It fails when a weight is not a number.
func Smallest(l *model.Node, share float64) ([]int, error) {
	ranks, zeros, err := rank([]*model.Node{l})
	if err != nil {
		return nil, err
	}
	slices.Sort(ranks)
	left := ranks[zeros:]
	positions := make([]int, int(math.RoundToEven(share*float64(len(left)))))
	for i := range positions {
		positions[i] = left[i].position()
	}
	return positions, nil
}

// A ranking is the sort key of one weight: its magnitude's bits above, the
// complement of its position below. The bits of non-negative floats rise as the
// floats do, so that comparing integers compares magnitudes and then positions,
// the later one first.
type ranking uint64

func newRanking(magnitude uint32, position int) ranking {
	return ranking(magnitude)<<32 | ranking(^uint32(position))
}

func (r ranking) position() int { return int(^uint32(r)) }

// rank returns one ranking a weight, and how many weights are zero.
func rank(layers []*model.Node) (ranks []ranking, zeros int, err error) {
	for _, l := range layers {
		for i, w := range l.Weight {
			if w != w {
				return nil, 0, fmt.Errorf("pruning layer %s: weight %d is not a number; training diverged, so start from an earlier checkpoint or lower the learning rate", l.Name, i)
			}
			magnitude := math.Float32bits(w) &^ (1 << 31)
			if l.Mask != nil && l.Mask[i] == 0 {
				magnitude = 0
			}
			if magnitude == 0 {
				zeros++
			}
			ranks = append(ranks, newRanking(magnitude, len(ranks)))
		}
	}
	return ranks, zeros, nil
}
