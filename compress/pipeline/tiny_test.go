package pipeline

import (
	"context"
	"fmt"
	"math"
	"os"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"espalier/configs"
	"espalier/dataset"
)

// tinyData draws the images of the tests once.
var tinyData = sync.OnceValues(func() (*dataset.Data, error) {
	return dataset.Open(dataset.Options{Set: dataset.Shapes10, Seed: 1, Validation: 32, TrainLimit: 64, TestLimit: 48})
})

// tinyParts opens a copy of tinyData.
func tinyParts() Parts {
	return Parts{Open: func(dataset.Options) (*dataset.Data, error) {
		data, err := tinyData()
		if err != nil {
			return nil, err
		}
		c := *data
		return &c, nil
	}}
}

// tiny is an experiment of 6 dense steps and two rounds of 6, the last epoch of
// each not whole.
func tiny(t testing.TB, set ...string) configs.Experiment {
	t.Helper()
	e, err := configs.Load("smoke", append([]string{
		"data.train=64", "data.test=48", "data.validation=32", "dense.epochs=1.5", "dense.batch=16", "fine_tune.batch=16", "fine_tune.epochs=1.5",
		"quantize.images=8", "sweep.sizes=[1, 5]",
	}, set...))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func create(t *testing.T, e configs.Experiment) *Run {
	t.Helper()
	r, err := Create(t.TempDir(), "run", e)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

// do computes a run to its end and returns its events.
func do(t *testing.T, r *Run, p Parts) (RunDone, []Event) {
	t.Helper()
	done, err := r.Do(context.Background(), p)
	if err != nil {
		t.Fatal(err)
	}
	return done, r.Hub.Since(0, math.MaxInt)
}

// of returns the bodies of one type.
func of[B Body](events []Event) []B {
	var all []B
	for _, e := range events {
		if b, ok := e.Body.(B); ok {
			all = append(all, b)
		}
	}
	return all
}

// undisturbed computes the tiny experiment once for comparison.
var undisturbed = struct {
	once   sync.Once
	hash   string
	events []Event
}{}

func reference(t *testing.T) (hash string, events []Event) {
	t.Helper()
	u := &undisturbed
	u.once.Do(func() {
		r := create(t, tiny(t))
		_, u.events = do(t, r, tinyParts())
		u.hash = journalHash(t, r.Folder)
	})
	if u.hash == "" {
		t.Fatal("the undisturbed run failed")
	}
	return u.hash, u.events
}

// numeric skips a test in short mode, and so beneath the race detector. It is for
// tests that compute whole runs for their numbers alone: the tests that steer, pause,
// attach and interrupt runs share the same data between the same goroutines.
func numeric(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("computes whole runs")
	}
}

// first returns all cases, or in short mode the first n.
func first[C any](n int, cases []C) []C {
	if testing.Short() {
		return cases[:n]
	}
	return cases
}

func journalHash(t *testing.T, f Folder) string {
	t.Helper()
	hash, err := JournalHash(f)
	if err != nil {
		t.Fatal(err)
	}
	return hash
}

// checkpoints lists the files in a run's folder of checkpoints.
func checkpoints(t *testing.T, f Folder) (names []string) {
	t.Helper()
	files, err := os.ReadDir(f.Path("checkpoints"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		names = append(names, file.Name())
	}
	return names
}

// firstDifference shows the first canonical difference of two runs.
func firstDifference(a, b []Event) string {
	hashed := func(events []Event) (all []Body) {
		for _, e := range events {
			if c, ok := canonical(e.Body); ok {
				all = append(all, c)
			}
		}
		return all
	}
	x, y := hashed(a), hashed(b)
	for i := range min(len(x), len(y)) {
		if diff := cmp.Diff(x[i], y[i]); diff != "" {
			return fmt.Sprintf("%d: %s", i, diff)
		}
	}
	return fmt.Sprintf("%d events and %d", len(x), len(y))
}
