package pipeline

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"espalier/internal/atomicfile"
	"espalier/model"
	"espalier/model/weights"
)

// stepCheckpoints are written in turn, so that one whole checkpoint always
// remains while the other is written. A run goes on from the newer one. They
// are removed when the run is done; the checkpoints of the dense network and of
// the rounds are kept.
var stepCheckpoints = [2]string{"checkpoints/step-a.safetensors", "checkpoints/step-b.safetensors"}

// A stepState is the metadata of a checkpoint within a stage of training.
type stepState struct {
	stage       string
	round, step int
	steps       int   // over the whole run
	seq         int64 // of the newest event
	tally       model.Tally
	seconds     float64
	averaged    int     // steps in the average of weights
	from        float64 // of a masking
	file        string
}

func (s stepState) metadata() map[string]string {
	return map[string]string{
		"stage": s.stage, "round": fmt.Sprint(s.round), "step": fmt.Sprint(s.step), "steps": fmt.Sprint(s.steps),
		"seq": fmt.Sprint(s.seq), "seconds": fmt.Sprint(s.seconds), "averaged": fmt.Sprint(s.averaged), "from": fmt.Sprint(s.from),
		"epoch_correct": fmt.Sprint(s.tally.Correct), "epoch_total": fmt.Sprint(s.tally.Total),
		// Stored bit by bit, so that the sum goes on exactly.
		"epoch_loss": strconv.FormatFloat(s.tally.LossSum, 'x', -1, 64),
	}
}

func parseStepState(m map[string]string) (stepState, error) {
	s := stepState{stage: m["stage"]}
	var errs [10]error
	s.round, errs[0] = strconv.Atoi(m["round"])
	s.step, errs[1] = strconv.Atoi(m["step"])
	s.steps, errs[2] = strconv.Atoi(m["steps"])
	s.seq, errs[3] = strconv.ParseInt(m["seq"], 10, 64)
	s.tally.Correct, errs[4] = strconv.Atoi(m["epoch_correct"])
	s.tally.Total, errs[5] = strconv.Atoi(m["epoch_total"])
	s.tally.LossSum, errs[6] = strconv.ParseFloat(m["epoch_loss"], 64)
	s.seconds, errs[7] = strconv.ParseFloat(m["seconds"], 64)
	if averaged, ok := m["averaged"]; ok { // not in checkpoints of earlier versions
		s.averaged, errs[8] = strconv.Atoi(averaged)
	}
	if from, ok := m["from"]; ok { // nor this
		s.from, errs[9] = strconv.ParseFloat(from, 64)
	}
	if err := errors.Join(errs[:]...); err != nil {
		return s, err
	}
	if s.stage != StageDense && s.stage != StageFineTune && s.stage != StageQAT || s.round < 0 || s.step < 0 || s.steps < s.step || s.seq < 1 {
		return s, fmt.Errorf("it claims step %d of %d in stage %q of round %d, at event %d", s.step, s.steps, s.stage, s.round, s.seq)
	}
	return s, nil
}

// Prefixes of the tensors that a step checkpoint has beside the network's.
const (
	velocityPrefix = "velocity."
	averagePrefix  = "average."
	maskPrefix     = "mask."
	movementPrefix = "movement."
)

// saveStep writes the state of the training in progress: weights, running
// statistics, masks, momentum, average and position. The journal goes to the disk
// first, so that it is never behind its checkpoint. Weights that are not finite
// are not saved: a resumed run starts from the checkpoint before and diverges
// again.
func (r *runner) saveStep() error {
	t := r.training
	if _, _, found := notFinite(r.net.Tensors()); found {
		return nil
	}
	if err := r.write(r.hub.Sync); err != nil {
		return err
	}
	s := stepState{
		stage: t.stage, round: t.round, step: t.step, steps: r.steps, seq: r.hub.Seq(), tally: t.tally, seconds: r.seconds(),
		file: stepCheckpoints[r.saves%2],
	}
	r.saves++
	tensors := weights.FromNetwork(r.net)
	if t.average != nil {
		s.averaged = t.average.Steps
		for _, a := range t.average.Tensors() {
			tensors = append(tensors, weights.Float32(averagePrefix+a.Name, a.Shape, a.Data))
		}
	}
	for _, v := range t.trainer.Velocity() {
		tensors = append(tensors, weights.Float32(velocityPrefix+v.Name, v.Shape, v.Data))
	}
	for _, l := range r.net.Layers() {
		if l.Mask != nil {
			tensors = append(tensors, weights.Float32(maskPrefix+l.Name, l.WeightShape(), l.Mask))
		}
	}
	if m := t.masking; m != nil {
		s.from = m.from
		for _, l := range r.net.Layers() {
			if m.movement != nil {
				tensors = append(tensors, weights.Float32(movementPrefix+l.Name, l.WeightShape(), m.movement[l.Name]))
			}
		}
	}
	meta := weights.Metadata(r.net, r.metadata(s.metadata()))
	r.saved = time.Now()
	return r.write(func() error { return weights.Write(r.folder.Path(s.file), tensors, meta) })
}

// removeSteps removes the step checkpoints.
func removeSteps(folder Folder) error {
	var errs []error
	for _, file := range stepCheckpoints {
		if err := os.Remove(folder.Path(file)); !errors.Is(err, os.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// removeTemporary removes the files that a killed process was writing. The
// caller holds the run's lock.
func removeTemporary(folder Folder) error {
	for _, path := range []string{string(folder), folder.Path("checkpoints")} {
		entries, err := os.ReadDir(path)
		if err != nil {
			return fmt.Errorf("remove unfinished files: %w", err)
		}
		for _, entry := range entries {
			if !atomicfile.IsTemporary(entry.Name()) {
				continue
			}
			if err := os.Remove(filepath.Join(path, entry.Name())); err != nil {
				return fmt.Errorf("remove unfinished files: %w", err)
			}
		}
	}
	return nil
}
