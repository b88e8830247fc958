package pipeline

import (
	"context"
	"fmt"
	"math"
	"os"
	"strings"
	"syscall"
	"testing"

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
