package ui

import (
	"fmt"
	"math"
	"testing"
	"time"

	"espalier/compress/pipeline"
	"espalier/internal/finite"
	"espalier/ui/internal/sample"
)

// longRun returns a run of so many steps, with a loss of its own at each and a
// single spike at one.
func longRun(steps, spike int) *sample.Source {
	events := sample.Journal()[:1:1]
	for i := range steps {
		step := i + 1
		loss := 1 + 0.5*math.Sin(float64(step)/700)
		if step == spike {
			loss = 9
		}
		events = append(events, pipeline.Event{Seq: int64(i + 2), Time: testTime.Add(time.Duration(step) * time.Second), Body: pipeline.StepDone{
			Stage: pipeline.StageFineTune, Round: 1, Epoch: 1, Epochs: 1, Step: step, Steps: steps, GlobalStep: step, Loss: finite.OrNull(loss), LearningRate: 0.1}})
	}
	return sample.Finished(events)
}

func TestDeepZoomReadsThePastAgain(t *testing.T) {
	const steps, spike = 80_000, 5_000
	a := newTestApp(t, longRun(steps, spike), 120, 36)
	line(a, fmt.Sprint(spike))
	for range 9 { // 80,000 steps become some 150
		run(a, press(a, "+"))
	}
	if a.loss.view.hi-a.loss.view.lo > 400 {
		t.Fatalf("the view is from %v to %v", a.loss.view.lo, a.loss.view.hi)
	}
	before, _ := a.scene.run.Train.At(spike)
	if before.Points() == 1 {
		t.Fatal("the screen remembers the step by itself: the test tests nothing")
	}
	part := a.loss.closeup
	if !part.covers(a.loss.view.lo, a.loss.view.hi) {
		t.Fatalf("the view from %v to %v was not read: %+v", a.loss.view.lo, a.loss.view.hi, part)
	}
	spans := part.train.Window(a.loss.view.lo, a.loss.view.hi, math.MaxInt, 0)
	if len(spans) < int(a.loss.view.hi-a.loss.view.lo) {
		t.Errorf("%d spans between %v and %v", len(spans), a.loss.view.lo, a.loss.view.hi)
	}
	for _, s := range spans {
		want := 1 + 0.5*math.Sin(s.First/700)
		if s.First == spike {
			want = 9
		}
		if s.Points() != 1 || s.Mean() != want {
			t.Fatalf("step %v: %+v, want one loss of %v", s.First, s, want)
		}
	}
	if rows := a.loss.data(&a.scene).rows; len(rows) < int(a.loss.view.hi-a.loss.view.lo) || rows[0][0] != rows[0][1] {
		t.Errorf("%d rows are exported, the first %v", len(rows), rows[0])
	}
	press(a, "=")
	if a.loss.train(&a.scene, 1, steps) != &a.scene.run.Train {
		t.Error("the whole run is drawn from the closeup")
	}
}
