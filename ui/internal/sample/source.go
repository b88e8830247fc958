package sample

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"espalier/compress/pipeline"
)

// A Source tells a journal event by event and answers commands in the way a
// live run does. It is safe for concurrent use.
type Source struct {
	mu      sync.Mutex
	journal []pipeline.Event // to come
	told    []pipeline.Event
	changed chan struct{}
	paused  bool
	pauseAt int  // pause after that global step; 0 for none
	over    bool // finished: takes no commands
	sent    []pipeline.Command
	writer  writer // makes the answers to Inspect
}

// NewSource returns a source that has told nothing yet.
func NewSource(journal []pipeline.Event) *Source {
	return &Source{journal: journal, changed: make(chan struct{}, 1), writer: writer{random: newRandom(), info: info()}}
}

// Finished returns a source of a run that is over: all of it is told.
func Finished(journal []pipeline.Event) *Source {
	s := NewSource(nil)
	s.told, s.over = slices.Clone(journal), true
	return s
}

// Tell makes up to n more events known, none while paused, and returns how many
// it told.
func (s *Source) Tell(n int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	told := 0
	for ; told < n && len(s.journal) > 0 && !s.paused; told++ {
		s.next()
	}
	return told
}

// TellUntil makes events known up to the first for which stop is true, that one
// included.
func (s *Source) TellUntil(stop func(pipeline.Event) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.journal) > 0 {
		if e := s.next(); stop(e) {
			return
		}
	}
}

// next tells one event. The caller holds mu.
func (s *Source) next() pipeline.Event {
	e := s.journal[0]
	s.journal = s.journal[1:]
	s.tell(e.Time, e.Body)
	if b, ok := e.Body.(pipeline.StepDone); ok && b.GlobalStep == s.pauseAt {
		s.paused, s.pauseAt = true, 0
		s.tell(e.Time, pipeline.Paused{GlobalStep: b.GlobalStep, Source: "keyboard", Reason: "as asked"})
	}
	return e
}

// tell appends an event. The caller holds mu.
func (s *Source) tell(at time.Time, body pipeline.Body) {
	if _, ok := body.(pipeline.RunDone); ok {
		s.over = true
	}
	s.told = append(s.told, pipeline.Event{Seq: int64(len(s.told) + 1), Time: at, Body: body})
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

func (s *Source) Since(after int64, most int) []pipeline.Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	if after >= int64(len(s.told)) {
		return nil
	}
	rest := s.told[after:]
	return slices.Clone(rest[:min(most, len(rest))])
}

func (s *Source) Changed() <-chan struct{} { return s.changed }

// Sent returns the commands received so far.
func (s *Source) Sent() []pipeline.Command {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.sent)
}

func (s *Source) Send(c pipeline.Command) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		return errors.New("the run is over and takes no commands; start one with: espalier run")
	}
	s.sent = append(s.sent, c)
	now, step := start, 0
	if n := len(s.told); n > 0 {
		now = s.told[n-1].Time
	}
	for _, e := range s.told {
		if b, ok := e.Body.(pipeline.StepDone); ok {
			step = b.GlobalStep
		}
	}
	s.tell(now, pipeline.Commanded{Command: c})
	switch c.Do {
	case pipeline.Pause:
		s.paused = true
		s.tell(now, pipeline.Paused{GlobalStep: step, Source: c.Source})
	case pipeline.PauseAt:
		s.pauseAt = c.AtStep
	case pipeline.Resume:
		s.paused = false
		s.tell(now, pipeline.Resumed{GlobalStep: step, Source: c.Source, Seconds: 12})
	case pipeline.Step:
		if len(s.journal) > 0 {
			s.next()
		}
	case pipeline.StopNow, pipeline.StopAfter:
		s.tell(now, pipeline.RunDone{Status: "stopped", Reason: fmt.Sprintf("%s, asked by %s", c.Do, c.Source)})
	case pipeline.Calibrate:
		s.tell(now, pipeline.CalibrationPoint{Images: c.Images, Draw: 1, Observer: "min-max", Top1: 0.9, Correct: 3600, Total: 4000, Float: 0.905, CalibrateSeconds: 0.1, EvaluateSeconds: 1.2, Asked: true})
	case pipeline.Scan:
		for done := range len(s.writer.info.Layers) + 1 {
			s.tell(now, pipeline.Progress{Stage: pipeline.StageSensitivity, Round: 1, Done: done, Total: len(s.writer.info.Layers), Unit: "layers", Asked: true, Overall: 0.5, Remaining: 60})
		}
		s.tell(now, s.writer.sensitivity(step))
	case pipeline.Inspect:
		for _, l := range s.writer.info.Layers {
			if l.Name == c.Layer {
				s.writer.global = step
				s.tell(now, clipped(s.writer.scales(l, 1, true), c.Clip))
			}
		}
	}
	return nil
}

// clipped makes scales of a layer's ranges cut to a share; 0 leaves them whole.
func clipped(s pipeline.Scales, share float64) pipeline.Scales {
	if share == 0 || share == 1 {
		return s
	}
	s.Clip, s.SNR = share, s.SNR-40*(1-share)
	for i := range s.Channels {
		s.Channels[i].Scale *= share
		s.Channels[i].Clipped = (1 - share) / 10
	}
	return s
}
