package search

import (
	"fmt"
	"slices"
	"time"

	"espalier/compress/measure"
	"espalier/configs"
	"espalier/dataset"
	"espalier/model"
)

// A step is one run: from a network to a higher sparsity.
type step struct {
	file   *measure.File
	from   string  // in words
	target float64 // sparsity of the ranked weights
	epochs float64
}

// A ladder chooses the next sparsity: up its rungs while they keep the bar, then
// halfway between the highest that kept it and the lowest that did not.
type ladder struct {
	rungs  []float64 // still to climb
	file   *measure.File
	kept   float64 // the sparsity of file
	lost   float64 // the lowest that did not keep the bar, or 1
	longer float64 // times the usual epochs
}

// The shares of weights to prune to. Lists of weights are faster than dense
// kernels from some 80 % on, so that latency has no use for the lower ones.
func newLadder(goal string, file *measure.File) *ladder {
	rungs := []float64{0.5, 0.7, 0.8, 0.87, 0.92, 0.95, 0.97, 0.98, 0.99}
	if goal == Latency {
		rungs = []float64{0.7, 0.85, 0.92, 0.95, 0.97, 0.98, 0.99}
	}
	return &ladder{rungs: rungs, file: file, lost: 1, longer: 1}
}

const (
	// mostEpochs bounds one step, and leastEpochs is what one is worth doing for.
	mostEpochs, leastEpochs = 10, 0.1
	// finest is the smallest distance of two sparsities that is tried.
	finest = 0.004
)

// next returns the next step within so many seconds, of which an epoch takes some;
// not ok where they are too few. Every rung gets an equal share of the time.
func (l *ladder) next(seconds, epoch float64) (step, bool) {
	s := step{file: l.file, from: "the network that came in"}
	if l.kept > 0 {
		s.from = fmt.Sprintf("that of sparsity %.3g", l.kept)
	}
	for len(l.rungs) > 0 && l.rungs[0] <= l.kept {
		l.rungs = l.rungs[1:]
	}
	parts := max(len(l.rungs), 2)
	switch {
	case len(l.rungs) > 0 && l.rungs[0] < l.lost:
		s.target = l.rungs[0]
	default:
		s.target, parts = (l.kept+l.lost)/2, 2
		if l.lost-l.kept < 2*finest { // as near as makes a difference: try longer
			s.target = min(l.lost, 0.995)
			l.longer *= 2
			parts = 1
		}
	}
	s.epochs = min(mostEpochs*l.longer, seconds*0.9/float64(parts)/epoch)
	return s, s.epochs >= leastEpochs
}

// done notes how a step ended: with a network that keeps the bar, or without.
func (l *ladder) done(s step, file *measure.File) {
	if file == nil {
		l.lost = min(l.lost, s.target)
		return
	}
	l.file, l.kept = file, s.target
	if l.lost <= l.kept {
		l.lost = 1
		l.rungs = append(l.rungs, 0.995)
	}
}

// plan lists the sparsities and epochs that a time allows if all keep the bar.
func (l *ladder) plan(seconds, epoch float64) (targets []float64, epochs configs.Epochs) {
	n := len(l.rungs)
	each := min(mostEpochs, seconds*0.9/float64(n)/epoch)
	return slices.Clone(l.rungs), slices.Repeat(configs.Epochs{each}, n)
}

// experiment is the run of a step.
func (s *searcher) experiment(step step) configs.Experiment {
	e := s.baseExperiment()
	e.Model.Weights = step.file.Path
	if s.sparse.kept > 0 || step.file.Path != s.Model.Path {
		e.Model.Key, e.Model.Graph, e.Model.Mean, e.Model.Std = "", "", "", ""
	}
	e.Prune.Targets, e.FineTune.Epochs = []float64{step.target}, configs.Epochs{step.epochs}
	return e
}

// baseExperiment is what all runs of a search share.
func (s *searcher) baseExperiment() configs.Experiment {
	e := s.Base
	e.Name = "compress"
	from := s.Model
	e.Model.Weights, e.Model.Key, e.Model.Graph, e.Model.Mean, e.Model.Std = from.Path, from.Key, from.Graph, from.Mean, from.Std
	e.Dense.Epochs = configs.Epochs{0}
	e.Gate = configs.Gate{Split: configs.Validation}
	e.Quantize.Images = min(calibrationImages, s.data.Train.Len())
	e.Sweep.Sizes = []int{}
	e.Cost.Measure = false // candidates are measured here
	return e
}

// epoch times training steps and returns the seconds of an epoch.
func (s *searcher) epoch() (float64, error) {
	const timed = 3
	batch := min(s.baseExperiment().FineTune.Batch, s.data.Train.Len())
	trainer, err := model.NewTrainer(s.sparse.file.Float.Clone(), s.engine, batch, model.SGD{Momentum: 0.9})
	if err != nil {
		return 0, err
	}
	images, err := s.sparse.file.Normalise(s.data)
	if err != nil {
		return 0, err
	}
	loader := images.NewLoader(images.Train, dataset.LoaderOptions{Batch: batch, Augment: s.Base.Data.Augment})
	x, labels := make([]float32, batch*images.Shape.Len()), make([]uint16, batch)
	var began time.Time
	for i := range 1 + timed {
		if i == 1 {
			began = time.Now()
		}
		n := loader.Load(0, 0, x, labels)
		trainer.Step(x[:n*images.Shape.Len()], labels[:n], 0)
	}
	return time.Since(began).Seconds() / float64(timed*batch) * float64(s.data.Train.Len()), nil
}
