package quantize

import "iter"

// minMax keeps the smallest and the largest value, as PyTorch's
// MinMaxObserver.
type minMax struct {
	seen bool
	all  Range
}

func (o *minMax) Observe(_ iter.Seq[[]float32], batch Range) {
	if !o.seen {
		o.seen, o.all = true, batch
		return
	}
	o.all = Range{min(o.all.Min, batch.Min), max(o.all.Max, batch.Max)}
}

func (o *minMax) Range() Range { return o.all }

func (o *minMax) Clone() Observer { c := *o; return &c }
