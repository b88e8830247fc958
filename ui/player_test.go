package ui

import (
	"fmt"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/google/go-cmp/cmp"

	"espalier/compress/pipeline"
	"espalier/ui/internal/sample"
)

// A run told after one second, two more, a pause of an hour and one more.
func slowRun() []pipeline.Event {
	at := testTime
	var events []pipeline.Event
	for i, seconds := range []float64{0, 1, 2, 3600, 1} {
		at = at.Add(time.Duration(seconds * float64(time.Second)))
		events = append(events, pipeline.Event{Seq: int64(i + 1), Time: at, Body: pipeline.StepDone{Step: i + 1, GlobalStep: 10 * (i + 1)}})
	}
	return events
}

func TestAReplayKeepsTheRhythmOfItsJournal(t *testing.T) {
	now := testTime
	p := newPlayer(sample.Finished(slowRun()), func() time.Time { return now })
	p.faster(1.0 / firstSpeed)
	told := func(after time.Duration) int {
		now = now.Add(after)
		return len(p.Since(0, batch))
	}
	for _, c := range []struct {
		name  string
		after time.Duration
		want  int
	}{
		{"the first event comes at once", 0, 1},
		{"too early for the second", 900 * time.Millisecond, 1},
		{"the second after its second", 100 * time.Millisecond, 2},
		{"the third after two", 2 * time.Second, 3},
		{"an hour is shortened", longestGap, 4},
		{"the end", 5 * time.Second, 5},
	} {
		if got := told(c.after); got != c.want {
			t.Errorf("%s: %d events are told, want %d", c.name, got, c.want)
		}
	}
	if playing, ended, _ := p.status(); playing || !ended {
		t.Errorf("at the end: playing %v, ended %v", playing, ended)
	}
}

func TestAReplayPausesStepsSeeksAndChangesItsSpeed(t *testing.T) {
	now := testTime
	p := newPlayer(sample.Finished(slowRun()), func() time.Time { return now })
	p.Since(0, batch)
	p.toggle()
	now = now.Add(time.Hour)
	if n := len(p.Since(0, batch)); n != 1 {
		t.Errorf("paused, %d events are told", n)
	}
	p.one()
	if n := len(p.Since(0, batch)); n != 2 {
		t.Errorf("after one step %d events are told", n)
	}
	p.seek(35)
	if events := p.Since(0, batch); len(events) != 4 || len(p.Since(2, 1)) != 1 {
		t.Errorf("at step 35, %d events are told", len(events))
	}
	for range 30 {
		p.faster(2)
	}
	if _, _, speed := p.status(); speed != "×1024" {
		t.Errorf("the speed is %s", speed)
	}
	if err := p.Send(pipeline.Command{Do: pipeline.Pause}); err == nil {
		t.Error("a replay took a command")
	}
}

// run does what commands ask for until they ask for nothing but waiting.
func run(a *App, cmd tea.Cmd) {
	for _, c := range cmds(cmd) {
		msg := c()
		switch m := msg.(type) {
		case openedMsg, playedMsg, comparedMsg, closeupMsg:
			_, next := a.Update(m)
			run(a, next)
		case eventsMsg:
			a.Update(m)
		}
	}
	pull(a)
}

// A replay at its end shows what the finished run shows, and on the way what it
// showed then.
func TestAReplayShowsWhatTheRunShowed(t *testing.T) {
	a := newTestApp(t, sample.Finished(sample.Journal()), 120, 36)
	now := testTime
	a.clock = func() time.Time { return now }
	whole := body(a)
	run(a, press(a, "R"))
	if !strings.Contains(a.View(), "↺ REPLAY ×16") {
		t.Errorf("the header does not say so:\n%s", a.View())
	}
	run(a, a.playTo(200))
	if got := a.scene.run.Step.GlobalStep; got != 200 {
		t.Errorf("step %d, want 200", got)
	}
	shot, err := Draw(a.home.src, Options{Theme: "dark"}, ShotOptions{Width: 120, Height: 36, Step: 200})
	if err != nil {
		t.Fatal(err)
	}
	// What a live run could be asked for, a replay cannot.
	then := strings.Replace(shot.Text(), "enter measures n=1", strings.Repeat(" ", 18), 1)
	want := strings.Split(strings.TrimRight(then, "\n"), "\n")
	if diff := cmp.Diff(want[1:len(want)-2], body(a)); diff != "" {
		t.Errorf("at step 200 (−then +replayed):\n%s", diff)
	}
	for range 200 {
		now = now.Add(time.Minute)
		pull(a)
	}
	if diff := cmp.Diff(whole, body(a)); diff != "" {
		t.Errorf("at the end (−run +replay):\n%s", diff)
	}
	run(a, press(a, "R"))
	if a.shown != a.home || !strings.Contains(a.View(), "✓ DONE") {
		t.Errorf("R does not end the replay:\n%s", a.View())
	}
}

// At its end a replay can be played again.
func TestAReplayIsPlayedAgain(t *testing.T) {
	a := newTestApp(t, sample.Finished(sample.Journal()), 120, 36)
	press(a, "R")
	run(a, press(a, "end"))
	if !strings.Contains(a.View(), "space again") {
		t.Errorf("the hints do not offer it:\n%s", a.View())
	}
	press(a, " ")
	if playing, ended, _ := a.shown.player.status(); !playing || ended || a.scene.run.Step.GlobalStep > 0 {
		t.Errorf("playing %v, ended %v, at step %d", playing, ended, a.scene.run.Step.GlobalStep)
	}
}

// h and l go by single events, also backwards, and home and end to the ends.
func TestAReplayGoesByEvents(t *testing.T) {
	journal := sample.Journal()
	a := newTestApp(t, sample.Finished(journal), 120, 36)
	press(a, "R", " ")
	run(a, a.playTo(200))
	at, frame := a.scene.run.Seq, body(a)
	for _, c := range []struct {
		key  string
		want int64
	}{
		{"l", at + 1}, {"l", at + 2}, {"h", at + 1}, {"h", at}, {"h", at - 1}, {"l", at}, {"l", at + 1},
		{"home", 1}, {"h", 1}, {"l", 2}, {"end", int64(len(journal))}, {"l", int64(len(journal))}, {"h", int64(len(journal)) - 1},
	} {
		run(a, press(a, c.key))
		if got := a.scene.run.Seq; got != c.want {
			t.Fatalf("%q goes to event %d, want %d", c.key, got, c.want)
		}
		if playing, ended, _ := a.shown.player.status(); playing || ended && c.want < int64(len(journal)) {
			t.Fatalf("after %q: playing %v, ended %v", c.key, playing, ended)
		}
		if c.want < int64(len(journal)) && !strings.Contains(a.View(), fmt.Sprintf("‖ REPLAY event %d %s", c.want, journal[c.want-1].Body.Kind())) {
			t.Errorf("the header does not name event %d:\n%s", c.want, a.View())
		}
	}
	// The same event shows the same, from wherever it was reached.
	run(a, a.playTo(200))
	run(a, press(a, "h"))
	run(a, press(a, "l"))
	if diff := cmp.Diff(frame, body(a)); diff != "" {
		t.Errorf("event %d shows otherwise when it is reached from behind (−first +again):\n%s", at, diff)
	}
	press(a, "right")
	if !a.scene.cursorOn {
		t.Error("the arrow does not move the cursor")
	}
}

// body returns the rows of a frame that show the run: not the header, nor the
// rows of messages and keys.
func body(a *App) []string {
	lines := strings.Split(a.View(), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return lines[1 : a.height-2]
}
