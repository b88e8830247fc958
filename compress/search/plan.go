package search

import (
	"context"
	"fmt"
	"strings"

	"espalier/compress/pipeline"
	"espalier/configs"
	"espalier/internal/plural"
)

// A Plan is what a search would try within its time if every candidate kept the
// bar.
type Plan struct {
	Text string // for people
	// Experiment is the same as one run: all sparsities one after the other, held
	// to the bar.
	Experiment configs.Experiment
}

// MakePlan measures the network that came in and the speed of training, and plans.
// It writes nothing but that network's measurement.
func MakePlan(ctx context.Context, o Options) (*Plan, error) {
	s, err := open(ctx, o)
	if err != nil {
		return nil, err
	}
	defer s.engine.Close()
	if err := s.incoming(); err != nil {
		return nil, err
	}
	first := s.outcome.Candidates[0]
	var b strings.Builder
	fmt.Fprintf(&b, "%s: top-1 %.2f %% on %s of %s, %.3g ms an image on one thread in %s, %.1f kB\n", o.Model.Path, 100*first.Top1,
		plural.Count(s.data.Validation.Len(), "validation image"), s.outcome.Dataset, 1e3*first.Speed.Seconds, first.Form, float64(first.Bytes)/1e3)
	fmt.Fprintf(&b, "the bar: at most %.2f points less, so top-1 of at least %.2f %%; wanted: %s\n\n", 100*o.MaxDrop, 100*(first.Top1-o.MaxDrop), o.For)
	fmt.Fprintf(&b, "1. int8 by %s, each on %s\n", strings.Join(configs.Observers(), ", "), plural.Count(min(calibrationImages, s.data.Train.Len()), "training image"))
	plan := &Plan{Experiment: s.baseExperiment()}
	epoch, err := s.epoch()
	if err != nil {
		fmt.Fprintf(&b, "and nothing else: the network cannot be trained: %s\n", err)
		plan.Text, plan.Experiment.Prune.Targets = b.String(), []float64{}
		return plan, nil
	}
	targets, epochs := s.sparse.plan(s.left(), epoch)
	for i, target := range targets {
		fmt.Fprintf(&b, "%d. sparsity %.3g, %s of fine-tuning, about %s, and its int8\n", i+2, target, plural.Amount(epochs[i], "epoch"), pipeline.Duration(epochs[i]*epoch))
	}
	fmt.Fprintf(&b, "then, for the rest of %s, halfway between the highest sparsity that kept the bar and the lowest that did not, and longer\n", pipeline.Duration(o.Time.Seconds()))
	plan.Experiment.Prune.Targets, plan.Experiment.FineTune.Epochs = targets, epochs
	plan.Experiment.Gate.MaxDrop = o.MaxDrop
	plan.Text = b.String()
	return plan, nil
}
