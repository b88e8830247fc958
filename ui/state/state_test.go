package state

import (
	"math"
	"strings"
	"testing"
	"time"

	"espalier/compress/pipeline"
	"espalier/internal/finite"
	"espalier/ui/internal/sample"
)

func replay(events []pipeline.Event) *Run {
	r := &Run{}
	for _, e := range events {
		r.Apply(e)
	}
	return r
}

func TestAWholeRun(t *testing.T) {
	journal := sample.Journal()
	r := replay(journal)
	if r.Status != pipeline.StandingDone || r.Missed != 0 || r.Seq != int64(len(journal)) || r.Overall != 1 {
		t.Errorf("status %v, %d missed, seq %d, overall %v", r.Status, r.Missed, r.Seq, r.Overall)
	}
	if n := len(r.Rounds); n != 6 || r.Rounds[5].Done == nil || r.Rounds[5].Pruned == nil || r.Rounds[5].Tuned == nil {
		t.Errorf("%d rounds, the last %+v", n, r.Rounds[n-1])
	}
	if r.Train.Len() != 6*180 || r.Validation.Len() != 18 {
		t.Errorf("%d losses and %d validation losses, want 1080 and 18", r.Train.Len(), r.Validation.Len())
	}
	for step, want := range map[int]int{0: 0, 1: 1, 180: 1, 181: 2, 1080: 6} {
		if got := r.RoundAt(step); got != want {
			t.Errorf("step %d is in round %d, want %d", step, got, want)
		}
	}
}

func TestEventsCountOnce(t *testing.T) {
	journal := sample.Journal()
	r := replay(journal)
	for _, e := range journal[:200] {
		r.Apply(e)
	}
	if r.Train.Len() != 1080 || len(r.Rounds) != 6 {
		t.Errorf("events told twice were folded twice: %d steps, %d rounds", r.Train.Len(), len(r.Rounds))
	}
	gap := replay(append(journal[:10:10], journal[15:]...))
	if gap.Missed != 5 {
		t.Errorf("%d events are missed, want 5", gap.Missed)
	}
}

// TestSlicedBesideTheDense compares a network that lost channels with the dense one.
func TestSlicedBesideTheDense(t *testing.T) {
	journal := sample.Journal()
	before := replay(journal)
	dense, _ := before.MACs()
	last := journal[len(journal)-1]
	half := before.Info.Layers[:len(before.Info.Layers)/2]
	r := replay(append(journal[:len(journal):len(journal)], pipeline.Event{
		Seq: last.Seq + 1, Time: last.Time,
		Body: pipeline.Sliced{Round: 6, MACsBefore: int64(dense), MACs: 1, Weights: 1, Layers: half},
	}))
	if got, kept := r.MACs(); got != dense || kept >= dense || r.Info.Weights != before.Info.Weights || len(r.Info.Layers) != len(half) {
		t.Errorf("%v to %v multiply-adds, %d weights in %d layers; the dense network has %v, %d and %d", got, kept, r.Info.Weights, len(r.Info.Layers), dense, before.Info.Weights, len(before.Info.Layers))
	}
}

func TestLayersAsOfAStep(t *testing.T) {
	r := replay(sample.Journal())
	fc := len(r.Info.Layers) - 1
	for _, c := range []struct {
		step   int
		target float64 // of the candidates
		edge   float64
	}{{0, 0.30, 0.09}, {100, 0.30, 0.09}, {200, 0.50, 0.15}, {Now, 0.92, 0}} {
		rows := r.Layers(c.step)
		if got := rows[1].Target; got != c.target {
			t.Errorf("step %d: candidates' target %v, want %v", c.step, got, c.target)
		}
		if got := rows[fc].Target; math.Abs(got-c.edge) > 1e-9 {
			t.Errorf("step %d: classifier's target %v, want %v", c.step, got, c.edge)
		}
		sum := 0
		for _, row := range rows {
			sum += row.Kept
		}
		census, _ := r.Census(c.step)
		if sum != census.Total-census.Zero {
			t.Errorf("step %d: layers keep %d weights, the census says %d", c.step, sum, census.Total-census.Zero)
		}
	}
	if d := r.Layers(200)[10].Delta; d <= 0 {
		t.Errorf("the second round changed a layer by %v", d)
	}
	if got := len(r.Heat("layer3.0.conv1")); got != 6 {
		t.Errorf("heat of %d rounds, want 6", got)
	}
}

func TestCalibrationCurves(t *testing.T) {
	r := replay(sample.Journal())
	curve := r.Curve("min-max")
	if len(curve) != len(r.Info.Sizes) {
		t.Fatalf("%d sizes, want %d", len(curve), len(r.Info.Sizes))
	}
	for i, c := range curve {
		if c.Images != r.Info.Sizes[i] || c.Draws != 3 || !(c.Min <= c.Mean && c.Mean <= c.Max) {
			t.Errorf("size %d: %+v", i, c)
		}
	}
	before := len(r.Points)
	r.Apply(pipeline.Event{Body: pipeline.CalibrationPoint{Images: 1, Draw: 1, Observer: "min-max", Top1: 0.5}})
	if len(r.Points) != before || r.Curve("min-max")[0].Min != 0.5 {
		t.Error("a point measured again does not replace the old one")
	}
	small, _ := r.Cost(10)
	large, ok := r.Cost(100_000)
	if !ok || large <= small {
		t.Errorf("cost of 10 images %v s, of 100,000 %v s", small, large)
	}
}

func TestScalesAsOfAStep(t *testing.T) {
	r := replay(sample.Journal())
	for step, want := range map[int]int{0: 1, 200: 1, 400: 2, Now: 6} {
		if s, ok := r.Scales("fc", step); !ok || s.Round != want {
			t.Errorf("at step %d the scales of round %d are shown, want %d", step, s.Round, want)
		}
	}
	if _, ok := r.Scales("nowhere", Now); ok {
		t.Error("an unknown layer has scales")
	}
	for range 10 * scalesKept {
		r.addScales(pipeline.Scales{Layer: "fc"})
	}
	if n := len(r.scales["fc"]); n > scalesKept {
		t.Errorf("%d scales of one layer are kept", n)
	}
}

// TestLooksAtClippedWeightsStayApart: what would be is never shown as what is.
func TestLooksAtClippedWeightsStayApart(t *testing.T) {
	r := &Run{}
	look := func(step int, clip float64) { r.addScales(pipeline.Scales{Layer: "fc", GlobalStep: step, Clip: clip}) }
	look(5, 0.9)
	if _, ok := r.Scales("fc", Now); ok {
		t.Error("a look passes for the layer's scales")
	}
	look(10, 0)
	for range 10 * scalesKept {
		look(20, 0.5)
	}
	look(20, 0.7)
	look(30, 0)
	for _, c := range []struct {
		step  int
		scale int     // step of the layer's own scales
		clip  float64 // of the look, 0 for none
	}{{5, 10, 0.9}, {15, 10, 0}, {20, 10, 0.7}, {Now, 30, 0}} {
		s, ok := r.Scales("fc", c.step)
		if !ok || s.Clip != 0 || s.GlobalStep != c.scale {
			t.Errorf("at step %d: %+v, want the scales of step %d", c.step, s, c.scale)
		}
		look, ok := r.Clipped("fc", c.step)
		if ok != (c.clip > 0) || ok && look.Clip != c.clip {
			t.Errorf("at step %d: a look with clip %g (%v), want %g", c.step, look.Clip, ok, c.clip)
		}
	}
}

func TestSensitivityAsOfAStep(t *testing.T) {
	journal := sample.Journal()
	r := replay(journal[:1])
	tell := func(body pipeline.Body) { r.Apply(pipeline.Event{Seq: r.Seq + 1, Body: body}) }
	scan := func(step int, loss, conv1, fc float64) {
		tell(pipeline.Sensitivity{GlobalStep: step, Loss: finite.OrNull(loss), Seconds: 3, Layers: []pipeline.LayerSensitivity{{Name: "conv1", Loss: finite.OrNull(conv1)}, {Name: "fc", Loss: finite.OrNull(fc)}}})
	}
	if _, ok := r.ScanCost(); ok {
		t.Error("the time that a scan takes is known before anything was evaluated")
	}
	tell(pipeline.DataRead{Validation: 256, Test: 1000})
	tell(pipeline.Evaluated{What: "dense", Split: "test", Total: 1000, Seconds: 2})
	if seconds, ok := r.ScanCost(); !ok || math.Abs(seconds-0.002*256*23) > 1e-9 { // 22 layers and none
		t.Errorf("a scan is to take %v s", seconds)
	}
	scan(10, 0.5, 0.75, 0.5)
	scan(20, 0.5, math.NaN(), 0.25)
	scan(30, math.NaN(), 1, 2)
	inf := math.Inf(1)
	last := len(r.Info.Layers) - 1
	for _, c := range []struct {
		step      int
		conv1, fc float64
	}{{9, math.NaN(), math.NaN()}, {10, 0.25, 0}, {19, 0.25, 0}, {25, inf, -0.25}, {Now, math.NaN(), math.NaN()}} {
		rows := r.Layers(c.step)
		for i, want := range map[int]float64{0: c.conv1, last: c.fc, 1: math.NaN()} {
			if have := rows[i].Rise; have != want && !(math.IsNaN(have) && math.IsNaN(want)) {
				t.Errorf("step %d, %s: %v, want %v", c.step, rows[i].Name, have, want)
			}
		}
	}
	lines := r.Log.Newest(3)
	for i, want := range []string{
		"most sensitive: conv1, loss +0.250 without the smaller half of its weights; least: fc, ±0.000",
		"most sensitive: conv1, loss +Inf without the smaller half of its weights; least: fc, −0.250",
		"sensitivity: the network's own loss is not finite",
	} {
		if lines[i].Text != want || (lines[i].Layer == "conv1") != (i < 2) {
			t.Errorf("the log says %+v, want %q", lines[i], want)
		}
	}
	if seconds, _ := r.ScanCost(); seconds != 3 {
		t.Errorf("after scans of 3 s the next is to take %v", seconds)
	}
	tell(pipeline.Continued{GlobalStep: 15})
	if s, ok := r.Sensitivity(Now); !ok || s.GlobalStep != 10 {
		t.Errorf("after going on at step 15 the newest scan is of step %d", s.GlobalStep)
	}
	for range 10 * scansKept {
		scan(16, 0.5, 1, 1)
	}
	if len(r.scans) > scansKept {
		t.Errorf("%d scans are kept", len(r.scans))
	}
}

func TestRise(t *testing.T) {
	for d, want := range map[float64]string{
		0.0634: "+0.063", -0.0634: "−0.063", 0: "±0.000", -0.0004: "±0.000", 9.9994: "+9.999", 9.9996: "+10.00",
		99.94: "+99.94", 99.96: "+100", 9999.4: "+9999", 123456: "+1e+05", math.Inf(1): "+Inf", math.NaN(): "–",
	} {
		if have := Rise(d); have != want {
			t.Errorf("Rise(%v) = %q, want %q", d, have, want)
		}
	}
}

// TestAScanIsNoStage: while layers are tested the stage stays what it is, and the
// test is over with whatever comes next.
func TestAScanIsNoStage(t *testing.T) {
	r := replay(sample.Journal()[:1])
	tell := func(body pipeline.Body) { r.Apply(pipeline.Event{Seq: r.Seq + 1, Body: body}) }
	scan := pipeline.Commanded{Command: pipeline.Command{Do: pipeline.Scan}}
	for name, end := range map[string]pipeline.Body{
		"it is done": pipeline.Sensitivity{}, "it fails": pipeline.Log{Level: "warn", Text: "a weight is not a number"},
		"the run ends": pipeline.RunDone{Status: "stopped"}, "the run was killed": pipeline.Continued{},
	} {
		tell(pipeline.StepDone{Stage: pipeline.StageFineTune, GlobalStep: 1, Steps: 9})
		refused := scan
		refused.Refused = "no"
		if tell(refused); r.Answering.Total != 0 {
			t.Errorf("%s: a scan that was refused", name)
		}
		if tell(scan); r.Answering.Total != len(r.Info.Layers) || r.Answering.Done != 0 {
			t.Errorf("%s: asked for %+v", name, r.Answering)
		}
		tell(pipeline.Progress{Stage: pipeline.StageSensitivity, Done: 3, Total: 22, Unit: "layers", Asked: true})
		if r.Answering.Done != 3 || r.Stage != pipeline.StageFineTune || r.Progress.Total != 0 {
			t.Errorf("%s: scan %+v in stage %s, its progress %+v", name, r.Answering, r.Stage, r.Progress)
		}
		if tell(end); r.Answering.Total != 0 {
			t.Errorf("%s, and the scan goes on: %+v", name, r.Answering)
		}
	}
}

func TestContinuingForgetsWhatIsComputedAgain(t *testing.T) {
	journal := sample.Journal()
	var events []pipeline.Event
	for _, e := range journal {
		events = append(events, e)
		if s, ok := e.Body.(pipeline.StepDone); ok && s.GlobalStep == 500 {
			break
		}
	}
	r := replay(events)
	for _, c := range []pipeline.Command{{Do: pipeline.PauseAt, AtStep: 900}, {Do: pipeline.Calibrate, Images: 5, Observer: "min-max"}, {Do: pipeline.StopNow}} {
		r.Apply(pipeline.Event{Body: pipeline.Commanded{Command: c}})
	}
	r.Apply(pipeline.Event{Body: pipeline.Paused{GlobalStep: 500, Source: "keyboard"}})
	if r.Status != pipeline.StandingPaused || !r.Stopping || r.PauseAt != 900 || !r.Asked(5, "min-max") {
		t.Errorf("stopping %v, to pause at %d", r.Stopping, r.PauseAt)
	}
	r.Apply(pipeline.Event{Body: pipeline.Continued{GlobalStep: 360, Checkpoint: "round02"}})
	if r.Status != pipeline.StandingRunning || r.Stopping || r.PauseAt != 0 || r.Asked(5, "min-max") {
		t.Errorf("what the process before was asked for is still awaited: %v, stopping %v, to pause at %d", r.Status, r.Stopping, r.PauseAt)
	}
	if _, last, _ := r.Train.Extent(); last != 360 {
		t.Errorf("the loss reaches to step %v, want 360", last)
	}
	if len(r.Rounds) != 3 { // round 3 began after step 360 and is told again or goes on
		t.Errorf("%d rounds", len(r.Rounds))
	}
}

func TestStates(t *testing.T) {
	r := &Run{}
	for _, c := range []struct {
		body pipeline.Body
		want pipeline.Standing
	}{
		{pipeline.RunStarted{}, pipeline.StandingRunning},
		{pipeline.Commanded{Command: pipeline.Command{Do: pipeline.Pause}, Refused: "no"}, pipeline.StandingRunning},
		{pipeline.Commanded{Command: pipeline.Command{Do: pipeline.Pause}}, pipeline.StandingPausing},
		{pipeline.Paused{}, pipeline.StandingPaused},
		{pipeline.StepDone{GlobalStep: 1}, pipeline.StandingPaused}, // a single step
		{pipeline.Resumed{}, pipeline.StandingRunning},
		{pipeline.RunDone{Status: "stopped"}, pipeline.StandingStopped},
		{pipeline.RunDone{Status: "done"}, pipeline.StandingDone},
		{pipeline.RunDone{Status: "done", Ended: pipeline.StandingGateFailed}, pipeline.StandingGateFailed},
		{pipeline.RunDone{Status: "done", Ended: pipeline.StandingDiverged}, pipeline.StandingDiverged},
		{pipeline.RunDone{Status: "failed", Reason: "disk full"}, pipeline.StandingFailed},
	} {
		r.Apply(pipeline.Event{Body: c.body})
		if r.Status != c.want {
			t.Errorf("after %s: %v, want %v", c.body.Kind(), r.Status, c.want)
		}
	}
	lines := r.Log.Lines()
	if last := lines[len(lines)-1]; last.Level != "error" || !strings.Contains(last.Text, "disk full") {
		t.Errorf("the log ends in %+v", last)
	}
}

func TestTheLogIsBounded(t *testing.T) {
	r := &Run{}
	for range 3 * linesKept {
		r.Apply(pipeline.Event{Body: pipeline.Log{Level: "info", Text: "x"}})
	}
	if n := len(r.Log.Lines()); n > linesKept || n+r.Log.Dropped() != 3*linesKept {
		t.Errorf("%d lines kept, %d dropped", n, r.Log.Dropped())
	}
}

func TestEpochsCountOverRoundsAndAfterAnInterruption(t *testing.T) {
	r := replay(sample.Journal()) // 6 rounds of 3 epochs of 60 steps
	for step, want := range map[float64]float64{1: 1.0 / 60, 60: 1, 180: 3, 181: 3 + 1.0/60, 1080: 18} {
		if v, ok := r.Epochs.At(step); !ok || math.Abs(v.Max-want) > 1e-9 {
			t.Errorf("after step %v: %v epochs, want %v", step, v.Max, want)
		}
	}
	r.Apply(pipeline.Event{Seq: r.Seq + 1, Body: pipeline.Continued{GlobalStep: 90}})
	r.Apply(pipeline.Event{Seq: r.Seq + 1, Body: pipeline.StepDone{GlobalStep: 91, Step: 91, Steps: 180, Epochs: 3}})
	if v, _ := r.Epochs.At(91); math.Abs(v.Max-91.0/60) > 1e-9 {
		t.Errorf("after going on at step 90: %v epochs, want %v", v.Max, 91.0/60)
	}
}

// TestEpochsNeedNotBeWhole: 200 steps of a stage of 1.42 epochs are 1.42 epochs on
// the axis.
func TestEpochsNeedNotBeWhole(t *testing.T) {
	var events []pipeline.Event
	for step := 1; step <= 200; step++ {
		events = append(events, pipeline.Event{Seq: int64(step), Body: pipeline.StepDone{GlobalStep: step, Step: step, Steps: 200, Epoch: 1 + (step-1)/141, Epochs: 200.0 / 141}})
	}
	if v, _ := replay(events).Epochs.At(200); math.Abs(v.Max-200.0/141) > 1e-9 {
		t.Errorf("after step 200: %v epochs, want %v", v.Max, 200.0/141)
	}
}

func TestTheDataSetIsNamedWithItsNote(t *testing.T) {
	r := replay(sample.Journal()[:1])
	if got := r.Dataset(); got != "shapes10" {
		t.Errorf("the data set is %q", got)
	}
	r.Apply(pipeline.Event{Seq: 2, Body: pipeline.DataRead{Dataset: "shapes10", Note: "JPEG copy"}})
	if got := r.Dataset(); got != "shapes10 (JPEG copy)" {
		t.Errorf("the data set is %q", got)
	}
}

func TestALineOfTheRunLeadsToItsLayer(t *testing.T) {
	r := replay(sample.Journal()[:1])
	for text, want := range map[string]string{
		"layer2.0.conv1: 3 of its 32 output channels are all zero": "layer2.0.conv1",
		"layer9.0.conv1: there is none of that name":               "",
		"disk full": "",
	} {
		r.Apply(pipeline.Event{Seq: r.Seq + 1, Body: pipeline.Log{Level: "warn", Text: text}})
		lines := r.Log.Lines()
		if last := lines[len(lines)-1]; last.Layer != want || last.Text != text {
			t.Errorf("%q leads to %q, want %q", last.Text, last.Layer, want)
		}
	}
}

func TestTheEndIsARangeWhilePredictionsDiffer(t *testing.T) {
	journal := sample.Journal()
	r := replay(journal[:1])
	if lo, hi := r.ETA(); lo != 0 || hi != 0 {
		t.Errorf("from %v to %v before anything is known", lo, hi)
	}
	at := journal[0].Time
	tell := func(remaining float64) {
		at = at.Add(time.Second)
		r.Apply(pipeline.Event{Seq: r.Seq + 1, Time: at, Body: pipeline.StepDone{GlobalStep: int(r.Seq), Remaining: remaining}})
	}
	tell(0) // not known yet
	tell(300)
	tell(99)
	if lo, hi := r.ETA(); lo != 99 || hi != 299 {
		t.Errorf("from %v to %v, want from 99 to 299", lo, hi)
	}
	for i := range etaKept {
		tell(98 - float64(i))
	}
	if lo, hi := r.ETA(); lo != hi || hi != 98-etaKept+1 {
		t.Errorf("from %v to %v, though all newer predictions agree", lo, hi)
	}
	r.Apply(pipeline.Event{Seq: r.Seq + 1, Time: at, Body: pipeline.Resumed{}})
	if lo, hi := r.ETA(); lo != 0 || hi != 0 {
		t.Errorf("from %v to %v, though a pause moved the end", lo, hi)
	}
}

// What a round's fine-tuning reached is told on the split that its pruning was
// told on, whichever is evaluated last.
func TestFineTunedOnTheGatesSplit(t *testing.T) {
	var r Run
	for i, body := range []pipeline.Body{
		pipeline.Evaluated{What: "dense", Split: "validation", Top1: 0.9},
		pipeline.Evaluated{What: "dense", Split: "test", Top1: 0.8},
		pipeline.RoundStarted{Round: 1},
		pipeline.Evaluated{What: "fine-tuned", Round: 1, Split: "validation", Top1: 0.85},
		pipeline.Evaluated{What: "fine-tuned", Round: 1, Split: "test", Top1: 0.75},
	} {
		r.Apply(pipeline.Event{Seq: int64(i + 1), Body: body})
	}
	if got := r.Rounds[0].Tuned.Top1; got != 0.85 || r.Dense.Top1 != 0.8 {
		t.Errorf("fine-tuned %g, dense %g; want that on validation, this on test", got, r.Dense.Top1)
	}
}

// Before a round's first step, the last one is of the round before.
func TestStepping(t *testing.T) {
	var r Run
	for i, c := range []struct {
		body pipeline.Body
		want bool
	}{
		{pipeline.RoundStarted{Round: 1}, false},
		{pipeline.StageStarted{Stage: pipeline.StageFineTune, Round: 1}, false},
		{pipeline.StepDone{Stage: pipeline.StageFineTune, Round: 1, Step: 5, Steps: 5, GlobalStep: 5}, true},
		{pipeline.StageStarted{Stage: pipeline.StageEvaluate, Round: 1}, false},
		{pipeline.RoundStarted{Round: 2}, false},
		{pipeline.StageStarted{Stage: pipeline.StageFineTune, Round: 2}, false},
		{pipeline.StepDone{Stage: pipeline.StageFineTune, Round: 2, Step: 1, Steps: 5, GlobalStep: 6}, true},
	} {
		if r.Apply(pipeline.Event{Seq: int64(i + 1), Body: c.body}); r.Stepping() != c.want {
			t.Errorf("after %#v: %v", c.body, r.Stepping())
		}
	}
}

func TestLogCountsOneOfAThing(t *testing.T) {
	for _, c := range []struct {
		body pipeline.Body
		want string
	}{
		{pipeline.RoundStarted{Round: 1, Rounds: 1, Epochs: 1}, ", 1 epoch"},
		{pipeline.RoundStarted{Round: 1, Rounds: 1, Epochs: 500.0 / 352}, ", 1.42 epochs"},
		{pipeline.EpochDone{Epoch: 2, Epochs: 500.0 / 352}, "epoch 2/1.42:"},
		{pipeline.RunStarted{Threads: 1}, ", 1 thread,"},
		{pipeline.Scales{Asked: true, Images: 1, Channels: make([]pipeline.ChannelScale, 1)}, "scales of 1 channel, activations observed on 1 image"},
	} {
		r := replay([]pipeline.Event{{Seq: 1, Body: c.body}})
		lines := r.Log.Newest(1)
		if len(lines) != 1 || !strings.Contains(lines[0].Text, c.want) {
			t.Errorf("%T: %+v lacks %q", c.body, lines, c.want)
		}
	}
}

func TestNamesInFewLetters(t *testing.T) {
	for name, want := range map[string]string{
		"conv1": "conv1", "layer2.0.conv1": "2.0.c1", "layer2.0.downsample.0": "2.0.sc", "layer3.1.shortcut.0": "3.1.sc",
		"features.13.conv.1.0": "13.c1.0", "features.4.squeeze": "4.sq", "features.4.expand3x3": "4.e3", "classifier.1": "cl.1",
		"features.denseblock2.denselayer11.conv1": "b2.l11.c1", "block1.layer.0.convShortcut": "b1.0.sc", "fc": "fc",
	} {
		if got := Short(name); got != want {
			t.Errorf("%s is %s in short, want %s", name, got, want)
		}
	}
	for _, c := range []struct {
		name    string
		letters int
		want    string
	}{
		{"13.c1.0", 7, "13.c1.0"}, {"backbone.stage3.unit7.dw", 11, "backb…t7.dw"}, {"abcd", 3, "a…d"}, {"abcd", 2, "ab"}, {"abcd", 0, ""},
	} {
		if got := Fitting(c.name, c.letters); got != c.want {
			t.Errorf("%s in %d letters is %q, want %q", c.name, c.letters, got, c.want)
		}
	}
}
