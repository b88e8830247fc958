package pipeline

import (
	"bytes"
	"strings"
	"testing"

	"espalier/configs"
)

// TestAGateOutOfReachIsReplaced: the dense network is far from 99 %, so that
// rounds are held to a drop, the run says so before the first of them, and keeps
// it over an interruption.
func TestAGateOutOfReachIsReplaced(t *testing.T) {
	set := []string{"gate.min_top1=0.99", "gate.fallback_drop=0.9", "gate.split=test", "sweep.sizes=[]"}
	r := create(t, tiny(t, set...))
	done, events := do(t, r, tinyParts())
	decided := of[Decided](events)
	if len(decided) != 3 || decided[0].About != "gate" || decided[0].Gate != "drop ≤ 90.00 points on test" ||
		!strings.Contains(decided[0].Text, "not 90.00 points above the gate's minimum of 99.00 %") {
		t.Fatalf("%+v", decided)
	}
	for _, e := range events {
		if _, round := e.Body.(RoundStarted); round {
			t.Fatal("a round began before the decision")
		}
		if _, ok := e.Body.(Decided); ok {
			break
		}
	}
	rows := of[RoundDone](events)
	if len(rows) != 2 || !rows[1].Passed || !strings.Contains(rows[1].Reason, "within the allowed 90.00 points") || done.Status != StatusDone {
		t.Errorf("%+v %+v", done, rows)
	}
	state := r.Hub.State()
	if state.Gate() != decided[0].Gate || state.Started.Gate != "top-1 ≥ 99.00 % on test" {
		t.Errorf("gate %q, asked for %q", state.Gate(), state.Started.Gate)
	}
	var report bytes.Buffer
	markdown(&report, &state, nil, "", nil)
	if text := report.String(); !strings.Contains(text, "## Decisions\n\n- "+decided[0].Text) || !strings.Contains(text, "Gate: drop ≤ 90.00 points on test.") {
		t.Errorf("the report says\n%s", text)
	}

	again := create(t, tiny(t, set...))
	stopAt(t, again, tinyParts(), func(b Body) bool { s, ok := b.(StepDone); return ok && s.Round == 2 })
	resumed, err := Continue(again.Folder)
	if err != nil {
		t.Fatal(err)
	}
	defer resumed.Close()
	_, events = do(t, resumed, tinyParts())
	if have, want := journalHash(t, again.Folder), journalHash(t, r.Folder); have != want || len(of[Decided](events)) != 3 {
		t.Error("resumed in the second round: another journal")
	}
}

// TestWhichGateHolds for a dense network of 86 %.
func TestWhichGateHolds(t *testing.T) {
	for _, c := range []struct{ name, set, want string }{
		{"no gate", "gate.fallback_drop=0.02", "none"},
		{"well above it", "gate.min_top1=0.83 gate.fallback_drop=0.03", "top-1 ≥ 83.00 % on test"},
		{"not well above it", "gate.min_top1=0.835 gate.fallback_drop=0.03", "drop ≤ 3.00 points on test"},
		{"below it", "gate.min_top1=0.9 gate.fallback_drop=0.025", "drop ≤ 2.50 points on test"},
		{"below it, and nothing else is allowed", "gate.min_top1=0.9", "top-1 ≥ 90.00 % on test"},
		{"a smaller drop is asked for too", "gate.min_top1=0.9 gate.max_drop=0.01 gate.fallback_drop=0.025", "drop ≤ 1.00 points on test"},
		{"a larger drop is asked for too", "gate.min_top1=0.9 gate.max_drop=0.05 gate.fallback_drop=0.025", "drop ≤ 2.50 points on test"},
		{"a drop alone", "gate.max_drop=0.05 gate.fallback_drop=0.025", "drop ≤ 5.00 points on test"},
		{"no rounds", "gate.min_top1=0.9 gate.fallback_drop=0.025 prune.targets=[]", "top-1 ≥ 90.00 % on test"},
	} {
		r := tuning(t, append(strings.Fields(c.set), "gate.split=test")...)
		r.hub.Publish(Evaluated{What: "dense", Split: "validation", Top1: 0.99})
		r.hub.Publish(Evaluated{What: "dense", Split: "test", Top1: 0.86})
		gate, why := r.chooseGate()
		if have := gate.String(); have != c.want || (why != "") != (gate != r.gate) {
			t.Errorf("%s: gate %q because %q, want %q", c.name, have, why, c.want)
		}
	}
}

// TestAPresetDoesNotWalkIntoItsGate: a preset that asks for an accuracy says
// what it does where the dense network has less.
func TestAPresetDoesNotWalkIntoItsGate(t *testing.T) {
	for _, name := range configs.Presets() {
		e, err := configs.Load(name, nil)
		if err != nil {
			t.Fatal(err)
		}
		if g := e.Gate; g.MinTop1 > 0 && g.FallbackDrop == 0 {
			t.Errorf("%s: gate.min_top1 is %v without a fallback_drop", name, g.MinTop1)
		}
	}
}
