package ui

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/google/go-cmp/cmp"

	"espalier/compress/pipeline"
	"espalier/internal/finite"
	"espalier/ui/internal/sample"
)

func TestSpacePausesAndResumesAndAPointSteps(t *testing.T) {
	src := during(2, 10)
	a := newTestApp(t, src, 80, 24)
	press(a, " ")
	if a.scene.run.Status != pipeline.StandingPaused || !strings.Contains(a.View(), "‖ PAUSED") {
		t.Fatalf("after space the run is %v:\n%s", a.scene.run.Status, a.View())
	}
	step := a.scene.run.Step.GlobalStep
	press(a, ".")
	if got := a.scene.run.Step.GlobalStep; got != step+1 || a.scene.run.Status != pipeline.StandingPaused {
		t.Errorf("after a single step: step %d, want %d, status %v", got, step+1, a.scene.run.Status)
	}
	press(a, " ")
	if a.scene.run.Status != pipeline.StandingRunning {
		t.Errorf("after the second space the run is %v", a.scene.run.Status)
	}
	var done []pipeline.Action
	for _, c := range src.Sent() {
		done = append(done, c.Do)
		if c.Source != "keyboard" {
			t.Errorf("%s came from %q", c.Do, c.Source)
		}
	}
	if diff := cmp.Diff([]pipeline.Action{pipeline.Pause, pipeline.Step, pipeline.Resume}, done); diff != "" {
		t.Errorf("commands (−want +got):\n%s", diff)
	}
}

func TestEnterOnALayerAsksForItsScales(t *testing.T) {
	src := during(1, 10)
	a := newTestApp(t, src, 80, 24)
	press(a, "2", "j", "enter")
	if a.focus != paneScales {
		t.Errorf("pane %d has the focus, want the scales", a.focus)
	}
	want := []pipeline.Command{{Do: pipeline.Inspect, Layer: "layer1.0.conv1", Source: "keyboard"}}
	if diff := cmp.Diff(want, src.Sent()); diff != "" {
		t.Errorf("commands (−want +got):\n%s", diff)
	}
	if !strings.Contains(a.View(), "1.0.c1") || !strings.Contains(a.View(), "median") {
		t.Errorf("the scales are not shown:\n%s", a.View())
	}
}

func TestBracketsChooseTheSizeThatEnterMeasures(t *testing.T) {
	src := during(1, 10)
	a := newTestApp(t, src, 80, 24)
	press(a, "]", "]", "3", "m", "enter")
	want := []pipeline.Command{{Do: pipeline.Calibrate, Images: 10, Observer: "moving-average", Source: "keyboard"}}
	if diff := cmp.Diff(want, src.Sent()); diff != "" {
		t.Errorf("commands (−want +got):\n%s", diff)
	}
	if len(a.scene.run.Points) != 1 {
		t.Errorf("%d points, want the one asked for", len(a.scene.run.Points))
	}
}

// While a size is measured on demand, header and pane tell how far it is, before
// the first point as after it.
func TestAMeasurementOnDemandShowsHowFarItIs(t *testing.T) {
	for _, points := range []int{0, 1} {
		a := newTestApp(t, during(2, 10), 120, 36)
		tell := func(body pipeline.Body) {
			a.scene.run.Apply(pipeline.Event{Seq: a.scene.run.Seq + 1, Time: testTime, Body: body})
			a.stale = true
			a.Update(nil)
		}
		if points > 0 {
			tell(pipeline.CalibrationPoint{Images: 5, Draw: 1, Observer: "min-max", Top1: 0.9, Float: 0.91})
		}
		tell(pipeline.Progress{Stage: pipeline.StageCalibrate, Done: 3000, Total: 8050, Unit: "images", Asked: true})
		for _, want := range []string{"calibrate   3000/8050 images", "measuring, 37% done"} {
			if !strings.Contains(a.View(), want) {
				t.Errorf("after %d points the screen lacks %q:\n%s", points, want, a.View())
			}
		}
		tell(pipeline.CalibrationPoint{Images: 50, Draw: 1, Observer: "min-max", Top1: 0.9, Float: 0.91, Asked: true})
		if strings.Contains(a.View(), "measuring") || strings.Contains(a.View(), "3000/8050") {
			t.Errorf("the measurement is over:\n%s", a.View())
		}
	}
}

func TestAFinishedRunTakesNoCommandsAndSaysSo(t *testing.T) {
	a := newTestApp(t, sample.Finished(sample.Journal()), 80, 24)
	if !strings.Contains(a.View(), "✓ DONE") {
		t.Errorf("the header does not say that the run is over:\n%s", a.View())
	}
	press(a, " ")
	lines := a.scene.run.Log.Lines()
	if last := lines[len(lines)-1]; last.Level != "warn" || !strings.Contains(last.Text, "takes no commands") {
		t.Errorf("the log ends in %+v", last)
	}
	if !strings.Contains(a.View(), "takes no commands") {
		t.Errorf("the screen does not say why:\n%s", a.View())
	}
	if cmd := press(a, "q"); cmd == nil || a.outcome != Quit || a.overlay != overlayNone {
		t.Errorf("q asks how to leave a run that is over")
	}
}

func TestWaysToLeaveARunInProgress(t *testing.T) {
	for _, c := range []struct {
		keys    []string
		outcome Outcome
		sent    []pipeline.Action
	}{
		{[]string{"q", "d"}, Detach, nil},
		{[]string{"q", "enter"}, Detach, nil},
		{[]string{"q", "a"}, Abort, nil},
		{[]string{"q", "s"}, StopAfter, []pipeline.Action{pipeline.StopAfter}},
		{[]string{"q", "x"}, StopNow, []pipeline.Action{pipeline.StopNow}},
		{[]string{"ctrl+c", "ctrl+c"}, StopNow, []pipeline.Action{pipeline.StopNow}},
		{[]string{" ", "q", "s"}, StopAfter, []pipeline.Action{pipeline.Pause, pipeline.Resume, pipeline.StopAfter}},
	} {
		src := during(1, 10)
		a := newTestApp(t, src, 80, 24)
		left := false
		for _, k := range c.keys {
			if _, cmd := a.Update(keyMsg(k)); quits(cmd) {
				left = true
			}
			if k == " " {
				pull(a)
			}
		}
		if a.leaving { // leaves when the run is over
			_, cmd := a.Update(news(a.home, a.scene.run.Seq, 0))
			left = quits(cmd)
		}
		if !left || a.outcome != c.outcome {
			t.Errorf("%q: left %v with %v, want %v", c.keys, left, a.outcome, c.outcome)
		}
		var sent []pipeline.Action
		for _, s := range src.Sent() {
			sent = append(sent, s.Do)
		}
		if diff := cmp.Diff(c.sent, sent); diff != "" {
			t.Errorf("%q: commands (−want +got):\n%s", c.keys, diff)
		}
	}
}

func TestStayingAfterAll(t *testing.T) {
	a := newTestApp(t, during(1, 10), 80, 24)
	if cmd := press(a, "q", "esc"); quits(cmd) || a.overlay != overlayNone {
		t.Error("esc does not stay")
	}
	a.Update(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune("qd"), Paste: true})
	if a.overlay != overlayNone {
		t.Error("a paste opened the leave dialog")
	}
}

// quits reports whether a command ends the program.
func quits(cmd tea.Cmd) bool {
	if cmd == nil {
		return false
	}
	switch msg := cmd().(type) {
	case tea.QuitMsg:
		return true
	case tea.BatchMsg:
		for _, c := range msg {
			if quits(c) {
				return true
			}
		}
	}
	return false
}

// cmds takes a batch of commands apart.
func cmds(cmd tea.Cmd) []tea.Cmd {
	if cmd == nil {
		return nil
	}
	msg := cmd()
	batch, ok := msg.(tea.BatchMsg)
	if !ok {
		return []tea.Cmd{func() tea.Msg { return msg }}
	}
	var all []tea.Cmd
	for _, c := range batch {
		all = append(all, cmds(c)...)
	}
	return all
}

func TestTheCursorMovesEveryPane(t *testing.T) {
	a := newTestApp(t, sample.Finished(sample.Journal()), 160, 45)
	press(a, "i")
	a.scene.cursor = 200 // in round 2
	a.stale = true
	a.Update(nil)
	for what, want := range map[string]string{"loss title": "whole run", "layers as of round 2": "46.1% zero", "cursor": "@200"} {
		if found := strings.Contains(a.View(), want); found != (want != "whole run") {
			t.Errorf("%s: %q on screen is %v:\n%s", what, want, found, a.View())
		}
	}
	press(a, "esc")
	if a.scene.cursorOn || !strings.Contains(a.View(), "whole run") {
		t.Error("esc does not leave the cursor")
	}
}

func TestANoteIsAttachedToTheStep(t *testing.T) {
	src := during(1, 10)
	a := newTestApp(t, src, 80, 24)
	a.Update(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune("a")})
	a.Update(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune("lr too hih")})
	press(a, "left", "g", "enter")
	want := []pipeline.Command{{Do: pipeline.Remark, Text: "lr too high", Source: "keyboard"}}
	if diff := cmp.Diff(want, src.Sent()); diff != "" {
		t.Errorf("commands (−want +got):\n%s", diff)
	}
}

func TestAFilterThatIsNoExpressionIsExplained(t *testing.T) {
	a := newTestApp(t, sample.Finished(sample.Journal()), 100, 30)
	press(a, "5", "/", "(", "enter")
	if a.log.filter.match != nil || !strings.Contains(a.View(), "write a regular expression") {
		t.Errorf("the screen does not explain:\n%s", a.View())
	}
	press(a, "/", "!", "e", "p", "o", "c", "h", "enter")
	for _, l := range a.log.lines(&a.scene) {
		if strings.Contains(l.Text, "epoch ") {
			t.Errorf("the inverted filter lets %q pass", l.Text)
		}
	}
}

func TestNonFiniteLossesAreSeen(t *testing.T) {
	var events []pipeline.Event
	events = append(events, sample.Journal()[0])
	for i, v := range []float64{1, 0.9, math.NaN(), math.Inf(1), 0.8, math.NaN()} {
		events = append(events, pipeline.Event{Seq: int64(i + 2), Time: testTime, Body: pipeline.StepDone{
			Stage: pipeline.StageFineTune, Round: 1, Step: i + 1, Steps: 6, GlobalStep: i + 1, Loss: finite.OrNull(v)}})
	}
	a := newTestApp(t, sample.Finished(events), 80, 24)
	view := a.View()
	for _, want := range []string{"×", "▲", "3 not finite", "NaN"} {
		if !strings.Contains(view, want) {
			t.Errorf("%q is not on the screen:\n%s", want, view)
		}
	}
}

func TestASilentRunIsSaidToBeSilent(t *testing.T) {
	a := newTestApp(t, during(1, 10), 80, 24)
	later := testTime.Add(40 * time.Second)
	a.clock = func() time.Time { return later }
	a.Update(eventsMsg{view: a.home})
	if !strings.Contains(a.View(), "! SILENT 40s") {
		t.Errorf("the header does not say so:\n%s", a.View())
	}
}

func TestAPanicIsKept(t *testing.T) {
	a := newTestApp(t, during(1, 10), 80, 24)
	a.panes[paneLoss] = nil // drawing it fails
	_, cmd := a.Update(keyMsg("z"))
	if a.crash == nil || !quits(cmd) || !strings.Contains(a.crash.Error(), "goroutine") {
		t.Errorf("crash %v", a.crash)
	}
	msg := guard(func() tea.Msg { panic("in a command") })()
	if crash, ok := msg.(crashMsg); !ok || !strings.Contains(crash.Error(), "in a command") {
		t.Errorf("message %v", msg)
	}
}

// rewound is a source whose run went back.
type rewound struct {
	*sample.Source
	events []pipeline.Event
	times  int
}

func (r *rewound) Rewound() int { return r.times }

func (r *rewound) Since(after int64, limit int) []pipeline.Event {
	at := min(after, int64(len(r.events)))
	return r.events[at:min(at+int64(limit), int64(len(r.events)))]
}

// TestARunThatGoesBack shows a run that another process takes up again from an
// earlier event: the screen shows it from there, not what was computed before.
func TestARunThatGoesBack(t *testing.T) {
	journal := sample.Journal()
	src := &rewound{Source: during(1, 10), events: journal}
	a := newTestApp(t, src, 80, 24)
	if !a.home.run.Status.Over() {
		t.Fatal("the run is not over")
	}
	step := 0
	for i, e := range journal {
		if s, ok := e.Body.(pipeline.StepDone); ok && s.Round == 2 {
			step, src.events = s.GlobalStep, journal[:i+1:i+1]
			break
		}
	}
	src.events = append(src.events, pipeline.Event{Seq: int64(len(src.events) + 1), Time: testTime, Body: pipeline.Continued{GlobalStep: step}})
	src.times++
	a.Update(news(a.home, a.home.run.Seq, a.home.rewound))
	if r := a.scene.run; r.Step.GlobalStep != step || r.Status.Over() || r.Seq != int64(len(src.events)) {
		t.Errorf("step %d, want %d; event %d of %d, %v", r.Step.GlobalStep, step, r.Seq, len(src.events), r.Status)
	}
	if !strings.Contains(a.View(), fmt.Sprintf("continued from step %d", step)) {
		t.Errorf("the screen does not show that the run goes on:\n%s", a.View())
	}
}

// TestLeavingAnAttachedScreen asks how to leave while another process computes
// the run, which cannot be ended from here at once, and asks nothing when that
// process is gone.
func TestLeavingAnAttachedScreen(t *testing.T) {
	a := newTestApp(t, during(1, 10), 80, 24)
	computed := true
	a.options.Attached, a.options.Computed = true, func() bool { return computed }
	press(a, "q")
	if a.overlay != overlayLeave || strings.Contains(a.View(), "abort") || !strings.Contains(a.View(), "goes on in its process") {
		t.Errorf("the question is\n%s", a.View())
	}
	if _, cmd := a.Update(keyMsg("a")); quits(cmd) {
		t.Error("a leaves")
	}
	if _, cmd := a.Update(keyMsg("d")); !quits(cmd) || a.outcome != Detach {
		t.Errorf("d does not leave, or as %v", a.outcome)
	}
	computed, a.overlay = false, overlayNone
	if _, cmd := a.Update(keyMsg("q")); !quits(cmd) || a.outcome != Quit {
		t.Errorf("nobody computes the run: q asks, or leaves as %v", a.outcome)
	}
}

// lost is a source whose run lost its process.
type lost struct {
	*sample.Source
	gone chan struct{}
}

func (l *lost) Lost() <-chan struct{} { return l.gone }

func TestAScreenTellsThatTheProcessIsGone(t *testing.T) {
	src := &lost{during(1, 10), make(chan struct{})}
	a := newTestApp(t, src, 120, 36)
	const text = "the run is dead, its process is gone"
	if a.Update(eventsMsg{view: a.home}); strings.Contains(a.View(), text) {
		t.Error("told while it is there")
	}
	close(src.gone)
	for range 2 {
		a.Update(eventsMsg{view: a.home})
	}
	told := 0
	for _, l := range a.home.run.Log.Lines() {
		if strings.HasPrefix(l.Text, text) {
			told++
		}
	}
	if told != 1 || !strings.Contains(a.View(), text) {
		t.Errorf("told %d times in the log, on the screen:\n%s", told, a.View())
	}
}

// TestAPanicInUpdateEndsTheScreen keeps the model, which Bubble Tea asks for its
// view once more before it restores the terminal.
func TestAPanicInUpdateEndsTheScreen(t *testing.T) {
	a := newTestApp(t, &failing{Source: during(1, 10), mode: "panic in update"}, 80, 24)
	model, cmd := a.Update(keyMsg(" "))
	if model != tea.Model(a) || !quits(cmd) || a.crash == nil {
		t.Errorf("the model is %v, the crash %v", model, a.crash)
	}
}
