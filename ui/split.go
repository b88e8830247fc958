package ui

import "espalier/ui/grid"

// A seam is a border between panes that can be moved.
type seam int

const (
	noSeam     seam = iota
	seamColumn      // between the columns of charts and of layers
	seamCharts      // between the two charts
	seamLayers      // between layers and scales
)

// A split says where the seams are, in thousandths of what they divide; 0 is the
// layout's own choice.
type split struct{ column, charts, layers int }

// share returns the cells before a seam: thousandths of total, or else usual, and at
// least least cells on each side where there is room for that.
func share(total, part, usual, least int) int {
	if part > 0 {
		usual = total * part / 1000
	}
	return max(min(usual, total-least), min(least, total))
}

// A hold is where a seam can be taken hold of, and the rectangle that it divides.
type hold struct {
	seam    seam
	grip    grid.Rect
	divides grid.Rect
}

// holdAt returns the seam at a cell.
func (l *layout) holdAt(x, y int) (hold, bool) {
	for _, h := range l.holds {
		if h.grip.Contains(x, y) {
			return h, true
		}
	}
	return hold{}, false
}

// uprightHold and levelHold note a seam: the last cells before and the first
// behind it, which are the borders of the panes there.
func (l *layout) uprightHold(s seam, whole grid.Rect, before int) {
	l.holds = append(l.holds, hold{s, grid.Rect{X: whole.X + before - 1, Y: whole.Y, W: 2, H: whole.H}, whole})
}

func (l *layout) levelHold(s seam, whole grid.Rect, before int) {
	l.holds = append(l.holds, hold{s, grid.Rect{X: whole.X, Y: whole.Y + before - 1, W: whole.W, H: 2}, whole})
}

// drag moves the seam that the mouse has hold of.
func (a *App) drag(x, y int) {
	part := func(at, total int) int { return min(max((1000*at+total-1)/max(total, 1), 1), 999) }
	switch d := a.dragged.divides; a.dragged.seam {
	case seamColumn:
		a.split.column = part(x+1-d.X, d.W)
	case seamCharts:
		a.split.charts = part(y+1-d.Y, d.H)
	case seamLayers:
		a.split.layers = part(y+1-d.Y, d.H)
	default:
		return
	}
	a.stale = true
}

// widen moves the seam between the columns by so many thousandths.
func (a *App) widen(by int) {
	if h, ok := a.seamOf(seamColumn); ok {
		now := 1000 * (h.grip.X + 1 - h.divides.X) / h.divides.W
		a.split.column = min(max(now+by, 100), 900)
	}
}

// columns reports whether the screen has columns to widen.
func columns(a *App) bool {
	_, ok := a.seamOf(seamColumn)
	return ok
}

func (a *App) seamOf(s seam) (hold, bool) {
	l := a.layout()
	for _, h := range l.holds {
		if h.seam == s {
			return h, true
		}
	}
	return hold{}, false
}
