package ui

import (
	"espalier/ui/grid"
	"espalier/ui/theme"
)

// drawHelp draws what the focused pane shows and every key, from the table that
// dispatches them.
func (a *App) drawHelp(g *grid.Grid) {
	lines := a.helpLines()
	r := g.Bounds().Centre(90, len(lines)+2)
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
func (a *App) helpLines() [][]piece {
	p := a.panes[a.focus]
	lines := [][]piece{{{theme.Focus, p.name()}}}
	for _, text := range p.about() {
		lines = append(lines, []piece{{theme.Plain, text}})
	}
	lines = append(lines, nil)
	lines = append(lines, a.helpKeys(func(b *binding) bool { return b.in != nil })...)
	lines = append(lines, nil, []piece{{theme.Focus, "Everywhere"}})
	lines = append(lines, a.helpKeys(func(b *binding) bool { return b.in == nil })...)
	return append(lines, nil,
		[]piece{{theme.Muted, "glyphs: braille ⣿⡇⠤  blocks ▁▃▅█░▒▓  lines ╭─┊┆  – if these look wrong, press "}, {theme.Key, "#"}},
		[]piece{{theme.Muted, "zero is the share of weights that are zero; points (pt) are percentage points; one MAC is one multiply-add"}})
}

// helpKeys returns a line for each binding of the focused pane that passes.
func (a *App) helpKeys(pass func(*binding) bool) [][]piece {
	var lines [][]piece
	for i := range a.table {
		b := &a.table[i]
		if b.help == "" || !pass(b) || !(b.in == nil || b.works(a, a.focus)) {
			continue
		}
		keys := b.shown()
		if b.label == "" {
			for _, k := range b.keys[1:] {
				keys += " " + keyLabel(k)
			}
		}
		pad := max(12-len([]rune(keys)), 1)
		lines = append(lines, []piece{{theme.Key, keys}, {0, "            "[:pad]}, {theme.Plain, b.help}})
	}
	return lines
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
