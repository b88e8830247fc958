package ui

import (
	"strings"
	"testing"

	"espalier/compress/pipeline"
	"espalier/ui/internal/sample"
	"espalier/ui/state"
)

func TestTheListOfRunsOpensMarksAndCompares(t *testing.T) {
	src := during(2, 10)
	a := newTestApp(t, src, 100, 30)
	press(a, "7")
	for _, want := range []string{"quick-other", "stopped", "begun"} {
		if found := strings.Contains(a.View(), want); found != (want != "begun") {
			t.Errorf("%q on screen is %v:\n%s", want, found, a.View())
		}
	}
	press(a, "G")
	run(a, press(a, "enter"))
	if a.scene.run.Info.Name != "quick-other" || !strings.Contains(a.View(), "✓ STOPPED") {
		t.Errorf("the other run is not shown:\n%s", a.View())
	}
	if cmd := press(a, "q"); quits(cmd) || a.overlay != overlayLeave {
		t.Error("looking at another run, q does not ask about the one in progress")
	}
	press(a, "esc", "esc")
	if a.shown != a.home {
		t.Errorf("esc does not go back:\n%s", a.View())
	}
	press(a, "7", "g", "v") // the run itself takes no part twice
	press(a, "G", "v")
	run(a, press(a, "c"))
	press(a, "z")
	for _, want := range []string{"compared", "settings that differ", "fine_tune.learning_rate", "0.5", "dense top-1"} {
		if !strings.Contains(a.View(), want) {
			t.Errorf("%q is not in the comparison:\n%s", want, a.View())
		}
	}
	if strings.Contains(a.View(), "weight_decay") {
		t.Error("a setting that is the same is listed")
	}
	press(a, "z", "1")
	if !strings.Contains(a.View(), "quick-other") {
		t.Errorf("the losses are not compared:\n%s", a.View())
	}
	press(a, "esc")
	if len(a.scene.others) != 0 || a.runs.comparison != nil {
		t.Error("esc does not end the comparison")
	}
}

func TestRunsThatCannotBeReadAreExplained(t *testing.T) {
	a := newTestApp(t, sample.Finished(sample.Journal()), 100, 30)
	a.Update(listedMsg{listings: []pipeline.Listing{{Folder: "gone", Status: pipeline.StatusDone}}})
	press(a, "7")
	run(a, press(a, "enter"))
	if !strings.Contains(a.View(), "opening the run gone") {
		t.Errorf("the screen does not say why:\n%s", a.View())
	}
	run(a, press(a, "c"))
	if !strings.Contains(a.View(), "comparing with the run gone") {
		t.Errorf("the screen does not say why:\n%s", a.View())
	}
}

func TestTheListIsReadWhenItIsLookedAt(t *testing.T) {
	a := newTestApp(t, sample.Finished(sample.Journal()), 100, 30)
	now := testTime
	if a.runs.read = now; a.list() != nil {
		t.Error("the list is read though another pane has the focus")
	}
	a.setFocus(paneRuns)
	if a.list() != nil {
		t.Error("the list is read again at once")
	}
	if a.scene.now = now.Add(listEvery); a.list() == nil || a.list() != nil {
		t.Error("an old list is not read again, or twice")
	}
}

// The round in progress says how far its training is, also while and after an
// epoch is evaluated.
func TestTheShareOfTraining(t *testing.T) {
	r := &state.Run{}
	at := func(body pipeline.Body) string {
		r.Apply(pipeline.Event{Time: testTime, Body: body})
		return (&roundsPane{}).doing(&scene{run: r})
	}
	for i, c := range []struct {
		body pipeline.Body
		want string
	}{
		{pipeline.StageStarted{Stage: pipeline.StageEvaluate}, "evaluate"},
		{pipeline.Progress{Stage: pipeline.StageEvaluate, Done: 50, Total: 200}, "evaluate 25%"},
		{pipeline.StageStarted{Stage: pipeline.StageFineTune}, "fine-tune"},
		{pipeline.StepDone{Stage: pipeline.StageFineTune, Step: 5, Steps: 100}, "fine-tune 5%"},
		{pipeline.Progress{Stage: pipeline.StageFineTune, Done: 200, Total: 200}, "fine-tune 5%"},
		{pipeline.StepDone{Stage: pipeline.StageFineTune, Step: 6, Steps: 100}, "fine-tune 6%"},
	} {
		if got := at(c.body); got != c.want {
			t.Errorf("after event %d: %q, want %q", i, got, c.want)
		}
	}
	if r.Progress.Total != 0 {
		t.Error("the evaluation's progress outlives the next step")
	}
}
