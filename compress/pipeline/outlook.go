package pipeline

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"espalier/dataset"
	"espalier/internal/plural"
	"espalier/model"
)

// timedSteps of at most timedBatch images are taken to measure the speed of
// training, after one that is not timed.
const timedSteps, timedBatch = 3, 64

// lookAhead times training and evaluation on a copy of the network and publishes
// how long the parts of the run will take, once for each run.
func (r *runner) lookAhead() error {
	if r.hub.State().Outlook != nil || r.past.dense {
		return nil
	}
	var epochs float64
	for _, part := range r.trainings() {
		epochs += part.Epochs
	}
	if epochs == 0 {
		return nil
	}
	train, infer, err := r.timeSpeed()
	if err != nil {
		return err
	}
	outlook := r.outlook(train, infer)
	outlook.ImagesPerSec = 1 / train
	if cached, err := r.cached(); err != nil {
		return err
	} else if _, err := os.Stat(cached + cacheWeights); cached != "" && err == nil && outlook.Parts[0].Name == StageDense {
		outlook.Parts[0].Seconds, outlook.Parts[0].Cached = 0, true
	}
	for _, part := range outlook.Parts {
		outlook.Seconds += part.Seconds
	}
	r.hub.Publish(outlook)
	return nil
}

// trainings lists the parts of the run that train, without their times.
func (r *runner) trainings() []OutlookPart {
	var parts []OutlookPart
	if epochs := r.e.Dense.Epochs[0]; epochs > 0 {
		parts = append(parts, OutlookPart{Name: StageDense, Epochs: epochs})
	}
	for i, round := range r.e.Plan() {
		parts = append(parts, OutlookPart{Name: fmt.Sprintf("round %d", i+1), Epochs: round.FineTune.Epochs[0]})
	}
	for _, width := range r.e.QAT.Widths {
		parts = append(parts, OutlookPart{Name: width, Epochs: r.e.QAT.Train.Epochs[0]})
	}
	return parts
}

// outlook computes the time of each part of the run from the seconds that one
// image takes in training and in inference. Observing and the integer network
// are not timed: their cost is that of an estimate.
func (r *runner) outlook(train, infer float64) Outlook {
	images, validation, test := float64(r.data.Train.Len()), float64(r.data.Validation.Len()), float64(r.data.Test.Len())
	parts := r.trainings()
	for i, part := range parts {
		parts[i].Seconds = part.Epochs*(images*train+validation*infer) + (validation+test)*infer
	}
	observe, integer := train*cost[observeWork], train*cost[int8Work]
	parts = append(parts, OutlookPart{Name: StageQuantize, Seconds: float64(min(r.e.Quantize.Images, r.data.Train.Len()))*observe + test*integer})
	if sizes := capSizes(r.e.Sweep.Sizes, r.data.Train.Len()); len(sizes) > 0 {
		observed := float64(r.e.Sweep.Draws * sizes[len(sizes)-1])
		networks := float64(r.e.Sweep.Draws * len(r.e.Sweep.Observers) * len(sizes))
		parts = append(parts, OutlookPart{Name: StageSweep, Seconds: observed*observe + networks*test*integer})
	}
	return Outlook{Parts: parts}
}

// timeSpeed returns the seconds for one image in training and in inference.
func (r *runner) timeSpeed() (train, infer float64, err error) {
	n, batch, size := r.net.Clone(), min(timedBatch, r.data.Train.Len()), r.data.Shape.Len()
	trainer, err := model.NewTrainer(n, r.engine, batch, model.SGD{})
	if err != nil {
		return 0, 0, err
	}
	loader := r.data.NewLoader(r.data.Train, dataset.LoaderOptions{Batch: batch, Augment: r.e.Data.Augment})
	x, labels := make([]float32, batch*size), make([]uint16, batch)
	step := func() int {
		n := loader.Load(0, 0, x, labels)
		trainer.Step(x[:n*size], labels[:n], 0)
		return n
	}
	count := step()
	train = timed(func() {
		for range timedSteps {
			step()
		}
	}) / float64(timedSteps*count)
	eval := model.NewEvaluator(n, r.engine, count)
	logits := make([]float32, count*eval.Classes())
	infer = timed(func() { eval.Logits(logits, x[:count*size]) }) / float64(count)
	runtime.GC() // frees this memory before the run's own trainer takes its own
	return train, infer, nil
}

func timed(do func()) float64 {
	began := time.Now()
	do()
	return time.Since(began).Seconds()
}

// String returns the outlook in one line.
func (o Outlook) String() string {
	var parts []string
	for _, p := range o.Parts {
		text := p.Name
		if p.Epochs > 0 {
			text += " (" + plural.Amount(p.Epochs, "epoch") + ")"
		}
		if p.Cached {
			text += " from an earlier run"
		} else {
			text += " " + Duration(p.Seconds)
		}
		parts = append(parts, text)
	}
	return fmt.Sprintf("this will take about %s at %.0f images/s in training, as measured now: %s", Duration(o.Seconds), o.ImagesPerSec, strings.Join(parts, ", "))
}
