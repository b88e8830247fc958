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
			lines = [][]piece{{{theme.Muted, "Nothing in the help matches."}}}
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

// helpLines returns the whole help: keys and commands, other topics, and the
// other panes.
func (a *App) helpLines(width int) [][]piece {
	lines := a.keyLines(width)
	for _, topic := range a.topics() {
		lines = append(lines, nil, []piece{{theme.Focus, topic.name}})
		for _, e := range topic.entries {
			lines = append(lines, entry(width, e[0], e[1])...)
		}
	}
	for id, p := range a.panes {
		if paneID(id) == a.focus {
			continue
		}
		lines = append(lines, nil, []piece{{theme.Focus, fmt.Sprintf("In pane %d, %s", id+1, p.name())}})
		for _, text := range wrap(p.about(), width) {
			lines = append(lines, []piece{{theme.Plain, text}})
		}
		for i := range a.table {
			if b := &a.table[i]; b.help != "" && slices.Contains(b.in, paneID(id)) {
				lines = append(lines, entry(width, b.listed(), b.described())...)
			}
		}
	}
	return lines
}

// keyLines returns the keys of the focused pane, those of the whole screen, and
// the commands of the command line.
func (a *App) keyLines(width int) [][]piece {
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
	return lines
}

// A topic is a part of the help that is not about keys.
type topic struct {
	name    string
	entries [][2]string // what, and what it means
}

// topics returns the topics of the help.
func (a *App) topics() []topic {
	beside := [][2]string{
		{"espalier attach", "this screen for a run that another process computes or that is over; several may look at one run"},
		{"espalier run --resume", "go on with a run that is dead, was stopped or failed"},
		{"espalier screenshot", "what this screen shows as text, SVG or PNG, after any step, without a terminal"},
		{"espalier runs", "the list of pane 7 as text or JSON"},
		{"--theme --glyphs", "set at the start what T and # change; also --no-mouse, --bell and $NO_COLOR"},
	}
	if a.options.Preferences != "" {
		beside = append(beside, [2]string{"preferences", "theme, glyphs, mouse, bell, smoothing and borders are remembered in " + a.options.Preferences})
	}
	return []topic{
		{"Mouse", [][2]string{
			{"click", "focuses a pane and selects what it points at: a step, a layer, a channel, a calibration size, a line, a round, a run; on a tab, shows that pane"},
			{"wheel", "zooms the loss, moves through lists, scrolls this help"},
			{"drag a border", "makes charts wider or panes higher"},
			{"shift+drag", "selects text in most terminals; M gives the mouse to the terminal"},
		}},
		{"Signs", [][2]string{
			{"● ‖ ◌ ✓ ✗ ↺ !", "before the state, in this order: running, paused, starting or being read, over, failed or dead, replayed, silent for half a minute"},
			{"┊ R1 R2 …", "where a pruning round begins"},
			{"◆", "a note in the loss; a marked run in the list, where ● is the run that is shown"},
			{"┆", "in a bar: the round's target sparsity"},
			{"· ░ ▒ ▓ █", "share of zero weights, below 20, 40, 60, 80 and 100 %; the layer stands before it, its percentage after it"},
			{"▸", "the selected row; the stage in progress"},
			{"▲", "the selected channel of the scales; in the loss, an infinite one"},
			{"×", "a loss that is not a number; before a number: times the median"},
			{"• ● ╌", "a measured calibration size, the selected one, and fp32's top-1"},
			{"!", "a warning in the log; ✗ an error"},
			{"· … –", "not reached yet, being computed, not measured"},
			{"zero, pt, MAC", "the share of weights that are zero, percentage points, one multiply-add"},
			{"⣿⡇⠤ ▁▃▅█░▒▓ ╭─┊┆", "braille, blocks, lines: if they look wrong, # changes the glyphs"},
		}},
		{"Beside the screen", beside},
	}
}

// passing returns the parts that contain a text, ignoring case: whole sections
// if the heading contains it, otherwise entries and paragraphs with their
// headings.
func passing(lines [][]piece, text string) [][]piece {
	var kept, heading [][]piece
	section := false // all of it is kept
	for begin := 0; begin < len(lines); {
		end := begin + 1
		switch line := lines[begin]; {
		case len(line) == 0:
			begin = end
			continue
		case len(line) == 2: // an entry, with the lines that it needs
			for end < len(lines) && len(lines[end]) == 2 && strings.TrimSpace(lines[end][0].text) == "" {
				end++
			}
		case line[0].style != theme.Focus: // a paragraph
			for end < len(lines) && len(lines[end]) == 1 {
				end++
			}
		}
		whole := ""
		for _, line := range lines[begin:end] {
			for _, p := range line {
				whole += p.text + " "
			}
		}
		found := strings.Contains(strings.ToLower(whole), strings.ToLower(text))
		switch isHeading := lines[begin][0].style == theme.Focus; {
		case isHeading && found:
			kept, heading, section = append(kept, lines[begin]), nil, true
		case isHeading:
			heading, section = lines[begin:end], false
		case found || section:
			kept = append(append(kept, heading...), lines[begin:end]...)
			heading = nil
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
		if b.section == "" && !slices.ContainsFunc(b.keys, func(k string) bool { return a.means(k, b) }) {
			continue // the keys have another meaning now
		}
		lines = append(lines, entry(width, b.listed(), b.described())...)
	}
	return lines
}

// means reports whether no other binding explains what a key does now.
func (a *App) means(key string, b *binding) bool {
	first := a.firstOf(key)
	return first == nil || first == b || first.help == ""
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

// described returns what the binding does. It includes the hint if that is
// another word, so that searching for the hint finds it.
func (b *binding) described() string {
	if strings.Contains(b.help, b.hint) {
		return b.help
	}
	return b.hint + ": " + b.help
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
