package configs

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// A Round makes the network smaller in one way, trains it on and holds it to the
// gate. It names exactly one way.
type Round struct {
	Channels *Channels `yaml:"channels,omitempty"`
	Weights  *Weights  `yaml:"weights,omitempty"`
	// FineTune is the training that follows. Keys that are left out have the
	// experiment's fine_tune.
	FineTune Training `yaml:"fine_tune,omitempty"`
	// Rewind trains as the dense network was in its last epochs, as many as
	// FineTune has, and with all other settings of the dense training: RewindRate
	// from the present weights, RewindWeights from those that the dense network had
	// then (Renda et al. 2020, arXiv 2003.02389).
	Rewind string `yaml:"rewind,omitempty"`
	// Statistics estimates batch norm's running statistics anew before the training:
	// true or false. Empty is true in a round without training.
	Statistics string `yaml:"statistics,omitempty"`
}

// What a round can rewind; nothing if empty.
const (
	RewindRate    = "learning_rate"
	RewindWeights = "weights"
)

// Plan returns the experiment's rounds, each with its whole training: those that
// it lists, or one for each of prune.targets.
func (e Experiment) Plan() []Round {
	var plan []Round
	for _, round := range e.Rounds {
		if round.Rewind != "" {
			epochs := round.FineTune.Epochs
			round.FineTune = e.Dense
			round.FineTune.Epochs = epochs
		}
		plan = append(plan, round)
	}
	if plan != nil {
		return plan
	}
	for i, target := range e.Prune.Targets {
		training := e.FineTune
		training.Epochs = Epochs{e.FineTune.Epochs.Round(i + 1)}
		plan = append(plan, Round{Weights: &Weights{Target: target}, FineTune: training})
	}
	return plan
}

// Of says what the round's target is a share of: "weights", or of channels what
// their budget is of: "channels", "multiply-adds" or "parameters".
func (r Round) Of() string {
	if r.Channels != nil {
		_, of := r.Channels.budget()
		return of
	}
	return "weights"
}

// Target returns the share that the round takes away: of all weights that are
// ranked, or of the channels that there still are.
func (r Round) Target() float64 {
	if r.Channels != nil {
		share, _ := r.Channels.budget()
		return *share
	}
	return r.Weights.Target
}

// Fixed reports whether the round has no other target.
func (r Round) Fixed() bool {
	if r.Channels != nil {
		return false
	}
	_, _, pattern := r.Weights.pattern()
	return pattern
}

// WithTarget returns the round with another target.
func (r Round) WithTarget(target float64) Round {
	if r.Channels != nil {
		c := *r.Channels
		share, _ := c.budget()
		*share = target
		r.Channels = &c
		return r
	}
	w := *r.Weights
	w.Target = target
	r.Weights = &w
	return r
}

// String tells the round in words, as "90 % of the weights by lamp".
func (r Round) String() string {
	if r.Channels != nil {
		return r.Channels.String()
	}
	return r.Weights.String()
}

// completeRounds gives the rounds what their documents leave out: the floor, the
// target that a shape has, and the experiment's fine_tune.
func (e *Experiment) completeRounds(places map[string]string) {
	if len(e.Rounds) == 0 {
		e.Rounds = nil
	}
	for i := range e.Rounds {
		if w := e.Rounds[i].Weights; w != nil {
			w.complete(places, fmt.Sprintf("rounds[%d].weights", i))
		}
		if c := e.Rounds[i].Channels; c != nil {
			c.complete(places, fmt.Sprintf("rounds[%d].channels", i))
		}
		own := reflect.ValueOf(&e.Rounds[i].FineTune).Elem()
		common := reflect.ValueOf(e.FineTune)
		for j := range own.NumField() {
			name, _, _ := strings.Cut(own.Type().Field(j).Tag.Get("yaml"), ",")
			if places[fmt.Sprintf("rounds[%d].fine_tune.%s", i, name)] == "" {
				own.Field(j).Set(common.Field(j))
			}
		}
		if r := &e.Rounds[i]; r.Statistics == "" && len(r.FineTune.Epochs) == 1 && r.FineTune.Epochs[0] == 0 {
			r.Statistics = "true"
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
		switch {
		case round.Weights == nil && round.Channels == nil:
			return bad(key, "names nothing to do: give it weights or channels, as weights: {target: 0.9}")
		case round.Weights != nil && round.Channels != nil:
			return bad(key, "names channels and weights: give each a round of its own")
		case round.Channels != nil:
			if err := round.Channels.check(key + ".channels"); err != nil {
				return err
			}
		default:
			if err := e.weights(key, round, previous); err != nil {
				return err
			}
			previous = round.Weights.Target
		}
		if err := e.training(key+".fine_tune", round.FineTune, 1); err != nil {
			return err
		}
		if round.Statistics != "" {
			if err := oneOf(key+".statistics", round.Statistics, "true", "false"); err != nil {
				return err
			}
		}
		if err := e.rewind(key, round); err != nil {
			return err
		}
	}
	return nil
}

// rewind checks that the dense training is long enough to go back into.
func (e Experiment) rewind(key string, r Round) *ValueError {
	if r.Rewind == "" {
		return nil
	}
	if err := oneOf(key+".rewind", r.Rewind, RewindRate, RewindWeights); err != nil {
		return err
	}
	if r.Rewind == RewindWeights && r.Weights != nil && r.Weights.Schedule != "" {
		return bad(key+".rewind", "is %s, and the schedule %s trains on from the present weights: leave one of them out", r.Rewind, r.Weights.Schedule)
	}
	if have, want := e.Dense.Epochs[0], r.FineTune.Epochs[0]; have < want || have == 0 {
		return bad(key+".fine_tune.epochs", "is %g, and dense.epochs %g: rewinding repeats the last epochs of the dense training", want, have)
	}
	return nil
}

// weights checks a round that prunes weights, after one to another target.
func (e Experiment) weights(key string, r Round, previous float64) *ValueError {
	w := r.Weights
	if err := w.check(key + ".weights"); err != nil {
		return err
	}
	switch {
	case w.Target <= previous:
		return bad(key+".weights.target", "is %v after %v: targets rise from round to round", w.Target, previous)
	case w.Scope == BySensitivity && !slices.Contains(e.Sensitivity.Of, OfWeights):
		return bad(key+".weights.scope", "is %s, which has to be measured: set sensitivity to {of: [%s]}", BySensitivity, OfWeights)
	case w.Schedule != "" && len(r.FineTune.Epochs) == 1 && r.FineTune.Epochs[0] == 0:
		return bad(key+".fine_tune.epochs", "is 0: the schedule %s prunes while the network is trained", w.Schedule)
	}
	return nil
}
