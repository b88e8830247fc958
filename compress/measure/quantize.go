package measure

import (
	"cmp"
	"context"
	"fmt"
	"maps"

	"espalier/compress/quantize"
	"espalier/dataset"
	"espalier/model"
)

// A Calibration says how a network becomes one in integers.
type Calibration struct {
	Recipe   string // one of quantize.Recipes
	Observer string // as quantize.NewObserver takes it, or empty for the recipe's own
	Images   int    // of the training part
	Seed     uint64 // of the choice of images
	// RoundBiases rounds biases as the int32 biases of an exported ONNX file are.
	RoundBiases bool
	PerTensor   bool // one weight scale for all output channels of a layer
	// Width is that of all layers but the first and the last, which have Ends; the
	// zero value is quantize.Eight.
	Width, Ends quantize.Width
	// Mixed, unless it is zero, chooses the bits of each layer's weights instead.
	Mixed quantize.Budget
	// Repair names repairs to try, as quantize.RepairsNamed takes them; empty for none.
	Repair string
	Count  bool // what the kernels make of the first calibration images
}

// Validate returns an error for settings that are wrong with any data set.
func (c Calibration) Validate() error {
	if c.Images < 1 {
		return fmt.Errorf("--images %d: at least one image is needed to calibrate", c.Images)
	}
	if _, err := quantize.RecipeNamed(c.Recipe); err != nil {
		return err
	}
	for _, w := range c.widths() {
		if err := w.Check(); err != nil {
			return err
		}
	}
	if c.Repair != "" {
		if _, err := quantize.RepairsNamed(c.Repair); err != nil {
			return err
		}
		if c.Mixed != (quantize.Budget{}) {
			return fmt.Errorf("repair a network whose bits are given: leave out either the repairs or the budget for mixed precision")
		}
	}
	if c.Observer == "" {
		return nil
	}
	_, err := quantize.NewObserver(c.Observer)
	return err
}

// widths returns Width and Ends.
func (c Calibration) widths() [2]quantize.Width {
	return [2]quantize.Width{cmp.Or(c.Width, quantize.Eight), cmp.Or(c.Ends, quantize.Eight)}
}

// countedImages is how many calibration images Quantize counts on.
const countedImages = 32

// Quantize calibrates the network on training images of d and quantizes it. The
// returned File has no path yet.
func (f *File) Quantize(ctx context.Context, e *model.Engine, d *dataset.Data, c Calibration) (*File, error) {
	q, err := f.quantize(ctx, e, d, c)
	if err != nil || !c.Count {
		return q, err
	}
	images, err := f.Normalise(d)
	if err != nil {
		return nil, err
	}
	load, err := calibrationImages(ctx, images, c)
	if err != nil {
		return nil, err
	}
	x, err := load(0, min(countedImages, c.Images))
	if err != nil {
		return nil, err
	}
	q.Counts = quantize.Count(q.Integer, f.Float, e, x)
	return q, nil
}

func (f *File) quantize(ctx context.Context, e *model.Engine, d *dataset.Data, c Calibration) (*File, error) {
	if f.Float == nil {
		return nil, fmt.Errorf("%s is quantized already; quantize the file that it was made from", f.Path)
	}
	if err := c.Validate(); err != nil {
		return nil, err
	}
	recipe, err := quantize.RecipeNamed(c.Recipe)
	if err != nil {
		return nil, err
	}
	if c.Observer == "" {
		c.Observer = recipe.Observer
	}
	if quantize.IsPrepared(f.Float) { // its scales are there
		n, err := quantize.Convert(f.Float, recipe)
		if err != nil {
			return nil, fmt.Errorf("quantizing %s: %w", f.Path, err)
		}
		return &File{Metadata: maps.Clone(f.Metadata), Integer: n}, nil
	}
	recipe.IntegerBias = recipe.IntegerBias || c.RoundBiases
	recipe.PerTensor = recipe.PerTensor || c.PerTensor
	if recipe, err = recipe.WithWidths(quantize.Spread(f.Float, c.widths()[0], c.widths()[1])); err != nil {
		return nil, err
	}
	images, err := f.Normalise(d)
	if err != nil {
		return nil, err
	}
	if c.Images > images.Train.Len() {
		return nil, fmt.Errorf("quantizing %s: %d calibration images, and %s has %d training images; choose at most that many", f.Path, c.Images, d.Name, images.Train.Len())
	}
	load, err := calibrationImages(ctx, images, c)
	if err != nil {
		return nil, err
	}
	if c.Repair != "" {
		return f.repaired(ctx, e, images, load, recipe, c)
	}
	var n *quantize.Network
	var mixture *quantize.Mixture
	v := model.NewEvaluator(f.Float, e, quantize.CalibrationBatch)
	err = quantize.Calibrate(v, e, recipe.Observers(f.Float), []string{c.Observer}, load, []int{c.Images}, func(seen *quantize.Calibration) error {
		if c.Mixed == (quantize.Budget{}) {
			n, err = quantize.Build(f.Float, seen, recipe)
			return err
		}
		judge, err := newJudge(ctx, e, images, c)
		if err != nil {
			return err
		}
		n, mixture, err = quantize.Mix(f.Float, seen, recipe, c.Mixed, judge.measure)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("quantizing %s: %w", f.Path, err)
	}
	return &File{Metadata: maps.Clone(f.Metadata), Integer: n, Mixture: mixture}, nil
}

// repaired is Quantize with repairs, which are judged on images held out.
func (f *File) repaired(ctx context.Context, e *model.Engine, d *dataset.Data, load quantize.Images, recipe quantize.Recipe, c Calibration) (*File, error) {
	names, err := quantize.RepairsNamed(c.Repair)
	if err != nil {
		return nil, err
	}
	judge, err := newJudge(ctx, e, d, c)
	if err != nil {
		return nil, err
	}
	r := quantize.Repairer{Recipe: recipe, Observer: c.Observer, Engine: e, Images: load, Count: c.Images, Judge: judge.measure, Between: ctx.Err}
	n, tried, err := r.Repair(f.Float, names)
	if err != nil {
		return nil, fmt.Errorf("quantizing %s: %w", f.Path, err)
	}
	return &File{Metadata: maps.Clone(f.Metadata), Integer: n, Repairs: tried}, nil
}

// calibrationImages loads images in the order of the first draw.
func calibrationImages(ctx context.Context, d *dataset.Data, c Calibration) (quantize.Images, error) {
	only, err := d.Calibration(dataset.Train, c.Images, 1, c.Seed)
	if err != nil {
		return nil, err
	}
	loader := d.NewLoader(d.Train, dataset.LoaderOptions{Batch: 1, Only: only})
	size := d.Shape.Len()
	x := make([]float32, quantize.CalibrationBatch*size)
	var label [1]uint16
	return func(first, n int) ([]float32, error) {
		for i := range n {
			loader.Load(0, first+i, x[i*size:(i+1)*size], label[:])
		}
		return x[:n*size], ctx.Err()
	}, nil
}

// Save writes a quantized network under path.
func (f *File) Save(path string) error {
	f.Path = path
	return quantize.Save(path, f.Integer, f.Metadata)
}
