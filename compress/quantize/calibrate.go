package quantize

import (
	"fmt"
	"iter"
	"slices"

	"espalier/model"
)

// A Calibration is the result of calibrating: every quantization point's range.
type Calibration struct {
	Calibrated
	Ranges map[string]Range // by point, see Recipe.Observers
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

// Calibrate observes images with the named observer and calls done with the
// ranges after each of sizes, ascending. One pass over the largest size serves
// them all: each result equals that of calibrating on so many images alone.
// watched says which observer sees each point, as Recipe.Observers does. Memory
// does not grow with the number of images. An error from load or done ends the
// calibration.
func Calibrate(v Floats, e *model.Engine, watched map[string]string, observer string, load Images, sizes []int, done func(*Calibration) error) error {
	if len(sizes) == 0 || sizes[0] < 1 || !slices.IsSorted(sizes) {
		return fmt.Errorf("calibrating on %v images: sizes must ascend from 1", sizes)
	}
	c := &calibrator{v: v, engine: e, watched: watched, observer: observer, load: load, found: map[string]Observer{}}
	if _, err := NewObserver(observer); err != nil {
		return err
	}
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
		result := &Calibration{Calibrated{observer, size, CalibrationBatch}, map[string]Range{}}
		ranges := map[string]Range{}
		for name, o := range found {
			ranges[name] = o.Range()
		}
		for point, name := range watched {
			result.Ranges[point] = ranges[name]
		}
		if err := done(result); err != nil {
			return err
		}
	}
	return nil
}

// A calibrator is a calibration in progress.
type calibrator struct {
	v        Floats
	engine   *model.Engine
	watched  map[string]string // the observer's name, by point
	observer string            // its kind
	load     Images
	images   int                 // observed so far
	found    map[string]Observer // by name
}

// observe shows the next count images to observers.
func (c *calibrator) observe(observers map[string]Observer, count int) error {
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
		o := observers[name]
		if o == nil {
			o, _ = NewObserver(c.observer) // its name is checked
			observers[name] = o
		}
		o.Observe(values, batch)
	})
	return err
}

func cloneAll(all map[string]Observer) map[string]Observer {
	c := make(map[string]Observer, len(all))
	for point, o := range all {
		c[point] = o.Clone()
	}
	return c
}
