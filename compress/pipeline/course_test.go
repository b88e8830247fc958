package pipeline

import (
	"encoding/json"
	"math"
	"os"
	"testing"

	"espalier/configs"
)

// TestLearningRatesAreAsPyTorch compares every step's learning rate with what
// testdata/schedule.py wrote.
func TestLearningRatesAreAsPyTorch(t *testing.T) {
	var torch struct {
		Rate     float64
		Epochs   int
		PerEpoch int `json:"per_epoch"`
		Cases    []struct {
			Schedule   string
			Warmup     float64
			Milestones []float64
			Gamma      float64
			Rates      []float64
		}
	}
	document, err := os.ReadFile("testdata/schedule.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(document, &torch); err != nil {
		t.Fatal(err)
	}
	for _, c := range torch.Cases {
		course := newCourse(configs.Training{
			LearningRate: torch.Rate, Schedule: c.Schedule, Warmup: c.Warmup, Milestones: c.Milestones, Gamma: c.Gamma,
		}, len(c.Rates), torch.PerEpoch)
		for step, want := range c.Rates {
			if have := course.rate(step); !(math.Abs(have-want) <= 1e-12) {
				t.Errorf("%s, warm-up %g: step %d has %.15g, PyTorch has %.15g", c.Schedule, c.Warmup, step, have, want)
			}
		}
	}
	if len(torch.Cases) < 4 {
		t.Errorf("%d cases", len(torch.Cases))
	}
}
