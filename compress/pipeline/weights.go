package pipeline

import (
	"cmp"
	"fmt"
	"iter"
	"strings"

	"espalier/compress/prune"
	"espalier/configs"
	"espalier/dataset"
	"espalier/internal/plural"
	"espalier/model"
	"espalier/model/weights"
)

// gradientBatches is how many batches of training images gradients are summed over.
const gradientBatches = 8

// pruneWeights makes weights zero to the round's target, and says which layers the
// floor held.
func (r *runner) pruneWeights(t try) error {
	method, err := r.method(t)
	if err != nil {
		return err
	}
	evidence, err := r.evidence(t, method.Criterion)
	if err != nil {
		return err
	}
	outcome, err := method.Prune(r.net, t.Target(), evidence)
	if err != nil {
		return fmt.Errorf("prune to %.4g: %w", t.Target(), err)
	}
	for _, h := range outcome.Held {
		r.log("warn", "%s would have kept %s of its %s weights: the floor leaves it %s",
			h.Layer, plural.Thousands(h.Asked), plural.Thousands(h.Size), plural.Thousands(h.Kept))
	}
	if len(outcome.Whole) > 0 {
		r.log("warn", "input channels of %s are no multiple of %d: nothing is pruned there", strings.Join(outcome.Whole, ", "), method.Pattern.M)
	}
	return nil
}

// method returns how a round prunes weights.
func (r *runner) method(t try) (m prune.Method, err error) {
	w := t.Weights
	m = prune.Method{Criterion: w.Criterion, Scope: w.Scope, Floor: w.Floor, Edges: r.edges()}
	if w.Scope == configs.BySensitivity {
		m.Scope, m.Each = "", prune.Even(prune.Candidates(r.net), r.sensitivityCurves(), t.Target())
	}
	switch {
	case strings.Contains(w.Shape, ":"):
		m.Pattern, err = prune.ParsePattern(w.Shape)
	case w.Shape != "":
		m.Block, err = prune.ParseBlock(w.Shape)
	}
	return m, err
}

// evidence returns what a criterion needs beside the weights. Movement comes from
// the training in progress.
func (r *runner) evidence(t try, criterion string) (e prune.Evidence, err error) {
	e.Seed = r.stream("prune", t.number)
	if criterion == prune.ByTaylor {
		e.Gradients, err = r.gradients(t)
	}
	return e, err
}

// gradients returns the loss's gradients by the weights of layers, summed over some
// batches of training images.
func (r *runner) gradients(t try) (map[string][]float32, error) {
	tensors, err := r.sumGradients(t)
	all := make(map[string][]float32)
	for _, g := range tensors {
		if layer, ok := strings.CutSuffix(g.Name, ".weight"); ok {
			all[layer] = g.Data
		}
	}
	return all, err
}

// sumGradients returns the loss's gradients by all parameters, summed over some
// batches of training images.
func (r *runner) sumGradients(t try) ([]model.Tensor, error) {
	batches, failed := r.batches(t, "gradients", gradientBatches)
	tensors, err := prune.Gradients(r.net, r.engine, t.FineTune.Batch, batches)
	return tensors, cmp.Or(*failed, err)
}

// batches yields the first batches of training images in an order of the purpose's
// own, not augmented. What ends them early is in failed.
func (r *runner) batches(t try, purpose string, most int) (batches iter.Seq2[[]float32, []uint16], failed *error) {
	batch, failed := t.FineTune.Batch, new(error)
	loader := r.data.NewLoader(r.data.Train, dataset.LoaderOptions{Batch: batch, Shuffle: true, Seed: r.stream(purpose, t.number)})
	x, labels := make([]float32, batch*r.data.Shape.Len()), make([]uint16, batch)
	return func(yield func([]float32, []uint16) bool) {
		for b := range min(most, loader.Batches()) {
			if *failed = r.breathe(); *failed != nil {
				return
			}
			n := loader.Load(0, b, x, labels)
			if !yield(x[:n*r.data.Shape.Len()], labels[:n]) {
				return
			}
		}
	}, failed
}

// byLayer returns the momentum buffers of weights by their layers' names, shared.
func byLayer(trainer *model.Trainer) map[string][]float32 {
	all := make(map[string][]float32)
	for _, v := range trainer.Velocity() {
		if layer, ok := strings.CutSuffix(v.Name, ".weight"); ok && len(v.Shape) > 1 {
			all[layer] = v.Data
		}
	}
	return all
}

// rewindWeights gives the network the weights that the dense one had when as many
// epochs were left as the round trains; masks stay.
func (r *runner) rewindWeights(t try) error {
	path := keptCheckpoint(r.keptStep(t.Round))
	n, _, err := weights.Load(r.folder.Path(path))
	if err != nil {
		return fmt.Errorf("rewind weights: %w", err)
	}
	if !n.SameStructure(r.net) {
		return fmt.Errorf("rewind weights: %s has other channels than the network has left: rewind only the learning_rate after channels were removed", path)
	}
	adopt(r.net, n)
	for _, l := range r.net.Layers() {
		for i, m := range l.Mask {
			if m == 0 {
				l.Weight[i] = 0
			}
		}
	}
	r.eval.Reload()
	return nil
}

// keptCheckpoint is where the dense network of an earlier step is kept.
func keptCheckpoint(step int) string {
	return fmt.Sprintf("checkpoints/dense-step-%d.safetensors", step)
}

// keptStep returns the step of the dense training that a round goes back to.
func (r *runner) keptStep(round configs.Round) int {
	perEpoch := r.perEpoch(r.e.Dense)
	return stepsOf(r.e.Dense.Epochs[0], perEpoch) - stepsOf(round.FineTune.Epochs[0], perEpoch)
}
