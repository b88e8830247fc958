package ui

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"espalier/ui/grid"
	"espalier/ui/theme"
)

// drawHelp draws what the focused pane shows and every key, from the table that
// dispatches them.
func (a *App) drawHelp(g *grid.Grid) {
	r := g.Bounds().Centre(90, g.Bounds().H)
	lines := a.helpLines(r.W - 4)
	r = r.Centre(r.W, len(lines)+2)
	g.Fill(r, ' ', 0)
	inside := box(g, r, true, []piece{{0, "Help"}}, "j k scroll · esc closes")
	a.helpScroll = min(max(a.helpScroll, 0), max(len(lines)-inside.H, 0))
	for i, line := range lines[min(a.helpScroll, len(lines)):] {
		w := row(g, inside, i).skip(1)
		for _, p := range line {
			w.put(p.style, p.text)
		}
	}
}

// helpLines returns the help for the focused pane, then for the whole screen.
func (a *App) helpLines(width int) [][]piece {
	p := a.panes[a.focus]
	lines := [][]piece{{{theme.Focus, p.name()}}}
	for _, text := range wrap(p.about(), width) {
		lines = append(lines, []piece{{theme.Plain, text}})
	}
	lines = append(lines, nil)
	lines = append(lines, a.helpKeys(width, func(b *binding) bool { return b.in != nil })...)
	lines = append(lines, nil, []piece{{theme.Focus, "Everywhere"}})
	lines = append(lines, a.helpKeys(width, func(b *binding) bool { return b.in == nil && b.section == "" })...)
	section := ""
	for i := range a.table {
		if s := a.table[i].section; s != section && s != "" {
			section = s
			lines = append(lines, nil, []piece{{theme.Focus, s}})
			lines = append(lines, a.helpKeys(width, func(b *binding) bool { return b.section == s })...)
		}
	}
	lines = append(lines, nil, []piece{{theme.Focus, "Command line"}})
	for _, c := range colons() {
		lines = append(lines, entry(width, ":"+strings.TrimSpace(c.name+" "+c.argument), c.help)...)
	}
	lines = append(lines, nil)
	for _, text := range wrap("Glyphs: braille ⣿⡇⠤, blocks ▁▃▅█░▒▓, lines ╭─┊┆. If these look wrong, press #. "+
		"Zero is the share of weights that are zero, points (pt) are percentage points, one MAC is one multiply-add.", width) {
		lines = append(lines, []piece{{theme.Muted, text}})
	}
	return lines
}

// wrap breaks a text at blanks into lines of at most width cells.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		switch {
		case line == "":
			line = word
		case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > width:
			lines, line = append(lines, line), word
		default:
			line += " " + word
		}
	}
	return append(lines, line)
}

// entry returns the lines of something to press or type, and what it does.
func entry(width int, what, does string) [][]piece {
	const column = 24
	var lines [][]piece
	for i, text := range wrap(does, max(width-column, 10)) {
		if i > 0 {
			what = ""
		}
		lines = append(lines, []piece{{theme.Key, fmt.Sprintf("%-*s", column, what)}, {theme.Plain, text}})
	}
	return lines
}

// helpKeys returns the lines for each binding of the focused pane that passes.
func (a *App) helpKeys(width int, pass func(*binding) bool) [][]piece {
	var lines [][]piece
	for i := range a.table {
		b := &a.table[i]
		if b.help == "" || !pass(b) || !(b.in == nil || b.works(a, a.focus)) {
			continue
		}
		lines = append(lines, entry(width, b.listed(), b.help)...)
	}
	return lines
}

// listed returns all of the binding's keys, for the help.
func (b *binding) listed() string {
	if b.label != "" {
		return strings.TrimSpace(b.label + " " + b.also)
	}
	var keys []string
	for _, k := range b.keys {
		keys = append(keys, keyLabel(k))
	}
	return strings.Join(keys, " ")
}

// helpKey scrolls the help or closes it.
func (a *App) helpKey(key string) {
	switch key {
	case "j", "down":
		a.helpScroll++
	case "k", "up":
		a.helpScroll--
	case " ", "pgdown", "ctrl+d":
		a.helpScroll += 10
	case "pgup", "ctrl+u":
		a.helpScroll -= 10
	case "g", "home":
		a.helpScroll = 0
	case "G", "end":
		a.helpScroll = far
	case "esc", "?", "q", "enter", "ctrl+c":
		a.overlay = overlayNone
	}
}
