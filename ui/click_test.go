package ui

import (
	"strings"
	"testing"

	tea "github.com/charmbracelet/bubbletea"

	"espalier/ui/internal/sample"
)

// find returns the cell where a text stands on the screen.
func find(t *testing.T, a *App, text string) (x, y int) {
	t.Helper()
	for y, line := range strings.Split(a.View(), "\n") {
		if before, _, ok := strings.Cut(line, text); ok {
			return len([]rune(before)), y
		}
	}
	t.Fatalf("%q is not on the screen:\n%s", text, a.View())
	return 0, 0
}

func clickAt(a *App, x, y int) {
	a.Update(tea.MouseMsg{X: x, Y: y, Action: tea.MouseActionPress, Button: tea.MouseButtonLeft})
	a.Update(tea.MouseMsg{X: x, Y: y, Action: tea.MouseActionRelease, Button: tea.MouseButtonLeft})
}

func TestAClickSelectsWhatItPointsAt(t *testing.T) {
	a := newTestApp(t, sample.Finished(sample.Journal()), 160, 45)
	for _, c := range []struct {
		text string
		dx   int
		want func() bool
	}{
		{"5 Log", 0, func() bool { return a.focus == paneLog }}, // a tab
		{"3.0.c1", 1, func() bool {
			l, _ := a.scene.selectedLayer()
			return a.focus == paneLayers && l.Name == "layer3.0.conv1"
		}},
		{"round 6 done", 0, func() bool { return a.focus == paneLog && strings.Contains(selectedLine(a), "round 6 done") }},
		{"    4   80.0", 3, func() bool { return a.focus == paneRounds && a.panes[paneRounds].(*roundsPane).selected == 4 }},
		{"7 Runs", 0, func() bool { return a.focus == paneRuns }},
		{"quick-other", 2, func() bool { l, _ := a.runs.current(); return l.Folder == "quick-other" }},
	} {
		if c.text == "round 6 done" {
			press(a, "5", "/", "r", "o", "u", "n", "d", " ", "6", " ", "d", "enter", "1")
		}
		x, y := find(t, a, c.text)
		clickAt(a, x+c.dx, y)
		if !c.want() {
			t.Errorf("a click on %q: pane %v has the focus\n%s", c.text, a.focus, a.View())
		}
	}
	press(a, "3")
	area := a.panes[paneCalibration].(*calibrationPane).area
	if clickAt(a, area.Column(500), area.Rect.Y+2); a.scene.selectedSize() != 500 {
		t.Errorf("a click at 500 images selects %d", a.scene.selectedSize())
	}
	if clickAt(a, a.scales.area.X+5*a.scales.each, a.scales.area.Y+1); a.scene.channel != 5 || a.focus != paneScales {
		t.Errorf("a click on the bar of channel 5 selects %d", a.scene.channel)
	}
	for range xAxes { // whatever the loss is drawn over
		r := a.loss.area
		x := r.Column(a.loss.value(a.scene.run, 540))
		clickAt(a, x, r.Rect.Y+3)
		if got := r.Column(a.loss.value(a.scene.run, a.scene.cursor)); !a.scene.cursorOn || got != x {
			t.Errorf("%v: a click in column %d puts the cursor at step %v, column %d", a.loss.x, x, a.scene.cursor, got)
		}
		press(a, "1", "x")
	}
}

func TestTheHelpIsSearched(t *testing.T) {
	a := newTestApp(t, sample.Finished(sample.Journal()), 100, 40)
	press(a, "?", "/")
	press(a, strings.Split("glyphs: b", "")...)
	press(a, "enter")
	if v := a.View(); !strings.Contains(v, "glyphs: braille") || strings.Contains(v, "next pane") || a.overlay != overlayHelp {
		t.Errorf("the help is not filtered:\n%s", v)
	}
	if press(a, "esc"); !strings.Contains(a.View(), "next pane") {
		t.Errorf("esc does not clear the search:\n%s", a.View())
	}
	if press(a, "esc"); a.overlay != overlayNone {
		t.Error("a second esc does not close the help")
	}
}
