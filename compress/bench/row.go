package bench

import (
	"slices"

	"espalier/compress/cost"
	"espalier/compress/quantize"
	"espalier/model"
)

// row measures one task on one engine and appends the row.
func (b *bench) row(task string, batch int, e *model.Engine) error {
	r := Row{Task: task, Batch: batch, Threads: e.Threads()}
	x := cost.Images(b.input(), batch)
	work := 2 * float64(b.report.MACs) * float64(batch)
	var run, dense func()
	switch task {
	case Training:
		step, bytes, err := b.training(e, x)
		if err != nil {
			return err
		}
		run, r.Bytes = step, bytes
		work = 2 * float64(trainingMACs(b.Network)) * float64(batch)
		r.Sparsity = sparsity(b.Network)
	case Integer:
		v := quantize.NewEvaluator(b.integer, e)
		logits := make([]float32, batch*v.Classes())
		run, r.Bytes = func() { v.Logits(logits, x) }, v.Bytes()
		r.Sparsity = sparsity(b.integer)
	case Sparse:
		run, r.Bytes = inference(b.pruned, e, x)
		dense, _ = inference(b.Network, e, x)
		r.Sparsity = sparsity(b.pruned)
	default:
		run, r.Bytes = inference(b.Network, e, x)
		r.Sparsity = sparsity(b.Network)
	}
	runs := []func(){run}
	if dense != nil {
		runs = append(runs, dense)
	}
	turns, err := cost.Repeat(b.ctx, b.Time, runs...)
	if err != nil {
		return err
	}
	times := turns[0]
	r.Repetitions = len(times)
	r.Seconds, r.Best = cost.Median(times).Seconds(), times[0].Seconds()
	r.Images, r.Operations = float64(batch)/r.Seconds, work/r.Seconds
	if dense != nil {
		r.TimesDense = cost.Median(turns[1]).Seconds() / r.Seconds
	}
	peak := b.peak(r.Threads)
	r.OfPeak = r.Operations / peak.Float
	if task == Integer {
		r.OfPeak = r.Operations / peak.Integer
	}
	b.report.Rows = append(b.report.Rows, r)
	return nil
}

// inference returns one pass of images x through a network in float32, and the
// bytes that it takes.
func inference(n *model.Graph, e *model.Engine, x []float32) (run func(), bytes int64) {
	batch := len(x) / n.Input().Shape.Len()
	v := model.NewEvaluator(n, e, batch)
	logits := make([]float32, batch*v.Classes())
	return func() { v.Logits(logits, x) }, v.Bytes()
}

func (b *bench) peak(threads int) Peak {
	i := slices.IndexFunc(b.report.Peaks, func(p Peak) bool { return p.Threads == threads })
	return b.report.Peaks[i]
}

// training returns one training step and the bytes that training takes.
func (b *bench) training(e *model.Engine, x []float32) (step func(), bytes int64, err error) {
	t, err := b.trainer(e)
	if err != nil {
		return nil, 0, err
	}
	labels := make([]uint16, Batch)
	for i := range labels {
		labels[i] = uint16(i % b.Network.Classes())
	}
	// A learning rate of 0 costs the same work and leaves the weights as they
	// are.
	return func() { t.Step(x, labels, 0) }, t.Bytes(), nil
}

// trainer plans training of a copy of the network, as steps change running
// statistics.
func (b *bench) trainer(e *model.Engine) (*model.Trainer, error) {
	return model.NewTrainer(b.Network.Clone(), e, Batch, model.SGD{Momentum: 0.9, WeightDecay: 5e-4})
}

// trainingMACs returns the multiply-adds of one image's training: forward,
// gradient of the weights, and gradient of the input, which the first
// convolution does not need.
func trainingMACs(n *model.Graph) int64 { return 3*n.MACs() - n.Layers()[0].MACs() }
