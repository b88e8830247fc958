package ui

import (
	"testing"

	tea "github.com/charmbracelet/bubbletea"

	"espalier/ui/internal/sample"
)

func TestBordersAreDragged(t *testing.T) {
	for _, size := range [][2]int{{120, 36}, {200, 60}} {
		a := newTestApp(t, sample.Finished(sample.Journal()), size[0], size[1])
		for _, s := range []seam{seamColumn, seamCharts, seamLayers} {
			before, ok := a.seamOf(s)
			if !ok {
				t.Fatalf("%v: there is no seam %d", size, s)
			}
			x, y := before.grip.X+1, before.grip.Y+1
			left := func(x, y int, action tea.MouseAction) {
				a.Update(tea.MouseMsg{X: x, Y: y, Action: action, Button: tea.MouseButtonLeft})
			}
			left(x, y, tea.MouseActionPress)
			left(x-4, y-2, tea.MouseActionMotion)
			left(x-4, y-2, tea.MouseActionRelease)
			left(x+8, y+8, tea.MouseActionMotion) // nothing is held any more
			after, _ := a.seamOf(s)
			moved := before.grip.Y - after.grip.Y
			want := 2
			if s == seamColumn {
				moved, want = before.grip.X-after.grip.X, 4
			}
			if moved < want-1 || moved > want+1 {
				t.Errorf("%v: seam %d moved by %d cells, want %d", size, s, moved, want)
			}
			checkSize(t, a.View(), size[0], size[1])
		}
		before, _ := a.seamOf(seamColumn)
		press(a, ")", ")")
		if after, _ := a.seamOf(seamColumn); after.grip.X <= before.grip.X {
			t.Errorf("%v: ) does not widen the charts: from %d to %d", size, before.grip.X, after.grip.X)
		}
	}
}
