package pipeline

import (
	"context"
	"errors"
	"math"
	"os"
	"slices"
	"testing"
)

// TestSteering pauses, steps, looks and asks, and wants the undisturbed run's
// bits in the end.
func TestSteering(t *testing.T) {
	want, undisturbed := reference(t)
	r := create(t, tiny(t))
	// However late this test's own pause comes, steps are left in the round.
	if err := r.Hub.Send(Command{Do: PauseAt, AtStep: 10, Source: "keyboard"}); err != nil {
		t.Fatal(err)
	}
	watcher := r.Hub.Watch()
	defer watcher.Close()
	go r.Do(context.Background(), tinyParts())

	var after int64
	next := func() Event {
		for {
			if events := watcher.Since(after, 1); len(events) > 0 {
				after = events[0].Seq
				return events[0]
			}
			<-watcher.Changed()
		}
	}
	// until returns the first event that is as wanted, and the steps before it.
	until := func(wanted func(Body) bool) (found Body, steps int) {
		for {
			e := next()
			if wanted(e.Body) {
				return e.Body, steps
			}
			switch b := e.Body.(type) {
			case StepDone:
				steps = b.GlobalStep
			case RunDone:
				t.Fatalf("the run ended: %+v", b)
			}
		}
	}
	send := func(c Command) {
		if err := r.Hub.Send(c); err != nil {
			t.Fatal(err)
		}
	}
	paused := func(b Body) bool { _, ok := b.(Paused); return ok }

	until(func(b Body) bool { s, ok := b.(StepDone); return ok && s.Stage == StageFineTune && s.Step == 1 })
	send(Command{Do: Pause, Source: "keyboard"})
	p, steps := until(paused)
	at := p.(Paused).GlobalStep
	if steps > 0 && at != steps {
		t.Errorf("paused at %d after step %d", at, steps)
	}
	if at < 7 || at > 10 {
		t.Errorf("paused at %d", at)
	}
	send(Command{Do: Pause})
	refused, _ := until(func(b Body) bool { c, ok := b.(Commanded); return ok && c.Refused != "" })
	if c := refused.(Commanded); c.Refused != "the run is paused already" || c.Command.Source != "keyboard" {
		t.Errorf("%+v", c)
	}
	send(Command{Do: Inspect, Layer: "layer2.0.conv1", Source: "socket"})
	found, steps := until(func(b Body) bool { s, ok := b.(Scales); return ok && s.Asked })
	if s := found.(Scales); steps != 0 || s.Layer != "layer2.0.conv1" || len(s.Channels) != 32 || s.GlobalStep != at || s.Activation.Max <= 0 {
		t.Errorf("%d steps while paused, %+v", steps, s)
	} else {
		for i, c := range s.Channels { // of 16·3·3 weights
			counted := 0
			for _, n := range c.Histogram {
				counted += n
			}
			if want := int(math.Round(144 * (1 - c.Zero))); counted != want {
				t.Errorf("channel %d: %d weights in the histogram, want the %d that are not zero", i, counted, want)
			}
		}
	}
	send(Command{Do: Calibrate, Images: 3})
	var answered []int
	found, steps = until(func(b Body) bool {
		if p, ok := b.(Progress); ok && p.Asked && p.Stage == StageCalibrate && p.Total == 48+3+48 {
			answered = append(answered, p.Done)
		}
		p, ok := b.(CalibrationPoint)
		return ok && p.Asked
	})
	if p := found.(CalibrationPoint); steps != 0 || p.Images != 3 || p.Total != 48 {
		t.Errorf("%d steps while paused, %+v", steps, p)
	}
	if want := []int{48, 48 + 3 + 48}; !slices.Equal(answered, want) { // fp32, then int8
		t.Errorf("on the way %v images are done, want %v", answered, want)
	}
	send(Command{Do: Remark, Text: "here"})
	found, _ = until(func(b Body) bool { _, ok := b.(Note); return ok })
	if n := found.(Note); n.Text != "here" || n.GlobalStep != at {
		t.Errorf("%+v", n)
	}
	send(Command{Do: Step, Source: "keyboard"})
	p, steps = until(paused)
	if steps != at+1 || p.(Paused).GlobalStep != at+1 {
		t.Errorf("one step from %d: step %d, paused at %d", at, steps, p.(Paused).GlobalStep)
	}
	for _, bad := range []Command{{Do: Inspect, Layer: "none"}, {Do: Calibrate, Images: 65}, {Do: PauseAt, AtStep: 6}, {Do: "dance"}} {
		send(bad)
		until(func(b Body) bool { c, ok := b.(Commanded); return ok && c.Refused != "" && c.Command.Do == bad.Do })
	}
	for _, at := range []int{15, 18} { // in the middle of the second round, and at its end
		send(Command{Do: PauseAt, AtStep: at, Source: "socket"})
		send(Command{Do: Resume, Source: "keyboard"})
		p, steps = until(paused)
		if p := p.(Paused); steps != at || p.GlobalStep != at || p.Source != "socket" {
			t.Errorf("asked to pause at step %d: %+v after step %d", at, p, steps)
		}
	}
	send(Command{Do: Resume, Source: "keyboard"})
	for {
		if _, over := next().Body.(RunDone); over {
			break
		}
	}
	if hash := journalHash(t, r.Folder); hash != want {
		t.Errorf("the journal differs from the undisturbed run's:\n%s", firstDifference(undisturbed, r.Hub.Since(0, math.MaxInt)))
	}
	if err := r.Hub.Send(Command{Do: Pause}); !errors.Is(err, errOver) {
		t.Errorf("after the end: %v", err)
	}
}

func TestSkipAndStopAfter(t *testing.T) {
	r := create(t, tiny(t, "fine_tune.epochs=50"))
	// Both wait in the queue: the dense stage is skipped in its first step...
	r.Hub.Send(Command{Do: SkipRound})
	watcher := r.Hub.Watch()
	defer watcher.Close()
	go func() {
		var after int64
		var skipped bool
		for range watcher.Changed() {
			for _, e := range watcher.Since(after, math.MaxInt) {
				after = e.Seq
				switch b := e.Body.(type) {
				case StepDone:
					if b.Round == 1 && b.Step == 2 && !skipped {
						skipped = true
						watcher.Send(Command{Do: StopAfter})
						watcher.Send(Command{Do: SkipRound})
					}
				case RunDone:
					return
				}
			}
		}
	}()
	done, events := do(t, r, tinyParts())
	if done.Status != StatusStopped || done.Reason != "stopped after round 1 as asked" {
		t.Errorf("%+v", done)
	}
	rows := of[RoundDone](events)
	if len(rows) != 1 || !rows[0].Passed || len(of[RoundStarted](events)) != 1 {
		t.Fatalf("%+v", rows)
	}
	steps := of[StepDone](events)
	if last := steps[len(steps)-1]; last.Step < 2 || last.Step > 100 || rows[0].Epochs > 25 {
		t.Errorf("last step %+v, row %+v", last, rows[0])
	}
	if _, err := os.Stat(r.Folder.Path(rows[0].Checkpoint)); err != nil {
		t.Error(err)
	}
	// Skipping ends with an epoch's numbers.
	if epochs := of[EpochDone](events); epochs[len(epochs)-1].GlobalStep != steps[len(steps)-1].GlobalStep {
		t.Errorf("%+v", epochs[len(epochs)-1])
	}
}
