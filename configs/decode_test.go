package configs

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"espalier/internal/allocation"
)

func TestMistakes(t *testing.T) {
	tests := []struct {
		name     string
		document string
		set      []string
		want     string
	}{
		{"unknown key", "prune:\n  targts: [0.5]\n", nil, `e.yaml:2:3: unknown key "prune.targts" (did you mean "targets"?); known here: targets, edge_share, edge_until`},
		{"unknown group", "pruning:\n  targets: [0.5]\n", nil, `e.yaml:1:1: unknown key "pruning"; known here: about, seed,`},
		{"text for a number", "dense:\n  batch: many\n", nil, `e.yaml:2:10: dense.batch is "many": want a whole number`},
		{"fraction for a count", "dense:\n  batch: 1.5\n", nil, `e.yaml:2:10: dense.batch is "1.5": want a whole number`},
		{"text within a list", "prune:\n  targets: [0.5, x]\n", nil, `e.yaml:2:18: prune.targets[1] is "x": want a number`},
		{"number for a list", "prune:\n  targets: 0.5\n", nil, `e.yaml:2:12: prune.targets is "0.5": want a list, as [a, b]`},
		{"number for a group", "prune: 0.5\n", nil, `e.yaml:1:8: prune is "0.5": want keys and values`},
		{"list for a group", "prune: [1]\n", nil, `e.yaml:1:8: prune is a list: want keys and values`},
		{"yes for true", "data:\n  augment: yes\n", nil, `e.yaml:2:12: data.augment is "yes": want true or false`},
		{"no value", "gate:\n  split:\n", nil, `e.yaml:2:3: gate.split has no value: give one or leave the key out`},
		{"not a number", "gate:\n  min_top1: .nan\n", nil, `e.yaml:2:13: gate.min_top1 is ".nan": want a number`},
		{"a quoted number", "dense:\n  batch: '5'\n", nil, `e.yaml:2:10: dense.batch is "5": want a whole number`},
		{"negative seed", "seed: -1\n", nil, `e.yaml:1:7: seed is "-1": want a whole number from 0`},
		{"too large a number", "dense:\n  batch: 99999999999999999999\n", nil, `e.yaml:2:10: dense.batch is "99999999999999999999": want a smaller whole number`},
		{"duplicate key", "seed: 1\nseed: 2\n", nil, `e.yaml:2:1: mapping key "seed" already defined at [1:1]`},
		{"syntax", "prune: [0.5\n", nil, `e.yaml:1:8: sequence end token ']' not found`},
		{"a second document", "seed: 1\n---\nseed: 2\n", nil, `e.yaml:3:1: a second document begins here`},
		{"a list as document", "[1, 2]\n", nil, `e.yaml:1:1: the document is a list: want keys and values`},
		{"an anchor", "dense: &a\n  batch: 5\n", nil, `dense uses an anchor, an alias or a tag`},
		{"too large a batch", "dense:\n  batch: 4097\n", nil, `e.yaml:2:10: dense.batch is 4097: want 1 to 4096`},
		{"too many epochs", "dense:\n  epochs: 100001\n", nil, `e.yaml:2:11: dense.epochs is 100001: want`},
		{"impossible value", "prune:\n  targets: [0.5, 1.2]\n", nil, `e.yaml:2:18: prune.targets[1] is 1.2: want a fraction between 0 and 1`},
		{"falling targets", "prune:\n  targets: [0.5, 0.3]\n", nil, `e.yaml:2:18: prune.targets[1] is 0.3 after 0.5: targets rise`},
		{"impossible in a group", "prune:\n  targets:\n    - 0.5\n    - 0\n", nil, `e.yaml:4:7: prune.targets[1] is 0`},
		{"two values that contradict", "data:\n  set: shapes10\n  path: x\n", nil, `e.yaml:3:9: data.path is "x": shapes10 is drawn by the program`},
		{"epochs for other rounds", "fine_tune:\n  epochs: [1, 2]\n", nil, `e.yaml:2:11: fine_tune.epochs has 2 values: want one number, or one for each of 6 rounds`},
		{"Nesterov without momentum", "dense:\n  nesterov: true\n  momentum: 0\n", nil, `e.yaml:2:13: dense.nesterov is true, but dense.momentum is 0`},
		{"decay on something else", "dense:\n  weight_decay_on: conv\n", nil, `e.yaml:2:20: dense.weight_decay_on is "conv": want all, weights`},
		{"all label smoothed away", "dense:\n  label_smoothing: 1\n", nil, `e.yaml:2:20: dense.label_smoothing is 1: want 0 or more and less than 1`},
		{"an average that never moves", "fine_tune:\n  average: 1\n", nil, `e.yaml:2:12: fine_tune.average is 1: want the decay per step`},
		{"nothing after the warm-up", "dense:\n  epochs: 5\n  warmup: 5\n", nil, `e.yaml:3:11: dense.warmup is 5: want 0 or more epochs, and fewer than the 5`},
		{"milestones of a cosine", "dense:\n  milestones: [10]\n", nil, `e.yaml:2:16: dense.milestones[0] is 10, but dense.schedule is cosine: set it to step`},
		{"milestones that fall", "dense:\n  schedule: step\n  milestones: [10, 5]\n", nil, `e.yaml:3:20: dense.milestones[1] is 5 after 10: milestones are epochs and rise`},
		{"a rate that grows", "dense:\n  gamma: 2\n", nil, `e.yaml:2:10: dense.gamma is 2: want more than 0 and less than 1`},
		{"cutout without augmentation", "data:\n  augment: false\n  cutout: 16\n", nil, `e.yaml:3:11: data.cutout is 16, but data.augment is false`},
		{"too large a cutout", "data:\n  cutout: 33\n", nil, `e.yaml:2:11: data.cutout is 33: want a square's side in pixels, 0 to 32`},
		{"too much distillation", "distill:\n  weight: 1.5\n", nil, `e.yaml:2:11: distill.weight is 1.5: want a fraction from 0 to 1`},
		{"distillation at zero degrees", "distill:\n  temperature: 0\n", nil, `e.yaml:2:16: distill.temperature is 0: want more than 0`},
		{"override of an unknown key", "", []string{"prune.edge=0.5"}, `--set prune.edge=0.5: unknown key "prune.edge"`},
		{"override of the wrong type", "", []string{"dense.batch=x"}, `--set dense.batch=x: dense.batch is "x": want a whole number`},
		{"impossible override", "gate:\n  min_top1: 0.9\n", []string{"gate.min_top1=90"}, `--set gate.min_top1=90: gate.min_top1 is 90: want a fraction from 0 to 1`},
		{"override without value", "", []string{"seed="}, `--set seed=: want key=value`},
		{"override without key", "", []string{"=4"}, `--set =4: want key=value`},
		{"override of a group", "", []string{"gate=4"}, `--set gate=4: gate is "4": want keys and values`},
		{"override over two lines", "", []string{"seed=4\ngate: 4"}, `a value is one line of YAML`},
		{"mean alone", "model:\n  mean: imagenet\n", nil, `model.mean is "imagenet" and model.std "": give both or neither`},
		{"scratch without training", "model:\n  weights: scratch\n", nil, `dense.epochs is 0: a network from scratch has to be trained`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := Decode("e.yaml", []byte(test.document), test.set)
			if err == nil {
				t.Fatalf("no error, want %q", test.want)
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("have %s\nwant %s", err, test.want)
			}
			if strings.Contains(err.Error(), "\n") && test.name != "override over two lines" {
				t.Errorf("not one line: %q", err)
			}
		})
	}
}

func TestDecode(t *testing.T) {
	have, err := Decode("dir/mine.yaml", []byte(`
seed: 1e3
fine_tune:
  epochs: [1, 2.5]
prune:
  targets: [0.5, 0.9]
`), []string{"gate.max_drop=0.02", "sweep.sizes=[1, 2]", "seed=7", "data.path=/a b/c"})
	if err != nil {
		t.Fatal(err)
	}
	want := Defaults()
	want.Name = "mine"
	want.Seed = 7
	want.FineTune.Epochs = Epochs{1, 2.5}
	want.Prune.Targets = []float64{0.5, 0.9}
	want.Gate.MaxDrop = 0.02
	want.Sweep.Sizes = []int{1, 2}
	want.Data.Path = "/a b/c"
	if diff := cmp.Diff(want, have); diff != "" {
		t.Error(diff)
	}
	if have.FineTune.Epochs.Round(2) != 2.5 || have.Dense.Epochs.Round(4) != 0 {
		t.Error("epochs of a round")
	}
}

// TestTrainingInWords: options are told where they are not the default.
func TestTrainingInWords(t *testing.T) {
	for _, c := range []struct {
		set  []string
		want string
	}{
		{nil, "SGD 0.02 cosine, momentum 0.9, weight decay 0.0005, batch 128"},
		{[]string{"fine_tune.schedule=step", "fine_tune.milestones=[10, 15]", "fine_tune.warmup=1", "fine_tune.nesterov=true", "fine_tune.weight_decay_on=weights", "fine_tune.label_smoothing=0.1", "fine_tune.average=0.999"},
			"SGD 0.02 step (×0.1 at epochs [10 15]) after a warm-up of 1 epochs, momentum 0.9 (Nesterov), weight decay 0.0005 on weights only, batch 128, label smoothing 0.1, average of weights 0.999"},
	} {
		e, err := Decode("e.yaml", nil, c.set)
		if err != nil {
			t.Fatal(err)
		}
		if have := e.FineTune.String(); have != c.want {
			t.Errorf("have %s\nwant %s", have, c.want)
		}
	}
}

func TestPresets(t *testing.T) {
	for _, name := range Presets() {
		t.Run(name, func(t *testing.T) {
			e, err := Load(name, nil)
			if err != nil {
				t.Fatal(err)
			}
			if e.Name != name {
				t.Errorf("name %q", e.Name)
			}
			document, err := e.YAML()
			if err != nil {
				t.Fatal(err)
			}
			again, err := Decode(name, document, nil)
			if err != nil {
				t.Fatalf("%v in\n%s", err, document)
			}
			if diff := cmp.Diff(e, again); diff != "" {
				t.Errorf("written and read back:\n%s", diff)
			}
		})
	}
}

func TestLoadFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "mine.yaml")
	if err := os.WriteFile(path, []byte("seed: 3\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	e, err := Load(path, nil)
	if err != nil || e.Seed != 3 || e.Name != "mine" {
		t.Errorf("%v %v %v", e.Seed, e.Name, err)
	}
	large := filepath.Join(dir, "large.yaml")
	if err := os.WriteFile(large, make([]byte, maxDocument+1), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{large, dir, filepath.Join(dir, "none.yaml"), "nope"} {
		if _, err := Load(name, nil); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// TestDefaultsAreValid holds Defaults to the rules that documents obey.
func TestDefaultsAreValid(t *testing.T) {
	if err := Defaults().Validate(); err != nil {
		t.Error(err)
	}
}

func FuzzDecode(f *testing.F) {
	for _, name := range Presets() {
		document, _ := preset(name)
		f.Add(document, "seed=4")
	}
	f.Add([]byte("a: &a [*a, *a]\n"), "prune.targets=[0.1]")
	f.Add([]byte("? {a: b}\n: c\n"), "a.b.c={}")
	f.Add([]byte("<<: {seed: 4}\n"), "seed=!!str 4")
	f.Fuzz(func(t *testing.T, document []byte, set string) {
		var e Experiment
		var err error
		allocation.Limit(t, len(document)+len(set), 4<<10, 1<<20, func() { e, err = Decode("fuzz.yaml", document, []string{set}) })
		if err != nil {
			return
		}
		written, err := e.YAML()
		if err != nil {
			t.Fatal(err)
		}
		again, err := Decode("fuzz.yaml", written, nil)
		if err != nil {
			t.Fatalf("%v in\n%s", err, written)
		}
		if diff := cmp.Diff(e, again); diff != "" {
			t.Error(diff)
		}
	})
}
