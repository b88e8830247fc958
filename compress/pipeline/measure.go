package pipeline

import (
	"errors"
	"fmt"
	"math"
	"time"

	"espalier/compress/quantize"
	"espalier/dataset"
	"espalier/internal/finite"
	"espalier/internal/plural"
	"espalier/model"
)

// progressEvery is the number of batches between two Progress events.
const progressEvery = 8

// tally evaluates a split with the given function for logits.
func (r *runner) tally(logits func(dst, x []float32), split *dataset.Split, kind work) (model.Tally, error) {
	loader := r.data.NewLoader(split, dataset.LoaderOptions{Batch: evaluationBatch})
	classes := r.net.Classes()
	dst := make([]float32, evaluationBatch*classes)
	size := split.Shape.Len()
	x := make([]float32, evaluationBatch*size)
	labels := make([]uint16, evaluationBatch)
	var t model.Tally
	for batch := range loader.Batches() {
		// A round that is skipped is still measured.
		if err := r.breathe(); err != nil && !errors.Is(err, errSkipped) {
			return t, err
		}
		began := time.Now()
		n := loader.Load(0, batch, x, labels)
		logits(dst[:n*classes], x[:n*size])
		t.Add(dst[:n*classes], labels[:n], classes)
		r.estimate.add(kind, n, time.Since(began).Seconds())
		if (batch+1)%progressEvery == 0 || t.Total == split.Len() {
			r.progress(t.Total, split.Len())
		}
	}
	return t, nil
}

// progress publishes how many of the stage's images are done.
func (r *runner) progress(done, total int) {
	p := Progress{
		Stage: r.stage, Round: r.round, Done: done, Total: total, Unit: "images",
		Overall: r.estimate.overall(), Remaining: r.estimate.remaining(),
	}
	if c := &r.control; c.asking {
		p.Stage, p.Asked = StageCalibrate, true
		p.Done, p.Total = c.answered+done, c.answer
	}
	r.hub.Publish(p)
}

// evaluate measures the present network in fp32. A network with a weight or
// statistic that is not finite is not run, since kernels differ in what they
// make of NaN. All its images count as not finite.
func (r *runner) evaluate(what string, part dataset.Part) (Evaluated, error) {
	split, err := r.data.Part(part)
	if err != nil {
		return Evaluated{}, err
	}
	began := time.Now()
	t := model.Tally{Total: split.Len(), NotFinite: split.Len(), LossSum: math.NaN()}
	if _, _, found := notFinite(r.net.Tensors()); !found {
		r.eval.Reload()
		if t, err = r.tally(r.eval.Logits, split, inferWork); err != nil {
			return Evaluated{}, err
		}
	}
	e := Evaluated{
		What: what, Round: r.round, Split: string(part), Top1: t.Top1(), Correct: t.Correct, Total: t.Total,
		NotFinite: t.NotFinite, Loss: finite.OrNull(t.Loss()), Seconds: time.Since(began).Seconds(),
	}
	r.hub.Publish(e)
	return e, nil
}

// noAnswer returns a sentence if a network's logits are not finite, or "".
func noAnswer(e Evaluated) string {
	if e.NotFinite == 0 {
		return ""
	}
	return fmt.Sprintf("the logits of the %s network are not finite for %d of %s of %s", e.What, e.NotFinite, plural.Count(e.Total, "image"), e.Split)
}

// watchPart is the split on which rounds are followed: validation if there is
// one, so that the test split is used as little as possible.
func (r *runner) watchPart() dataset.Part {
	if r.data.Validation.Len() > 0 {
		return dataset.Validation
	}
	return dataset.Test
}

// choicePart is the split by which something is chosen: validation or, if there is
// none, the training images; never test.
func (r *runner) choicePart() dataset.Part {
	if r.data.Validation.Len() > 0 {
		return dataset.Validation
	}
	return dataset.Train
}

// images returns a loader of calibration images in the order of a draw.
func (r *runner) images(count, draw int) (quantize.Images, error) {
	only, err := r.data.Calibration(dataset.Train, count, draw, r.e.Seed)
	if err != nil {
		return nil, err
	}
	loader := r.data.NewLoader(r.data.Train, dataset.LoaderOptions{Batch: 1, Only: only})
	size := r.data.Shape.Len()
	x := make([]float32, quantize.CalibrationBatch*size)
	var label [1]uint16
	return func(first, n int) ([]float32, error) {
		if err := r.breathe(); err != nil {
			return nil, err
		}
		for i := range n {
			loader.Load(0, first+i, x[i*size:(i+1)*size], label[:])
		}
		return x[:n*size], nil
	}, nil
}

// observe calibrates on the first images of a draw, one size after the other, and
// publishes its progress. Sizes rise. Done gets what each observer found on each size.
func (r *runner) observe(draw int, sizes []int, observers []string, done func(*quantize.Calibration) error) error {
	total := sizes[len(sizes)-1]
	load, err := r.images(total, draw)
	if err != nil {
		return err
	}
	watched := func(first, n int) ([]float32, error) {
		if first > 0 && first/quantize.CalibrationBatch%progressEvery == 0 {
			r.progress(first, total)
		}
		return load(first, n)
	}
	return quantize.Calibrate(r.eval, r.engine, r.recipe.Observers(r.net), observers, watched, sizes, done)
}

// tallyInteger evaluates a network in integers on a split.
func (r *runner) tallyInteger(net *quantize.Network, split *dataset.Split) (model.Tally, error) {
	return r.tally(quantize.NewEvaluator(net, r.engine).Logits, split, int8Work)
}

// calibrateNow measures one calibration size on the present weights.
func (r *runner) calibrateNow(command Command) error {
	observer := command.Observer
	if observer == "" {
		observer = r.e.Quantize.Observer
	}
	r.eval.Reload()
	r.control.answered, r.control.answer = 0, 2*r.data.Test.Len()+command.Images
	float, err := r.tally(r.eval.Logits, r.data.Test, inferWork)
	if err != nil {
		return err
	}
	r.control.answered += float.Total
	d, err := r.draw([]string{observer}, 1, []int{command.Images})
	if err != nil {
		return err
	}
	return r.curve(d, observer, float.Top1(), true)
}
