package pipeline

import (
	"fmt"
	"slices"
	"time"

	"espalier/compress/quantize"
)

// A State is what a run's events add up to: enough for a summary, for the
// report and for resuming. It does not hold every step.
type State struct {
	Seq     int64
	Begun   time.Time // of the first event
	Updated time.Time // of the newest event

	Started *RunStarted
	Data    *DataRead
	Outlook *Outlook // nil where nothing is trained
	Stage   string   // in progress, empty between stages
	Round   int
	Current *RoundStarted // the round in progress
	Step    *StepDone     // the newest

	Seconds            float64 // of work, pauses and interruptions excluded
	GlobalStep         int
	Overall, Remaining float64 // as StepDone and Progress say

	Evaluations []Evaluated
	Epochs      []EpochDone
	Sparsities  []Sparsity // the newest of each round
	Rounds      []RoundDone
	Points      []CalibrationPoint
	Curves      []SensitivityPoint
	Slices      []Sliced
	Race        *Race // the newest
	Repairs     []Repaired
	Quantized   *Quantized
	Costs       []Cost
	Planned     int64 // bytes that training takes, as the newest Planned says
	Files       []Saved
	Notes       []Note
	Decisions   []Decided
	Problems    []Log // warnings and errors

	Paused    bool
	Stopping  bool // it was asked to end
	Continued int  // times that the run went on after an interruption
	Done      *RunDone
}

// Apply folds in the next event.
func (s *State) Apply(e Event) {
	if s.Begun.IsZero() {
		s.Begun = e.Time
	} else if _, gap := e.Body.(Continued); !gap && !s.Paused {
		s.Seconds += max(0, e.Time.Sub(s.Updated).Seconds())
	}
	s.Seq, s.Updated = e.Seq, e.Time
	switch b := e.Body.(type) {
	case RunStarted:
		s.Started = &b
	case Continued:
		s.Continued++
		s.Done, s.Paused, s.Stopping = nil, false, false
	case DataRead:
		s.Data = &b
	case Outlook:
		s.Outlook = &b
	case Decided:
		s.Decisions = append(s.Decisions, b)
	case StageStarted:
		s.Stage, s.Round = b.Stage, b.Round
	case StageDone:
		s.Stage = ""
	case Planned:
		s.Planned = b.Bytes
	case Progress:
		s.Overall, s.Remaining = b.Overall, b.Remaining
	case StepDone:
		s.Step, s.GlobalStep = &b, b.GlobalStep
		s.Overall, s.Remaining = b.Overall, b.Remaining
	case EpochDone:
		s.Epochs = append(s.Epochs, b)
	case Evaluated:
		s.Evaluations = append(s.Evaluations, b)
	case RoundStarted:
		s.Current, s.Round = &b, b.Round
	case Sparsity:
		if n := len(s.Sparsities); n > 0 && s.Sparsities[n-1].Round == b.Round {
			s.Sparsities[n-1] = b
		} else {
			s.Sparsities = append(s.Sparsities, b)
		}
	case RoundDone:
		s.Rounds = append(s.Rounds, b)
		s.Current, s.Round = nil, 0
	case Sliced:
		s.Slices = append(s.Slices, b)
	case CalibrationPoint:
		s.Points = append(s.Points, b)
	case SensitivityPoint:
		s.Curves = append(s.Curves, b)
	case Repaired:
		if b.Name == quantize.NoRepair { // a run that goes on tries all again
			s.Repairs = nil
		}
		s.Repairs = append(s.Repairs, b)
	case Race:
		s.Race = &b
	case Quantized:
		s.Quantized = &b
	case Cost:
		s.Costs = append(s.Costs, b)
	case Paused:
		s.Paused = true
	case Resumed:
		s.Paused = false
	case Commanded:
		if b.Refused == "" && (b.Command.Do == StopAfter || b.Command.Do == StopNow) {
			s.Stopping = true
		}
	case Saved:
		s.Files = append(s.Files, b)
	case Log:
		if b.Level != "info" {
			s.Problems = append(s.Problems, b)
		}
	case Note:
		s.Notes = append(s.Notes, b)
	case RunDone:
		s.Done = &b
		s.Stage, s.Paused, s.Stopping, s.Remaining = "", false, false, 0
		if b.Status == StatusDone {
			s.Overall = 1
		}
	}
}

// Dataset returns the name that the images must have beside every accuracy,
// such as "cifar10 (JPEG copy)".
func (s *State) Dataset() string {
	if s.Data != nil && s.Data.Note != "" {
		return fmt.Sprintf("%s (%s)", s.Data.Dataset, s.Data.Note)
	}
	return s.Started.Dataset
}

// Gate returns the gate of the rounds in words.
func (s *State) Gate() string {
	for _, d := range slices.Backward(s.Decisions) {
		if d.Gate != "" {
			return d.Gate
		}
	}
	return s.Started.Gate
}

// Evaluation returns the newest measurement of that name, as "dense", on a
// split, or nil.
func (s *State) Evaluation(what, split string) *Evaluated {
	for i := len(s.Evaluations) - 1; i >= 0; i-- {
		if e := &s.Evaluations[i]; e.What == what && e.Split == split {
			return e
		}
	}
	return nil
}

// Cost returns the newest measurement of that name and round, or nil.
func (s *State) Cost(what string, round int) *Cost {
	for i := len(s.Costs) - 1; i >= 0; i-- {
		if c := &s.Costs[i]; c.What == what && c.Round == round {
			return c
		}
	}
	return nil
}

// Passed returns the last round that passed its gate, or nil.
func (s *State) Passed() *RoundDone {
	for i := len(s.Rounds) - 1; i >= 0; i-- {
		if s.Rounds[i].Passed {
			return &s.Rounds[i]
		}
	}
	return nil
}

// clone copies the slices that Apply appends to. Values behind pointers are never
// changed.
func (s *State) clone() State {
	c := *s
	c.Evaluations = slices.Clone(s.Evaluations)
	c.Epochs = slices.Clone(s.Epochs)
	c.Sparsities = slices.Clone(s.Sparsities)
	c.Rounds = slices.Clone(s.Rounds)
	c.Points = slices.Clone(s.Points)
	c.Slices = slices.Clone(s.Slices)
	c.Curves = slices.Clone(s.Curves)
	c.Repairs = slices.Clone(s.Repairs)
	c.Costs = slices.Clone(s.Costs)
	c.Files = slices.Clone(s.Files)
	c.Notes = slices.Clone(s.Notes)
	c.Decisions = slices.Clone(s.Decisions)
	c.Problems = slices.Clone(s.Problems)
	return c
}
