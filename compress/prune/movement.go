package prune

import "espalier/model"

// AddMovement adds one step of training to a layer's movement scores [weights]:
// −w·g (Sanh et al. 2020, arXiv 2005.07683, eq. 5 without the constant learning
// rate). A weight that gradients push away from zero rises.
//
// The gradient g is found in SGD's momentum buffers of before and after the step,
// as after = momentum·before + g + decay·w, with w the weights of before.
func AddMovement(score, w, before, after []float32, momentum, decay float32) {
	for i, v := range after {
		score[i] -= w[i] * (v - momentum*before[i] - decay*w[i])
	}
}

// NewMovement returns a score of zero for every weight of a network's layers.
func NewMovement(n *model.Graph) map[string][]float32 {
	all := make(map[string][]float32)
	for _, l := range n.Layers() {
		all[l.Name] = make([]float32, len(l.Weight))
	}
	return all
}
