package ui

import (
	"fmt"
	"io"
	"os"

	tea "github.com/charmbracelet/bubbletea"

	"espalier/compress/pipeline"
	"espalier/ui/state"
)

// title is the window's title when there is no news.
const title = "espalier"

// salient says what last happened to a run that somebody who looks elsewhere
// would want to know; empty before anything did.
func salient(r *state.Run) string {
	switch {
	case r.Status.Over():
		return r.Status.String()
	case r.Status == pipeline.StandingPaused && r.Reason != "":
		return "paused: " + r.Reason
	}
	for i := len(r.Rounds) - 1; i >= 0; i-- {
		if d := r.Rounds[i].Done; d != nil && d.Passed {
			return fmt.Sprintf("round %d passed", d.Round)
		} else if d != nil {
			return fmt.Sprintf("round %d failed", d.Round)
		}
	}
	return ""
}

// notice rings the bell and puts the news into the window's title, if the user
// wants that and the terminal has no focus.
func (a *App) notice() tea.Cmd {
	news := salient(a.home.run)
	known := a.noticed == news || a.home.run.Events == 0
	a.noticed = news
	if known || news == "" || !a.blurred || !a.bell {
		return nil
	}
	a.titled = true
	return tea.Batch(tea.SetWindowTitle(news+" · "+title), guard(a.ring))
}

// ring writes the bell character, which does not change the screen and so may
// come between two frames.
func (a *App) ring() tea.Msg {
	out := a.options.Output
	if out == nil {
		out = os.Stdout
	}
	_, _ = io.WriteString(out, "\a") // a terminal that is gone cannot be told
	return nil
}

// looked removes the news from the title when the terminal has the focus again.
func (a *App) looked() tea.Cmd {
	a.blurred = false
	if !a.titled {
		return nil
	}
	a.titled = false
	return tea.SetWindowTitle(title)
}

func (a *App) toggleBell() {
	a.bell = !a.bell
	if a.bell {
		a.say("the bell rings when a round or the run ends and the terminal has no focus")
	} else {
		a.say("the bell is silent")
	}
}
