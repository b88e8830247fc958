package pipeline

import (
	"context"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
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
	names := []string{".experiment.yaml.1234", ".keep", "checkpoints/.step-a.safetensors.567.tmp", "checkpoints/.mine.tmp"}
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
