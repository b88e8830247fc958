package compare

import (
	"context"
	"fmt"

	"espalier/compress/measure"
	"espalier/compress/quantize"
	"espalier/dataset"
	"espalier/model"
)

// Files compares the networks in two files over the test images of d, each
// with the normalisation that its file names. Limit is in dB, see Run.
func Files(ctx context.Context, e *model.Engine, a, b *measure.File, d *dataset.Data, limit float64) (Result, error) {
	if d.Test.Len() == 0 {
		return Result{}, fmt.Errorf("comparing %s and %s: %s holds no test images", a.Path, b.Path, d.Source)
	}
	na, ofA, err := open(a, e, d)
	if err != nil {
		return Result{}, err
	}
	nb, ofB, err := open(b, e, d)
	if err != nil {
		return Result{}, err
	}
	r, err := Run(ctx, na, nb, func(do func(xa, xb []float32) error) error {
		var labels [Batch]uint16
		size := d.Shape.Len()
		xa, xb := make([]float32, Batch*size), make([]float32, Batch*size)
		for i := range ofA.Batches() {
			n := ofA.Load(0, i, xa, labels[:]) * size
			ofB.Load(0, i, xb, labels[:])
			if err := do(xa[:n], xb[:n]); err != nil {
				return err
			}
		}
		return nil
	}, limit)
	if err != nil {
		return r, fmt.Errorf("comparing %s and %s: %w", a.Path, b.Path, err)
	}
	r.A, r.B, r.Note = a.Path, b.Path, d.Note
	return r, nil
}

// open returns a file's network and the images as it wants them.
func open(f *measure.File, e *model.Engine, d *dataset.Data) (Network, *dataset.Loader, error) {
	images, err := f.Normalise(d)
	if err != nil {
		return nil, nil, err
	}
	loader := images.NewLoader(images.Test, dataset.LoaderOptions{Batch: Batch})
	if f.Float != nil {
		return Float(f.Float, e), loader, nil
	}
	return quantize.NewEvaluator(f.Integer, e), loader, nil
}
