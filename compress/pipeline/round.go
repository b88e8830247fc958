package pipeline

import (
	"errors"
	"fmt"
	"time"

	"espalier/compress/prune"
	"espalier/configs"
	"espalier/dataset"
	"espalier/internal/plural"
	"espalier/model/weights"
)

// roundCheckpoint is where a round's network is kept.
func roundCheckpoint(round int) string {
	return fmt.Sprintf("checkpoints/round-%d.safetensors", round)
}

// rounds takes the rounds of the plan one by one, each from the network of the
// last that was accepted, until none is left or one is decided to be the end.
// The network afterwards is that of the last round that was accepted.
func (r *runner) rounds() error {
	r.ladder = newLadder(r.e)
	for _, row := range r.past.rows {
		r.ladder.decided(row.action())
	}
	for t, ok := r.ladder.next(); ok; t, ok = r.ladder.next() {
		row, err := r.oneRound(t)
		if err != nil {
			return err
		}
		r.ladder.decided(row.action())
		if r.control.stopAfter {
			return r.stopped(fmt.Sprintf("stopped after round %d as asked", t.number))
		}
		if a := row.action(); a == Back || a == Stop {
			if err := r.goBack(t, a); err != nil {
				return err
			}
		}
	}
	return nil
}

// oneRound makes the network smaller, fine-tunes, measures and judges it.
func (r *runner) oneRound(t try) (RoundDone, error) {
	began, paused := time.Now(), r.paused
	r.round = t.number
	train, done, err := r.prepareRound(t)
	if err != nil {
		return RoundDone{}, err
	}
	var lost *diverged
	if err := r.train(train); err != nil && !errors.Is(err, errSkipped) && !errors.As(err, &lost) {
		return RoundDone{}, err
	}
	if lost == nil {
		if err := r.finish(train); err != nil {
			return RoundDone{}, err
		}
	}
	done()
	r.estimate.skip(trainWork, float64((train.steps-train.step)*train.settings.Batch))

	row := RoundDone{Round: t.number, Of: t.Of(), Target: t.Target(), Epochs: train.epochs(train.step), Checkpoint: roundCheckpoint(t.number)}
	if err := r.measureRound(&row, t.sparsity()); err != nil {
		return row, err
	}
	if lost != nil {
		row.Passed, row.Diverged, row.Reason = false, true, lost.Error()
	}
	if err := r.decide(&row); err != nil {
		return row, err
	}
	row.Seconds = (time.Since(began) - (r.paused - paused)).Seconds()
	if row.Checkpoint != "" {
		if err := r.cost(CostPruned, row.Round, row.Checkpoint, row.Top1, nil); err != nil {
			return row, err
		}
	}
	r.hub.Publish(row)
	return row, nil
}

// prepareRound makes the network smaller and opens the stage fine-tune, or
// restores a round that was interrupted there. The function it returns closes the
// stage.
func (r *runner) prepareRound(t try) (*training, func(), error) {
	epochs := t.FineTune.Epochs[0]
	if r.past.step != nil {
		train, err := r.planRound(t)
		if err != nil {
			return nil, nil, err
		}
		if err := r.restore(train); err != nil {
			return nil, nil, err
		}
		return train, r.reenter(StageFineTune, t.number), nil
	}
	perEpoch := r.perEpoch(t.FineTune)
	steps := stepsOf(epochs, perEpoch)
	r.hub.Publish(RoundStarted{
		Round: t.number, Rounds: t.number - 1 + len(r.ladder.rounds), Of: t.Of(), Text: t.String(), Again: t.again,
		Target: t.Target(), Edge: r.edges().Target(t.sparsity()), Epochs: float64(steps) / float64(perEpoch), Steps: steps,
	})
	if !t.again {
		if err := r.takeAway(t); err != nil {
			return nil, nil, err
		}
	}
	train, err := r.planRound(t)
	if err != nil {
		return nil, nil, err
	}
	return train, r.begin(StageFineTune, t.number, ""), nil
}

// planRound prepares a round's training on the present network.
func (r *runner) planRound(t try) (*training, error) {
	train, err := r.plan(StageFineTune, t.number, t.FineTune, t.FineTune.Epochs[0])
	if err != nil {
		return nil, err
	}
	if t.Rewind != "" {
		// The course is the end of the dense training's.
		whole := stepsOf(r.e.Dense.Epochs[0], train.perEpoch)
		train.course = newCourse(t.FineTune, whole, train.perEpoch)
		train.course.first = whole - train.steps
	}
	train.masking, err = r.newMasking(t, train.steps)
	return train, err
}

// takeAway makes the network smaller in the round's way and measures what is left.
func (r *runner) takeAway(t try) error {
	defer r.begin(StagePrune, t.number, "")()
	switch {
	case t.Channels != nil:
		if err := r.removeChannels(t); err != nil {
			return err
		}
	case t.Weights.Schedule == configs.Cubic:
		return nil // it prunes while it trains
	default:
		if err := r.pruneWeights(t); err != nil {
			return err
		}
	}
	if t.Rewind == configs.RewindWeights {
		if err := r.rewindWeights(t); err != nil {
			return err
		}
	}
	if t.Statistics == "true" {
		if err := r.restatistics(t); err != nil {
			return err
		}
	}
	r.sparsity(t.number, t.sparsity())
	_, err := r.evaluate("pruned", r.watchPart())
	return err
}

func (r *runner) edges() prune.Edges {
	return prune.Edges{Share: r.e.Prune.EdgeShare, Until: r.e.Prune.EdgeUntil}
}

// measureRound evaluates a fine-tuned network, makes its zeros permanent, saves
// it, and judges it. Sparsity is what was asked of the candidates.
func (r *runner) measureRound(row *RoundDone, sparsity float64) error {
	defer r.begin(StageEvaluate, row.Round, "")()
	prune.Bake(r.net)
	row.Sparsity = r.sparsity(row.Round, sparsity)
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
		row.Checkpoint = "" // it would hold weights that are not finite
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
	// The next round begins with this round's zeros, as it would if it read the
	// file.
	prune.Hold(r.net)
	return r.allScales()
}

// sparsity publishes the zeros of every layer and returns their share of all
// weights. It warns of layers with channels that are all zero.
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

// goBack returns to the network of the last round that was accepted: to take a
// smaller step from there, or to end with it.
func (r *runner) goBack(t try, a Action) error {
	path := denseCheckpoint
	if state := r.hub.State(); state.Passed() != nil {
		path = state.Passed().Checkpoint
	}
	n, _, err := weights.Load(r.folder.Path(path))
	if err != nil {
		return fmt.Errorf("go back to the last network that was accepted: %w", err)
	}
	r.become(n)
	for _, l := range r.net.Layers() {
		l.Mask = nil
	}
	if a == Back {
		if path != denseCheckpoint {
			prune.Hold(r.net)
		}
		return nil
	}
	plan := r.e.Plan()
	for _, round := range plan[min(t.number, len(plan)):] {
		r.estimate.skip(trainWork, round.FineTune.Epochs[0]*float64(r.data.Train.Len()))
		r.estimate.skip(inferWork, float64(2*r.data.Validation.Len()+r.data.Test.Len()))
	}
	r.log("warn", "the result is %s: round %d did not pass its gate", path, t.number)
	return nil
}

// deadText says how many of a layer's output channels are all zero.
func deadText(dead, channels int) string {
	if dead == 1 {
		return fmt.Sprintf("1 of its %s is all zero", plural.Count(channels, "output channel"))
	}
	return fmt.Sprintf("%d of its %d output channels are all zero", dead, channels)
}
