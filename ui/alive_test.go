package ui

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"espalier/compress/pipeline"
	"espalier/ui/internal/sample"
)

// TestEveryKeyDoesSomething presses every key of the table in every pane that it
// works in. In some state it changes what the screen shows, asks the run for
// something, or asks the terminal.
func TestEveryKeyDoesSomething(t *testing.T) {
	states := []string{"running", "paused", "over", "replayed", "replay paused", "replay over", "filtered", "scaled", "measured", "costs", "asked", "sliced", "before the rounds"}
	// Where a list is at its end, a key that goes on does nothing.
	before := [][]string{nil, {"j", "j"}, {"l", "l"}, {"G", "k"}, {"G"}, {"1", "+", "+"}, {"+", "+", "shift+left"}, {"]"}, {"[", "["}}
	table := bindings()
	for focus := range paneCount {
		left := map[string]int{} // keys that have done nothing yet, and their bindings
		for i, b := range table {
			for _, key := range b.keys {
				own := b.label == "1-7" && key == fmt.Sprint(int(focus)+1)
				if !own && (b.in == nil || slices.Contains(b.in, focus)) {
					left[fmt.Sprintf("%q: binding %d %s", key, i, b.hint+b.help)] = i
				}
			}
		}
		for _, state := range states {
			for _, keys := range before {
				var a *App
				var src *sample.Source
				for name, i := range left {
					if a == nil {
						a, src = aliveIn(t, state)
						a.setFocus(focus)
						for _, k := range keys {
							run(a, press(a, k))
						}
						a.setFocus(focus)
					}
					key := ""
					fmt.Sscanf(name, "%q", &key)
					if a.overlay != overlayNone || a.firstOf(key) != &a.table[i] {
						continue
					}
					if does(a, src, key) {
						delete(left, name)
					}
					a = nil // pressed
				}
			}
		}
		for name := range left {
			t.Errorf("pane %d: nothing happens at %s", focus+1, name)
		}
	}
}

// aliveIn is inState with more states, wide enough for columns, and with what
// the run is asked.
func aliveIn(t *testing.T, state string) (*App, *sample.Source) {
	var a *App
	switch state {
	case "scaled":
		a = newTestApp(t, during(2, 10), 120, 40)
		press(a, "2", "enter", "1")
	case "measured", "costs":
		a = inState(t, "over")
		for i := range 3 {
			a.scene.run.Costs = append(a.scene.run.Costs, pipeline.Cost{What: pipeline.CostPruned, Round: i + 1, Top1: 0.9 - 0.01*float64(i), Bytes: int64(1000 - i),
				Speeds: []pipeline.Speed{{Form: "fp32", Batch: 1, Threads: 1, Seconds: 0.003 - 0.001*float64(i)}}})
		}
		if state == "costs" {
			press(a, "6", "p")
		}
	case "asked":
		a = newTestApp(t, asked(), 120, 40)
	case "sliced":
		a = newTestApp(t, slicing(), 120, 40)
	case "before the rounds":
		src := sample.NewSource(sample.Journal())
		src.TellUntil(func(e pipeline.Event) bool { _, ok := e.Body.(pipeline.Evaluated); return ok })
		a = newTestApp(t, src, 120, 40)
	case "replay over":
		a = inState(t, "replayed")
		run(a, press(a, "end"))
	default:
		a = inState(t, state)
	}
	a.options.Resume = func(pipeline.Folder) {}
	src, _ := a.home.src.(*sample.Source)
	return a, src
}

// asked is a run that waits for a verdict on its second round.
func asked() *sample.Source {
	journal := during(2, 10).Since(0, 1<<30)
	last := journal[len(journal)-1]
	journal = append(journal, pipeline.Event{Seq: last.Seq + 1, Time: last.Time, Body: pipeline.Paused{GlobalStep: 10, Source: pipeline.ByGate, Reason: "round 2 failed"}})
	src := sample.NewSource(journal)
	src.Tell(len(journal))
	return src
}

// does presses a key and reports whether that changed the screen, apart from what
// the readout row says of it, or asked the run or the terminal for something.
func does(a *App, src *sample.Source, key string) bool {
	before, sent := looks(a), len(src.Sent())
	cmd := a.key(key, keyMsg(key))
	said := a.said
	run(a, cmd)
	if len(src.Sent()) > sent {
		return true
	}
	if looks(a) != before {
		return true
	}
	// A key that only says when another one works has no help.
	if b := a.firstOf(key); b != nil && b.help == "" && b.hint == "" && said != "" {
		return true
	}
	for _, c := range cmds(cmd) {
		switch c().(type) {
		case nil, eventsMsg, openedMsg, playedMsg, comparedMsg, closeupMsg:
		default:
			return true
		}
	}
	return false
}

// looks returns all that a key may change: the frame without what was said, and
// what no frame shows.
func looks(a *App) string {
	a.said, a.saidUntil, a.stale = "", time.Time{}, true
	a.Update(nil)
	return fmt.Sprintln(a.frame, a.focus, a.overlay, a.mode, a.scene.tier, a.bell, a.mouseOff, a.scene.images, a.outcome, a.shown.player)
}
