package ui

import (
	"slices"
	"strings"
	"testing"
	"time"

	"espalier/compress/pipeline"
	"espalier/ui/state"
	"espalier/ui/theme"
)

// abandoned is a source of a run whose process may be gone.
type abandoned struct {
	pipeline.Source
	follows bool
	lost    chan struct{}
}

func (a abandoned) Follows() bool         { return a.follows }
func (a abandoned) Lost() <-chan struct{} { return a.lost }

// TestStandingOnScreen: the header has the word that the list and the lines have,
// and only what is well is green.
func TestStandingOnScreen(t *testing.T) {
	now := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	begun := []pipeline.Body{pipeline.RunStarted{Name: "n"}, pipeline.StepDone{GlobalStep: 1, Remaining: 50}}
	with := func(more ...pipeline.Body) []pipeline.Body { return append(begun[:2:2], more...) }
	ended := func(ended pipeline.Standing) []pipeline.Body {
		return with(pipeline.RunDone{Status: pipeline.StatusDone, Ended: ended})
	}
	for _, c := range []struct {
		name   string
		bodies []pipeline.Body
		dead   bool
		silent time.Duration
		want   string
	}{
		{"computing", begun, false, 0, "● RUNNING"},
		{"nothing heard", begun, false, pipeline.SilentAfter, "! SILENT 30s"},
		{"paused for long", with(pipeline.Paused{}), false, time.Hour, "‖ PAUSED"},
		{"asked to stop", with(pipeline.Commanded{Command: pipeline.Command{Do: pipeline.StopAfter}}), false, 0, "● STOPPING"},
		{"killed", begun, true, 0, "✗ DEAD"},
		{"killed while paused", with(pipeline.Paused{}), true, time.Hour, "✗ DEAD"},
		{"all rounds passed", ended(pipeline.StandingDone), false, 0, "✓ DONE"},
		{"over, and its process gone", ended(pipeline.StandingDone), true, time.Hour, "✓ DONE"},
		{"a gate failed", ended(pipeline.StandingGateFailed), false, 0, "! GATE FAILED"},
		{"a round diverged", ended(pipeline.StandingDiverged), false, 0, "✗ DIVERGED"},
		{"of an earlier version", with(pipeline.RunDone{Status: pipeline.StatusStopped}), false, 0, "✓ STOPPED"},
		{"failed", with(pipeline.RunDone{Status: pipeline.StatusFailed}), false, 0, "✗ FAILED"},
	} {
		s := &scene{run: &state.Run{}, now: now, heard: now.Add(-c.silent), dead: c.dead}
		for i, body := range c.bodies {
			s.run.Apply(pipeline.Event{Seq: int64(i + 1), Time: now, Body: body})
		}
		p := standing(s, true)
		if p.text != c.want {
			t.Errorf("%s: %q, want %q", c.name, p.text, c.want)
		}
		if green := p.style == theme.Good; green != (c.want == "● RUNNING" || c.want == "✓ DONE") {
			t.Errorf("%s: green is %v", c.name, green)
		}
		var told []string
		for _, segment := range position(s, true) {
			told = append(told, segment.text)
		}
		if eta := strings.Contains(strings.Join(told, " "), "ETA"); eta != (!s.run.Status.Over() && !c.dead) {
			t.Errorf("%s: an ETA is shown: %v", c.name, eta)
		}
	}
}

// TestDeadView: a run is dead when nobody computes it at first sight, or later,
// and lives again with the next event.
func TestDeadView(t *testing.T) {
	lost := make(chan struct{})
	for _, follows := range []bool{false, true} {
		v := newView(abandoned{follows: follows, lost: lost})
		if v.dead() {
			t.Error("a run of which nothing is known is dead")
		}
		v.run.Apply(pipeline.Event{Seq: 1, Body: pipeline.RunStarted{}})
		if v.dead() == follows {
			t.Errorf("follows %v: dead %v", follows, v.dead())
		}
		if !follows {
			continue
		}
		close(lost)
		if !v.dead() {
			t.Error("the process is gone, and the run not dead")
		}
		v.run.Apply(pipeline.Event{Seq: 2, Body: pipeline.Continued{}})
		if v.dead() {
			t.Error("a run that goes on is dead")
		}
		v.run.Apply(pipeline.Event{Seq: 3, Body: pipeline.RunDone{Status: pipeline.StatusDone}})
		if v.dead() {
			t.Error("a run that is over is dead")
		}
	}
}

// TestADeadRunIsDeadInAComparison: its events alone would call it running.
func TestADeadRunIsDeadInAComparison(t *testing.T) {
	a := newTestApp(t, deaf{during(2, 10), false}, 120, 40)
	listings, _ := a.options.Runs.List()
	i := slices.IndexFunc(listings, func(l pipeline.Listing) bool { return l.Folder.Name() == "quick-other" })
	listings[i].State.Done, listings[i].Status = nil, pipeline.StatusDead
	a.Update(listedMsg{listings: listings})
	a.scene.dead = a.home.dead()
	press(a, "7", "G", "v")
	run(a, press(a, "c"))
	if have := a.runs.comparison.results()[0]; !slices.Equal(have, []string{"state", "dead", "dead"}) {
		t.Errorf("%q", have)
	}
}

// TestHeaderTellsEpochs: a stage of 1.42 epochs is not one of two.
func TestHeaderTellsEpochs(t *testing.T) {
	for epochs, want := range map[float64]string{3: "fine-tune ep 1/3", 500.0 / 352: "fine-tune ep 1/1.42"} {
		s := &scene{run: &state.Run{}}
		s.run.Apply(pipeline.Event{Seq: 1, Body: pipeline.StepDone{Stage: pipeline.StageFineTune, Epoch: 1, Epochs: epochs, Step: 1, Steps: 500}})
		if got := position(s, false)[0].text; got != want {
			t.Errorf("%v epochs: %q, want %q", epochs, got, want)
		}
	}
}
