package ui

import (
	"context"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"espalier/compress/pipeline"
)

const (
	tick      = 80 * time.Millisecond  // between two looks at the events: 12.5 Hz
	slowTick  = 500 * time.Millisecond // while the terminal is not looked at
	heartbeat = time.Second            // look even if nothing was signalled
	batch     = 8192                   // events taken at once
)

// eventsMsg brings the events since the last one; there may be none.
type eventsMsg []pipeline.Event

// feed waits until there are events after seq, no sooner than pause after the
// call, and brings them. It returns when ctx ends. The engine is never waited
// for and never waits: it only signals that there is something new.
func feed(ctx context.Context, src pipeline.Source, seq int64, pause time.Duration) tea.Cmd {
	return func() tea.Msg {
		begin := time.Now()
		timer := time.NewTimer(heartbeat)
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
		return eventsMsg(src.Since(seq, batch))
	}
}

// fetch brings the events after seq that there are now.
func fetch(src pipeline.Source, seq int64) tea.Cmd {
	return func() tea.Msg { return eventsMsg(src.Since(seq, batch)) }
}
