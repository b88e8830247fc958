package ui

import (
	"context"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"espalier/compress/pipeline"
	"espalier/ui/state"
)

const (
	tick      = 100 * time.Millisecond // between two looks at the events: 10 Hz
	slowTick  = 500 * time.Millisecond // while the terminal has no focus
	heartbeat = time.Second            // look even if nothing was signalled
	batch     = 2048                   // events taken at once: a fiftieth of a second
)

// eventsMsg brings a view's events since the last one; there may be none. Where
// rewound is not the view's any more, they are the run's first ones.
type eventsMsg struct {
	view    *view
	events  []pipeline.Event
	rewound int
	share   float64 // of what there is, how much was read; 0 where the source does not tell
}

// reader is a source that reads a journal as it is asked: it says how much of
// it was read, 0 to 1, and why it cannot be read on.
type reader interface {
	Share() float64
	Err() error
}

// rewinder is a source whose run can go back to an earlier event. Rewound counts
// how often it did.
type rewinder interface{ Rewound() int }

// loser is a source that says when the process that computed its run is gone.
type loser interface{ Lost() <-chan struct{} }

// lost logs once that no process computes the screen's own run any more.
func (a *App) lost() {
	l, ok := a.home.src.(loser)
	if !ok || a.orphaned || a.home.run.Status.Over() {
		return
	}
	select {
	case <-l.Lost():
	default:
		return
	}
	a.orphaned = true
	text := "the run is dead, its process is gone: q leaves, espalier run --resume continues it"
	a.home.run.Log.Add(state.Line{Time: a.scene.now, Level: "warn", Text: text, Step: a.home.run.Step.GlobalStep})
	a.say(text)
}

// unreadable logs once that a view's journal cannot be read any further.
func (a *App) unreadable(v *view) {
	r, ok := v.src.(reader)
	if !ok || v.unreadable {
		return
	}
	if err := r.Err(); err != nil {
		v.unreadable = true
		v.run.Log.Add(state.Line{Time: a.scene.now, Level: "error", Text: err.Error(), Step: v.run.Step.GlobalStep})
		a.say(err.Error())
	}
}

// news brings a view's events after seq, or from the first where the run went
// back since the view had rewound for its count.
func news(v *view, seq int64, rewound int) eventsMsg {
	if r, ok := v.src.(rewinder); ok && r.Rewound() != rewound {
		seq, rewound = 0, r.Rewound()
	}
	msg := eventsMsg{view: v, events: v.src.Since(seq, batch), rewound: rewound}
	if r, ok := v.src.(reader); ok {
		msg.share = r.Share()
	}
	return msg
}

// feed waits until there are new events, no sooner than pause after the call,
// and brings them. It returns when ctx ends. Neither the engine nor the screen
// waits for the other: the engine only signals that there are new events.
func feed(ctx context.Context, v *view, pause time.Duration) tea.Cmd {
	src, seq, rewound, wait := v.src, v.run.Seq, v.rewound, heartbeat
	if v.player != nil {
		wait = pause // there is something new as time passes
	}
	return func() tea.Msg {
		begin := time.Now()
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-ctx.Done():
			return nil
		case _, open := <-src.Changed():
			if !open { // it will stay readable for ever
				pause = max(pause, slowTick)
			}
		case <-timer.C:
		}
		if rest := pause - time.Since(begin); rest > 0 {
			timer.Reset(rest)
			select {
			case <-ctx.Done():
				return nil
			case <-timer.C:
			}
		}
		return news(v, seq, rewound)
	}
}

// fetch brings the events that there are now.
func fetch(v *view) tea.Cmd {
	seq, rewound := v.run.Seq, v.rewound
	return func() tea.Msg { return news(v, seq, rewound) }
}
