package configs

import (
	"fmt"
	"reflect"
	"strings"
)

// A Round makes the network smaller in one way, trains it on and holds it to the
// gate. It names exactly one way.
type Round struct {
	Weights *Weights `yaml:"weights,omitempty"`
	// FineTune is the training that follows. Keys that are left out have the
	// experiment's fine_tune.
	FineTune Training `yaml:"fine_tune,omitempty"`
}

// Weights makes single weights zero.
type Weights struct {
	Target float64 `yaml:"target"` // sparsity of the ranked weights, in (0, 1)
}

// Plan returns the experiment's rounds, each with its whole training: those that
// it lists, or one for each of prune.targets.
func (e Experiment) Plan() []Round {
	if len(e.Rounds) > 0 {
		return e.Rounds
	}
	var plan []Round
	for i, target := range e.Prune.Targets {
		training := e.FineTune
		training.Epochs = Epochs{e.FineTune.Epochs.Round(i + 1)}
		plan = append(plan, Round{Weights: &Weights{Target: target}, FineTune: training})
	}
	return plan
}

// Of says what the round's target is a share of: "weights".
func (r Round) Of() string { return "weights" }

// Target returns the share that the round takes away.
func (r Round) Target() float64 { return r.Weights.Target }

// WithTarget returns the round with another target.
func (r Round) WithTarget(target float64) Round {
	w := *r.Weights
	w.Target = target
	r.Weights = &w
	return r
}

// String tells the round in words, as "90 % of the weights".
func (r Round) String() string { return fmt.Sprintf("%g %% of the weights", 100*r.Weights.Target) }

// completeRounds gives the rounds what their documents leave out: the
// experiment's fine_tune.
func (e *Experiment) completeRounds(places map[string]string) {
	if len(e.Rounds) > 0 && places["prune.targets"] == "" {
		e.Prune.Targets = nil
	}
	for i := range e.Rounds {
		own := reflect.ValueOf(&e.Rounds[i].FineTune).Elem()
		common := reflect.ValueOf(e.FineTune)
		for j := range own.NumField() {
			name, _, _ := strings.Cut(own.Type().Field(j).Tag.Get("yaml"), ",")
			if places[fmt.Sprintf("rounds[%d].fine_tune.%s", i, name)] == "" {
				own.Field(j).Set(common.Field(j))
			}
		}
		if t := &e.Rounds[i].FineTune; len(t.Epochs) == len(e.Rounds) {
			t.Epochs = Epochs{t.Epochs.Round(i + 1)}
		}
	}
}

// PruningText tells in words how the rounds prune, as
// "global magnitude, edge layers 0.3 of the target to 60 %".
func (e Experiment) PruningText() string {
	if len(e.Rounds) == 0 {
		return e.Prune.String()
	}
	var parts []string
	for _, r := range e.Rounds {
		parts = append(parts, r.String())
	}
	return strings.Join(parts, ", then ")
}

// rounds checks the rounds that the experiment lists.
func (e Experiment) rounds() *ValueError {
	if len(e.Rounds) > 0 && len(e.Prune.Targets) > 0 {
		return bad("prune.targets", "is %v, and rounds lists %d: give one of them", e.Prune.Targets, len(e.Rounds))
	}
	previous := 0.0
	for i, round := range e.Rounds {
		key := fmt.Sprintf("rounds[%d]", i)
		if round.Weights == nil {
			return bad(key, "names nothing to do: give it weights, as weights: {target: 0.9}")
		}
		target := round.Weights.Target
		if !(target > 0 && target < 1) {
			return bad(key+".weights.target", "is %v: want a fraction between 0 and 1, as 0.9 for 90 %%", target)
		}
		if target <= previous {
			return bad(key+".weights.target", "is %v after %v: targets rise from round to round", target, previous)
		}
		previous = target
		if err := e.training(key+".fine_tune", round.FineTune, 1); err != nil {
			return err
		}
	}
	return nil
}
