package bench

import (
	"encoding/binary"
	"math/rand/v2"

	"espalier/compress/cost"
	"espalier/dataset"
	"espalier/model"
)

// The number of CIFAR-10's images that an epoch trains on and that it
// evaluates.
const (
	epochTrain      = 45_000
	epochValidation = 5_000
)

// An Epoch is the time that an epoch takes with as many images as CIFAR-10 has:
// every training image once, shuffled and augmented, and an evaluation of the
// validation images. Some batches are measured in turn; the rest is extrapolated.
type Epoch struct {
	Batches int     `json:"batches"` // measured, of each kind
	Seconds float64 `json:"seconds"` // of the whole epoch
	// Loading is the share of the epoch that making batches takes: shuffling,
	// cropping, mirroring and normalising.
	Loading float64 `json:"loading"`
	// Overhead is how much longer the epoch takes than the same steps and
	// evaluation on one batch that stays in memory. It includes loading and the
	// cache misses that loading causes.
	Overhead float64 `json:"overhead"`
}

// epoch measures in turn, again and again: loading a training batch, a step on
// it, a step on a batch that never changes, loading a validation batch, and
// evaluating it.
func (b *bench) epoch() error {
	e := model.NewEngine(b.Kernels, b.Threads, b.Algorithm)
	defer e.Close()
	trainer, err := b.trainer(e)
	if err != nil {
		return err
	}
	v := model.NewEvaluator(b.Network, e, Batch)
	logits := make([]float32, Batch*v.Classes())

	in := b.input()
	shape := dataset.Shape{H: in.H, W: in.W, C: in.C}
	data := noise(shape, epochTrain, epochValidation)
	train := data.NewLoader(data.Train, dataset.LoaderOptions{Batch: Batch, Shuffle: true, Augment: true})
	validation := data.NewLoader(data.Validation, dataset.LoaderOptions{Batch: Batch})
	x, labels := make([]float32, Batch*shape.Len()), make([]uint16, Batch)
	fixed, fixedLabels := cost.Images(b.input(), Batch), make([]uint16, Batch)

	index := 0
	parts := []func(){
		func() { train.Load(index/(train.Batches()-1), index%(train.Batches()-1), x, labels) },
		func() { trainer.Step(x, labels, 0) },
		func() { trainer.Step(fixed, fixedLabels, 0) },
		func() { validation.Load(0, index%(validation.Batches()-1), x, labels) },
		func() { v.Logits(logits, x); index++ },
	}
	times, err := cost.Repeat(b.ctx, b.Time, parts...)
	if err != nil {
		return err
	}
	seconds := func(part int) float64 { return cost.Median(times[part]).Seconds() }
	const steps, evaluations = float64(epochTrain) / Batch, float64(epochValidation) / Batch
	loading := steps*seconds(0) + evaluations*seconds(3)
	evaluating := evaluations * seconds(4)
	total := loading + steps*seconds(1) + evaluating
	b.report.Epoch = &Epoch{
		Batches: len(times[0]), Seconds: total,
		Loading: loading / total, Overhead: total/(steps*seconds(2)+evaluating) - 1,
	}
	return nil
}

// noise returns a data set of random bytes. What images show does not change
// the speed. There are as many as CIFAR-10 has, more than caches hold.
func noise(shape dataset.Shape, train, validation int) *dataset.Data {
	split := func(n int, seed uint64) *dataset.Split {
		s := &dataset.Split{Shape: shape, Images: make([]uint8, n*shape.Len()), Labels: make([]uint16, n)}
		g := rand.NewPCG(seed, 0)
		for i := 0; i < len(s.Images); i += 8 {
			binary.LittleEndian.PutUint64(s.Images[i:], g.Uint64())
		}
		return s
	}
	d := &dataset.Data{Shape: shape, Train: split(train, 1), Validation: split(validation, 2)}
	d.Mean, d.Std = d.Train.Statistics()
	return d
}
