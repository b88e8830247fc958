package ui

import (
	"strings"
	"testing"

	tea "github.com/charmbracelet/bubbletea"

	"espalier/compress/pipeline"
)

func TestTheBellRingsOnlyWhereItIsWantedAndNotSeen(t *testing.T) {
	for _, c := range []struct {
		name          string
		wanted, away  bool
		rings, titled bool
	}{
		{"looked at", true, false, false, false},
		{"not wanted", false, true, false, false},
		{"away", true, true, true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			src := during(2, 10)
			a := newTestApp(t, src, 80, 24)
			var out strings.Builder
			a.options.Output = &out
			if c.wanted {
				press(a, "B")
			}
			if c.away {
				a.Update(tea.BlurMsg{})
			}
			src.TellUntil(func(e pipeline.Event) bool { _, ok := e.Body.(pipeline.RoundDone); return ok })
			for _, e := range src.Since(a.home.run.Seq, batch) {
				a.home.run.Apply(e)
			}
			if cmd := a.notice(); cmd != nil {
				for _, c := range cmds(cmd) {
					c()
				}
			}
			if rings := strings.Contains(out.String(), "\a"); rings != c.rings || a.titled != c.titled {
				t.Errorf("rings %v, title %v; want %v and %v", rings, a.titled, c.rings, c.titled)
			}
			if a.notice() != nil {
				t.Error("the same news is told twice")
			}
			if _, cmd := a.Update(tea.FocusMsg{}); (cmd != nil) != c.titled || a.titled {
				t.Errorf("looking again: command %v, title %v", cmd != nil, a.titled)
			}
		})
	}
}
