package ui

import (
	tea "github.com/charmbracelet/bubbletea"
)

// replay plays the shown run from its beginning, or ends that.
func (a *App) replay() tea.Cmd {
	if a.shown.player != nil {
		return a.endReplay()
	}
	a.say("space pauses, h and l step by one event, < and > change the speed, R ends the replay")
	return a.show(a.replayed(true))
}

// endReplay shows the whole run again.
func (a *App) endReplay() tea.Cmd {
	old := a.shown
	if old.player.src == a.home.src {
		return a.show(a.home)
	}
	v := newView(old.player.src)
	v.shut, v.run.Info = old.shut, old.run.Info
	return a.show(v)
}

// playTo goes to a global step of the replay.
func (a *App) playTo(step int) tea.Cmd {
	playing, _, _ := a.shown.player.status()
	return a.play(playing, func(p *player) { p.seek(step) })
}

// playToEnd goes behind the last event of the replay, or before the first.
func (a *App) playToEnd(last bool) tea.Cmd {
	return a.play(false, func(p *player) {
		if last {
			p.end()
		} else {
			p.until(1)
		}
	})
}

// playEvent pauses the replay and goes to the next event, or to the one before.
func (a *App) playEvent(forward bool) tea.Cmd {
	p := a.shown.player
	if forward {
		p.event()
		a.shown.catchUp()
		return nil
	}
	before := max(p.pause()-1, 1)
	return a.play(false, func(p *player) { p.until(before) })
}

// A playedMsg brings the view of a replay that went somewhere else.
type playedMsg struct {
	from, to *view
}

// replayed returns a view that tells the shown run from its beginning.
func (a *App) replayed(playing bool) *view {
	old := a.shown
	p := newPlayer(old.src, a.clock)
	if old.player != nil {
		p = old.player.again()
	}
	p.playing = playing
	v := newView(p)
	v.player, v.shut, v.heard = p, old.shut, a.scene.now
	// What is known of the run stays on the screen until the first events come.
	v.run.Info = old.run.Info
	return v
}

// play shows a replay anew, all that seek tells at once. Until that is read, the
// screen shows what it showed.
func (a *App) play(playing bool, seek func(*player)) tea.Cmd {
	from, to := a.shown, a.replayed(playing)
	return guard(func() tea.Msg {
		seek(to.player)
		to.catchUp()
		return playedMsg{from, to}
	})
}

// played shows a replay that went somewhere else, unless another run is shown by
// now.
func (a *App) played(msg playedMsg) tea.Cmd {
	if msg.from != a.shown {
		return nil
	}
	return a.show(msg.to)
}

// catchUp folds all that the view's replay has told.
func (v *view) catchUp() {
	for {
		events := v.player.told(v.run.Seq, batch)
		for _, e := range events {
			v.run.Apply(e)
		}
		if len(events) < batch {
			return
		}
	}
}
