package pipeline

import (
	"fmt"
	"slices"
	"time"
)

// A Standing is a run's state in the one word that screens, lists and lines
// have for it.
type Standing int

const (
	StandingStarting   Standing = iota // nothing was heard of it yet
	StandingRunning                    // it computes
	StandingPausing                    // it was asked to pause and finishes its step
	StandingPaused                     // it waits to be resumed
	StandingStopping                   // it was asked to end and finishes its round, or saves
	StandingSilent                     // a process has it, and nothing was heard for SilentAfter
	StandingUnknown                    // another user's, whose files may not be read
	StandingDead                       // the process that computed it is gone before its end
	StandingDone                       // it ended as planned
	StandingGateFailed                 // it ended with a round that did not pass its gate
	StandingDiverged                   // it ended because something was no longer finite
	StandingStopped                    // it was asked to end before
	StandingFailed                     // it ended with an error
)

var standings = []string{
	"starting", "running", "pausing", "paused", "stopping", "silent", "unknown", "dead",
	"done", "gate failed", "diverged", "stopped", "failed",
}

// SilentAfter is how long no event may come from a running run before it is
// called silent.
const SilentAfter = 30 * time.Second

func (s Standing) String() string { return standings[s] }

// Over reports whether the run came to an end. A dead run did not: --resume
// continues it.
func (s Standing) Over() bool { return s >= StandingDone }

// MarshalText writes the word.
func (s Standing) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (s *Standing) UnmarshalText(text []byte) error {
	i := slices.Index(standings, string(text))
	if i < 0 {
		return fmt.Errorf("a run cannot be %q", text)
	}
	*s = Standing(i)
	return nil
}

// Standing returns how the run ended. Journals of earlier versions have only
// Status.
func (d RunDone) Standing() Standing {
	if d.Ended != StandingStarting {
		return d.Ended
	}
	switch d.Status {
	case StatusDone:
		return StandingDone
	case StatusStopped:
		return StandingStopped
	}
	return StandingFailed
}

// Standing returns the run's state at a time.
func (l Listing) Standing(now time.Time) Standing {
	s := &l.State
	switch {
	case s.Done != nil:
		return s.Done.Standing()
	case l.Status == StatusUnknown:
		return StandingUnknown
	case l.Status != StatusLive:
		return StandingDead
	case s.Started == nil:
		return StandingStarting
	case s.Paused:
		return StandingPaused
	case s.Stopping:
		return StandingStopping
	case now.Sub(s.Updated) >= SilentAfter:
		return StandingSilent
	}
	return StandingRunning
}
