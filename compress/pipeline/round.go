package pipeline

import (
	"errors"
	"fmt"
	"time"

	"espalier/compress/prune"
	"espalier/dataset"
	"espalier/internal/plural"
	"espalier/model/weights"
)

// roundCheckpoint is where a round's network is kept.
func roundCheckpoint(round int) string {
	return fmt.Sprintf("checkpoints/round-%d.safetensors", round)
}

// rounds prunes and fine-tunes target by target until one fails the gate. The
// network afterwards is that of the last round that passed.
func (r *runner) rounds() error {
	if r.past.failed {
		return nil
	}
	for round := r.past.rounds + 1; round <= len(r.e.Prune.Targets); round++ {
		passed, err := r.oneRound(round)
		if err != nil {
			return err
		}
		if r.control.stopAfter {
			return r.stopped(fmt.Sprintf("stopped after round %d as asked", round))
		}
		if !passed {
			return r.fallBack(round)
		}
	}
	return nil
}

// oneRound prunes to the round's target, fine-tunes, measures and judges.
func (r *runner) oneRound(round int) (passed bool, err error) {
	began, paused := time.Now(), r.paused
	target := r.e.Prune.Targets[round-1]
	edges := prune.Edges{Share: r.e.Prune.EdgeShare, Until: r.e.Prune.EdgeUntil}
	r.round = round

	t, done, err := r.prepareRound(round, target, edges)
	if err != nil {
		return false, err
	}
	var lost *diverged
	if err := r.train(t); err != nil && !errors.Is(err, errSkipped) && !errors.As(err, &lost) {
		return false, err
	}
	done()
	r.estimate.skip(trainWork, float64((t.steps-t.step)*t.settings.Batch))

	row := RoundDone{Round: round, Target: target, Epochs: t.epochs(t.step), Checkpoint: roundCheckpoint(round)}
	if err := r.measureRound(&row); err != nil {
		return false, err
	}
	if lost != nil {
		row.Passed, row.Diverged, row.Reason = false, true, lost.Error()
	}
	row.Seconds = (time.Since(began) - (r.paused - paused)).Seconds()
	level := "info"
	if !row.Passed {
		level = "warn"
	}
	r.log(level, "round %d: %s", round, row.Reason)
	r.hub.Publish(row)
	return row.Passed, nil
}

// prepareRound prunes the network and opens its fine-tuning, or restores a
// round that was interrupted in it. The function it returns closes the stage.
func (r *runner) prepareRound(round int, target float64, edges prune.Edges) (*training, func(), error) {
	epochs := r.e.FineTune.Epochs.Round(round)
	if r.past.step != nil {
		t, err := r.plan(StageFineTune, round, r.e.FineTune, epochs)
		if err != nil {
			return nil, nil, err
		}
		if err := r.restore(t); err != nil {
			return nil, nil, err
		}
		return t, r.reenter(StageFineTune, round), nil
	}
	perEpoch := r.perEpoch(r.e.FineTune)
	steps := stepsOf(epochs, perEpoch)
	r.hub.Publish(RoundStarted{
		Round: round, Rounds: len(r.e.Prune.Targets), Target: target, Edge: edges.Target(target), Epochs: float64(steps) / float64(perEpoch), Steps: steps,
	})
	done := r.begin(StagePrune, round, "")
	if err := prune.Magnitude(r.net, target, edges); err != nil {
		return nil, nil, fmt.Errorf("prune to %.4g: %w", target, err)
	}
	r.sparsity(round, target)
	if _, err := r.evaluate("pruned", r.watchPart()); err != nil {
		return nil, nil, err
	}
	done()
	t, err := r.plan(StageFineTune, round, r.e.FineTune, epochs)
	if err != nil {
		return nil, nil, err
	}
	return t, r.begin(StageFineTune, round, ""), nil
}

// measureRound evaluates a fine-tuned network, makes its zeros permanent, saves
// it, and judges it.
func (r *runner) measureRound(row *RoundDone) error {
	defer r.begin(StageEvaluate, row.Round, "")()
	prune.Bake(r.net)
	row.Sparsity = r.sparsity(row.Round, row.Target)
	measured := make(map[string]Evaluated)
	for _, part := range []dataset.Part{dataset.Validation, dataset.Test} {
		if split, _ := r.data.Part(part); split.Len() == 0 {
			continue
		}
		e, err := r.evaluate("fine-tuned", part)
		if err != nil {
			return err
		}
		measured[string(part)] = e
	}
	state := r.hub.State()
	dense := state.Evaluation("dense", string(dataset.Test))
	test := measured[string(dataset.Test)]
	row.Top1, row.Drop = test.Top1, dense.Top1-test.Top1
	row.Passed, row.Reason = true, fmt.Sprintf("top-1 %.2f %% on test; no gate is set", 100*row.Top1)
	if r.gate.MinTop1 > 0 || r.gate.MaxDrop > 0 {
		row.Passed, row.Reason = r.gate.Judge(state.Evaluation("dense", r.gate.Split).Top1, measured[r.gate.Split].Top1)
	}
	for _, e := range []Evaluated{measured[string(dataset.Validation)], test} {
		if bad := noAnswer(e); bad != "" && !row.Diverged {
			row.Passed, row.Diverged, row.Reason = false, true, lowerRate("%s", bad).Error()
		}
	}
	if _, _, found := notFinite(r.net.Tensors()); found {
		row.Checkpoint = "" // which nothing could read
		return nil
	}
	row.Hash = weights.Hash(weights.FromNetwork(r.net))
	err := r.saveNetwork("checkpoint", row.Checkpoint, map[string]string{
		"stage": "round", "round": fmt.Sprint(row.Round), "target": fmt.Sprint(row.Target),
		"sparsity": fmt.Sprint(row.Sparsity), "top1": fmt.Sprint(row.Top1),
	})
	if err != nil {
		return err
	}
	// The next round begins with the zeros of this one, as it does when it
	// begins from the file.
	prune.Hold(r.net)
	return r.allScales()
}

// sparsity publishes the zeros of every layer and returns their share of all
// weights. A layer in which whole channels are gone gets a warning.
func (r *runner) sparsity(round int, target float64) float64 {
	m := prune.Measure(r.net)
	s := Sparsity{Round: round, Target: target, Sparsity: m.Share(), Zero: m.Zero, Total: m.Total}
	for _, l := range m.Layers {
		s.Layers = append(s.Layers, LayerSparsity{Name: l.Name, Zero: l.Zero, Total: l.Total, DeadChannels: l.DeadChannels})
		if l.DeadChannels > 0 && r.stage == StagePrune {
			r.log("warn", "%s: %s", l.Name, deadText(l.DeadChannels, r.net.Node(l.Name).Out()))
		}
	}
	r.hub.Publish(s)
	return s.Sparsity
}

// fallBack returns to the network of the last round that passed.
func (r *runner) fallBack(round int) error {
	path := denseCheckpoint
	if state := r.hub.State(); state.Passed() != nil {
		path = state.Passed().Checkpoint
	}
	n, _, err := weights.Load(r.folder.Path(path))
	if err != nil {
		return fmt.Errorf("go back to the last network that passed its gate: %w", err)
	}
	adopt(r.net, n)
	for _, l := range r.net.Layers() {
		l.Mask = nil
	}
	r.eval.Reload()
	for next := round + 1; next <= len(r.e.Prune.Targets); next++ {
		r.estimate.skip(trainWork, r.e.FineTune.Epochs.Round(next)*float64(r.data.Train.Len()))
		r.estimate.skip(inferWork, float64(2*r.data.Validation.Len()+r.data.Test.Len()))
	}
	r.log("warn", "the result is %s: round %d did not pass its gate", path, round)
	return nil
}

// deadText tells how many of a layer's output channels are all zero.
func deadText(dead, channels int) string {
	if dead == 1 {
		return fmt.Sprintf("1 of its %s is all zero", plural.Count(channels, "output channel"))
	}
	return fmt.Sprintf("%d of its %d output channels are all zero", dead, channels)
}
