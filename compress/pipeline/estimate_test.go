package pipeline

import (
	"math"
	"testing"

	"espalier/configs"
)

// TestEstimate does the work of the preset quick at fixed speeds and wants a
// share that ends at 1 and a remaining time that was right all along.
func TestEstimate(t *testing.T) {
	e, err := configs.Load("quick", nil)
	if err != nil {
		t.Fatal(err)
	}
	s := newEstimate(e)
	if s.remaining() != 0 || s.overall() != 0 {
		t.Errorf("before any work: %v s, %v", s.remaining(), s.overall())
	}
	speed := [works]float64{trainWork: 1300, inferWork: 6000, observeWork: 3000, int8Work: 9000} // images/s
	var total float64
	for w := range works {
		total += s.total[w] / speed[w]
	}
	// The preset is meant to take 2 to 4 minutes at these speeds.
	if total < 120 || total > 240 {
		t.Errorf("quick takes %.0f s", total)
	}
	var spent, before float64
	for w := range works {
		for s.done[w] < s.total[w] {
			n := int(min(1000, s.total[w]-s.done[w]))
			if n == 0 {
				break
			}
			s.add(w, n, float64(n)/speed[w])
			spent += float64(n) / speed[w]
			if o := s.overall(); o < before || o > 1 {
				t.Fatalf("share %v after %v", o, before)
			} else {
				before = o
			}
			// What is not measured yet is guessed by its cost.
			if have, want := s.remaining(), total-spent; math.Abs(have-want) > 0.2*total {
				t.Errorf("after %.0f s: %.0f s remain, estimated %.0f", spent, want, have)
			}
		}
	}
	if s.remaining() > 1 || s.overall() < 0.999 {
		t.Errorf("at the end: %v s, %v", s.remaining(), s.overall())
	}
}

// TestEstimateCountsTheWork counts by hand. Each round is measured on validation
// after pruning, after every epoch and at its end, and then on test.
func TestEstimateCountsTheWork(t *testing.T) {
	e, err := configs.Load("smoke", []string{
		"data.train=256", "data.validation=64", "data.test=100", "dense.epochs=1", "prune.targets=[0.3, 0.5]",
		"fine_tune.epochs=[0.5, 2]", "quantize.images=32", "sweep.sizes=[1, 8]", "sweep.draws=2", "sweep.observers=[min-max]",
	})
	if err != nil {
		t.Fatal(err)
	}
	want := [works]float64{
		trainWork:   256 + 128 + 512,
		inferWork:   (64 + 64 + 100) + (64 + 64 + 64 + 100) + (64 + 2*64 + 64 + 100),
		observeWork: 32 + 2*8,
		int8Work:    100 + 2*2*100,
	}
	if have := newEstimate(e).total; have != want {
		t.Errorf("%v images, want %v", have, want)
	}
}

// TestEstimateOfShortenedRuns skips work that will not be done.
func TestEstimateOfShortenedRuns(t *testing.T) {
	s := &estimate{}
	s.total[trainWork] = 100
	s.add(trainWork, 50, 5)
	s.skip(trainWork, 40)
	if have := s.remaining(); math.Abs(have-1) > 1e-9 {
		t.Errorf("%v s remain, want 1", have)
	}
	s.skip(trainWork, 1e9)
	if s.overall() != 1 || s.remaining() != 0 {
		t.Errorf("%v, %v", s.overall(), s.remaining())
	}
}
