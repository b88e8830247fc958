package quantize

import (
	"fmt"
	"iter"
	"slices"
	"strings"

	"espalier/model"
)

// A Calibration is the result of calibrating with one observer: every quantization
// point's range.
type Calibration struct {
	Calibrated
	Ranges map[string]Range // by point, see Recipe.Observers
	// Counts are the values that were seen, by point, where several observers
	// calibrated in one pass; otherwise nil.
	Counts map[string]*Counts
}

// Images loads count normalised calibration images [count][c][h][w], starting at
// number first. The slice may be reused by the next call.
type Images func(first, count int) ([]float32, error)

// CalibrationBatch is the number of images observed at a time, which moving
// averages and, slightly, histograms depend on.
const CalibrationBatch = 32

// A Floats shows a network's activations in float32: a model.Evaluator.
type Floats interface {
	Observe(x []float32, see func(point string, rows model.Rows))
}

// Calibrate observes images with the named observers and calls done with the
// ranges of each, in their order, after each of sizes, ascending. One pass over the
// largest size serves them all: each result equals that of calibrating on so many
// images with that observer alone. watched says which points are observed together,
// as Recipe.Observers does. Memory does not grow with the number of images. An error
// from load or done ends the calibration.
func Calibrate(v Floats, e *model.Engine, watched map[string]string, observers []string, load Images, sizes []int, done func(*Calibration) error) error {
	if len(sizes) == 0 || sizes[0] < 1 || !slices.IsSorted(sizes) {
		return fmt.Errorf("calibrating on %v images: sizes must ascend from 1", sizes)
	}
	if len(observers) == 0 {
		return fmt.Errorf("calibrating without an observer: choose some of %s", strings.Join(Observers(), ", "))
	}
	for _, name := range observers {
		if _, err := NewObserver(name); err != nil {
			return err
		}
	}
	c := &calibrator{v: v, engine: e, watched: watched, observers: observers, load: load, found: map[string]*watch{}}
	for _, size := range sizes {
		for c.images+CalibrationBatch <= size {
			if err := c.observe(c.found, CalibrationBatch); err != nil {
				return err
			}
			c.images += CalibrationBatch
		}
		found := c.found
		if rest := size - c.images; rest > 0 {
			// This size ends within a batch that is whole for the later sizes:
			// a copy observes the beginning of that batch.
			found = cloneAll(found)
			if err := c.observe(found, rest); err != nil {
				return err
			}
		}
		for _, result := range c.results(found, size) {
			if err := done(result); err != nil {
				return err
			}
		}
	}
	return nil
}

// A calibrator is a calibration in progress.
type calibrator struct {
	v         Floats
	engine    *model.Engine
	watched   map[string]string // the name of what observes a point
	observers []string          // what each of them is
	load      Images
	images    int               // observed so far
	found     map[string]*watch // by name
}

// results returns what each observer has found.
func (c *calibrator) results(found map[string]*watch, images int) []*Calibration {
	var counts map[string]*Counts
	if len(c.observers) > 1 {
		counts = map[string]*Counts{}
		for point, name := range c.watched {
			if w := found[name]; w != nil {
				counts[point] = w.counts.clone()
			}
		}
	}
	var all []*Calibration
	for i, observer := range c.observers {
		ranges := map[string]Range{}
		for name, w := range found {
			ranges[name] = w.observers[i].Range()
		}
		result := &Calibration{Calibrated{observer, images, CalibrationBatch}, map[string]Range{}, counts}
		for point, name := range c.watched {
			result.Ranges[point] = ranges[name]
		}
		all = append(all, result)
	}
	return all
}

// observe shows the next count images to watches.
func (c *calibrator) observe(watches map[string]*watch, count int) error {
	x, err := c.load(c.images, count)
	if err != nil {
		return fmt.Errorf("loading calibration images %d to %d: %w", c.images, c.images+count-1, err)
	}
	c.v.Observe(x, func(point string, values iter.Seq[[]float32]) {
		name, ok := c.watched[point]
		if err != nil || !ok {
			return
		}
		batch, bad := extent(c.engine.Kernels, values)
		if bad != nil {
			err = fmt.Errorf("calibrating: activation %s, images %d to %d: %w; look at the weights before it", point, c.images, c.images+count-1, bad)
			return
		}
		if watches[name] == nil {
			watches[name] = newWatch(c.observers)
		}
		watches[name].observe(values, batch)
	})
	return err
}

func cloneAll(all map[string]*watch) map[string]*watch {
	c := make(map[string]*watch, len(all))
	for name, w := range all {
		c[name] = w.clone()
	}
	return c
}
