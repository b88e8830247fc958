package pipeline

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// TestListedStanding: a list tells from the journal's events and the lock how each
// run stands.
func TestListedStanding(t *testing.T) {
	now := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		status string
		age    time.Duration
		bodies []Body
		want   string
	}{
		{StatusLive, 0, nil, "starting"},
		{StatusLive, 0, []Body{RunStarted{}}, "running"},
		{StatusLive, SilentAfter, []Body{RunStarted{}}, "silent"},
		{StatusLive, time.Hour, []Body{RunStarted{}, Paused{}}, "paused"},
		{StatusLive, 0, []Body{RunStarted{}, Paused{}, Resumed{}}, "running"},
		{StatusLive, 0, []Body{RunStarted{}, Commanded{Command: Command{Do: StopAfter}}}, "stopping"},
		{StatusLive, 0, []Body{RunStarted{}, Commanded{Command: Command{Do: StopAfter}, Refused: "no"}}, "running"},
		{StatusLive, 0, []Body{RunStarted{}, Commanded{Command: Command{Do: StopNow}}, RunDone{Status: StatusStopped}, Continued{}}, "running"},
		{StatusDead, 0, []Body{RunStarted{}, Paused{}}, "dead"},
		{StatusUnknown, 0, []Body{RunStarted{}}, "unknown"},
		{StatusDone, time.Hour, []Body{RunStarted{}, RunDone{Status: StatusDone, Ended: StandingGateFailed}}, "gate failed"},
		{StatusDone, time.Hour, []Body{RunStarted{}, RunDone{Status: StatusDone}}, "done"},
		{StatusFailed, 0, []Body{RunStarted{}, RunDone{Status: StatusFailed, Ended: StandingDiverged}}, "diverged"},
	} {
		l := Listing{Status: c.status}
		for i, body := range c.bodies {
			l.State.Apply(Event{Seq: int64(i + 1), Time: now.Add(-c.age), Body: body})
		}
		if have := l.Standing(now).String(); have != c.want {
			t.Errorf("%s, %+v: %s, want %s", c.status, c.bodies, have, c.want)
		}
	}
}

func TestStandingSurvivesJSON(t *testing.T) {
	for s := StandingStarting; s <= StandingFailed; s++ {
		text, err := json.Marshal(s)
		var back Standing
		if err == nil {
			err = json.Unmarshal(text, &back)
		}
		if err != nil || back != s {
			t.Errorf("%v became %s and %v, error %v", s, text, back, err)
		}
	}
	if err := new(Standing).UnmarshalText([]byte("fine")); err == nil {
		t.Error("a run can be fine")
	}
}

// TestEndNamesTheResult: the run's last event says which gate failed and which
// network is the result.
func TestEndNamesTheResult(t *testing.T) {
	for _, c := range []struct {
		set           []string
		ended         Standing
		result, named string
	}{
		{nil, StandingDone, "checkpoints/round-2.safetensors", ""},
		{[]string{"gate.min_top1=0.99", "gate.split=test"}, StandingGateFailed, denseCheckpoint, "round 1 did not pass, so the result is the dense network: "},
		{[]string{"fine_tune.epochs=[0, 30]", "fine_tune.learning_rate=100"}, StandingDiverged, "checkpoints/round-1.safetensors", "round 2 did not pass, so the result is that of round 1: "},
	} {
		done, _ := do(t, create(t, tiny(t, c.set...)), tinyParts())
		if done.Standing() != c.ended || done.Result != c.result || !strings.HasPrefix(done.Reason, c.named) || (c.named == "") != (done.Reason == "") {
			t.Errorf("%v: %+v", c.set, done)
		}
		if text := line(done); !strings.HasPrefix(text, "run "+c.ended.String()+" after ") {
			t.Error(text)
		}
	}
}
