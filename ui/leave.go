package ui

import (
	"fmt"
	"path"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"espalier/compress/pipeline"
	"espalier/ui/grid"
	"espalier/ui/theme"
)

// breakTwice is the time within which a second ctrl+c means: save and stop.
const breakTwice = 2 * time.Second

// leaveMsg leaves at once with an outcome, as when a signal asks for it.
type leaveMsg Outcome

// A way is one way to leave a run in progress.
type way struct {
	key, word, what string
}

// ways returns the ways to leave. Leaving cannot end a run that another process
// computes.
func (a *App) ways() []way {
	stops := []way{
		{"s", "stop", "finish this round, save, then leave"},
		{"x", "stop now", "save a checkpoint at this step, then leave"},
	}
	stay := way{"esc", "stay", ""}
	if a.options.Attached {
		return append(append([]way{{"d", "leave", "the run goes on in its process"}}, stops...), stay)
	}
	abort := way{"a", "abort", "end at once; nothing of this run is saved yet"}
	if saved := a.home.run.Checkpoint; saved != "" {
		abort.what = "end at once; saved last: " + path.Base(saved)
	}
	detach := way{"d", "detach", "the run goes on without a screen"}
	if a.home.held() {
		detach.what = "the run stays paused without a screen"
	}
	return append(append([]way{detach}, stops...), abort, stay)
}

// ended reports whether the run takes no commands any more: it is over, or the
// process that computed it is gone.
func (a *App) ended() bool {
	return a.home.run.Status.Over() || a.options.Attached && a.options.Computed != nil && !a.options.Computed()
}

// quit leaves, or asks how while the run is in progress. A second ctrl+c within
// two seconds saves and stops.
func (a *App) quit(key string) tea.Cmd {
	if a.ended() {
		return a.leave(a.outcomeOver())
	}
	if key == "ctrl+c" {
		if !a.lastBreak.IsZero() && a.scene.now.Sub(a.lastBreak) < breakTwice {
			return a.stop(pipeline.StopNow, StopNow)
		}
		a.lastBreak = a.scene.now
	}
	a.overlay = overlayLeave
	return nil
}

// outcomeOver is the outcome of leaving a run that is over: the one that was asked
// for, if any.
func (a *App) outcomeOver() Outcome {
	if a.leaving {
		return a.outcome
	}
	return Quit
}

// leave ends the screen.
func (a *App) leave(o Outcome) tea.Cmd {
	if o == StopNow && !a.home.run.Status.Over() && !a.leaving {
		a.sendTo(a.home, pipeline.Command{Do: pipeline.StopNow})
	}
	a.outcome = o
	return tea.Quit
}

// stop asks the run to end and leaves when it has. Asked again, it leaves at
// once; the command that started the run waits for its end.
func (a *App) stop(do pipeline.Action, o Outcome) tea.Cmd {
	a.overlay = overlayNone
	if a.leaving && a.outcome == o && o == StopNow {
		return tea.Quit
	}
	if do == pipeline.StopAfter && a.home.held() { // a paused run would never reach the end of its round
		a.sendTo(a.home, pipeline.Command{Do: pipeline.Resume})
	}
	a.sendTo(a.home, pipeline.Command{Do: do})
	a.leaving, a.outcome = true, o
	if do == pipeline.StopAfter {
		a.say("the run ends after this round, and the screen closes then; x in the leave dialog ends it sooner")
	} else {
		a.say("saving a checkpoint; the screen closes when it is written")
	}
	return nil
}

// leaveKey handles a key in the leave dialog.
func (a *App) leaveKey(key string) tea.Cmd {
	if a.home.run.Status.Over() {
		a.overlay = overlayNone
		if key == "esc" {
			return nil
		}
		return a.leave(a.outcomeOver())
	}
	switch key {
	case "d", "enter":
		return a.leave(Detach)
	case "s":
		return a.stop(pipeline.StopAfter, StopAfter)
	case "x":
		return a.stop(pipeline.StopNow, StopNow)
	case "a":
		if !a.options.Attached {
			return a.leave(Abort)
		}
	case "ctrl+c":
		return a.quit(key)
	case "esc", "q":
		a.overlay = overlayNone
	}
	return nil
}

// drawLeave draws the leave dialog.
func (a *App) drawLeave(g *grid.Grid) {
	right := "the run is over"
	if !a.home.run.Status.Over() {
		right = "the run is in progress"
		if round, ok := a.home.run.Round(); ok {
			right += fmt.Sprintf(" · round %d/%d", round.Round, a.home.run.RoundCount())
		}
	}
	ways := a.ways()
	r := g.Bounds().Centre(66, len(ways)+7)
	g.Fill(r, ' ', 0)
	inside := box(g, r, true, []piece{{0, "Leave"}}, right)
	if a.home.run.Status.Over() {
		centred(g, inside, theme.Plain, "any key leaves, esc stays")
		return
	}
	for i, w := range ways {
		p := row(g, inside, i+1).skip(2).putf(theme.Key, "%-5s", w.key).putf(theme.Strong, "%-10s", w.word).put(theme.Plain, w.what)
		if i == 0 {
			p.put(theme.Muted, " (enter)")
		}
	}
	row(g, inside, len(ways)+2).skip(2).put(theme.Muted, "come back with  ").put(theme.Plain, "espalier attach "+a.home.run.Info.Name)
	row(g, inside, len(ways)+3).skip(2).put(theme.Muted, "a second ctrl+c within 2 s means stop now")
}
