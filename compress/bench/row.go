package bench

import (
	"context"
	"slices"
	"time"

	"espalier/compress/quantize"
	"espalier/model"
)

// row measures one task on one engine and appends the row.
func (b *bench) row(task string, batch int, e *model.Engine) error {
	r := Row{Task: task, Batch: batch, Threads: e.Threads()}
	x := randomImages(batch)
	work := 2 * float64(b.report.MACs) * float64(batch)
	var run func()
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
		r.Sparsity = codeSparsity(b.integer)
	default:
		n := b.Network
		if task == Sparse {
			n = b.pruned
		}
		v := model.NewEvaluator(n, e, batch)
		logits := make([]float32, batch*v.Classes())
		run, r.Bytes = func() { v.Logits(logits, x) }, v.Bytes()
		r.Sparsity = sparsity(n)
	}
	times, err := repeat(b.ctx, b.Time, run)
	if err != nil {
		return err
	}
	r.Repetitions = len(times)
	r.Seconds, r.Best = times[len(times)/2].Seconds(), times[0].Seconds()
	r.Images, r.Operations = float64(batch)/r.Seconds, work/r.Seconds
	peak := b.peak(r.Threads)
	r.OfPeak = r.Operations / peak.Float
	if task == Integer {
		r.OfPeak = r.Operations / peak.Integer
	}
	b.report.Rows = append(b.report.Rows, r)
	return nil
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
	labels := make([]uint8, Batch)
	for i := range labels {
		labels[i] = uint8(i % b.Network.Arch.Classes)
	}
	// With a learning rate of 0 the same work is done, and the last step meets
	// the same values as the first.
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
func trainingMACs(n *model.Network) int64 { return 3*n.MACs() - n.Stem.MACs() }

// minRepetitions are done however long they take.
const minRepetitions = 5

// repeat runs something for some time after a warm-up a quarter as long, and
// returns how long each run took, ascending.
func repeat(ctx context.Context, total time.Duration, run func()) ([]time.Duration, error) {
	for start := time.Now(); ; {
		run()
		if ctx.Err() != nil || time.Since(start) >= total/4 {
			break
		}
	}
	var times []time.Duration
	for start := time.Now(); len(times) < minRepetitions || time.Since(start) < total; {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		begin := time.Now()
		run()
		times = append(times, time.Since(begin))
	}
	slices.Sort(times)
	return times, nil
}
