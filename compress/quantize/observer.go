package quantize

import (
	"fmt"
	"iter"
	"strconv"
	"strings"

	"espalier/model/kernel"
)

// Names of observers. Percentile with a share behind it, as "percentile-99.9",
// keeps that share of the values, in per cent.
const (
	MinMax          = "min-max"
	MovingAverage   = "moving-average"
	Histogram       = "histogram"
	Percentile      = "percentile"
	MSE             = "mse"
	Entropy         = "entropy"
	EntropyTensorRT = "entropy-tensorrt"
)

// Observers returns the names of all observers.
func Observers() []string {
	return []string{MinMax, MovingAverage, Histogram, Percentile, MSE, Entropy, EntropyTensorRT}
}

// An Observer determines an activation's range, batch by batch, in memory that
// does not grow. The range is for codes of 8 bits: Histogram and MSE weigh the error
// of 256 codes.
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
	if text, ok := strings.CutPrefix(name, Percentile+"-"); ok {
		share, err := strconv.ParseFloat(text, 64)
		if err != nil || !(share > 0 && share <= 100) {
			return nil, fmt.Errorf("observer %q: want a share above 0 and up to 100 per cent, as %s-99.9", name, Percentile)
		}
		return newBinned(percentile(share)), nil
	}
	switch name {
	case MinMax:
		return &minMax{}, nil
	case MovingAverage:
		return &movingAverage{}, nil
	case Histogram:
		return &histogram{}, nil
	case Percentile:
		return newBinned(percentile(defaultPercentile)), nil
	case MSE:
		return newBinned(leastError), nil
	case Entropy:
		return newBinned(entropy), nil
	case EntropyTensorRT:
		return newBinned(entropyTensorRT), nil
	}
	return nil, fmt.Errorf("observer %q is unknown; choose one of %s", name, strings.Join(Observers(), ", "))
}

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
