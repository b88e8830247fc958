package ui

import "espalier/ui/grid"

// A paneID names a pane; panes are numbered from 1 on the screen.
type paneID int

const (
	paneLoss paneID = iota
	paneLayers
	paneCalibration
	paneScales
	paneLog
	paneRounds
	paneRuns
	paneCount
)

// The smallest screen that shows panes.
const minWidth, minHeight = 60, 16

// A place is where a pane is drawn, border included.
type place struct {
	pane paneID
	rect grid.Rect
}

// A layout says where everything is. Drawing, focus and mouse read the same
// one. Empty rectangles are left out.
type layout struct {
	tooSmall bool
	wide     bool // long texts in the header
	header   grid.Rect
	tabs     grid.Rect
	panes    []place
	facts    grid.Rect // the run in numbers
	strip    grid.Rect // sparsity and calibration in two lines, where panes lack room
	tail     grid.Rect // the newest lines of the log
	readout  grid.Rect
	hints    grid.Rect
	holds    []hold // the borders that can be moved
}

// arrange computes the layout from the size, the focused pane, whether that is maximised,
// and the borders. The width decides how many panes are side by side, and the height,
// independently, how many are on top of each other.
func arrange(width, height int, focus paneID, maximised bool, at split) layout {
	screen := grid.Rect{W: width, H: height}
	l := layout{wide: width >= 100}
	if width < minWidth || height < minHeight {
		l.tooSmall = true
		return l
	}
	l.header, screen = screen.Top(1)
	l.tabs, screen = screen.Top(1)
	if height >= 18 {
		l.hints, screen = screen.Bottom(1)
	}
	l.readout, screen = screen.Bottom(1)
	switch {
	case maximised:
		l.panes = []place{{focus, screen}}
	case width < 100 && height < 30:
		l.compact(screen, focus)
	case width < 100:
		l.stack(screen, focus)
	case height < 30:
		l.beside(screen, focus)
	case width < 160 || height < 45:
		l.twoColumns(screen, focus, at)
	default:
		l.threeColumns(screen, focus, at)
	}
	return l
}

// compact shows the focused pane and, as rows allow, the strip and the log.
func (l *layout) compact(r grid.Rect, focus paneID) {
	const least = 8 // rows that a pane needs
	spare := r.H - least
	tail := 0
	if focus != paneLog {
		tail = min(max(spare-5, 0), 3)
	}
	strip := min(spare, 4)
	if strip < 3 {
		strip = 0
	}
	l.tail, r = r.Bottom(tail)
	l.strip, r = r.Bottom(strip)
	l.panes = []place{{focus, r}}
}

// stack shows two to four panes on each other.
func (l *layout) stack(r grid.Rect, focus paneID) {
	if focus != paneLog {
		l.tail, r = r.Bottom(3)
	}
	n := min(max(r.H/13, 2), 4)
	for i, p := range withFocus(n, focus) {
		var cut grid.Rect
		cut, r = r.Top(r.H / (n - i))
		l.panes = append(l.panes, place{p, cut})
	}
}

// beside shows two or three panes side by side.
func (l *layout) beside(r grid.Rect, focus paneID) {
	if focus != paneLog && r.H >= 16 {
		l.tail, r = r.Bottom(3)
	}
	n := 2
	if r.W >= 160 {
		n = 3
	}
	for i, p := range withFocus(n, focus) {
		var cut grid.Rect
		cut, r = r.Left(r.W / (n - i))
		l.panes = append(l.panes, place{p, cut})
	}
}

// withFocus returns the first n panes, the last of them replaced by the focused
// one where that is not among them.
func withFocus(n int, focus paneID) []paneID {
	panes := []paneID{paneLoss, paneLayers, paneCalibration, paneScales}[:n]
	for _, p := range panes {
		if p == focus {
			return panes
		}
	}
	panes[n-1] = focus
	return panes
}

// twoColumns shows charts at the left, layers and scales at the right.
func (l *layout) twoColumns(r grid.Rect, focus paneID, at split) {
	log := 4
	if focus == paneLog {
		log = r.H / 3
	}
	bottom, r := r.Bottom(log)
	left, right := l.columns(r, at, r.W*58/100)
	upper, lower := l.rows(seamCharts, left, at.charts, left.H*57/100)
	second := paneCalibration
	if focus == paneRounds || focus == paneRuns {
		second = focus
	}
	layers, scales := l.rows(seamLayers, right, at.layers, max(right.H-max(right.H*36/100, 10), 4))
	l.panes = []place{{paneLoss, upper}, {paneLayers, layers}, {second, lower}, {paneScales, scales}, {paneLog, bottom}}
}

// threeColumns shows everything. The list of runs takes the place of the
// calibration while it has the focus, unless the left column is high enough
// for it.
func (l *layout) threeColumns(r grid.Rect, focus paneID, at split) {
	log, r := r.Bottom(max(r.H/9, 6))
	left, r := r.Left(max(r.W/5, 46))
	middle, right := l.columns(r, at, r.W*3/5)
	rounds, facts := left.Top(max(left.H*3/10, 14))
	second := paneCalibration
	if runs := facts.H - 24; runs >= 7 {
		var list grid.Rect
		facts, list = facts.Top(24)
		l.panes = append(l.panes, place{paneRuns, list})
	} else if focus == paneRuns {
		second = paneRuns
	}
	upper, lower := l.rows(seamCharts, middle, at.charts, middle.H*55/100)
	layers, scales := l.rows(seamLayers, right, at.layers, max(right.H-max(right.H*2/5, 11), min(right.H-11, 27)))
	l.facts = facts
	l.panes = append(l.panes, place{paneLoss, upper}, place{paneLayers, layers}, place{second, lower}, place{paneScales, scales}, place{paneLog, log}, place{paneRounds, rounds})
}

// columns divides a rectangle into charts and layers, usual columns for the
// charts unless their border was moved.
func (l *layout) columns(r grid.Rect, at split, usual int) (left, right grid.Rect) {
	n := share(r.W, at.column, usual, 30)
	l.uprightHold(seamColumn, r, n)
	return r.Left(n)
}

// rows divides a rectangle into two panes on each other.
func (l *layout) rows(s seam, r grid.Rect, part, usual int) (upper, lower grid.Rect) {
	n := share(r.H, part, usual, 5)
	l.levelHold(s, r, n)
	return r.Top(n)
}

// at returns the pane at a cell.
func (l *layout) at(x, y int) (paneID, grid.Rect, bool) {
	for _, p := range l.panes {
		if p.rect.Contains(x, y) {
			return p.pane, p.rect, true
		}
	}
	return 0, grid.Rect{}, false
}
