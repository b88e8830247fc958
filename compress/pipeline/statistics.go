package pipeline

import (
	"cmp"

	"espalier/model"
)

// statisticsBatches is how many batches of training images batch norm's statistics
// are the mean of.
const statisticsBatches = 32

// restatistics estimates batch norm's running statistics anew, after something was
// taken away.
func (r *runner) restatistics(t try) error {
	batches, failed := r.batches(t, "statistics", statisticsBatches)
	err := model.EstimateNorms(r.net, r.engine, t.FineTune.Batch, func(yield func([]float32) bool) {
		for x := range batches {
			if !yield(x) {
				return
			}
		}
	})
	r.eval.Reload()
	return cmp.Or(*failed, err)
}
