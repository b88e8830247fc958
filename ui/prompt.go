package ui

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"espalier/compress/pipeline"
	"espalier/ui/theme"
)

// A prompt takes a line of text in the readout row.
type prompt struct {
	mark string // shown before the text
	hint string // shown behind it
	text []rune
	at   int                                // where the next rune goes
	take func(text string) (tea.Cmd, error) // what enter does
}

// ask takes a line of text, beginning with one that can be edited.
func (a *App) ask(mark, hint, text string, take func(string) (tea.Cmd, error)) {
	a.prompt = prompt{mark: mark, hint: hint, text: []rune(text), at: len([]rune(text)), take: take}
	a.overlay = overlayPrompt
}

// askFilter takes the focused pane's filter.
func (a *App) askFilter() {
	f := a.filter()
	a.ask("/", "enter filters · ! inverts · esc cancels", f.text, func(text string) (tea.Cmd, error) {
		return nil, a.refilter(func() error { return f.set(text) })
	})
}

// refilter changes the focused pane's filter; the selected line of the log stays.
func (a *App) refilter(change func() error) (err error) {
	if a.focus != paneLog {
		return change()
	}
	a.log.refilter(&a.scene, func() { err = change() })
	return err
}

// askNote takes a remark about the present step.
func (a *App) askNote() {
	a.ask("note: ", "enter attaches it to this step · esc cancels", "", func(text string) (tea.Cmd, error) {
		if text != "" {
			a.send(pipeline.Command{Do: pipeline.Remark, Text: text})
		}
		return nil, nil
	})
}

// askClip takes a share that the ranges of the selected layer's weights are cut
// to, the best one proposed.
func (a *App) askClip() {
	layer, ok := a.scene.selectedLayer()
	if !ok {
		return
	}
	best := "0.9"
	if q, ok := a.scales.scales(&a.scene); ok && q.BestClip > 0 && q.BestClip < 1 {
		best = fmt.Sprintf("%.2f", q.BestClip)
	}
	a.ask("clip weights to: ", "a share of their range, 0.05 to 1 · the run does not change · esc cancels", best, func(text string) (tea.Cmd, error) {
		share, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
		c := pipeline.Command{Do: pipeline.Inspect, Layer: layer.Name, Clip: share}
		if err != nil || share == 0 {
			return nil, fmt.Errorf("clip to %q: write a share, as 0.9", text)
		}
		if err := c.Check(); err != nil {
			return nil, err
		}
		a.send(c)
		return nil, nil
	})
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

// promptKey edits the text, takes it over or gives it up.
func (a *App) promptKey(key string, msg tea.KeyMsg) tea.Cmd {
	switch key {
	case "enter":
		a.overlay = overlayNone
		cmd, err := a.prompt.take(string(a.prompt.text))
		if err != nil {
			a.say(err.Error())
		}
		return cmd
	case "tab":
		if a.prompt.mark == ":" {
			a.prompt.text = []rune(complete(string(a.prompt.text)))
			a.prompt.at = len(a.prompt.text)
		}
	case "esc":
		a.overlay = overlayNone
	default:
		a.prompt.edit(key, msg)
	}
	return nil
}

// draw writes the text with its cursor.
func (p *prompt) draw(w *pen) {
	w.put(theme.Key, p.mark).put(theme.Plain, string(p.text[:p.at]))
	if p.at < len(p.text) {
		w.put(theme.Selected, string(p.text[p.at])).put(theme.Plain, string(p.text[p.at+1:]))
	} else {
		w.put(theme.Selected, " ")
	}
	w.put(theme.Muted, "   "+p.hint)
}
