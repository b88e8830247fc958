package pipeline

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"espalier/dataset"
	"espalier/internal/finite"
	"espalier/model"
	"espalier/model/kernel"
	"espalier/model/weights"
)

// answer sends commands as events of a run call for them.
func answer(r *Run, to func(Body) []Command) (stop func()) {
	watcher := r.Hub.Watch()
	done := make(chan struct{})
	go func() {
		var after int64
		for {
			select {
			case <-done:
				return
			case <-watcher.Changed():
			}
			for _, e := range watcher.Since(after, math.MaxInt) {
				after = e.Seq
				for _, c := range to(e.Body) {
					watcher.Send(c)
				}
			}
		}
	}()
	return func() { close(done); watcher.Close() }
}

// TestSensitivityLeavesTheRunAsItWas scans a run's layers while it trains its
// dense network, while it is paused and while it fine-tunes, then stops it, and
// scans it again to its end after it goes on. Every tensor of the checkpoint at
// the stop, weights, running statistics, momentum and masks, and then the whole
// journal are those of runs without any scan.
func TestSensitivityLeavesTheRunAsItWas(t *testing.T) {
	const at = 10 // within the first round
	stopped := func(scans bool) (*Run, []Event) {
		r := create(t, tiny(t))
		r.Hub.Send(Command{Do: PauseAt, AtStep: at})
		defer answer(r, func(b Body) []Command {
			switch b := b.(type) {
			case StepDone:
				if scans && (b.GlobalStep == 2 || b.GlobalStep == 8) {
					return []Command{{Do: Scan}}
				}
			case Paused: // at the step, then one step later
				next := Command{Do: Step}
				if b.GlobalStep > at {
					next = Command{Do: StopNow}
				}
				if scans {
					return []Command{{Do: Scan, Source: "socket"}, {Do: Scan}, next}
				}
				return []Command{next}
			}
			return nil
		})()
		_, events := do(t, r, tinyParts())
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		return r, events
	}
	hash := func(r *Run) (string, stepState) {
		steps, warnings := readSteps(r.Folder, math.MaxInt64)
		if len(steps) == 0 || len(warnings) > 0 {
			t.Fatalf("%d checkpoints, %v", len(steps), warnings)
		}
		tensors, _, err := weights.Read(r.Folder.Path(steps[0].file))
		if err != nil {
			t.Fatal(err)
		}
		return weights.Hash(tensors), *steps[0].step
	}
	without, _ := stopped(false)
	with, events := stopped(true)
	want, wantStep := hash(without)
	have, haveStep := hash(with)
	if have != want || haveStep.steps != wantStep.steps || haveStep.tally != wantStep.tally {
		t.Errorf("with scans the checkpoint of step %d is %s, %+v\nwithout that of step %d %s, %+v", haveStep.steps, have, haveStep.tally, wantStep.steps, want, wantStep.tally)
	}
	scans := of[Sensitivity](events)
	if len(scans) != 6 {
		t.Fatalf("%d scans", len(scans))
	}
	for _, s := range scans {
		if len(s.Layers) != 10 || s.Layers[0].Name != "conv1" || s.Images != 32 || s.Split != "validation" || s.Share != 0.5 || s.Seconds <= 0 {
			t.Errorf("%+v", s)
		}
	}
	// What two scans of one pause find is equal; a step makes a difference.
	last := scans[len(scans)-4:]
	for i := range last {
		last[i].Seconds = 0
	}
	if !cmp.Equal(last[0], last[1]) || !cmp.Equal(last[2], last[3]) || last[1].Loss == last[2].Loss || last[3].GlobalStep != at+1 {
		t.Errorf("%+v", last)
	}
	var progress []Progress
	for _, p := range of[Progress](events) {
		if p.Stage == StageSensitivity {
			progress = append(progress, p)
		}
	}
	if len(progress) != 11*len(scans) || progress[3].Done != 3 || progress[3].Total != 10 || progress[3].Unit != "layers" {
		t.Errorf("%d reports of progress: %+v", len(progress), progress)
	}

	// To the end, with scans while evaluating and calibrating too.
	r, err := Continue(with.Folder)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer answer(r, func(b Body) []Command {
		switch b.(type) {
		case RoundDone, Evaluated, CalibrationPoint:
			return []Command{{Do: Scan}}
		}
		return nil
	})()
	done, events := do(t, r, tinyParts())
	reference, undisturbed := reference(t)
	if hash := journalHash(t, r.Folder); done.Status != StatusDone || hash != reference {
		t.Errorf("%+v; the journal differs from the undisturbed run's:\n%s", done, firstDifference(undisturbed, events))
	}
}

// TestSensitivityIsWhatItSays computes a scan again from the checkpoint that a
// pause leaves, by sorting magnitudes.
func TestSensitivityIsWhatItSays(t *testing.T) {
	r := create(t, tiny(t))
	r.Hub.Send(Command{Do: PauseAt, AtStep: 8})
	defer answer(r, func(b Body) []Command {
		if _, ok := b.(Paused); ok {
			return []Command{{Do: Scan}, {Do: StopNow}}
		}
		return nil
	})()
	_, events := do(t, r, tinyParts())
	scans := of[Sensitivity](events)
	if len(scans) != 1 || scans[0].GlobalStep != 8 || scans[0].Round != 1 {
		t.Fatalf("%+v", scans)
	}
	steps, _ := readSteps(r.Folder, math.MaxInt64)
	net := steps[0].net
	data, err := tinyData()
	if err != nil {
		t.Fatal(err)
	}
	set, err := kernel.Select("")
	if err != nil {
		t.Fatal(err)
	}
	engine := model.NewEngine(set, 1, model.Auto)
	defer engine.Close()
	measure := func(n *model.Graph) (loss finite.OrNull, top1 float64) {
		c := *data
		c.Mean, c.Std = n.Mean, n.Std
		eval := model.NewEvaluator(n, engine, c.Validation.Len())
		loader := c.NewLoader(c.Validation, dataset.LoaderOptions{Batch: c.Validation.Len()})
		var tally model.Tally
		for x, labels := range loader.Epoch(0) {
			logits := make([]float32, len(labels)*eval.Classes())
			eval.Logits(logits, x)
			tally.Add(logits, labels, eval.Classes())
		}
		return finite.OrNull(tally.Loss()), tally.Top1()
	}
	want := scans[0]
	want.Layers = nil
	want.Loss, want.Top1 = measure(net)
	for _, l := range net.Layers() {
		lessened := net.Clone()
		own := lessened.Node(l.Name).Weight
		var magnitudes []float64
		for _, w := range own {
			if w != 0 {
				magnitudes = append(magnitudes, math.Abs(float64(w)))
			}
		}
		slices.Sort(magnitudes)
		gone := int(math.RoundToEven(float64(len(magnitudes)) / 2))
		for i, w := range own {
			if a := math.Abs(float64(w)); a < magnitudes[gone] {
				own[i] = 0
			}
		}
		m := LayerSensitivity{Name: l.Name}
		m.Loss, m.Top1 = measure(lessened)
		want.Layers = append(want.Layers, m)
		if m.Loss == want.Loss {
			t.Errorf("%s: half of it makes no difference", l.Name)
		}
	}
	if diff := cmp.Diff(want, scans[0]); diff != "" {
		t.Error(diff)
	}
}

// TestStoppedDuringAScan ends a run in the middle of a scan; it goes on to the
// bits of the undisturbed one.
func TestStoppedDuringAScan(t *testing.T) {
	r := create(t, tiny(t))
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	defer answer(r, func(b Body) []Command {
		switch b := b.(type) {
		case StepDone:
			if b.GlobalStep == 9 {
				return []Command{{Do: Scan}}
			}
		case Progress:
			if b.Stage == StageSensitivity && b.Done == 1 {
				cancel()
			}
		}
		return nil
	})()
	done, err := r.Do(ctx, tinyParts())
	if err != nil || done.Status != StatusStopped || !strings.HasPrefix(done.Reason, "stopped by signal") {
		t.Fatalf("%+v, %v", done, err)
	}
	if scans := of[Sensitivity](r.Hub.Since(0, math.MaxInt)); len(scans) > 0 {
		t.Log("the scan ended before the signal came")
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	resumeTo(t, r.Folder, "stopped during a scan")
}

func TestNoScanBeforeThereIsANetwork(t *testing.T) {
	if refused := new(runner).refusal(Command{Do: Scan}); !strings.Contains(refused, "no network") {
		t.Errorf("refused with %q", refused)
	}
}
