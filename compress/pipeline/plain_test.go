package pipeline

import (
	"bytes"
	"context"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestHeartbeat prints steps that come every second: a line at most every 15 s,
// unless another line was printed meanwhile.
func TestHeartbeat(t *testing.T) {
	var out bytes.Buffer
	p := plainPrinter{w: &out}
	now := time.Date(2026, 11, 22, 14, 0, 0, 0, time.UTC)
	for second := range 60 {
		var body Body = StepDone{Stage: StageFineTune, Round: 2, Epoch: 1, Epochs: 3, Step: second, Steps: 60, Loss: 0.5, LearningRate: 0.01, ImagesPerSec: 1300, Overall: 0.5, Remaining: 90}
		if second == 20 {
			body = Log{Level: "warn", Text: "hot"}
		}
		if err := p.print(Event{Time: now.Add(time.Duration(second) * time.Second), Body: body}); err != nil {
			t.Fatal(err)
		}
	}
	var seen []string
	for l := range strings.Lines(out.String()) {
		seen = append(seen, strings.TrimSpace(l[len("15:04:05"):]))
	}
	step := func(n string) string {
		return "round 2  fine-tune step " + n + "/60 epoch 1/3  loss 0.5000  lr 0.01  1300 images/s  50 % of the run, about 1m30s left"
	}
	want := []string{step("0"), step("15"), "warn: hot", step("35"), step("50")}
	if strings.Join(seen, "\n") != strings.Join(want, "\n") {
		t.Errorf("have\n%s\nwant\n%s", strings.Join(seen, "\n"), strings.Join(want, "\n"))
	}
}

// TestClockSetBack holds the printer to its heartbeat when the wall clock goes
// back by an hour.
func TestClockSetBack(t *testing.T) {
	var out bytes.Buffer
	p := plainPrinter{w: &out}
	now := time.Date(2026, 11, 22, 14, 0, 0, 0, time.UTC)
	for second := range 20 {
		if second == 10 {
			now = now.Add(-time.Hour)
		}
		if err := p.print(Event{Time: now.Add(time.Duration(second) * time.Second), Body: StepDone{Step: second, Steps: 20}}); err != nil {
			t.Fatal(err)
		}
	}
	if n := strings.Count(out.String(), "\n"); n != 2 || !strings.Contains(out.String(), "step 10/20") {
		t.Errorf("%d lines:\n%s", n, out.String())
	}
}

// TestEveryEventHasALine holds the printer to every metric: each kind gives a
// line, now or as a heartbeat, but for those that only structure the journal.
func TestEveryEventHasALine(t *testing.T) {
	silent := map[string]bool{"stage_started": true, "stage_done": true}
	for _, b := range bodies() {
		if (line(b) == "" && beat(b) == "") != silent[b.Kind()] {
			t.Errorf("%s: line %q, beat %q", b.Kind(), line(b), beat(b))
		}
		if strings.Contains(line(b), "%!") {
			t.Errorf("%s: %s", b.Kind(), line(b))
		}
	}
}

func TestPrintJSONIsTheJournal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	hub := newHub(open(t, path))
	for _, b := range bodies() {
		hub.Publish(b)
	}
	var out bytes.Buffer
	if err := PrintJSON(context.Background(), &out, hub); err != nil {
		t.Fatal(err)
	}
	n := 0
	err := ReadJournal(path, func(e Event) error {
		want, err := json.Marshal(e)
		if err != nil {
			return err
		}
		have, err := out.ReadString('\n')
		if err != nil || strings.TrimSpace(have) != string(want) {
			t.Errorf("have %s, %v\nwant %s", have, err, want)
		}
		n++
		return nil
	})
	if err != nil || n != len(bodies()) || out.Len() > 0 {
		t.Errorf("%d events, %v, rest %q", n, err, out.String())
	}
}

// TestPrintingEnds holds a printer of an unfinished run to its context.
func TestPrintingEnds(t *testing.T) {
	hub := newHub(open(t, filepath.Join(t.TempDir(), "journal")))
	hub.Publish(Log{Level: "info", Text: "hello"})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var out bytes.Buffer
	if err := PrintPlain(ctx, &out, hub); err != nil || !strings.Contains(out.String(), "hello") {
		t.Errorf("%v %q", err, out.String())
	}
}

func TestStepsOf(t *testing.T) {
	for _, test := range []struct {
		epochs   float64
		perEpoch int
		steps    int
	}{
		{0, 10, 0}, {1, 10, 10}, {0.5, 10, 5}, {2, 352, 704}, {1.42, 141, 200}, {0.001, 10, 1}, {1.04, 10, 10},
	} {
		if steps := stepsOf(test.epochs, test.perEpoch); steps != test.steps {
			t.Errorf("%v epochs of %d: %d steps, want %d", test.epochs, test.perEpoch, steps, test.steps)
		}
	}
}

// TestOneOfAThing: counts of one are singular, and epochs are not rounded, in
// lines and in the report.
func TestOneOfAThing(t *testing.T) {
	for _, c := range []struct {
		body Body
		want string
	}{
		{RoundDone{Epochs: 1}, "  1 epoch  "},
		{RoundDone{Epochs: 500.0 / 352}, "  1.42 epochs  "},
		{EpochDone{Epoch: 2, Epochs: 500.0 / 352}, " epoch 2/1.42  "},
		{RunStarted{Threads: 1}, ", 1 thread,"},
		{RunStarted{Threads: 2}, ", 2 threads,"},
		{CalibrationPoint{Images: 1}, "  1 image  "},
		{Quantized{Images: 1}, " on 1 image:"},
		{RoundStarted{Steps: 1}, "  1 step"},
		{Continued{Removed: 1}, "; 1 later event is computed again"},
		{Continued{Removed: 2}, "; 2 later events are computed again"},
		{Scales{Asked: true, Channels: make([]ChannelScale, 1)}, "  1 channel  "},
		{Outlook{Parts: []OutlookPart{{Name: "round 1", Epochs: 1}}}, "round 1 (1 epoch) "},
	} {
		if have := line(c.body); !strings.Contains(have, c.want) {
			t.Errorf("%T: %q lacks %q", c.body, have, c.want)
		}
	}
	if have := deadText(1, 64); have != "1 of its 64 output channels is all zero" {
		t.Error(have)
	}
	var report strings.Builder
	heading(&report, &State{Started: &RunStarted{Threads: 1}, Continued: 1})
	roundTable(&report, &State{Started: &RunStarted{}, Rounds: []RoundDone{{Epochs: 500.0 / 352}}})
	for _, want := range []string{", 1 thread.", "Continued 1 time after", "| 1.42 |"} {
		if !strings.Contains(report.String(), want) {
			t.Errorf("the report lacks %q:\n%s", want, report.String())
		}
	}
}
