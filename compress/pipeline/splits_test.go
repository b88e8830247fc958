package pipeline

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"espalier/configs"
	"espalier/dataset"
	"espalier/model"
	"espalier/model/weights"
	"espalier/model/zoo"
)

// altered are tinyParts with the network that the program carries and with
// images and labels of the test's own.
func altered(change func(*dataset.Data)) Parts {
	open := tinyParts().Open
	return Parts{Embedded: zoo.Load, Open: func(o dataset.Options) (*dataset.Data, error) {
		d, err := open(o)
		if err != nil {
			return nil, err
		}
		d.Train, d.Validation, d.Test = copied(d.Train), copied(d.Validation), copied(d.Test)
		change(d)
		return d, nil
	}}
}

func copied(s *dataset.Split) *dataset.Split {
	c := *s
	c.Images, c.Labels = slices.Clone(s.Images), slices.Clone(s.Labels)
	return &c
}

// mislabel gives every image of a split the label of another class.
func mislabel(s *dataset.Split) {
	for i := range s.Labels {
		s.Labels[i] = (s.Labels[i] + 1) % 10
	}
}

// untrained prunes the network that the program carries and trains nothing: it
// knows shapes10, until almost all of it is gone.
func untrained(t *testing.T, targets string, set ...string) configs.Experiment {
	return tiny(t, append([]string{"model.depth=20", "model.weights=embedded", "dense.epochs=0", "fine_tune.epochs=0", "prune.targets=" + targets}, set...)...)
}

// TestTheGateReadsItsSplit has one split with right labels and one with wrong
// ones. The gate's minimum and its drop, on the dense network and on a round's,
// are those of the split that the experiment names.
func TestTheGateReadsItsSplit(t *testing.T) {
	numeric(t)
	wrong := map[string]func(*dataset.Data){
		"test":       func(d *dataset.Data) { mislabel(d.Test) },
		"validation": func(d *dataset.Data) { mislabel(d.Validation) },
	}
	for _, c := range []struct {
		mislabelled, gate, limit string
		passed                   bool
	}{
		{"test", "test", "gate.min_top1=0.5", false},
		{"test", "validation", "gate.min_top1=0.5", true},
		{"validation", "test", "gate.min_top1=0.5", true},
		{"validation", "validation", "gate.min_top1=0.5", false},
		// Where all are wrong nothing is lost, even with most weights gone.
		{"test", "test", "gate.max_drop=0.3", true},
		{"test", "validation", "gate.max_drop=0.3", false},
		{"validation", "test", "gate.max_drop=0.3", false},
		{"validation", "validation", "gate.max_drop=0.3", true},
	} {
		target := "[0.1]"
		if c.limit == "gate.max_drop=0.3" {
			target = "[0.97]"
		}
		r := create(t, untrained(t, target, "sweep.sizes=[]", c.limit, "gate.split="+c.gate))
		_, events := do(t, r, altered(wrong[c.mislabelled]))
		if row := of[RoundDone](events)[0]; row.Passed != c.passed {
			t.Errorf("%s on %s, wrong labels on %s: %+v", c.limit, c.gate, c.mislabelled, row)
		}
	}
}

// TestTheLastRoundThatPassedIsTheResult lets the third of three rounds fail.
// All that follows is what follows from two rounds: the int8 network, the sweep
// and the result.
func TestTheLastRoundThatPassedIsTheResult(t *testing.T) {
	numeric(t)
	gate := []string{"gate.max_drop=0.3", "gate.split=test"}
	three := create(t, untrained(t, "[0.1, 0.3, 0.99]", gate...))
	done3, events3 := do(t, three, altered(func(*dataset.Data) {}))
	rows := of[RoundDone](events3)
	if len(rows) != 3 || !rows[0].Passed || !rows[1].Passed || rows[2].Passed {
		t.Fatalf("the third round of three is to fail: %+v", rows)
	}
	if rows[0].Sparsity == rows[1].Sparsity || rows[0].Top1 == rows[2].Top1 {
		t.Fatalf("rounds that nothing tells apart: %+v", rows)
	}
	two := create(t, untrained(t, "[0.1, 0.3]", gate...))
	done2, events2 := do(t, two, altered(func(*dataset.Data) {}))
	if done3.Ended != StandingGateFailed || !strings.HasPrefix(done3.Reason, "round 3 did not pass, so the result is that of round 2") {
		t.Errorf("the run does not say that its third round failed: %+v", done3)
	}
	done2.Seconds, done3.Seconds = 0, 0
	done3.Ended, done3.Reason = done2.Ended, done2.Reason
	if done3 != done2 || done3.Sparsity != rows[1].Sparsity || done3.Top1 != rows[1].Top1 {
		t.Errorf("after three rounds %+v, after two %+v, the second is %+v", done3, done2, rows[1])
	}
	if have, want := of[Quantized](events3), of[Quantized](events2); len(have) != 1 || have[0] != want[0] || have[0].Float != rows[1].Top1 {
		t.Errorf("int8 %+v, want %+v", have, want)
	}
	if have, want := fileTensors(t, three.Folder, "quantized.safetensors"), fileTensors(t, two.Folder, "quantized.safetensors"); have != want {
		t.Error("the int8 network is not that of the second round")
	}
	points := func(events []Event) (all []string) {
		for _, p := range of[CalibrationPoint](events) {
			all = append(all, fmt.Sprint(p.Observer, p.Draw, p.Images, p.Correct, p.Float))
		}
		return all
	}
	if have, want := points(events3), points(events2); len(have) < 4 || !slices.Equal(have, want) {
		t.Errorf("sweep %v, want %v", have, want)
	}
}

// TestTestImagesMoveNothing alters the images and labels that accuracy is
// measured on: no weight, no zero, no scale of the run is another one. Those to
// train on move them all.
func TestTestImagesMoveNothing(t *testing.T) {
	numeric(t)
	invert := func(s *dataset.Split) {
		for i := range s.Images {
			s.Images[i] = 255 - s.Images[i]/2
		}
		mislabel(s)
	}
	files := []string{denseCheckpoint, roundCheckpoint(1), roundCheckpoint(2), "quantized.safetensors"}
	type made struct {
		tensors  []string // hashes, by file
		scales   []string
		measured []float64
	}
	run := func(change func(*dataset.Data)) (m made) {
		r := create(t, tiny(t, "sweep.sizes=[]"))
		_, events := do(t, r, altered(change))
		for _, file := range files {
			m.tensors = append(m.tensors, fileTensors(t, r.Folder, file))
		}
		for _, s := range of[Scales](events) {
			m.scales = append(m.scales, fmt.Sprint(s.Layer, s.Activation, s.Channels[0]))
		}
		for _, e := range of[Evaluated](events) {
			m.measured = append(m.measured, float64(e.Loss))
		}
		return m
	}
	plain := run(func(*dataset.Data) {})
	for _, c := range []struct {
		name   string
		change func(*dataset.Data)
	}{
		{"test", func(d *dataset.Data) { invert(d.Test) }},
		{"validation", func(d *dataset.Data) { invert(d.Validation) }},
	} {
		other := run(c.change)
		if slices.Equal(other.measured, plain.measured) {
			t.Errorf("the %s images are altered and nothing is measured on them", c.name)
		}
		for i, file := range files {
			if other.tensors[i] != plain.tensors[i] {
				t.Errorf("the %s images move %s", c.name, file)
			}
		}
		if !slices.Equal(other.scales, plain.scales) {
			t.Errorf("the %s images move scales or ranges", c.name)
		}
	}
	other := run(func(d *dataset.Data) { invert(d.Train) })
	for i, file := range files {
		if other.tensors[i] == plain.tensors[i] {
			t.Errorf("the training images do not move %s", file)
		}
	}
}

// fileTensors returns the hash of the tensors of a run's file.
func fileTensors(t *testing.T, f Folder, name string) string {
	t.Helper()
	tensors, _, err := weights.Read(f.Path(name))
	if err != nil {
		t.Fatal(err)
	}
	return weights.Hash(tensors)
}

// TestEveryEpochHasAnOrderOfItsOwn trains with a learning rate that moves
// nothing, so that a step's loss says which images it took. Two seeds, the dense
// network and two rounds, two epochs each: twelve orders, no two alike.
func TestEveryEpochHasAnOrderOfItsOwn(t *testing.T) {
	numeric(t)
	n, err := model.ResNet(model.Arch{Depth: 8, Shortcut: model.Projection, Classes: 10})
	if err != nil {
		t.Fatal(err)
	}
	n.Init(1)
	file := filepath.Join(t.TempDir(), "same.safetensors")
	if err := weights.Save(file, n, nil); err != nil {
		t.Fatal(err)
	}
	names, orders := []string{}, [][]float64{}
	for _, seed := range []int{1, 2} {
		r := create(t, tiny(t, fmt.Sprintf("seed=%d", seed), "model.weights="+file, "data.augment=false", "sweep.sizes=[]",
			"prune.targets=[0.00002, 0.00004]", "prune.edge_share=0", // a weight or two
			"dense.batch=8", "dense.epochs=2", "dense.learning_rate=1e-30", "fine_tune.batch=8", "fine_tune.epochs=2", "fine_tune.learning_rate=1e-30"))
		_, events := do(t, r, tinyParts())
		for _, s := range of[StepDone](events) {
			if s.Step%8 == 1 {
				names = append(names, fmt.Sprintf("seed %d, round %d, epoch %d", seed, s.Round, s.Epoch))
				orders = append(orders, nil)
			}
			last := len(orders) - 1
			orders[last] = append(orders[last], float64(s.Loss))
		}
	}
	if len(orders) != 12 {
		t.Fatalf("%d epochs: %v", len(orders), names)
	}
	// A pruned weight or two move the loss of the same images by less than this.
	const same = 0.01
	for i, a := range orders {
		for j, b := range orders[:i] {
			alike := 0
			for k := range a {
				if math.Abs(a[k]-b[k]) < same {
					alike++
				}
			}
			if len(a) != 8 || alike > 4 {
				t.Errorf("%d of %d batches of %s are those of %s", alike, len(a), names[i], names[j])
			}
		}
	}
}
