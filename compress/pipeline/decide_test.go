package pipeline

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// failing is an experiment whose gate no round passes.
var failing = []string{"gate.min_top1=0.99", "gate.split=test", "prune.targets=[0.3]", "fine_tune.epochs=0.75", "sweep.sizes=[]", "quantize.images=2"}

// TestARoundThatFails is trained on, then taken back to a smaller target, until
// the step is too small. Interrupted anywhere, the run decides the same.
func TestARoundThatFails(t *testing.T) {
	set := append([]string{"gate.more_epochs=0.25", "gate.smallest_step=0.1"}, failing...)
	r := create(t, tiny(t, set...))
	done, events := do(t, r, tinyParts())
	var course []string
	decisions := of[Decided](events)
	for i, row := range of[RoundDone](events) {
		d := decisions[i]
		if d.Round != row.Round || d.Action != row.Action || d.Top1 != row.Top1 || d.By != ByGate || !strings.Contains(d.Text, row.Reason) || row.Passed {
			t.Errorf("%+v after %+v", row, d)
		}
		course = append(course, fmt.Sprintf("%v for %v: %s", row.Target, row.Epochs, row.Action))
	}
	want := "0.3 for 0.75: retry, 0.3 for 0.25: back, 0.15 for 0.75: retry, 0.15 for 0.25: stop"
	if have := strings.Join(course, ", "); have != want {
		t.Errorf("have %s\nwant %s", have, want)
	}
	if done.Result != denseCheckpoint || done.Ended != StandingGateFailed {
		t.Errorf("%+v", done)
	}
	state := r.Hub.State()
	var report bytes.Buffer
	markdown(&report, &state, nil, "", nil)
	if text := report.String(); !strings.Contains(text, "it is trained for 0.25 more epochs") || !strings.Contains(text, "and on with 15 % of the weights") {
		t.Errorf("the report says\n%s", text)
	}
	for _, stop := range first(1, []func(Body) bool{
		func(b Body) bool { s, ok := b.(StepDone); return ok && s.Round == 2 },
		func(b Body) bool { d, ok := b.(RoundDone); return ok && d.Round == 2 },
		func(b Body) bool { s, ok := b.(StepDone); return ok && s.Round == 3 && s.Step == 2 },
	}) {
		again := create(t, tiny(t, set...))
		at := stopAt(t, again, tinyParts(), stop)
		resumed, err := Continue(again.Folder)
		if err != nil {
			t.Fatal(err)
		}
		do(t, resumed, tinyParts())
		if journalHash(t, again.Folder) != journalHash(t, r.Folder) {
			t.Errorf("stopped at %+v and resumed: another journal", at)
		}
		resumed.Close()
	}
}

// TestAcceptedBySomebody overrules the gate: in a round in progress, also where
// the run is interrupted before the verdict counts, and while the run waits for one.
func TestAcceptedBySomebody(t *testing.T) {
	accepted := func(t *testing.T, events []Event, done RunDone) {
		t.Helper()
		rows, decided := of[RoundDone](events), of[Decided](events)
		if len(rows) != 1 || !rows[0].Passed || rows[0].Action != Accept || !strings.HasSuffix(rows[0].Reason, "decided by keyboard") {
			t.Fatalf("%+v", rows)
		}
		if d := decided[0]; d.By != "keyboard" || d.Action != Accept || !strings.Contains(d.Text, "it is accepted, as asked by keyboard") {
			t.Errorf("%+v", d)
		}
		if done.Status != StatusDone || done.Result != rows[0].Checkpoint {
			t.Errorf("%+v", done)
		}
	}
	onStep := func(r *Run, step int) {
		watcher := r.Hub.Watch()
		go func() {
			defer watcher.Close()
			for range watcher.Changed() {
				if s := r.Hub.State(); s.Current != nil && s.GlobalStep >= step {
					r.Hub.Send(Command{Do: Accept})
					return
				}
			}
		}()
	}
	t.Run("in progress", func(t *testing.T) {
		r := create(t, tiny(t, failing...))
		onStep(r, 7)
		done, events := do(t, r, tinyParts())
		accepted(t, events, done)
	})
	t.Run("interrupted", func(t *testing.T) {
		r := create(t, tiny(t, append([]string{"fine_tune.epochs=8"}, failing[:3]...)...))
		onStep(r, 7)
		stopAt(t, r, tinyParts(), func(b Body) bool { c, ok := b.(Commanded); return ok && c.Command.Do == Accept && c.Refused == "" })
		resumed, err := Continue(r.Folder)
		if err != nil {
			t.Fatal(err)
		}
		defer resumed.Close()
		done, events := do(t, resumed, tinyParts())
		accepted(t, events, done)
	})
	t.Run("asked", func(t *testing.T) {
		r := create(t, tiny(t, append([]string{"gate.ask=true"}, failing...)...))
		watcher := r.Hub.Watch()
		go func() {
			defer watcher.Close()
			for range watcher.Changed() {
				if r.Hub.State().Paused {
					r.Hub.Send(Command{Do: Accept})
					return
				}
			}
		}()
		done, events := do(t, r, tinyParts())
		accepted(t, events, done)
		if p := of[Paused](events); len(p) != 1 || p[0].Source != ByGate || !strings.Contains(p[0].Reason, "the gate decides: stop") {
			t.Errorf("%+v", p)
		}
	})
}
