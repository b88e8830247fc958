package dataset

import (
	"fmt"
	"math/rand/v2"
)

// A Part names one of the three parts of a data set.
type Part string

const (
	Train      Part = "train"
	Validation Part = "validation"
	Test       Part = "test"
)

// Part returns the split that p names.
func (d *Data) Part(p Part) (*Split, error) {
	switch p {
	case Train:
		return d.Train, nil
	case Validation:
		return d.Validation, nil
	case Test:
		return d.Test, nil
	}
	return nil, fmt.Errorf("part %q of %s: want %q, %q or %q", p, d.Name, Train, Validation, Test)
}

// Calibration draws training images for observing activations; they go into
// LoaderOptions.Only. Draws with different numbers are independent. Within one
// draw, a smaller set is the beginning of a larger one, so a curve over sizes
// shows what more images add. Any other part is refused: accuracy measured on
// the calibration images would be too high.
func (d *Data) Calibration(p Part, images, draw int, seed uint64) ([]int32, error) {
	if p != Train {
		return nil, fmt.Errorf("calibrating on the %s part of %s is refused, as accuracy is measured there: use the part %q", p, d.Name, Train)
	}
	if n := d.Train.Len(); images < 1 || images > n {
		return nil, fmt.Errorf("calibrating on %d images: the training part of %s has %d, choose from 1 to that many", images, d.Name, n)
	}
	var g rand.PCG
	stream(&g, seed, calibration, uint64(draw), 0)
	order := make([]int32, d.Train.Len())
	permute(order, &g)
	return order[:images:images], nil
}
