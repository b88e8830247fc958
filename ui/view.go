package ui

import (
	"fmt"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"espalier/compress/pipeline"
	"espalier/ui/state"
)

// A view is a run that the screen shows, or could go back to: what tells of it
// and what that adds up to.
type view struct {
	src    pipeline.Source
	run    *state.Run
	heard  time.Time    // when the newest events arrived
	player *player      // where the run is replayed; it is src then
	shut   func() error // ends what was opened for the view; nil for none

	share      float64 // of its events, how much was read while there is more; 0 when all
	unreadable bool    // it was told why there is no more

	orphan int64 // the run's newest event when the process that computed it was gone; 0 before

	rewound int // how often src's run had gone back when run was begun
}

func newView(src pipeline.Source) *view { return &view{src: src, run: &state.Run{}} }

// follower is a source of a run that another process computes, or did.
type follower interface {
	loser
	Follows() bool
}

// dead reports whether the run has not ended and nobody computes it. Where another
// process takes it up, events come again.
func (v *view) dead() bool {
	f, ok := v.src.(follower)
	if !ok || v.run.Status.Over() || v.share > 0 || v.run.Seq == 0 {
		return false
	}
	if v.orphan == 0 {
		gone := !f.Follows()
		select {
		case <-f.Lost():
			gone = true
		default:
		}
		if gone {
			v.orphan = v.run.Seq
		}
	}
	return v.orphan == v.run.Seq
}

// held reports whether the run is paused or about to be.
func (v *view) held() bool {
	return v.run.Status == pipeline.StandingPaused || v.run.Status == pipeline.StandingPausing
}

// show shows a view in all panes and returns the command that brings its events.
func (a *App) show(v *view) tea.Cmd {
	moved := a.shown != nil && a.shown.player != nil && v.player != nil // the same replay, elsewhere
	a.shown = v
	s := &a.scene
	if s.run != nil && s.run.Info.Name != v.run.Info.Name {
		s.cursorOn, s.others = false, nil
		s.layer, s.channel, s.images, s.observer = 0, 0, 0, 0
	}
	s.run, s.heard, s.player, s.share, s.dead = v.run, v.heard, v.player, v.share, v.dead()
	a.loss.y = [2]float64{} // chosen anew
	a.log.known, a.stale = v.run.Log.Count(), true
	if !moved {
		a.loss.closeup = nil
		a.loss.view, a.log.back, a.log.held = viewport{}, 0, false
	}
	if v == a.home {
		return nil // its events never ceased to come
	}
	return guard(fetch(v))
}

// visit shows a run of the list.
func (a *App) visit(l pipeline.Listing) tea.Cmd {
	if l.Err != nil {
		a.say(l.Err.Error())
		return nil
	}
	if l.Folder.Name() == a.home.run.Info.Name {
		return a.goHome()
	}
	runs := a.options.Runs
	return guard(func() tea.Msg {
		src, err := runs.Open(l.Folder)
		if err != nil {
			return openedMsg{err: fmt.Errorf("opening the run %s: %w", l.Folder.Name(), err)}
		}
		v := newView(src)
		v.shut = src.Close
		return openedMsg{view: v}
	})
}

// openedMsg brings a run that was opened, or why it was not.
type openedMsg struct {
	view *view
	err  error
}

func (a *App) opened(msg openedMsg) tea.Cmd {
	if msg.err != nil {
		a.say(msg.err.Error())
		return nil
	}
	a.goHome()
	a.say("esc goes back to the run that the screen was started for")
	return a.show(msg.view)
}

// resumable reports whether a run can go on: it has not come to its end, and
// nobody computes it.
func resumable(l pipeline.Listing) bool {
	return l.Err == nil && l.Status != pipeline.StatusDone && l.Status != pipeline.StatusLive
}

// resume leaves the screen so that another run goes on, unless this process has
// one to compute.
func (a *App) resume(l pipeline.Listing) tea.Cmd {
	command := "espalier run --resume " + l.Folder.Name()
	switch {
	case a.options.Resume == nil:
		a.say("this screen cannot resume it; in another terminal: " + command)
		return nil
	case !a.options.Attached && !a.home.run.Status.Over():
		a.say("a run is in progress here; in another terminal: " + command)
		return nil
	}
	a.options.Resume(l.Folder)
	return a.leave(Resume)
}

// goHome shows the run that the screen was started for.
func (a *App) goHome() tea.Cmd {
	if a.shown.shut != nil {
		_ = a.shown.shut() // it was only read
	}
	return a.show(a.home)
}
