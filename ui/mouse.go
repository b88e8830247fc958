package ui

import tea "github.com/charmbracelet/bubbletea"

// mouse focuses the pane under a click and selects what lies there, drags the
// borders between panes, and turns the wheel into moves: through lists, and in
// and out of charts.
func (a *App) mouse(msg tea.MouseMsg) {
	if a.overlay == overlayHelp {
		switch msg.Button {
		case tea.MouseButtonWheelUp:
			a.helpScroll -= 3
		case tea.MouseButtonWheelDown:
			a.helpScroll += 3
		}
		a.stale = true
	}
	if a.overlay != overlayNone {
		return
	}
	switch msg.Action {
	case tea.MouseActionMotion:
		a.drag(msg.X, msg.Y)
		return
	case tea.MouseActionRelease:
		a.dragged = hold{}
		return
	}
	l := a.layout()
	if msg.Button == tea.MouseButtonLeft {
		a.dragged, _ = l.holdAt(msg.X, msg.Y)
	}
	if l.tabs.Contains(msg.X, msg.Y) && msg.Button == tea.MouseButtonLeft {
		if p, ok := tabAt(l.tabs, a.panes, msg.X); ok {
			a.setFocus(p)
			a.stale = true
		}
		return
	}
	pane, _, ok := l.at(msg.X, msg.Y)
	if !ok {
		return
	}
	a.stale = true
	turn, aside := 0, msg.Shift
	switch msg.Button {
	case tea.MouseButtonLeft:
		a.setFocus(pane)
		if p, ok := a.panes[pane].(clickable); ok && a.dragged.seam == noSeam {
			p.click(&a.scene, msg.X, msg.Y)
		}
	case tea.MouseButtonWheelUp:
		turn = -1
	case tea.MouseButtonWheelDown:
		turn = 1
	case tea.MouseButtonWheelLeft:
		turn, aside = -1, true
	case tea.MouseButtonWheelRight:
		turn, aside = 1, true
	}
	switch {
	case turn == 0:
	case pane == paneLoss && aside:
		a.loss.pan(&a.scene, 0.1*float64(turn))
	case pane == paneLoss:
		factor := 0.8
		if turn > 0 {
			factor = 1.25
		}
		a.loss.zoom(&a.scene, factor)
	case pane == paneCalibration:
		a.scene.moveSize(turn)
	default:
		a.panes[pane].move(&a.scene, 0, turn)
	}
}

// toggleMouse leaves the mouse to the terminal or takes it back.
func (a *App) toggleMouse() tea.Cmd {
	a.mouseOff = !a.mouseOff
	if a.mouseOff {
		a.say("the terminal has the mouse: select text as usual; M takes it back")
		return tea.DisableMouse
	}
	a.say("clicks focus panes and the wheel moves; shift+drag selects text; M gives the mouse back")
	return tea.EnableMouseCellMotion
}
