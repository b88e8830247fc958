package quantize

import (
	"fmt"
	"iter"
	"strings"

	"espalier/model/kernel"
)

// Names of observers.
const (
	MinMax        = "min-max"
	MovingAverage = "moving-average"
	Histogram     = "histogram"
)

// Observers returns the names of all observers.
func Observers() []string { return []string{MinMax, MovingAverage, Histogram} }

// An Observer determines an activation's range, batch by batch, in memory that
// does not grow.
type Observer interface {
	// Observe takes the values of one batch. It may walk them more than once.
	// None may be NaN or infinite.
	Observe(values iter.Seq[[]float32], batch Range)
	// Range returns the range of all batches so far; zero before the first.
	Range() Range
	// Clone returns an independent copy.
	Clone() Observer
}

// NewObserver returns the observer of that name.
func NewObserver(name string) (Observer, error) {
	switch name {
	case MinMax:
		return &minMax{}, nil
	case MovingAverage:
		return &movingAverage{}, nil
	case Histogram:
		return &histogram{}, nil
	}
	return nil, fmt.Errorf("observer %q is unknown; choose one of %s", name, strings.Join(Observers(), ", "))
}

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

// extent returns the range of one batch's values. NaN and infinities are an
// error.
func extent(k *kernel.Set, values iter.Seq[[]float32]) (Range, error) {
	var all minMax
	for row := range values {
		lo, hi, nan := k.Extent(row)
		if nan {
			return Range{}, fmt.Errorf("a value is NaN")
		}
		all.Observe(nil, Range{lo, hi})
	}
	if r := all.all; r.Max-r.Min > 3e38 { // also true of infinities
		return Range{}, fmt.Errorf("the range from %g to %g is too large for a scale", r.Min, r.Max)
	}
	return all.all, nil
}
