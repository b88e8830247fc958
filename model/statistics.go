package model

import (
	"fmt"
	"iter"
	"slices"
)

// EstimateNorms recomputes the running statistics of all batch norms: the plain
// means over batches of the batch's mean and unbiased variance, as
// torch.optim.swa_utils.update_bn does. Call it after changing weights without
// training, for example after pruning in one step, since the old statistics no
// longer fit the activations.
//
// Batches yields normalised images [n][c][h][w], at most batch of them each time.
// Weights do not change. Dropout is active, as in training. A network without
// batch norm does not change, and no batch is read.
func EstimateNorms(g *Graph, e *Engine, batch int, batches iter.Seq[[]float32]) error {
	if !slices.ContainsFunc(g.Nodes, func(n *Node) bool { _, ok := n.Op.(BatchNorm); return ok }) {
		return nil
	}
	t, err := NewTrainer(g, e, batch, SGD{})
	if err != nil {
		return fmt.Errorf("estimating the statistics of batch norm: %w", err)
	}
	var norms []*batchNorm
	calls := 1 // the first one packs the weights
	for i, r := range t.plan.regions {
		if len(r.statistics) > 0 {
			calls = i + 2
		}
		norms = append(norms, r.statistics...)
	}
	seen := 0
	for x := range batches {
		seen++
		for _, b := range norms {
			b.op.Momentum = 1 / float64(seen)
		}
		t.n, t.input = len(x)/g.Input().Shape.Len(), x
		for _, c := range t.calls[:calls] {
			t.engine.Each(c.items(), c.run)
			if c.then != nil {
				c.then()
			}
		}
		t.Steps++
	}
	if seen == 0 {
		return fmt.Errorf("estimating the statistics of batch norm: there are no images")
	}
	return nil
}
