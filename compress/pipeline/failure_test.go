package pipeline

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"espalier/dataset"
)

// TestFullDiskPauses lets the journal's disk be full for a while in the middle
// of the run.
func TestFullDiskPauses(t *testing.T) {
	want, _ := reference(t)
	r := create(t, tiny(t))
	journal := r.Hub.journal
	watcher := r.Hub.Watch()
	defer watcher.Close()
	set := func(write func([]byte, int64) (int, error)) {
		journal.mu.Lock()
		journal.writeAt = write
		journal.mu.Unlock()
	}
	go func() {
		var after int64
		for range watcher.Changed() {
			for _, e := range watcher.Since(after, math.MaxInt) {
				after = e.Seq
				switch b := e.Body.(type) {
				case StepDone:
					if b.GlobalStep == 3 {
						set(func(line []byte, offset int64) (int, error) { return 0, syscall.ENOSPC })
					}
				case Paused:
					if b.Source == "disk" {
						set(journal.file.WriteAt)
					}
				case RunDone:
					return
				}
			}
		}
	}()
	_, events := do(t, r, tinyParts())
	pauses, ends := of[Paused](events), of[Resumed](events)
	if len(pauses) != 1 || !strings.Contains(pauses[0].Reason, "free some space") || len(ends) != 1 || ends[0].Source != "disk" {
		t.Errorf("%+v %+v", pauses, ends)
	}
	if hash := journalHash(t, r.Folder); hash != want {
		t.Error("the journal differs from the undisturbed run's")
	}
}

// TestFullDiskWhilePaused lets the disk be full where a run that was paused
// saves its checkpoint: when there is space again it is still paused.
func TestFullDiskWhilePaused(t *testing.T) {
	want, _ := reference(t)
	r := create(t, tiny(t))
	journal := r.Hub.journal
	var space atomic.Bool
	journal.writeAt = func(line []byte, offset int64) (int, error) {
		if !space.Load() && bytes.Contains(line, []byte(`"kind":"paused"`)) {
			return 0, syscall.ENOSPC
		}
		return journal.file.WriteAt(line, offset)
	}
	watcher := r.Hub.Watch()
	defer watcher.Close()
	ended := make(chan RunDone)
	go func() {
		done, _ := r.Do(context.Background(), tinyParts())
		ended <- done
	}()
	until := reader(t, watcher)
	until(func(b Body) bool { s, ok := b.(StepDone); return ok && s.Step == 1 })
	r.Hub.Send(Command{Do: Pause, Source: "keyboard"})
	var sources []string
	for range 3 {
		sources = append(sources, until(func(b Body) bool { _, ok := b.(Paused); return ok }).(Paused).Source)
		space.Store(len(sources) == 2)
	}
	if !slices.Equal(sources, []string{"keyboard", "disk", "keyboard"}) {
		t.Errorf("paused by %v", sources)
	}
	r.Hub.Send(Command{Do: Resume, Source: "keyboard"})
	if done := <-ended; done.Status != StatusDone {
		t.Errorf("%+v", done)
	}
	if hash := journalHash(t, r.Folder); hash != want {
		t.Error("the journal differs from the undisturbed run's")
	}
}

// TestUnwritableCheckpoint takes the folder of checkpoints away from a live run:
// it fails in one sentence, and goes on to the undisturbed run's bits when the
// folder is back.
func TestUnwritableCheckpoint(t *testing.T) {
	r := create(t, tiny(t))
	folder := r.Folder.Path("checkpoints")
	watcher := r.Hub.Watch()
	defer watcher.Close()
	ended := make(chan error)
	go func() {
		_, err := r.Do(context.Background(), tinyParts())
		ended <- err
	}()
	until := reader(t, watcher)
	until(func(b Body) bool { s, ok := b.(StepDone); return ok && s.Step == 1 })
	r.Hub.Send(Command{Do: Pause})
	until(func(b Body) bool { _, ok := b.(Paused); return ok })
	// It is paused before it saves, and saves before it takes the next command.
	r.Hub.Send(Command{Do: Remark, Text: "saved"})
	until(func(b Body) bool { _, ok := b.(Note); return ok })
	if err := os.Rename(folder, folder+".away"); err != nil {
		t.Fatal(err)
	}
	r.Hub.Send(Command{Do: Resume})
	if err := <-ended; err == nil || !strings.Contains(err.Error(), "checkpoints") || strings.Contains(err.Error(), "\n") {
		t.Errorf("%v", err)
	}
	r.Close()
	if l := r.Folder.Listing(); l.Status != StatusFailed || l.Err != nil {
		t.Errorf("%s, %v", l.Status, l.Err)
	}
	if err := os.Rename(folder+".away", folder); err != nil {
		t.Fatal(err)
	}
	resumeTo(t, r.Folder, "the folder is back")
}

// TestWorkerPanics lets a worker that is not the runner's own goroutine panic:
// the run fails, and the worker's stack is kept.
func TestWorkerPanics(t *testing.T) {
	r := create(t, tiny(t, "engine.threads=2"))
	parts := tinyParts()
	open := parts.Open
	parts.Open = func(o dataset.Options) (*dataset.Data, error) {
		data, err := open(o)
		train := *data.Train
		train.Labels = slices.Repeat([]uint16{200}, train.Len()) // there are ten classes
		data.Train = &train
		return data, err
	}
	done, err := r.Do(context.Background(), parts)
	if err == nil || done.Status != StatusFailed || !strings.Contains(err.Error(), "internal error: worker: ") || !strings.Contains(err.Error(), r.Folder.Crash()) {
		t.Errorf("%v, %+v", err, done)
	}
	stack, err := os.ReadFile(r.Folder.Crash())
	if err != nil || !strings.Contains(string(stack), "model.crossEntropy") || !strings.Contains(string(stack), "raised again in") {
		t.Errorf("%v, stack:\n%s", err, stack)
	}
}

func TestPanicFailsTheRun(t *testing.T) {
	r := create(t, tiny(t))
	done, err := r.Do(context.Background(), Parts{Open: func(dataset.Options) (*dataset.Data, error) { panic("oh dear") }})
	if err == nil || done.Status != StatusFailed || !strings.Contains(done.Reason, "oh dear") {
		t.Errorf("%v, %+v", err, done)
	}
	stack, err := os.ReadFile(r.Folder.Crash())
	if err != nil || !strings.Contains(string(stack), "readData") {
		t.Errorf("%v, stack:\n%s", err, stack)
	}
	events := r.Hub.Since(0, math.MaxInt)
	if last, ok := events[len(events)-1].Body.(RunDone); !ok || last.Status != StatusFailed {
		t.Errorf("%+v", events[len(events)-1])
	}
}

func TestFailuresAreOneSentence(t *testing.T) {
	missing := fmt.Errorf("no images: put them there")
	tests := []struct {
		name  string
		set   string
		parts Parts
		want  string
	}{
		{"no data", "seed=1", Parts{Open: func(dataset.Options) (*dataset.Data, error) { return nil, missing }}, "read the data: no images: put them there"},
		{"no embedded weights", "model.weights=embedded", tinyParts(), "this program carries no weights"},
		{"no such depth", "model={network: resnet, depth: 20, weights: embedded}", tinyParts(), "depth 20 of a resnet: want 18 or 34"},
		{"no file of weights", "model.weights=/none/x.safetensors", tinyParts(), "model.weights: "},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := create(t, tiny(t, test.set))
			done, err := r.Do(context.Background(), test.parts)
			if err == nil || !strings.HasPrefix(err.Error(), test.want) || strings.Contains(err.Error(), "\n") || done.Reason != err.Error() {
				t.Errorf("%v, %+v", err, done)
			}
			events := r.Hub.Since(0, math.MaxInt)
			if _, ok := events[0].Body.(RunStarted); !ok {
				t.Errorf("the journal begins with %+v", events[0].Body)
			}
		})
	}
}

// TestClockJumps sets the journal's clock forth and back by hours all the time:
// the bits stay, and the time that the run worked is measured by another clock.
func TestClockJumps(t *testing.T) {
	want, _ := reference(t)
	r := create(t, tiny(t))
	calls := 0
	r.Hub.journal.now = func() time.Time {
		calls++
		jump := time.Duration(calls%5-2) * 7 * time.Hour
		return time.Now().Round(0).Add(jump) // Round strips the monotonic reading
	}
	done, events := do(t, r, tinyParts())
	if hash := journalHash(t, r.Folder); hash != want {
		t.Error("the journal differs from the undisturbed run's")
	}
	if done.Status != StatusDone || done.Seconds <= 0 || done.Seconds > 3600 {
		t.Errorf("%+v", done)
	}
	for _, e := range of[StageDone](events) {
		if e.Seconds < 0 || e.Seconds > 3600 {
			t.Errorf("%+v", e)
		}
	}
	if state, err := ReadState(r.Folder); err != nil || state.Seconds < 0 {
		t.Errorf("%v, %v seconds", err, state.Seconds)
	}
}

// TestUnfinishedFiles leaves what a process leaves that is killed while it
// writes: going on removes it, and nothing else.
func TestUnfinishedFiles(t *testing.T) {
	r := create(t, tiny(t))
	r.Close()
	names := []string{".experiment.yaml.1234.tmp", ".keep", "checkpoints/.step-a.safetensors.567.tmp", "checkpoints/.mine.tmp"}
	for _, name := range names {
		if err := os.WriteFile(r.Folder.Path(name), []byte("half"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	again, err := Continue(r.Folder)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	do(t, again, tinyParts())
	var left []string
	for _, name := range names {
		if _, err := os.Stat(r.Folder.Path(name)); err == nil {
			left = append(left, name)
		}
	}
	if !slices.Equal(left, []string{".keep", "checkpoints/.mine.tmp"}) {
		t.Errorf("left are %v", left)
	}
}
