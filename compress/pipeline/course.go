package pipeline

import (
	"math"

	"espalier/configs"
)

// A course is the learning rate at every step of a training.
type course struct {
	settings   configs.Training
	steps      int
	warmup     int   // steps
	milestones []int // steps
	first      int   // step that a rewound training begins at
}

func newCourse(settings configs.Training, steps, perEpoch int) course {
	at := func(epochs float64) int { return int(math.Round(epochs * float64(perEpoch))) }
	c := course{settings: settings, steps: steps, warmup: at(settings.Warmup)}
	for _, epochs := range settings.Milestones {
		c.milestones = append(c.milestones, at(epochs))
	}
	return c
}

// rate returns the learning rate of a step counted from 0. Over a warm-up of w
// steps it rises linearly, and the step after it is the first with the full
// rate: PyTorch's LinearLR with start_factor 1/(w+1). A cosine falls from there
// to 0, which it would reach one step after the last.
func (c course) rate(step int) float64 {
	step += c.first
	rate := c.settings.LearningRate
	if step < c.warmup {
		return rate * float64(step+1) / float64(c.warmup+1)
	}
	if c.settings.Schedule == configs.Steps {
		for _, milestone := range c.milestones {
			if step >= milestone {
				rate *= c.settings.Gamma
			}
		}
		return rate
	}
	return rate * (1 + math.Cos(math.Pi*float64(step-c.warmup)/float64(c.steps-c.warmup))) / 2
}
