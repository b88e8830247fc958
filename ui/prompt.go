package ui

import (
	"slices"

	tea "github.com/charmbracelet/bubbletea"

	"espalier/ui/theme"
)

// A prompt takes a line of text in the readout row.
type prompt struct {
	text []rune
	at   int // where the next rune goes
}

// startPrompt asks for the log's filter.
func (a *App) startPrompt() {
	text := []rune(a.log.filter)
	a.prompt = prompt{text, len(text)}
	a.overlay = overlayPrompt
}

// insert puts runes where the cursor is.
func (p *prompt) insert(runes []rune) {
	p.text = slices.Insert(p.text, p.at, runes...)
	p.at += len(runes)
}

// edit changes the text as keys usually do.
func (p *prompt) edit(key string, msg tea.KeyMsg) {
	switch key {
	case "left", "ctrl+b":
		p.at = max(p.at-1, 0)
	case "right", "ctrl+f":
		p.at = min(p.at+1, len(p.text))
	case "home", "ctrl+a":
		p.at = 0
	case "end", "ctrl+e":
		p.at = len(p.text)
	case "backspace", "ctrl+h":
		if p.at > 0 {
			p.text = slices.Delete(p.text, p.at-1, p.at)
			p.at--
		}
	case "delete", "ctrl+d":
		if p.at < len(p.text) {
			p.text = slices.Delete(p.text, p.at, p.at+1)
		}
	case "ctrl+u":
		p.text, p.at = p.text[p.at:], 0
	default:
		if msg.Type == tea.KeyRunes || msg.Type == tea.KeySpace {
			p.insert([]rune(key))
		}
	}
}

// promptKey edits the text, takes it over as the log's filter or gives it up.
func (a *App) promptKey(key string, msg tea.KeyMsg) {
	switch key {
	case "enter":
		a.overlay = overlayNone
		if err := a.log.setFilter(string(a.prompt.text)); err != nil {
			a.say(err.Error())
		}
	case "esc":
		a.overlay = overlayNone
	default:
		a.prompt.edit(key, msg)
	}
}

// draw writes the text with its cursor.
func (p *prompt) draw(w *pen) {
	w.put(theme.Key, "/").put(theme.Plain, string(p.text[:p.at]))
	if p.at < len(p.text) {
		w.put(theme.Selected, string(p.text[p.at])).put(theme.Plain, string(p.text[p.at+1:]))
	} else {
		w.put(theme.Selected, " ")
	}
	w.put(theme.Muted, "   enter filters · ! inverts · esc gives up")
}
