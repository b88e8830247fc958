package pipeline

import (
	"os"
	"time"

	"espalier/compress/quantize"
	"espalier/dataset"
	"espalier/internal/finite"
)

// quantization makes the final int8 network from the last round that passed and
// sweeps over calibration sizes.
func (r *runner) quantization() error {
	state := r.hub.State()
	float := state.Evaluation("dense", string(dataset.Test)).Top1
	if passed := state.Passed(); passed != nil {
		float = passed.Top1
	}
	done := r.begin(StageFuse, 0, "")
	r.eval.Reload() // folds batch norm
	done()
	if quantize.IsPrepared(r.net) {
		if err := r.converted(float); err != nil {
			return err
		}
		return r.integerCost()
	}

	if r.e.Quantize.Repair != "" {
		if err := r.repaired(float); err != nil {
			return err
		}
	} else {
		c, err := r.calibrate()
		if err != nil {
			return err
		}
		if err := r.integer(c, float); err != nil {
			return err
		}
	}
	if err := r.integerCost(); err != nil {
		return err
	}
	return r.sweep(float)
}

// calibrate observes the images of the final calibration.
func (r *runner) calibrate() (*quantize.Calibration, error) {
	defer r.begin(StageCalibrate, 0, r.e.Quantize.Observer)()
	began := time.Now()
	size := min(r.e.Quantize.Images, r.data.Train.Len())
	var found *quantize.Calibration
	err := r.observe(1, []int{size}, []string{r.e.Quantize.Observer}, func(c *quantize.Calibration) error {
		found = c
		return nil
	})
	r.estimate.add(observeWork, size, time.Since(began).Seconds())
	return found, err
}

// integer builds the int8 network, measures it and saves it.
func (r *runner) integer(c *quantize.Calibration, float float64) error {
	defer r.begin(StageQuantize, 0, r.recipe.Name)()
	began := time.Now()
	net, err := quantize.Build(r.net, c, r.recipe)
	if err != nil {
		return err
	}
	return r.keep(net, float, began)
}

// converted is integer for a network that was trained rounded: its scales are there.
func (r *runner) converted(float float64) error {
	defer r.begin(StageQuantize, 0, r.recipe.Name)()
	began := time.Now()
	net, err := quantize.Convert(r.net, r.recipe)
	if err != nil {
		return err
	}
	return r.keep(net, float, began)
}

// quantizedFile is where the network in integers is kept.
const quantizedFile = "quantized.safetensors"

// keep measures the final network in integers on the test split, publishes and saves
// it. Float is the top-1 of the float network it is made of, began when its making
// began.
func (r *runner) keep(net *quantize.Network, float float64, began time.Time) error {
	t, err := r.tallyInteger(net, r.data.Test)
	if err != nil {
		return err
	}
	r.integers = net
	e := Evaluated{
		What: "int8", Split: string(dataset.Test), Top1: t.Top1(), Correct: t.Correct, Total: t.Total,
		NotFinite: t.NotFinite, Loss: finite.OrNull(t.Loss()), Seconds: time.Since(began).Seconds(),
	}
	r.hub.Publish(e)
	if bad := noAnswer(e); bad != "" {
		return &diverged{bad + ": quantize by another recipe, or train with a lower learning rate"}
	}
	err = r.write(func() error { return quantize.Save(r.folder.Path(quantizedFile), net, r.metadata(nil)) })
	if err != nil {
		return err
	}
	r.saidSaved("quantized", quantizedFile)
	if err := r.allScales(); err != nil {
		return err
	}
	r.hub.Publish(Quantized{
		Recipe: r.recipe.Name, Observer: net.Calibration.Observer, Images: net.Calibration.Images, Top1: t.Top1(), Float: float,
		FloatBytes: quantize.FloatBytes(r.net), Int8Bytes: net.Bytes(), File: quantizedFile,
	})
	return nil
}

// saidSaved publishes that a file was written to the run folder.
func (r *runner) saidSaved(what, path string) {
	var size int64
	if info, err := os.Stat(r.folder.Path(path)); err == nil {
		size = info.Size()
	}
	r.hub.Publish(Saved{What: what, Path: path, Bytes: size})
}
