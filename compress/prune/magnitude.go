package prune

import (
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
	_, err := Method{Edges: edges}.Prune(n, target, Evidence{})
	return err
}

// Global is unstructured L1 magnitude pruning over some layers, as PyTorch's
// torch.nn.utils.prune.global_unstructured with L1Unstructured. It fails, changing
// nothing, when a weight is not a number.
func Global(layers []*model.Node, target float64) error {
	scores, err := Score(ByMagnitude, layers, Evidence{})
	if err != nil {
		return err
	}
	Selection{Target: target}.Apply(layers, scores)
	return nil
}

// Smallest returns which weights of a layer would be pruned next: of those that
// are not zero, and no mask holds at zero, the round(share × count) with the
// smallest magnitudes, half to even, ranked as Global ranks them. The layer stays
// as it is. It fails when a weight is not a number.
func Smallest(l *model.Node, share float64) ([]int, error) {
	layers := []*model.Node{l}
	scores, err := Score(ByMagnitude, layers, Evidence{})
	if err != nil {
		return nil, err
	}
	ranks, zeros := Selection{}.rank(layers, scores)
	slices.Sort(ranks)
	left := ranks[zeros:]
	positions := make([]int, int(math.RoundToEven(share*float64(len(left)))))
	for i := range positions {
		positions[i] = left[i].position()
	}
	return positions, nil
}
