package ui

import (
	"slices"
	"strings"
	"testing"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/google/go-cmp/cmp"

	"espalier/ui/internal/sample"
	"espalier/ui/theme"
)

// Every key of the table is shown by the help of some pane, and every key that
// help or hints show does something there.
func TestNoKeyIsHiddenAndNoneIsDead(t *testing.T) {
	signs := map[string]string{"space": " ", "←": "left", "→": "right", "↓": "down", "↑": "up", "−": "-", "pgdn": "pgdown", "1-7": "4", "shift+←": "shift+left", "shift+→": "shift+right"}
	shown := map[string]bool{}
	for focus := range paneCount {
		for _, state := range []string{"running", "paused", "over", "replayed", "replay paused", "filtered", "asked"} {
			a := inState(t, state)
			a.setFocus(focus)
			for i := range a.table {
				b := &a.table[i]
				if !b.works(a, focus) || b.help == "" && b.hint == "" {
					continue
				}
				listed := strings.Fields(b.listed())
				if b.hint != "" {
					listed = append(listed, strings.Fields(b.shown())...)
				}
				for _, k := range listed {
					if sign, ok := signs[k]; ok {
						k = sign
					}
					shown[k] = true
					if a.firstOf(k) == nil {
						t.Errorf("pane %d shows the key %q, which does nothing", focus, k)
					}
				}
			}
		}
	}
	for _, b := range bindings() {
		for _, k := range b.keys {
			if b.label != "1-7" && !shown[k] {
				t.Errorf("the key %q works but no help shows it", k)
			}
		}
	}
}

// From every pane the help leads to everything that keys and commands do
// anywhere.
func TestTheHelpLeadsToEverything(t *testing.T) {
	for focus := range paneCount {
		a := inState(t, "filtered")
		a.setFocus(focus)
		all := ""
		for _, line := range a.helpLines(400) {
			for _, p := range line {
				all += p.text + "\n"
			}
		}
		for _, b := range bindings() {
			// What needs a run in progress is told of the pane while there is one.
			if b.help != "" && !strings.Contains(all, b.help) && b.works(a, focus) == (b.in == nil || slices.Contains(b.in, focus)) {
				t.Errorf("pane %d: the help does not tell to %q", focus, b.help)
			}
		}
		for _, c := range colons() {
			if !strings.Contains(all, ":"+c.name) {
				t.Errorf("pane %d: the help does not tell of :%s", focus, c.name)
			}
		}
	}
}

// No section of the help shows a key twice, and none is both one of the focused
// pane's and one that works everywhere.
func TestTheHelpGivesAKeyOneMeaning(t *testing.T) {
	for focus := range paneCount {
		for _, state := range []string{"running", "paused", "over", "replayed", "filtered", "measured", "costs", "asked", "sliced", "before the rounds"} {
			a, _ := aliveIn(t, state)
			a.setFocus(focus)
			others := []string{"Command line"} // sections of other things than keys
			for _, topic := range a.topics() {
				others = append(others, topic.name)
			}
			section, shown := "", map[string]bool{}
			for _, line := range a.helpLines(400) {
				switch {
				case len(line) == 1 && line[0].style == theme.Focus:
					if section = line[0].text; section != "Everywhere" {
						shown = map[string]bool{}
					}
				case len(line) == 2 && !slices.Contains(others, section):
					for _, key := range strings.Fields(line[0].text) {
						if shown[key] {
							t.Errorf("%s: in pane %d, %q shows the key %q twice", state, focus+1, section, key)
						}
						shown[key] = true
					}
				}
			}
		}
	}
}

// inState returns a screen of a run in a state.
func inState(t *testing.T, state string) *App {
	src := during(2, 10)
	if state != "running" && state != "paused" {
		src = sample.Finished(sample.Journal())
	}
	a := newTestApp(t, src, 120, 40)
	switch state {
	case "paused":
		press(a, " ")
	case "replayed":
		press(a, "R")
	case "filtered":
		for _, f := range []*filter{&a.log.filter, &a.layers.filter, &a.runs.filter} {
			if err := f.set("."); err != nil {
				t.Fatal(err)
			}
		}
		press(a, "7", "G") // a run that was stopped
	case "asked":
		return newTestApp(t, asked(), 120, 40)
	case "replay paused":
		press(a, "R", " ")
	}
	return a
}

func TestRunesOfOneReadAreSingleKeys(t *testing.T) {
	for _, c := range []struct {
		name string
		msg  tea.KeyMsg
		want []string
	}{
		{"one key", tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune("j")}, []string{"j"}},
		{"a burst", tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune("jj3")}, []string{"j", "j", "3"}},
		{"a paste", tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune("qd"), Paste: true}, nil},
		{"a named key", tea.KeyMsg{Type: tea.KeyEnter}, []string{"enter"}},
		{"space", tea.KeyMsg{Type: tea.KeySpace, Runes: []rune(" ")}, []string{" "}},
	} {
		if diff := cmp.Diff(c.want, splitKeys(c.msg)); diff != "" {
			t.Errorf("%s (−want +got):\n%s", c.name, diff)
		}
	}
}

func TestABurstOfKeysMovesByAll(t *testing.T) {
	a := newTestApp(t, sample.Finished(sample.Journal()), 80, 24)
	press(a, "2")
	a.Update(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune("jjjj")})
	if a.scene.layer != 4 {
		t.Errorf("layer %d is selected after four keys in one read, want 4", a.scene.layer)
	}
}

func TestEveryKeyIsHarmlessOnAnEmptyScreen(t *testing.T) {
	for _, key := range allKeys() {
		a := newTestApp(t, sample.NewSource(nil), 100, 30)
		for focus := range paneCount {
			a.setFocus(focus)
			press(a, key, "esc")
		}
		if a.crash != nil {
			t.Errorf("key %q: %v", key, a.crash)
		}
	}
}

// Whatever there is to know is found by searching the help, from every pane.
func TestEverythingIsFoundInTheHelp(t *testing.T) {
	a := newTestApp(t, sample.Finished(sample.Journal()), 80, 24)
	a.options.Preferences = "/home/me/screen.json"
	for pane := range paneCount {
		a.focus = pane
		lines := a.helpLines(76)
		found := func(text string) string {
			all := ""
			for _, line := range passing(lines, text) {
				for _, p := range line {
					all += p.text
				}
				all += "\n"
			}
			return all
		}
		for i := range a.table {
			b := &a.table[i]
			if b.help == "" || b.in == nil && !b.works(a, pane) {
				continue // waits for a state, such as a replay
			}
			if b.in != nil && !slices.Contains(b.in, pane) || b.works(a, pane) {
				text, _, _ := strings.Cut(b.help, " ")
				if got := found(text); !strings.Contains(got, b.listed()) {
					t.Errorf("in %s, %q does not find %q:\n%s", a.panes[pane].name(), text, b.listed(), got)
				}
				if !strings.Contains(found(b.hint), b.listed()) {
					t.Errorf("in %s, the hint %q does not find %q", a.panes[pane].name(), b.hint, b.listed())
				}
			}
		}
		for text, want := range map[string]string{
			"mouse": "drag a border", "DRAG": "Mouse\n", "click": "calibration size", "◆": "a note", "┆": "target sparsity", "▲": "channel",
			"espalier attach": "Beside the screen", "screenshot": "SVG", "replay": "from its beginning", "screen.json": "preferences",
			"percentage": "MAC", "ema": "In pane 1", "median": "per-tensor", ":goto": "Command line",
		} {
			if pane == paneLoss && text == "ema" || pane == paneScales && text == "median" {
				continue // its own pane has no such heading
			}
			if got := found(text); !strings.Contains(got, want) {
				t.Errorf("in %s, %q does not find %q:\n%s", a.panes[pane].name(), text, want, got)
			}
		}
	}
}
