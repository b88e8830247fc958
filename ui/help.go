package ui

import (
	"fmt"
	"slices"
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
	if a.helpFilter != "" {
		if lines = passing(lines, a.helpFilter); len(lines) == 0 {
			lines = [][]piece{{{theme.Muted, "Nothing in the help says so."}}}
		}
	}
	g.Fill(r, ' ', 0)
	right := "j k scroll · / filters · esc closes"
	left := []piece{{0, "Help"}}
	switch {
	case a.helpTyping:
		left, right = append(left, piece{theme.Key, "/" + a.helpFilter + "▏"}), "enter keeps · esc clears"
	case a.helpFilter != "":
		left = append(left, piece{theme.Warn, "/" + a.helpFilter})
	}
	inside := box(g, r, true, left, right)
	a.helpScroll = min(max(a.helpScroll, 0), max(len(lines)-inside.H, 0))
	for i, line := range lines[min(a.helpScroll, len(lines)):] {
		w := row(g, inside, i).skip(1)
		for _, p := range line {
			w.put(p.style, p.text)
		}
	}
}

// helpLines returns the help for the focused pane, then for the whole screen and
// the other panes.
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
	lines = append(lines, a.helpElsewhere(width)...)
	lines = append(lines, nil)
	for _, text := range wrap("Glyphs: braille ⣿⡇⠤, blocks ▁▃▅█░▒▓, lines ╭─┊┆. If these look wrong, press #. "+
		"Zero is the share of weights that are zero, points (pt) are percentage points, one MAC is one multiply-add.", width) {
		lines = append(lines, []piece{{theme.Muted, text}})
	}
	return lines
}

// passing returns the lines of entries and headings that contain a text, upper
// and lower case the same. What an entry needs more than one line for stays
// together.
func passing(lines [][]piece, text string) [][]piece {
	var kept [][]piece
	for begin := 0; begin < len(lines); {
		end := begin + 1
		for end < len(lines) && len(lines[end]) == 2 && strings.TrimSpace(lines[end][0].text) == "" {
			end++
		}
		whole := ""
		for _, line := range lines[begin:end] {
			for _, p := range line {
				whole += p.text + " "
			}
		}
		if strings.Contains(strings.ToLower(whole), strings.ToLower(text)) {
			kept = append(kept, lines[begin:end]...)
		}
		begin = end
	}
	return kept
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

// helpElsewhere returns the lines for what keys do in other panes, also at other
// times, each in the first pane that has it.
func (a *App) helpElsewhere(width int) [][]piece {
	var lines [][]piece
	told := make([]bool, len(a.table))
	for i := range a.table {
		told[i] = slices.Contains(a.table[i].in, a.focus)
	}
	for p := range paneCount {
		var keys [][]piece
		for i := range a.table {
			if b := &a.table[i]; slices.Contains(b.in, p) && b.help != "" && !told[i] {
				told[i] = true
				keys = append(keys, entry(width, b.listed(), b.help)...)
			}
		}
		if len(keys) > 0 {
			lines = append(lines, nil, []piece{{theme.Focus, "In pane " + fmt.Sprint(int(p)+1) + ", " + a.panes[p].name()}})
			lines = append(lines, keys...)
		}
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

// helpKey scrolls the help, filters it or closes it.
func (a *App) helpKey(key string) {
	if a.helpTyping {
		a.typeHelp(key)
		return
	}
	switch key {
	case "/":
		a.helpTyping, a.helpScroll = true, 0
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
	case "esc":
		if a.helpFilter != "" {
			a.helpFilter = ""
			return
		}
		a.overlay = overlayNone
	case "?", "q", "enter", "ctrl+c":
		a.overlay = overlayNone
	}
}

// typeHelp edits the text that the help is filtered by.
func (a *App) typeHelp(key string) {
	switch runes := []rune(a.helpFilter); {
	case key == "enter":
		a.helpTyping = false
	case key == "esc" || key == "ctrl+c":
		a.helpTyping, a.helpFilter = false, ""
	case key == "backspace" && len(runes) > 0:
		a.helpFilter = string(runes[:len(runes)-1])
	case len([]rune(key)) == 1:
		a.helpFilter += key
	}
}
