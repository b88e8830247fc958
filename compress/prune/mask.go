package prune

import "espalier/model"

// Bake makes pruning permanent: masked weights become zero for good and the
// masks are dropped.
func Bake(n *model.Graph) {
	for _, l := range n.Layers() {
		for i, m := range l.Mask {
			if m == 0 {
				l.Weight[i] = 0
			}
		}
		l.Mask = nil
	}
}

// Hold gives every layer the mask that keeps its present zeros, so that a
// baked network, or one read from a file, can be trained on without losing
// its sparsity.
func Hold(n *model.Graph) {
	for _, l := range n.Layers() {
		l.Mask = make([]float32, len(l.Weight))
		for i, w := range l.Weight {
			if w != 0 {
				l.Mask[i] = 1
			}
		}
	}
}
