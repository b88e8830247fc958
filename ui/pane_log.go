package ui

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"espalier/ui/grid"
	"espalier/ui/state"
	"espalier/ui/theme"
)

// logPane shows the run's log.
type logPane struct {
	back   int       // how many lines the selected line is above the newest; 0 follows
	held   bool      // stays at its line even at the newest
	known  int       // lines said so far, when drawn last
	body   grid.Rect // of the lines, drawn last
	begin  int       // of them, the index of the first
	filter filter
	least  int // of levels, the first that is shown
}

// levels are those of the log's lines, rising.
var levels = []string{"info", "warn", "error"}

func (*logPane) name() string { return "Log" }

func (*logPane) about() string {
	return "What happened, newest at the bottom. ! marks a warning, ✗ an error. enter on a line about a " +
		"layer opens the layer's scales. / shows only lines that match a regular expression or, " +
		"after an exclamation mark, lines that do not. The key ! shows only warnings and errors, then only errors."
}

func (p *logPane) draw(s *scene, g *grid.Grid, r grid.Rect, focused bool) {
	p.stay(s)
	lines := p.lines(s)
	left := []piece{{0, "5 Log"}}
	if p.filter.text != "" {
		left = append(left, piece{theme.Warn, "/" + p.filter.text})
	}
	if p.least > 0 {
		left = append(left, piece{theme.Warn, "level ≥ " + levels[p.least]})
	}
	right := "follows"
	switch {
	case s.cursorOn:
		right = fmt.Sprintf("@%.0f", s.cursor)
	case p.back > 0:
		right = fmt.Sprintf("%d below · f follows", p.back)
	case p.held:
		right = "pinned"
	}
	inside := box(g, r, focused, left, right)
	p.body = inside
	if len(lines) == 0 {
		text := "The log is empty."
		if p.filter.text != "" || p.least > 0 {
			text = "No line matches; esc shows all lines."
		}
		centred(g, inside, theme.Muted, text)
		return
	}
	p.back = min(max(p.back, 0), len(lines)-1)
	selected := p.selected(s, lines)
	end := min(max(selected+1+inside.H/2, inside.H), len(lines))
	if !s.cursorOn && p.back == 0 {
		end = len(lines)
	}
	begin := max(end-inside.H, 0)
	p.begin = begin
	for i, line := range lines[begin:end] {
		logLine(row(g, inside, i), line, inside.W >= 100, focused && begin+i == selected)
	}
}

// passes reports whether a line is shown.
func (p *logPane) passes(l state.Line) bool {
	return p.filter.passes(l.Text) && slices.Index(levels, l.Level) >= p.least
}

// lines returns the lines that are shown.
func (p *logPane) lines(s *scene) []state.Line {
	all := s.run.Log.Lines()
	if p.filter.match == nil && p.least == 0 {
		return all
	}
	var passed []state.Line
	for _, l := range all {
		if p.passes(l) {
			passed = append(passed, l)
		}
	}
	return passed
}

// selected returns the index of the selected line: the newest at or before the
// step under the cursor, or the one scrolled to.
func (p *logPane) selected(s *scene, lines []state.Line) int {
	if s.cursorOn {
		for i := len(lines) - 1; i >= 0; i-- {
			if lines[i].Step <= int(s.cursor) {
				return i
			}
		}
		return 0
	}
	return len(lines) - 1 - min(p.back, len(lines)-1)
}

// logLine writes a line: its time, a mark for what needs a look, the sentence.
func logLine(w *pen, l state.Line, wide, selected bool) {
	mark, style := " ", theme.Plain
	switch l.Level {
	case "warn":
		mark, style = "!", theme.Warn
	case "error":
		mark, style = "✗", theme.Bad
	}
	stamp := l.Time.Format("15:04:05")
	if wide {
		stamp = l.Time.Format("15:04:05.000")
	}
	if selected {
		text := " " + stamp + " " + mark + " " + l.Text
		if pad := w.column - w.x - utf8.RuneCountInString(text); pad > 0 {
			text += strings.Repeat(" ", pad)
		}
		w.put(theme.Selected, text)
		return
	}
	w.put(theme.Muted, " "+stamp+" ").put(style, mark+" ")
	if style == theme.Warn {
		style = theme.Plain
	}
	w.put(style, l.Text)
}

func (p *logPane) move(s *scene, _, dy int) {
	if dy == 0 {
		return
	}
	s.cursorOn = false
	p.back = min(max(p.back-dy, 0), max(len(p.lines(s))-1, 0))
	p.held = p.held && dy < far
}

// enter opens the layer that the selected line is about.
func (p *logPane) enter(s *scene) {
	if lines := p.lines(s); len(lines) > 0 {
		if s.selectLayer(lines[p.selected(s, lines)].Layer) {
			s.inspect()
		}
	}
}

func (p *logPane) readout(s *scene, w *pen) {
	lines := p.lines(s)
	if len(lines) == 0 {
		return
	}
	l := lines[p.selected(s, lines)]
	w.putf(theme.Muted, "line %d of %d · step %d · ", p.selected(s, lines)+1+s.run.Log.Dropped(), len(lines)+s.run.Log.Dropped(), l.Step).put(0, l.Text)
}

// freeze stays at the newest line, or follows the run again.
func (p *logPane) freeze(s *scene) {
	if s.cursorOn || p.held || p.back > 0 {
		s.cursorOn, p.held, p.back = false, false, 0
		return
	}
	p.held = true
}

// stay keeps the selected line where lines were added below it.
func (p *logPane) stay(s *scene) {
	n := s.run.Log.Count()
	if added := n - p.known; added > 0 && (p.held || p.back > 0) {
		for _, l := range s.run.Log.Newest(added) {
			if p.passes(l) {
				p.back++
			}
		}
	}
	p.known = n
}

func (p *logPane) matches(s *scene) (selected, n int) {
	lines := p.lines(s)
	if len(lines) == 0 {
		return 0, 0
	}
	return p.selected(s, lines), len(lines)
}

func (p *logPane) selectMatch(s *scene, i int) {
	s.cursorOn = false
	p.back = len(p.lines(s)) - 1 - i
}

// refilter changes the filter and keeps the selected line where it passes.
func (p *logPane) refilter(s *scene, change func()) {
	before := p.lines(s)
	if len(before) == 0 || s.cursorOn || p.back == 0 && !p.held {
		change()
		p.back = 0
		return
	}
	line := before[p.selected(s, before)]
	change()
	lines := p.lines(s)
	p.back = 0
	for i := len(lines) - 1; i >= 0; i-- {
		if lines[i] == line {
			p.back = len(lines) - 1 - i
			break
		}
	}
}
