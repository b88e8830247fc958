package model

import "time"

// A StepTime is what one step of evaluation took.
type StepTime struct {
	Node string // that the step computes, with what is fused into it; the graph's name
	Time time.Duration
}

// Profile computes logits as Logits does, on the caller's thread alone, and
// returns the time of every step, in the order of computation.
func (v *Evaluator) Profile(logits, x []float32) []StepTime {
	v.take(logits, x)
	v.spent = map[*inferStep]time.Duration{}
	v.size = v.most
	for i := range (v.n + v.size - 1) / v.size {
		v.part(0, i)
	}
	times := make([]StepTime, len(v.steps))
	for i, s := range v.steps {
		times[i] = StepTime{s.unit.Name(), v.spent[s]}
	}
	v.spent = nil
	return times
}

// note adds the time since a step began to what it took.
func (v *Evaluator) note(step *inferStep, began time.Time) { v.spent[step] += time.Since(began) }
