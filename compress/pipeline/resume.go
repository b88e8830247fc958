package pipeline

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"espalier/compress/prune"
	"espalier/model"
	"espalier/model/weights"
)

// A past is what a run has behind it when it resumes: the newest point from
// which its files allow it to go on. The zero past is the run's beginning.
type past struct {
	seq    int64       // of the journal there
	file   string      // the checkpoint, empty at the beginning
	hash   string      // of its tensors, where the journal has it
	dense  bool        // the dense network is there and measured
	rounds int         // done
	rows   []RoundDone // of these
	over   bool        // the last of them ended the rounds
	qat    int         // widths trained for

	net      *model.Graph // with masks; nil at the beginning
	step     *stepState   // inside a stage of training, or nil
	velocity map[string][]float32
	average  map[string][]float32 // of weights, if the stage keeps one
	movement map[string][]float32 // scores, if the round ranks by them
	saves    int                  // which step checkpoint the next one overwrites

	warnings []string // what could not be used
	notes    []Note   // made after seq
	verdicts []Event  // commands about rounds to come
	removed  int      // events after seq
}

// findPast reads a run's journal and checkpoints for the newest point to go on
// from: after the dense stage, after a round, or inside a stage of training.
func findPast(folder Folder) (past, error) {
	ends, notes, verdicts, last, err := stageEnds(folder)
	if err != nil {
		return past{}, err
	}
	steps, warnings := readSteps(folder, last)
	for _, p := range slices.Backward(ends) {
		// A step checkpoint is used if it belongs to the stage that follows this
		// end.
		for _, s := range steps {
			if s.step.seq <= p.seq || !p.before(s.step) {
				continue
			}
			s.dense, s.rounds, s.rows, s.over, s.qat = p.dense, p.rounds, p.rows, p.over, p.qat
			s.warnings, s.notes, s.verdicts = warnings, notesAfter(notes, s.seq), verdicts
			return s, nil
		}
		p.warnings, p.notes, p.verdicts = warnings, notesAfter(notes, p.seq), verdicts
		if len(steps) > 0 {
			p.saves = steps[0].saves
		}
		if p.file == "" {
			return p, nil
		}
		n, err := p.load(folder)
		if err == nil {
			if p.file != denseCheckpoint && !p.over {
				prune.Hold(n)
			}
			p.net = n
			return p, nil
		}
		warnings = append(warnings, fmt.Sprintf("%s cannot be used, what was before it is: %s", p.file, err))
	}
	return past{warnings: warnings}, nil
}

// before reports whether a stage of training comes next.
func (p past) before(s *stepState) bool {
	switch s.stage {
	case StageQAT:
		return s.round == p.qat+1
	case StageFineTune:
		return !p.over && p.qat == 0 && s.round == p.rounds+1
	}
	return !p.dense
}

// load reads the network that a stage ended with and checks its hash.
func (p past) load(folder Folder) (*model.Graph, error) {
	n, _, err := weights.Load(folder.Path(p.file))
	if err == nil && p.hash != "" && weights.Hash(weights.FromNetwork(n)) != p.hash {
		return nil, errors.New("its tensors are not those in the journal; the file is damaged or from another run")
	}
	return n, err
}

// stageEnds returns the points at which the dense stage or a round ended, the
// run's beginning first; all notes; all verdicts; and the number of the last
// event.
func stageEnds(folder Folder) (ends []past, notes, verdicts []Event, last int64, err error) {
	var now, accepted past
	var saved string // the newest checkpoint
	err = ReadJournal(folder.Journal(), func(e Event) error {
		now.seq = e.Seq
		switch b := e.Body.(type) {
		case RunStarted:
			ends = append(ends, now)
		case StageDone:
			if b.Stage == StageDense {
				now.dense, now.file = true, denseCheckpoint
				accepted = now
				ends = append(ends, now)
			}
			if b.Stage == StageQAT {
				now.qat, now.hash = b.Round, ""
				now.file = saved
				ends = append(ends, now)
			}
		case Saved:
			saved = b.Path
		case RoundDone:
			now.rounds, now.rows = b.Round, append(now.rows, b)
			switch a := b.action(); a {
			case Accept:
				now.file, now.hash = b.Checkpoint, b.Hash
				accepted = now
			case Retry:
				now.file, now.hash = b.Checkpoint, b.Hash
			default:
				now.file, now.hash, now.over = accepted.file, accepted.hash, a == Stop
			}
			ends = append(ends, now)
		case Note:
			notes = append(notes, e)
		case Commanded:
			if isVerdict(b.Command.Do) && b.Refused == "" {
				verdicts = append(verdicts, e)
			}
		}
		return nil
	})
	return ends, notes, verdicts, now.seq, err
}

func notesAfter(notes []Event, seq int64) []Note {
	var after []Note
	for _, e := range notes {
		if e.Seq > seq {
			after = append(after, e.Body.(Note))
		}
	}
	return after
}

// readSteps reads the step checkpoints, the newest first. It also returns a
// warning for each that cannot be used: it is damaged, or the journal has lost
// its events.
func readSteps(folder Folder, last int64) (all []past, warnings []string) {
	for i, file := range stepCheckpoints {
		p, err := readStep(folder.Path(file))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err == nil && p.seq > last {
			err = fmt.Errorf("it is from event %d, and the journal ends at %d", p.seq, last)
		}
		if err != nil {
			warnings = append(warnings, fmt.Sprintf("%s cannot be used, what was before it is: %s", file, err))
			continue
		}
		p.file, p.saves = file, i+1
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b past) int { return int(b.seq - a.seq) })
	return all, warnings
}

// readStep reads a checkpoint that saveStep wrote.
func readStep(path string) (past, error) {
	tensors, meta, err := weights.Read(path)
	if err != nil {
		return past{}, err
	}
	s, err := parseStepState(meta)
	if err != nil {
		return past{}, err
	}
	p := past{seq: s.seq, step: &s, velocity: make(map[string][]float32), average: make(map[string][]float32), movement: make(map[string][]float32)}
	var own []weights.Tensor
	masks := make(map[string][]float32)
	others := map[string]map[string][]float32{velocityPrefix: p.velocity, averagePrefix: p.average, maskPrefix: masks, movementPrefix: p.movement}
	for _, t := range tensors {
		prefix, name, _ := strings.Cut(t.Name, ".")
		other := others[prefix+"."]
		if other == nil {
			own = append(own, t)
			continue
		}
		if other[name], err = t.Float32s(); err != nil {
			return past{}, err
		}
	}
	if p.net, err = weights.Network(own, meta); err != nil {
		return past{}, err
	}
	for _, l := range p.net.Layers() {
		if mask := masks[l.Name]; mask != nil && len(mask) != len(l.Weight) {
			return past{}, fmt.Errorf("the mask of %s has %d values for %d weights", l.Name, len(mask), len(l.Weight))
		}
		l.Mask = masks[l.Name]
	}
	for _, t := range p.net.Parameters() {
		if len(p.velocity[t.Name]) != len(t.Data) {
			return past{}, fmt.Errorf("the momentum of %s has %d values for %d", t.Name, len(p.velocity[t.Name]), len(t.Data))
		}
	}
	for _, t := range p.net.Tensors() {
		if s.averaged > 0 && len(p.average[t.Name]) != len(t.Data) {
			return past{}, fmt.Errorf("the average of %s has %d values for %d", t.Name, len(p.average[t.Name]), len(t.Data))
		}
	}
	return p, nil
}

// continued publishes that the run continues, and from which step.
func (r *runner) continued() error {
	state := r.hub.State()
	// Another instruction set rounds differently: the result would equal
	// neither machine's.
	if have, want := r.engine.Kernels.Name, state.Started.Kernel; want != "" && have != want {
		return fmt.Errorf("the run was begun with the kernel %s and would go on with %s, which rounds differently: set engine.kernel in %s to go on all the same", want, have, r.folder.Experiment())
	}
	p := &r.past
	r.steps, r.before, r.saves = state.GlobalStep, state.Seconds, p.saves
	if p.step != nil {
		r.steps, r.before = p.step.steps, p.step.seconds
	}
	r.hub.Publish(Continued{GlobalStep: r.steps, Checkpoint: p.file, Removed: p.removed})
	for _, warning := range p.warnings {
		r.log("warn", "%s", warning)
	}
	for _, note := range p.notes {
		r.hub.Publish(note)
	}
	for _, e := range p.verdicts {
		c := e.Body.(Commanded).Command
		if c.Round <= p.rounds {
			continue // it is done
		}
		if e.Seq > p.seq {
			r.hub.Publish(Commanded{Command: c})
		}
		r.verdict(c)
	}
	r.estimateRest(&state)
	return nil
}

// restore gives a training its momentum, average and position back if it is the
// stage that was interrupted.
func (r *runner) restore(t *training) error {
	s := r.past.step
	if s == nil {
		return nil
	}
	if s.step > t.steps {
		return fmt.Errorf("%s is at step %d of %d: the epochs in %s or the images were reduced since", r.past.file, s.step, t.steps, r.folder.Experiment())
	}
	for _, v := range t.trainer.Velocity() {
		copy(v.Data, r.past.velocity[v.Name])
	}
	if t.average != nil {
		if s.averaged != s.step {
			return fmt.Errorf("%s has no average of weights: %s.average in %s was changed since", r.past.file, strings.ReplaceAll(s.stage, "-", "_"), r.folder.Experiment())
		}
		t.average.Steps = s.averaged
		for _, a := range t.average.Tensors() {
			copy(a.Data, r.past.average[a.Name])
		}
	}
	if m := t.masking; m != nil {
		m.from = s.from
		for layer, score := range m.movement {
			if len(r.past.movement[layer]) != len(score) {
				return fmt.Errorf("%s has no movement scores of %s: the rounds in %s were changed since", r.past.file, layer, r.folder.Experiment())
			}
			copy(score, r.past.movement[layer])
		}
	}
	t.step, t.tally = s.step, s.tally
	t.trainer.Steps = s.step
	r.past.step, r.past.velocity, r.past.average, r.past.movement = nil, nil, nil, nil
	return nil
}

// estimateRest notes the work that a resumed run has done before.
func (r *runner) estimateRest(state *State) {
	train := float64(expectedTrain(r.e))
	if r.past.dense {
		r.estimate.skip(trainWork, r.e.Dense.Epochs[0]*train)
	}
	plan := r.e.Plan()
	for _, round := range plan[:min(r.past.rounds, len(plan))] {
		r.estimate.skip(trainWork, round.FineTune.Epochs[0]*train)
	}
	r.estimate.skip(trainWork, float64(r.past.qat)*r.e.QAT.Train.Epochs[0]*train)
	if s := r.past.step; s != nil {
		batch := r.e.Dense.Batch
		switch {
		case s.stage == StageFineTune && s.round <= len(plan):
			batch = plan[s.round-1].FineTune.Batch
		case s.stage == StageQAT:
			batch = r.e.QAT.Train.Batch
		}
		r.estimate.skip(trainWork, float64(s.step*batch))
	}
	for _, e := range state.Evaluations {
		r.estimate.skip(inferWork, float64(e.Total))
	}
}
