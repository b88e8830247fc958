package ui

import (
	"slices"

	tea "github.com/charmbracelet/bubbletea"

	"espalier/compress/pipeline"
)

// A binding is what a key does. The table of bindings is the only place with
// keys: it dispatches them, fills the hint line and makes the help.
type binding struct {
	keys    []string          // as Bubble Tea names them; the first is shown
	label   string            // how the keys are shown; empty: the first of them
	also    string            // further keys that do the same, for the help
	hint    string            // for the hint line; empty: only in the help
	help    string            // empty if another binding's label shows the keys
	section string            // of the help, if it is neither about the pane nor about the whole screen
	in      []paneID          // the panes it works in; nil: all
	when    func(a *App) bool // nil: always
	asks    bool              // asks the run for something: no hint when it is over
	do      func(a *App, key string) tea.Cmd
}

// shown returns how the binding's keys are shown.
func (b *binding) shown() string {
	if b.label != "" {
		return b.label
	}
	return keyLabel(b.keys[0])
}

// works reports whether the binding works in a pane now.
func (b *binding) works(a *App, p paneID) bool {
	return (b.in == nil || slices.Contains(b.in, p)) && (b.when == nil || b.when(a))
}

// keyLabel returns how a key is shown.
func keyLabel(key string) string {
	if key == " " {
		return "space"
	}
	return key
}

// splitKeys returns the keys of a message one by one: runes that arrive in one
// read come as one message. A paste is no key at all.
func splitKeys(msg tea.KeyMsg) []string {
	if msg.Paste {
		return nil
	}
	if msg.Type != tea.KeyRunes || len(msg.Runes) < 2 {
		return []string{msg.String()}
	}
	keys := make([]string, 0, len(msg.Runes))
	for _, r := range msg.Runes {
		one := tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune{r}, Alt: msg.Alt}
		keys = append(keys, one.String())
	}
	return keys
}

func live(a *App) bool   { return a.scene.steerable() && a.scene.run.Status != pipeline.StandingStarting }
func over(a *App) bool   { return a.scene.run.Status.Over() && a.shown.player == nil }
func paused(a *App) bool { return live(a) && a.scene.run.Status == pipeline.StandingPaused }

// call makes an action from a function that needs no key and returns no command.
func call(f func(a *App)) func(*App, string) tea.Cmd {
	return func(a *App, _ string) tea.Cmd {
		f(a)
		return nil
	}
}

// bindings returns the table. Of several bindings of a key, the first that works
// in the focused pane is taken.
func bindings() []binding {
	charts := []paneID{paneLoss}
	var table []binding
	table = append(table, replayBindings()...)
	table = append(table, verdictBindings()...)
	table = append(table, runBindings()...)
	table = append(table, runsBindings()...)
	table = append(table, paneBindings()...)
	table = append(table, chartBindings(charts)...)
	table = append(table, screenBindings()...)
	return table
}

// runBindings steer the run.
func runBindings() []binding {
	return []binding{
		{keys: []string{" "}, hint: "resume", when: func(a *App) bool { return live(a) && a.shown.held() }, do: call(func(a *App) { a.command(pipeline.Resume) })},
		{keys: []string{" "}, hint: "pause", asks: true, help: "pause after the step in progress; again: go on", do: call(func(a *App) { a.command(pipeline.Pause) })},
		{keys: []string{"."}, hint: "one step", help: "run one step while paused", when: paused, do: call(func(a *App) { a.command(pipeline.Step) })},
		{keys: []string{"a"}, help: "attach a note to this step, as :note does", when: live, do: call(func(a *App) { a.askNote() })},
		{keys: []string{"."}, when: func(a *App) bool { return !paused(a) }, do: call(func(a *App) { a.say("one step at a time works while paused: press space first") })},
	}
}

// replayBindings replay a run that is over.
func replayBindings() []binding {
	replays := func(a *App) bool { return a.shown.player != nil }
	playing := func(a *App) bool {
		if a.shown.player == nil {
			return false
		}
		moves, _, _ := a.shown.player.status()
		return moves
	}
	table := []binding{
		{keys: []string{" "}, hint: "pause", help: "pause the replay, or go on", when: playing, do: call(func(a *App) { a.shown.player.toggle() })},
		{keys: []string{" "}, hint: "again", when: func(a *App) bool { return replays(a) && a.shown.player.done() }, do: func(a *App, _ string) tea.Cmd { return a.show(a.replayed(true)) }},
		{keys: []string{" "}, hint: "play", when: replays, do: call(func(a *App) { a.shown.player.toggle() })},
		{keys: []string{"."}, hint: "one step", help: "replay one step, then pause", when: replays, do: call(func(a *App) { a.shown.player.one(); a.shown.catchUp() })},
		{keys: []string{"h"}, label: "h l", hint: "event", help: "pause the replay and go back or on by one event", when: replays, do: func(a *App, _ string) tea.Cmd { return a.playEvent(false) }},
		{keys: []string{"l"}, when: replays, do: func(a *App, _ string) tea.Cmd { return a.playEvent(true) }},
		{keys: []string{"home"}, label: "home end", help: "go to the first or the last event of the run", when: replays, do: func(a *App, _ string) tea.Cmd { return a.playToEnd(false) }},
		{keys: []string{"end"}, when: replays, do: func(a *App, _ string) tea.Cmd { return a.playToEnd(true) }},
		{keys: []string{"<"}, label: "< >", hint: "speed", help: "replay slower or faster", when: replays, do: call(func(a *App) { a.shown.player.faster(0.5) })},
		{keys: []string{">"}, when: replays, do: call(func(a *App) { a.shown.player.faster(2) })},
		{keys: []string{"R"}, hint: "end replay", when: replays, do: func(a *App, _ string) tea.Cmd { return a.replay() }},
		{keys: []string{"R"}, hint: "replay", help: "replay the run from its beginning, or end the replay", when: over, do: func(a *App, _ string) tea.Cmd { return a.replay() }},
	}
	for i := range table {
		table[i].section = "A run that is over"
	}
	return table
}

// runsBindings are about other runs.
func runsBindings() []binding {
	in := []paneID{paneRuns}
	listed := func(a *App) bool {
		_, ok := a.runs.current()
		return ok && a.runs.comparison == nil
	}
	return []binding{
		{keys: []string{"enter"}, hint: "open", help: "show the selected run in all panes", in: in, when: listed, do: func(a *App, _ string) tea.Cmd {
			l, _ := a.runs.current()
			return a.visit(l)
		}},
		{keys: []string{"r"}, hint: "resume", help: "resume a run that is dead, was stopped or failed", in: in, when: func(a *App) bool {
			l, ok := a.runs.current()
			return ok && a.runs.comparison == nil && resumable(l)
		}, do: func(a *App, _ string) tea.Cmd {
			l, _ := a.runs.current()
			return a.resume(l)
		}},
		{keys: []string{"v"}, hint: "mark", help: "mark the run for comparison, or unmark it", in: in, when: listed, do: call(func(a *App) { a.runs.mark() })},
		{keys: []string{"c"}, hint: "compare", help: "compare this run with the marked runs, or with the selected one", in: in, when: listed, do: func(a *App, _ string) tea.Cmd { return a.compare() }},
	}
}

// paneBindings move in panes and between them.
func paneBindings() []binding {
	lists := []paneID{paneLayers, paneScales, paneLog, paneRounds, paneRuns}
	return []binding{
		{keys: []string{"tab"}, hint: "pane", help: "next pane", do: call(func(a *App) { a.setFocus((a.focus + 1) % paneCount) })},
		{keys: []string{"shift+tab"}, help: "previous pane", do: call(func(a *App) { a.setFocus((a.focus + paneCount - 1) % paneCount) })},
		{keys: []string{"1", "2", "3", "4", "5", "6", "7"}, label: "1-7", help: "pane of that number", do: func(a *App, key string) tea.Cmd {
			a.setFocus(paneID(key[0] - '1'))
			return nil
		}},
		{keys: []string{"z"}, hint: "zoom", help: "maximise the pane; again: restore", do: call(func(a *App) { a.maximised = !a.maximised })},
		{keys: []string{"("}, label: "( )", help: "narrower or wider charts; dragging a border does the same", when: columns, do: call(func(a *App) { a.widen(-20) })},
		{keys: []string{")"}, when: columns, do: call(func(a *App) { a.widen(20) })},
		{keys: []string{"enter"}, hint: "scales", help: "show the scales that the layer would get now", in: []paneID{paneLayers, paneLog}, do: call(enter)},
		{keys: []string{"enter"}, hint: "measure", asks: true, help: "measure int8 accuracy at the selected size now", in: []paneID{paneCalibration}, do: call(enter)},
		{keys: []string{"enter"}, hint: "histogram", help: "the histogram of the channel's weights, or all channels again", in: []paneID{paneScales}, do: call(enter)},
		{keys: []string{"r"}, hint: "compute", asks: true, help: "compute the layer's scales now", in: []paneID{paneScales}, do: call(func(a *App) { a.whileLive(a.scene.inspect) })},
		{keys: []string{"c"}, hint: "clip", asks: true, help: "show what clipping the layer's weight ranges would do", in: []paneID{paneScales}, do: call(func(a *App) { a.whileLive(a.askClip) })},
		{keys: []string{"enter"}, hint: "show", help: "put the cursor at the round's end", in: []paneID{paneRounds}, when: func(a *App) bool { return !a.rounds.costs.on }, do: call(enter)},
		{keys: []string{"p"}, hint: "costs", help: "draw every measured network by top-1 and cost, or the table again", in: []paneID{paneRounds}, do: call(func(a *App) { a.rounds.turnCosts(a) })},
		{keys: []string{"h", "left"}, label: "h l", also: "← →", hint: "cost", help: "previous or next cost", in: []paneID{paneRounds}, when: costsShown, do: call(func(a *App) { a.move(-1, 0) })},
		{keys: []string{"l", "right"}, in: []paneID{paneRounds}, when: costsShown, do: call(func(a *App) { a.move(1, 0) })},
		{keys: []string{"h", "left"}, label: "h l", also: "← →", hint: "cursor", help: "move the cursor, which all panes follow", in: []paneID{paneLoss}, do: call(func(a *App) { a.move(-1, 0) })},
		{keys: []string{"h", "left"}, label: "h l", also: "← →", hint: "channel", help: "previous or next channel", in: []paneID{paneScales}, do: call(func(a *App) { a.move(-1, 0) })},
		{keys: []string{"h", "left"}, label: "h l", also: "← →", help: "previous or next calibration size", in: []paneID{paneCalibration}, do: call(func(a *App) { a.move(-1, 0) })},
		{keys: []string{"l", "right"}, in: []paneID{paneLoss, paneScales, paneCalibration}, do: call(func(a *App) { a.move(1, 0) })},
		{keys: []string{"H"}, label: "H L", help: "move the cursor by ten", in: []paneID{paneLoss}, do: call(func(a *App) { a.move(-10, 0) })},
		{keys: []string{"L"}, in: []paneID{paneLoss}, do: call(func(a *App) { a.move(10, 0) })},
		{keys: []string{"H"}, label: "H L", help: "previous or next layer", in: []paneID{paneScales}, do: call(func(a *App) { a.move(0, -1) })},
		{keys: []string{"L"}, in: []paneID{paneScales}, do: call(func(a *App) { a.move(0, 1) })},
		{keys: []string{"g", "home"}, label: "g G", also: "home end", help: "cursor to the first or the newest step", in: []paneID{paneLoss}, do: call(func(a *App) { a.move(-far, 0) })},
		{keys: []string{"G", "end"}, in: []paneID{paneLoss}, do: call(func(a *App) { a.move(far, 0) })},
		{keys: []string{"j", "down"}, label: "j k", also: "↓ ↑", hint: "layer", help: "next or previous layer", in: []paneID{paneLayers, paneScales}, do: call(func(a *App) { a.move(0, 1) })},
		{keys: []string{"j", "down"}, label: "j k", also: "↓ ↑", hint: "line", help: "next or previous line", in: []paneID{paneLog, paneRounds, paneRuns}, do: call(func(a *App) { a.move(0, 1) })},
		{keys: []string{"j", "down"}, label: "j k", also: "↓ ↑", help: "next or previous observer", in: []paneID{paneCalibration}, do: call(func(a *App) { a.move(0, 1) })},
		{keys: []string{"k", "up"}, in: []paneID{paneLayers, paneScales, paneLog, paneRounds, paneRuns, paneCalibration}, do: call(func(a *App) { a.move(0, -1) })},
		{keys: []string{"ctrl+d", "pgdown"}, label: "pgdn pgup", also: "ctrl+d ctrl+u", help: "ten lines down or up", in: lists, do: call(func(a *App) { a.move(0, 10) })},
		{keys: []string{"ctrl+u", "pgup"}, in: lists, do: call(func(a *App) { a.move(0, -10) })},
		{keys: []string{"g", "home"}, label: "g G", also: "home end", help: "first or last line", in: lists, do: call(func(a *App) { a.move(0, -far) })},
		{keys: []string{"G", "end"}, in: lists, do: call(func(a *App) { a.move(0, far) })},
		{keys: []string{"]"}, label: "[ ]", hint: "calib n", help: "next or previous calibration size, from every pane", do: call(func(a *App) { a.stepSize(1) })},
		{keys: []string{"["}, do: call(func(a *App) { a.stepSize(-1) })},
		{keys: []string{"}"}, label: "{ }", help: "smallest or largest calibration size", do: call(func(a *App) { a.stepSize(far) })},
		{keys: []string{"{"}, do: call(func(a *App) { a.stepSize(-far) })},
		{keys: []string{"m"}, hint: "observer", help: "next observer", in: []paneID{paneCalibration}, when: func(a *App) bool { return len(a.scene.run.Observers()) > 1 }, do: call(func(a *App) { a.move(0, 1) })},
		{keys: []string{","}, hint: "channels", help: "layers, or the groups of channels of the round that removed some", in: []paneID{paneLayers}, when: sliced, do: call(func(a *App) { a.layers.groups = !a.layers.groups })},
		{keys: []string{","}, hint: "weights/activations", help: "weights or activations", in: []paneID{paneScales}, do: call(func(a *App) { a.scales.turn() })},
		{keys: []string{"o"}, hint: "outlier", help: "next channel whose scale is an outlier", in: []paneID{paneScales}, do: call(func(a *App) { a.scales.nextOutlier(&a.scene) })},
		{keys: []string{"s"}, hint: "sort", help: "sort by depth, zero, change, kept, MACs or sensitivity", in: []paneID{paneLayers}, when: rowsShown, do: call(func(a *App) { a.layers.order = (a.layers.order + 1) % layerOrders })},
		{keys: []string{"t"}, hint: "test", help: "measure each layer's sensitivity and sort by it: the rise in loss without the smaller half of the layer's weights", in: []paneID{paneLayers}, when: func(a *App) bool { return live(a) && rowsShown(a) }, do: call(func(a *App) { a.layers.test(&a.scene) })},
		{keys: []string{"/"}, hint: "filter", help: "show only lines that match a regular expression or, after !, lines that do not", in: []paneID{paneLog, paneLayers, paneRuns}, when: rowsShown, do: call(func(a *App) { a.askFilter() })},
		{keys: []string{"!"}, hint: "level", help: "show all lines, only warnings and errors, or only errors", in: []paneID{paneLog}, do: call(func(a *App) {
			a.log.refilter(&a.scene, func() { a.log.least = (a.log.least + 1) % len(levels) })
		})},
		{keys: []string{"n"}, label: "n N", hint: "match", help: "next or previous match of the filter, wrapping around; esc then shows it among all lines", in: []paneID{paneLog, paneLayers, paneRuns}, when: filtered, do: call(func(a *App) { a.match(1) })},
		{keys: []string{"N"}, in: []paneID{paneLog, paneLayers, paneRuns}, when: filtered, do: call(func(a *App) { a.match(-1) })},
	}
}

// whileLive calls ask if a run is in progress, or says that none is.
func (a *App) whileLive(ask func()) {
	if live(a) {
		ask()
	} else {
		a.say("only a run in progress can compute that")
	}
}

// costsShown reports whether the rounds are drawn by their costs.
func costsShown(a *App) bool { return a.rounds.costs.on }

// sliced reports whether a round removed channels.
func sliced(a *App) bool {
	_, ok := a.scene.run.Slice(a.scene.asOf())
	return ok
}

// rowsShown reports whether the focused pane shows its rows, not groups of channels.
func rowsShown(a *App) bool { return a.focus != paneLayers || !(a.layers.groups && sliced(a)) }

// filtered reports whether the focused pane shows only what passes a filter.
func filtered(a *App) bool { return rowsShown(a) && a.filter() != nil && a.filter().text != "" }

// far is a move to the end of any list.
const far = 1 << 30

func enter(a *App) { a.panes[a.focus].enter(&a.scene) }

// chartBindings change how curves are drawn.
func chartBindings(charts []paneID) []binding {
	return []binding{
		{keys: []string{"i"}, hint: "cursor", help: "cursor on or off", do: call(func(a *App) { a.toggleCursor() })},
		{keys: []string{"+"}, label: "+ −", hint: "view", help: "zoom in or out around the cursor, or at the newest steps", in: charts, do: call(func(a *App) { a.loss.zoom(&a.scene, 0.5) })},
		{keys: []string{"-"}, in: charts, do: call(func(a *App) { a.loss.zoom(&a.scene, 2) })},
		{keys: []string{"shift+left"}, label: "shift+← shift+→", help: "move the view by a quarter of its width; the wheel with shift does the same", in: charts, do: call(func(a *App) { a.loss.pan(&a.scene, -0.25) })},
		{keys: []string{"shift+right"}, in: charts, do: call(func(a *App) { a.loss.pan(&a.scene, 0.25) })},
		{keys: []string{"="}, help: "show the whole run and follow it, from every pane", do: call(func(a *App) {
			a.loss.view, a.scene.cursorOn, a.log.back, a.log.held = viewport{}, false, 0, false
		})},
		{keys: []string{"f"}, help: "pin the view or follow the run", in: charts, do: call(func(a *App) { a.loss.freeze(&a.scene) })},
		{keys: []string{"f"}, help: "stay at the selected line or follow the run", in: []paneID{paneLog}, do: call(func(a *App) { a.log.freeze(&a.scene) })},
		{keys: []string{"y"}, hint: "log y", help: "logarithmic or linear loss", in: charts, do: call(func(a *App) { a.loss.logY = !a.loss.logY })},
		{keys: []string{"x"}, help: "over steps, log of steps, epochs or time", in: charts, do: call(func(a *App) { a.loss.x = (a.loss.x + 1) % xAxes })},
		{keys: []string{"S"}, hint: "smooth", help: "smoothing: none, 0.6, 0.9, 0.99", in: charts, do: call(func(a *App) {
			a.loss.smoothing = (a.loss.smoothing + 1) % len(smoothings)
		})},
	}
}

// screenBindings are about the screen itself.
func screenBindings() []binding {
	return []binding{
		{keys: []string{"?"}, hint: "help", help: "this help; / in it searches it", do: call(func(a *App) { a.overlay, a.helpScroll, a.helpFilter, a.helpTyping = overlayHelp, 0, "", false })},
		{keys: []string{"q", "ctrl+c"}, hint: "quit", help: "leave; asks first while a run is in progress", do: func(a *App, key string) tea.Cmd { return a.quit(key) }},
		{keys: []string{":"}, help: "command line: " + colonNames(), do: call(func(a *App) { a.askCommand() })},
		{keys: []string{"e"}, hint: "export", help: "export what is shown: CSV, JSON, text, SVG, PNG", do: call(func(a *App) { a.overlay = overlayExport })},
		{keys: []string{"esc"}, help: "go back one step: filter, view, histogram, cursor, comparison, zoom, replay, run; closes dialogs", do: func(a *App, _ string) tea.Cmd { return a.back() }},
		{keys: []string{"#"}, help: "glyphs: braille, lines, ASCII; remembered for next time, like T, M, B, S and borders", do: call(func(a *App) { a.setTier(a.scene.tier.Next()) })},
		{keys: []string{"T"}, help: "colours for dark or light terminals", do: call(func(a *App) { a.setMode(a.mode.Next()) })},
		{keys: []string{"M"}, help: "give the mouse to the terminal, to select text, or take it back", do: func(a *App, _ string) tea.Cmd { return a.toggleMouse() }},
		{keys: []string{"B"}, help: "bell and window title when a round or the run ends and the terminal has no focus", do: call(func(a *App) { a.toggleBell() })},
		{keys: []string{"ctrl+l"}, help: "repaint", do: func(*App, string) tea.Cmd { return tea.ClearScreen }},
		{keys: []string{"ctrl+z"}, help: "suspend the program; the run stops computing, too", do: func(*App, string) tea.Cmd { return tea.Suspend }},
	}
}
