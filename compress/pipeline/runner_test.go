package pipeline

import (
	"context"
	"sync"
	"testing"

	"espalier/configs"
	"espalier/dataset"
)

// smallData draws the images of the tests once.
var smallData = sync.OnceValues(func() (*dataset.Data, error) {
	return dataset.Open(dataset.Options{Set: dataset.Shapes10, Seed: 1, Validation: 64, TrainLimit: 256, TestLimit: 100})
})

// smallParts opens a copy of smallData.
func smallParts() Parts {
	return Parts{Open: func(dataset.Options) (*dataset.Data, error) {
		data, err := smallData()
		if err != nil {
			return nil, err
		}
		c := *data
		return &c, nil
	}}
}

func smoke(t *testing.T, set ...string) configs.Experiment {
	t.Helper()
	e, err := configs.Load("smoke", set)
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

func TestWholeExperiment(t *testing.T) {
	r := create(t, smoke(t))
	done, err := r.Do(context.Background(), smallParts())
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range r.Hub.Since(0, 1<<20) {
		if text := line(e.Body); text != "" {
			t.Log(text)
		}
	}
	t.Logf("%+v", done)
}
