package quantize

import "iter"

// averagingConstant is the weight of a new batch in a moving average:
// PyTorch's default. After 100 batches the first still weighs 37 %.
const averagingConstant = 0.01

// movingAverage starts with the first batch's range and moves by a hundredth
// of the way to every later batch's, as PyTorch's MovingAverageMinMaxObserver.
// The result depends on the size and the order of batches.
type movingAverage struct {
	seen bool
	all  Range
}

func (o *movingAverage) Observe(_ iter.Seq[[]float32], batch Range) {
	if !o.seen {
		o.seen, o.all = true, batch
		return
	}
	o.all.Min += float32(averagingConstant * (batch.Min - o.all.Min))
	o.all.Max += float32(averagingConstant * (batch.Max - o.all.Max))
}

func (o *movingAverage) Range() Range { return o.all }

func (o *movingAverage) Clone() Observer { c := *o; return &c }
