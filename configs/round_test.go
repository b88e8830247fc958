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
	if e.Prune.Targets != nil || e.Rounds[1].Target() != 0.9 {
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

func TestWrongRounds(t *testing.T) {
	for _, c := range []struct{ document, want string }{
		{"rounds: [{fine_tune: {epochs: 1}}]", "e.yaml:1:10: rounds[0] names nothing to do"},
		{"rounds: [{weights: {target: 1.5}}]", "rounds[0].weights.target is 1.5: want a fraction"},
		{"rounds: [{weights: {target: 0.5}}, {weights: {target: 0.5}}]", "rounds[1].weights.target is 0.5 after 0.5: targets rise"},
		{"rounds: [{weights: {target: 0.5}, fine_tune: {batch: 0}}]", "rounds[0].fine_tune.batch is 0"},
		{"rounds: [{weights: {share: 0.5}}]", `unknown key "rounds[0].weights.share"`},
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
