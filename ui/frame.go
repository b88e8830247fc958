package ui

import (
	"fmt"
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"espalier/ui/grid"
	"espalier/ui/theme"
)

// build draws the frame: exactly as many rows and columns as the screen has.
func (a *App) build() string {
	if a.width <= 0 || a.height <= 0 {
		return ""
	}
	a.grid.Resize(a.width, a.height)
	a.paint(a.grid)
	return a.grid.Render(a.palette)
}

// A sent App is what Bubble Tea is given: its frames lack the blanks at the ends
// of rows. Bubble Tea erases what a row leaves free, with fewer bytes.
type sent struct{ *App }

// Update hands a message on.
func (s sent) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	_, cmd := s.App.Update(msg)
	return s, cmd
}

// View returns the frame that is sent to the terminal.
func (s sent) View() string {
	rows := strings.Split(s.frame, "\n")
	for i, row := range rows {
		rows[i] = strings.TrimRight(row, " ")
	}
	return strings.Join(rows, "\n")
}

// layout says where everything is now.
func (a *App) layout() layout {
	return arrange(a.width, a.height, a.focus, a.maximised, a.split)
}

// paint draws panes and overlays into a grid of the screen's size.
func (a *App) paint(g *grid.Grid) {
	l := a.layout()
	if l.tooSmall {
		centred(g, g.Bounds(), theme.Plain,
			fmt.Sprintf("%d×%d is too small: %d×%d needed", a.width, a.height, minWidth, minHeight), miniature(&a.scene))
	} else {
		a.draw(g, l)
	}
	switch a.overlay {
	case overlayHelp:
		a.drawHelp(g)
	case overlayLeave:
		a.drawLeave(g)
	case overlayExport:
		a.drawExport(g)
	}
}

// draw draws everything below the overlays.
func (a *App) draw(g *grid.Grid, l layout) {
	s := &a.scene
	header(s, g, l.header, l.wide)
	tabs(s, g, l.tabs, a.panes, a.focus)
	for _, p := range l.panes {
		a.panes[p.pane].draw(s, g, p.rect, p.pane == a.focus)
	}
	if !l.strip.Empty() {
		strip(s, g, l.strip)
	}
	if !l.facts.Empty() {
		facts(s, g, l.facts)
	}
	tail(s, g, l.tail)
	w := row(g, l.readout, 0).skip(1)
	switch {
	case a.overlay == overlayPrompt:
		a.prompt.draw(w)
	case a.said != "":
		w.put(theme.Warn, a.said)
	default:
		a.panes[a.focus].readout(s, w)
	}
	a.hints(g, l.hints)
}

// hints fills the last row from the table of keys: what the focused pane can do
// now, and always how to get help and how to leave.
func (a *App) hints(g *grid.Grid, r grid.Rect) {
	if r.Empty() {
		return
	}
	var always, others []*binding
	seen := map[string]bool{}
	for i := range a.table {
		b := &a.table[i]
		switch {
		case b.hint == "" || !b.works(a, a.focus) || seen[b.keys[0]] || b.asks && !a.scene.steerable():
			continue
		case b.hint == "help" || b.hint == "quit":
			always = append(always, b)
		default:
			others = append(others, b)
		}
		seen[b.keys[0]] = true
	}
	const gap = 2
	width := func(b *binding) int { return g.Width(b.shown()) + 1 + g.Width(b.hint) + gap }
	room := r.W - 1
	for _, b := range always {
		room -= width(b)
	}
	w := row(g, r, 0).skip(1)
	put := func(b *binding) { w.put(theme.Key, b.shown()).put(theme.Muted, " "+b.hint).skip(gap) }
	for _, b := range others {
		if room -= width(b); room < 0 {
			break
		}
		put(b)
	}
	for _, b := range always {
		put(b)
	}
}
