package ui

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"espalier/compress/pipeline"
	"espalier/configs"
	"espalier/ui/state"
)

// Runs is where the screen learns of other runs. Its methods may read files and
// are called outside the screen's own goroutine, one after another.
type Runs interface {
	// List returns the runs, the newest first.
	List() ([]pipeline.Listing, error)
	// Open returns a run's events, following it where it is live.
	Open(pipeline.Folder) (OpenRun, error)
	// Experiment returns a run's settings.
	Experiment(pipeline.Folder) (configs.Experiment, error)
}

// An OpenRun is the Source of a run that was opened and has to be closed.
type OpenRun interface {
	pipeline.Source
	io.Closer
}

// listEvery is how often the list is read again while it is looked at: reading
// it takes time from a run in progress.
const listEvery = 30 * time.Second

// listedMsg brings the list of runs.
type listedMsg struct {
	listings []pipeline.Listing
	err      error
}

// list asks for the list of runs where it is shown and too old. While it has
// not the focus, it is old only once the run has ended.
func (a *App) list() tea.Cmd {
	runs := a.options.Runs
	if runs == nil || a.runs.reading || a.crash != nil {
		return nil
	}
	age := a.scene.now.Sub(a.runs.read)
	switch over := a.home.run.Status.Over(); {
	case a.focus == paneRuns && (a.runs.read.IsZero() || age >= listEvery):
	case a.runsShown() && (a.runs.read.IsZero() || a.runs.over != over && age >= time.Second):
	default:
		return nil
	}
	a.runs.over = a.home.run.Status.Over()
	a.runs.reading = true
	return guard(func() tea.Msg {
		listings, err := runs.List()
		return listedMsg{listings, err}
	})
}

// runsShown reports whether the list of runs is on the screen.
func (a *App) runsShown() bool {
	l := a.layout()
	return slices.ContainsFunc(l.panes, func(p place) bool { return p.pane == paneRuns })
}

// A contender is a run in a comparison.
type contender struct {
	name     string
	run      *state.Run
	stands   pipeline.Standing
	settings []setting
}

// comparedMsg brings the runs to compare, the shown one first.
type comparedMsg struct {
	contenders []contender
	err        error
}

// mostCompared bounds a comparison: more curves cannot be told apart.
const mostCompared = 4

// compare reads the marked runs, or the selected one, to compare the shown run
// with them.
func (a *App) compare() tea.Cmd {
	others := a.runs.chosen(a.scene.run.Info.Name)
	switch {
	case len(others) == 0:
		a.say("mark the runs to compare with first: v marks")
		return nil
	case len(others) >= mostCompared:
		a.say(fmt.Sprintf("at most %d runs can be compared with this one: v unmarks", mostCompared-1))
		return nil
	}
	runs, now := a.options.Runs, a.scene.now
	shown := contender{name: a.scene.run.Info.Name, run: a.scene.run, stands: a.scene.standing()}
	folder, ok := a.runs.folder(shown.name)
	a.say("reading the runs to compare")
	return guard(func() tea.Msg {
		if ok {
			if e, err := runs.Experiment(folder); err == nil {
				shown.settings = settingsOf(e)
			}
		}
		all := []contender{shown}
		for _, l := range others {
			c, err := readContender(runs, l.Folder)
			if err != nil {
				return comparedMsg{err: fmt.Errorf("comparing with the run %s: %w", l.Folder.Name(), err)}
			}
			c.stands = l.Standing(now)
			all = append(all, c)
		}
		return comparedMsg{contenders: all}
	})
}

// readContender folds all events of a run.
func readContender(runs Runs, folder pipeline.Folder) (contender, error) {
	src, err := runs.Open(folder)
	if err != nil {
		return contender{}, err
	}
	c := contender{name: folder.Name(), run: &state.Run{}}
	for {
		events := src.Since(c.run.Seq, batch)
		for _, e := range events {
			c.run.Apply(e)
		}
		if len(events) < batch {
			break
		}
	}
	e, err := runs.Experiment(folder)
	if err == nil {
		c.settings = settingsOf(e)
	}
	return c, errors.Join(err, src.Close())
}

func (a *App) compared(msg comparedMsg) {
	if msg.err != nil {
		a.say(msg.err.Error())
		return
	}
	a.scene.others = msg.contenders[1:]
	a.runs.compare(msg.contenders)
	a.say("1 shows their losses, 3 their calibration; esc ends the comparison")
}
