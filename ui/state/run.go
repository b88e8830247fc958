// Package state folds a run's events into what a screen shows of it.
//
// Live view, attached view and replay feed the same events and so show the
// same things. Whatever grows with the length of a run is kept in bounded
// memory.
package state

import (
	"fmt"
	"time"

	"espalier/compress/pipeline"
	"espalier/ui/series"
)

// A Run is everything a screen knows of a run. The zero value is a run of
// which nothing was heard. It is not safe for concurrent use.
type Run struct {
	Info    pipeline.RunStarted
	Data    pipeline.DataRead
	Seq     int64  // of the newest event
	Kind    string // of it, as pipeline.Body names it
	Events  int64
	Missed  int64     // events that never arrived
	Started time.Time // time of the first event
	Latest  time.Time // time of the newest event

	Status   pipeline.Standing // as its events tell; that it is silent or dead they do not
	Stopping bool              // it ends after this round
	PauseAt  int               // the global step after which it pauses; 0 for none
	Reason   string            // for a pause, or why the run ended

	Stage     string // the present one; empty between stages
	StageNote string
	Stages    []pipeline.StageDone // of this round, in order
	Step      pipeline.StepDone    // the newest
	Progress  pipeline.Progress    // the newest of Stage; Total 0 when it has none
	Answering pipeline.Progress    // of a command that has something measured, within Stage; Total 0 when there is none
	Overall   float64              // share of the run that is done, 0 to 1
	Remaining float64              // seconds, 0 while unknown
	LastEpoch pipeline.EpochDone

	Train        series.Series // loss of every batch by global step
	Validation   series.Series // loss after every epoch by global step
	LearningRate series.Series // by global step
	Clock        series.Series // seconds since Started by global step
	Seqs         series.Series // number of the step's event by global step
	Epochs       series.Series // epochs trained since the beginning by global step

	Dense     *pipeline.Evaluated // the dense network on the test split, or else as Reference
	Reference *pipeline.Evaluated // the dense network on the split that the gate looks at
	Rounds    []Round
	Points    []pipeline.CalibrationPoint // in order of arrival, one per size, draw and observer
	Race      pipeline.Race               // the newest ranges of the sweep's observers; empty where there is one
	Quantized *pipeline.Quantized
	Costs     []pipeline.Cost
	Planned   int64 // bytes that training takes, 0 while unknown
	Result    *pipeline.RunDone

	Checkpoint string // the newest, by its path in the run's folder

	Notes []pipeline.Note // the newest, in order
	Waits bool            // the run waits for somebody to decide about a round
	Log   Log

	// Curves are the layers' sensitivities, one for everything that they lost.
	Curves []*Curves

	eta      eta
	whole    float64 // loss that Curves rise from
	sparsity []Census
	slices   []slice
	scales   map[string][]pipeline.Scales // newest last
	scans    []pipeline.Sensitivity       // newest last
	asked    []asked                      // sizes to be measured because of a command
}

// A Round is one pruning round, begun or done.
type Round struct {
	pipeline.RoundStarted
	Begin  int                 // global step before its first
	Pruned *pipeline.Evaluated // before fine-tuning
	Tuned  *pipeline.Evaluated // after fine-tuning, on the split of Reference if it was
	Done   *pipeline.RoundDone
}

// Census is a count of zeros and when it was taken.
type Census struct {
	pipeline.Sparsity
	Step int // global
}

// Round returns the round in progress or last done, and false before the first.
func (r *Run) Round() (Round, bool) {
	if len(r.Rounds) == 0 {
		return Round{}, false
	}
	return r.Rounds[len(r.Rounds)-1], true
}

// InRound reports whether a round is in progress.
func (r *Run) InRound() bool {
	round, ok := r.Round()
	return ok && round.Done == nil
}

// Stepping reports whether the newest step is one of the stage in progress, not of
// the round before.
func (r *Run) Stepping() bool {
	round, ok := r.Round()
	return r.Step.Steps > 0 && r.Step.Stage == r.Stage && (!ok || r.Stage == pipeline.StageQAT || r.Step.Round == round.Round)
}

// RoundCount returns how many rounds there will be.
func (r *Run) RoundCount() int {
	if n := len(r.Rounds); n > 0 && r.Rounds[n-1].Rounds > 0 {
		return r.Rounds[n-1].Rounds
	}
	return len(r.Info.Targets)
}

// RoundAt returns the round that a global step belongs to, 0 before the first.
func (r *Run) RoundAt(step int) int {
	number := 0
	for _, round := range r.Rounds {
		if step > round.Begin {
			number = round.Round
		}
	}
	return number
}

// Dataset names the images as they must be named beside every accuracy:
// "cifar10 (JPEG copy)".
func (r *Run) Dataset() string {
	if r.Data.Note != "" {
		return fmt.Sprintf("%s (%s)", r.Info.Dataset, r.Data.Note)
	}
	return r.Info.Dataset
}

// Apply folds one event. Events at or before the newest one are ignored.
func (r *Run) Apply(e pipeline.Event) {
	if e.Seq != 0 && e.Seq <= r.Seq {
		return
	}
	if e.Seq > r.Seq+1 {
		r.Missed += e.Seq - r.Seq - 1
	}
	r.Seq, r.Kind = max(e.Seq, r.Seq+1), e.Body.Kind()
	r.Events++
	if r.Started.IsZero() {
		r.Started = e.Time
	}
	r.Latest = e.Time
	if r.Status == pipeline.StandingStarting {
		r.Status = pipeline.StandingRunning
	}
	r.answer(e.Body)
	r.fold(e)
	r.Log.note(r, e)
}

func (r *Run) fold(e pipeline.Event) {
	switch b := e.Body.(type) {
	case pipeline.RunStarted:
		r.Info = b
	case pipeline.DataRead:
		r.Data = b
	case pipeline.Decided:
		if b.Gate != "" {
			r.Info.Gate = b.Gate
		}
	case pipeline.Continued:
		// What the process before was asked for, this one does not know of.
		r.Status, r.Reason, r.Stopping, r.PauseAt, r.asked = pipeline.StandingRunning, "", false, 0, nil
		r.rewind(b.GlobalStep)
	case pipeline.StageStarted:
		if b.Stage == pipeline.StagePrune {
			r.Stages = nil
		}
		r.Stage, r.StageNote, r.Progress = b.Stage, b.Text, pipeline.Progress{}
	case pipeline.StageDone:
		r.Stages = append(r.Stages, b)
		if b.Stage == r.Stage {
			r.Stage, r.StageNote, r.Progress = "", "", pipeline.Progress{}
		}
	case pipeline.Progress:
		if !b.Asked {
			r.Stage, r.Progress = b.Stage, b
		}
		r.Overall, r.Remaining = b.Overall, b.Remaining
		r.eta.predict(e.Time, b.Remaining)
	case pipeline.StepDone:
		r.step(b, e.Time)
		r.eta.predict(e.Time, b.Remaining)
		r.Seqs.Add(float64(b.GlobalStep), float64(r.Seq))
	case pipeline.EpochDone:
		r.LastEpoch = b
		if b.ValCount > 0 {
			r.Validation.Add(float64(b.GlobalStep), float64(b.ValLoss))
		}
	case pipeline.Evaluated:
		r.evaluated(b)
	case pipeline.RoundStarted:
		r.Stages = nil
		r.Rounds = append(r.Rounds, Round{RoundStarted: b, Begin: r.Step.GlobalStep})
	case pipeline.Sliced:
		r.Info.Layers = b.Layers
		r.slices = append(r.slices, slice{b, r.Step.GlobalStep})
	case pipeline.Sparsity:
		r.sparsity = append(r.sparsity, Census{b, r.Step.GlobalStep})
	case pipeline.RoundDone:
		if n := len(r.Rounds); n > 0 && r.Rounds[n-1].Round == b.Round {
			r.Rounds[n-1].Done = &b
		}
	case pipeline.CalibrationPoint:
		r.measure(b)
	case pipeline.Race:
		r.Race = b
	case pipeline.Scales:
		r.addScales(b)
	case pipeline.Sensitivity:
		r.addScan(b)
	case pipeline.SensitivityPoint:
		r.addPoint(b)
	case pipeline.Cost:
		r.Costs = append(r.Costs, b)
	case pipeline.Quantized:
		r.Quantized = &b
	case pipeline.Planned:
		r.Planned = b.Bytes
	case pipeline.Paused:
		r.Status, r.Reason, r.Waits = pipeline.StandingPaused, b.Reason, b.Source == pipeline.ByGate
		if r.PauseAt <= b.GlobalStep {
			r.PauseAt = 0
		}
	case pipeline.Resumed:
		r.Status, r.Reason, r.Waits = pipeline.StandingRunning, "", false
		r.eta.forget()
	case pipeline.Commanded:
		r.commanded(b)
	case pipeline.Saved:
		if b.What == "checkpoint" {
			r.Checkpoint = b.Path
		}
	case pipeline.Note:
		if len(r.Notes) == notesKept {
			r.Notes = r.Notes[1:]
		}
		r.Notes = append(r.Notes, b)
	case pipeline.RunDone:
		r.finish(b)
	}
}

// notesKept bounds the notes; the journal on disk has all of them.
const notesKept = 256

// NoteAt returns what was last noted at a global step, empty for nothing.
func (r *Run) NoteAt(step int) string {
	for i := len(r.Notes) - 1; i >= 0; i-- {
		if r.Notes[i].GlobalStep == step {
			return r.Notes[i].Text
		}
	}
	return ""
}

func (r *Run) step(b pipeline.StepDone, at time.Time) {
	r.Stage, r.Step, r.Progress = b.Stage, b, pipeline.Progress{}
	r.Overall, r.Remaining = b.Overall, b.Remaining
	x := float64(b.GlobalStep)
	r.Train.Add(x, float64(b.Loss))
	r.LearningRate.Add(x, b.LearningRate)
	r.Clock.Add(x, at.Sub(r.Started).Seconds())
	if b.Steps > 0 {
		before, _ := r.Epochs.At(x - 1)
		r.Epochs.Add(x, before.Max+b.Epochs/float64(b.Steps))
	}
}

func (r *Run) evaluated(b pipeline.Evaluated) {
	n := len(r.Rounds)
	switch {
	case b.What == "dense":
		// The gate may look at either split; results are told on the test split.
		if r.Dense == nil || b.Split == "test" || r.Dense.Split != "test" {
			r.Dense = &b
		}
		if r.Reference == nil || b.Split != "test" {
			r.Reference = &b
		}
	case n == 0 || r.Rounds[n-1].Round != b.Round:
	case b.What == "pruned":
		r.Rounds[n-1].Pruned = &b
	case b.What == "fine-tuned" && (r.Rounds[n-1].Tuned == nil || r.Reference == nil || b.Split == r.Reference.Split):
		r.Rounds[n-1].Tuned = &b
	}
}

func (r *Run) commanded(b pipeline.Commanded) {
	if b.Refused != "" {
		return
	}
	switch b.Command.Do {
	case pipeline.Pause:
		if r.Status == pipeline.StandingRunning {
			r.Status = pipeline.StandingPausing
		}
	case pipeline.PauseAt:
		r.PauseAt = b.Command.AtStep
	case pipeline.StopAfter, pipeline.StopNow:
		r.Stopping = true
	case pipeline.Calibrate:
		r.asked = append(r.asked, asked{b.Command.Images, b.Command.Observer})
	}
}

func (r *Run) finish(b pipeline.RunDone) {
	r.Result, r.Reason = &b, b.Reason
	r.Stage, r.Remaining, r.Stopping, r.PauseAt, r.asked = "", 0, false, 0, nil
	if r.Status = b.Standing(); b.Status == pipeline.StatusDone {
		r.Overall = 1
	}
}

// rewind forgets what came after a global step: the run goes on from there.
func (r *Run) rewind(step int) {
	after := float64(step) + 0.5
	for _, s := range []*series.Series{&r.Train, &r.Validation, &r.LearningRate, &r.Clock, &r.Seqs, &r.Epochs} {
		s.Truncate(after)
	}
	for len(r.Rounds) > 0 && r.Rounds[len(r.Rounds)-1].Begin > step {
		r.Rounds = r.Rounds[:len(r.Rounds)-1]
	}
	for len(r.sparsity) > 0 && r.sparsity[len(r.sparsity)-1].Step > step {
		r.sparsity = r.sparsity[:len(r.sparsity)-1]
	}
	for len(r.scans) > 0 && r.scans[len(r.scans)-1].GlobalStep > step {
		r.scans = r.scans[:len(r.scans)-1]
	}
	for len(r.Notes) > 0 && r.Notes[len(r.Notes)-1].GlobalStep > step {
		r.Notes = r.Notes[:len(r.Notes)-1]
	}
	r.Step.GlobalStep = step
	r.Status, r.Result, r.Stage = pipeline.StandingRunning, nil, ""
}
