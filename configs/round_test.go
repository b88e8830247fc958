package configs

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestRounds: what a round leaves out comes from the experiment, also where an
// override changes that; the resolved document reads back to the same.
func TestRounds(t *testing.T) {
	e, err := Decode("e.yaml", []byte(`
fine_tune: {epochs: 7, nesterov: true}
rounds:
  - weights: {target: 0.5}
  - weights: {target: 0.9}
    fine_tune: {epochs: 30, learning_rate: 0.05}
`), []string{"fine_tune.batch=32"})
	if err != nil {
		t.Fatal(err)
	}
	want := Defaults().FineTune
	want.Epochs, want.Nesterov, want.Batch = Epochs{7}, true, 32
	longer := want
	longer.Epochs, longer.LearningRate = Epochs{30}, 0.05
	if diff := cmp.Diff([]Round{{Weights: e.Rounds[0].Weights, FineTune: want}, {Weights: e.Rounds[1].Weights, FineTune: longer}}, e.Plan()); diff != "" {
		t.Error(diff)
	}
	if len(e.Prune.Targets) > 0 || e.Rounds[1].Target() != 0.9 {
		t.Errorf("targets %v and %v", e.Prune.Targets, e.Rounds[1].Target())
	}
	document, err := e.YAML()
	if err != nil {
		t.Fatal(err)
	}
	again, err := Decode("e.yaml", document, nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(e.Plan(), again.Plan()); diff != "" {
		t.Error(diff)
	}

	e, err = Decode("e.yaml", document, []string{"prune.targets=[0.6]"})
	if err != nil || len(e.Rounds) != 0 || e.Plan()[0].Target() != 0.6 {
		t.Errorf("targets after rounds: %v, %+v", err, e.Rounds)
	}
	e, err = Decode("e.yaml", document, []string{"rounds=[{weights: {target: 0.3}}]", "fine_tune.epochs=3"})
	if err != nil {
		t.Fatal(err)
	}
	if plan := e.Plan(); len(plan) != 1 || plan[0].Target() != 0.3 || plan[0].FineTune.Epochs[0] != 3 {
		t.Errorf("the override gives %+v", plan)
	}
}

// TestPlanOfTargets: the usual list of targets is a list of rounds.
func TestPlanOfTargets(t *testing.T) {
	e := Defaults()
	e.Prune.Targets, e.FineTune.Epochs = []float64{0.3, 0.7}, Epochs{2, 5}
	plan := e.Plan()
	if len(plan) != 2 || plan[1].Target() != 0.7 || plan[0].FineTune.Epochs[0] != 2 || plan[1].FineTune.Epochs[0] != 5 || plan[1].FineTune.Batch != e.FineTune.Batch {
		t.Errorf("%+v", plan)
	}
}

// TestWeightsComplete: what follows from other keys.
func TestWeightsComplete(t *testing.T) {
	e, err := Decode("e.yaml", []byte(`
dense: {epochs: 9, learning_rate: 0.3}
rounds:
  - weights: {shape: "2:4"}
  - weights: {target: 0.9, schedule: cubic, floor: 0}
    fine_tune: {epochs: 4}
    rewind: learning_rate
`), nil)
	if err != nil {
		t.Fatal(err)
	}
	want := []Weights{{Target: 0.5, Shape: "2:4", Floor: 0.01}, {Target: 0.9, Schedule: Cubic, Every: 100, Until: 0.75}}
	if diff := cmp.Diff(want, []Weights{*e.Rounds[0].Weights, *e.Rounds[1].Weights}); diff != "" {
		t.Error(diff)
	}
	if !e.Rounds[0].Fixed() || e.Rounds[1].Fixed() || e.Rounds[1].WithTarget(0.8).Target() != 0.8 || e.Rounds[1].Target() != 0.9 {
		t.Error("targets")
	}
	if last := e.Plan()[1].FineTune; last.LearningRate != 0.3 || last.Epochs[0] != 4 {
		t.Errorf("a rewound training is %+v", last)
	}
	if text := e.PruningText(); text != "50 % of the weights, 2:4, then 90 % of the weights, cubic" {
		t.Error(text)
	}
}

func TestWrongRounds(t *testing.T) {
	for _, c := range []struct{ document, want string }{
		{"rounds: [{fine_tune: {epochs: 1}}]", "e.yaml:1:10: rounds[0] names nothing to do"},
		{"rounds: [{weights: {target: 1.5}}]", "rounds[0].weights.target is 1.5: want a fraction"},
		{"rounds: [{weights: {target: 0.5}}, {weights: {target: 0.5}}]", "rounds[1].weights.target is 0.5 after 0.5: targets rise"},
		{"rounds: [{weights: {target: 0.5}, fine_tune: {batch: 0}}]", "rounds[0].fine_tune.batch is 0"},
		{"rounds: [{weights: {share: 0.5}}]", `unknown key "rounds[0].weights.share"`},
		{"rounds: [{weights: {target: 0.5, criterion: size}}]", "rounds[0].weights.criterion is \"size\": want magnitude"},
		{"rounds: [{weights: {target: 0.5, scope: all}}]", "rounds[0].weights.scope is \"all\": want global"},
		{"rounds: [{weights: {target: 0.5, shape: 2x}}]", "rounds[0].weights.shape is \"2x\": want kept weights"},
		{"rounds: [{weights: {target: 0.5, shape: \"1:4\"}}]", "target is 0.5, and the shape 1:4 has 0.75"},
		{"rounds: [{weights: {shape: \"1:4\", scope: erk}}]", "leave out schedule and scope"},
		{"rounds: [{weights: {target: 0.5, criterion: movement}}]", "which is measured while training: set schedule to cubic"},
		{"rounds: [{weights: {target: 0.5, floor: 1}}]", "rounds[0].weights.floor is 1"},
		{"rounds: [{weights: {target: 0.5, schedule: linear}}]", "rounds[0].weights.schedule is \"linear\": want cubic, regrow"},
		{"rounds: [{weights: {target: 0.5, schedule: cubic}, fine_tune: {epochs: 0}}]", "fine_tune.epochs is 0: the schedule cubic prunes while"},
		{"rounds: [{weights: {target: 0.5, until: 2}}]", "rounds[0].weights.until is 2"},
		{"rounds: [{weights: {target: 0.5}, rewind: all}]", "rounds[0].rewind is \"all\": want learning_rate, weights"},
		{"rounds: [{weights: {target: 0.5}, rewind: weights}]", "rounds[0].fine_tune.epochs is 20, and dense.epochs 0"},
		{"dense: {epochs: 30}\nrounds: [{weights: {target: 0.5, schedule: cubic}, rewind: weights}]", "rounds[0].rewind is weights, and the schedule cubic"},
		{"rounds: [{weights: {target: 0.5, scope: sensitivity}}]", "which has to be measured: set sensitivity to {of: [weights]}"},
		{"rounds: [{weights: {target: 0.5}, statistics: maybe}]", "rounds[0].statistics is \"maybe\": want true, false"},
		{"rounds: [{channels: {}}]", "rounds[0].channels names 0 budgets"},
		{"rounds: [{channels: {macs: 0.3, share: 0.3}}]", "rounds[0].channels names 2 budgets"},
		{"rounds: [{channels: {macs: 1.3}}]", "rounds[0].channels has a budget of 1.3"},
		{"rounds: [{channels: {macs: 0.3, criterion: size}}]", "rounds[0].channels.criterion is \"size\": want l1"},
		{"rounds: [{channels: {macs: 0.3, normalise: sum}}]", "rounds[0].channels.normalise"},
		{"rounds: [{channels: {macs: 0.3, floor: 1}}]", "rounds[0].channels.floor is 1"},
		{"rounds: [{channels: {macs: 0.3, round_to: -1}}]", "rounds[0].channels.round_to is -1"},
		{"rounds: [{channels: {macs: 0.3}, weights: {target: 0.5}}]", "rounds[0] names channels and weights"},
		{"sensitivity: {of: [size]}", "sensitivity.of[0] is \"size\": want weights, channels, bits"},
		{"sensitivity: {of: [weights], shares: [0.5, 0.3]}", "sensitivity.shares[1] is 0.3 after 0.5"},
		{"sensitivity: {of: [bits], bits: [4, 8]}", "sensitivity.bits[1] is 8"},
		{"prune: {targets: [0.5]}\nrounds: [{weights: {target: 0.5}}]", "prune.targets is [0.5], and rounds lists 1: give one of them"},
		{"gate: {smallest_step: 2}", "gate.smallest_step is 2"},
		{"gate: {more_epochs: -1}", "gate.more_epochs is -1"},
	} {
		_, err := Decode("e.yaml", []byte(c.document), nil)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s:\nhave %v\nwant %s", c.document, err, c.want)
		}
	}
}
