package pipeline

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"espalier/compress/prune"
	"espalier/model/weights"
)

// allOptions switches every training option on.
var allOptions = []string{
	"data.cutout=8",
	"dense.nesterov=true", "dense.weight_decay_on=weights", "dense.label_smoothing=0.1", "dense.warmup=0.5", "dense.average=0.5",
	"fine_tune.nesterov=true", "fine_tune.weight_decay_on=weights", "fine_tune.label_smoothing=0.1", "fine_tune.average=0.5",
	"fine_tune.schedule=step", "fine_tune.milestones=[0.5]",
	"distill.weight=0.5", "distill.temperature=2", "sweep.sizes=[]",
}

// TestOptionsResume stops a run with every option inside the dense network's
// training and inside a round's, and resumes it: the journal and the weights are
// those of the undisturbed run.
func TestOptionsResume(t *testing.T) {
	numeric(t)
	whole := create(t, tiny(t, allOptions...))
	_, events := do(t, whole, tinyParts())
	for _, at := range []struct{ round, step int }{{0, 2}, {0, 5}, {2, 4}} {
		r := create(t, tiny(t, allOptions...))
		stopAt(t, r, tinyParts(), func(b Body) bool { s, ok := b.(StepDone); return ok && s.Round == at.round && s.Step == at.step })
		name := fmt.Sprintf("stopped in round %d after step %d", at.round, at.step)
		again, err := Continue(r.Folder)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		_, resumed := do(t, again, tinyParts())
		if have, want := journalHash(t, r.Folder), journalHash(t, whole.Folder); have != want {
			t.Errorf("%s: the journal differs:\n%s", name, firstDifference(events, resumed))
		}
		for _, file := range []string{denseCheckpoint, roundCheckpoint(2)} {
			if have, want := fileHash(t, r.Folder.Path(file)), fileHash(t, whole.Folder.Path(file)); have != want {
				t.Errorf("%s: other weights in %s", name, file)
			}
		}
		again.Close()
	}
}

// TestCarriedRun stops a run, moves its folder as to another machine, and goes on
// there with another number of threads.
func TestCarriedRun(t *testing.T) {
	want, events := reference(t)
	r := create(t, tiny(t))
	stopAt(t, r, tinyParts(), func(b Body) bool { s, ok := b.(StepDone); return ok && s.Round == 1 && s.Step == 2 })
	carried := Folder(filepath.Join(t.TempDir(), "another", "place"))
	if err := os.CopyFS(string(carried), os.DirFS(string(r.Folder))); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(string(r.Folder)); err != nil {
		t.Fatal(err)
	}
	again, err := Continue(carried)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	again.Experiment.Engine.Threads = 3
	if again.past.step == nil {
		t.Error("it does not go on inside the round")
	}
	_, resumed := do(t, again, tinyParts())
	if have := journalHash(t, carried); have != want {
		t.Errorf("the journal differs:\n%s", firstDifference(events, resumed))
	}
}

func fileHash(t *testing.T, path string) string {
	t.Helper()
	n, _, err := weights.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	return weights.Hash(weights.FromNetwork(n))
}

// TestEveryOptionHasAnEffect compares the losses of a run with one option with
// those of a run with none, from the step on that it can change.
func TestEveryOptionHasAnEffect(t *testing.T) {
	numeric(t)
	_, plain := reference(t)
	want := of[StepDone](plain)
	dense := []string{"sweep.sizes=[]", "prune.targets=[]"}
	rounds := []string{"sweep.sizes=[]"}
	for _, c := range []struct {
		set   string
		parts []string
		first int // global step whose loss is the first that may differ
	}{
		{"dense.nesterov=true", dense, 2},
		{"dense.weight_decay_on=weights", dense, 2},
		{"dense.label_smoothing=0.1", dense, 1},
		{"dense.warmup=0.5", dense, 2},
		{"dense.schedule=step", dense, 3},
		{"data.cutout=8", dense, 1},
		{"dense.average=0.5", rounds, 7}, // the first round begins from the average
		{"fine_tune.nesterov=true", rounds, 8},
		{"fine_tune.average=0.5", rounds, 13}, // the second round
		{"distill.weight=0.5", rounds, 7},
	} {
		_, events := do(t, create(t, tiny(t, append(c.parts, c.set)...)), tinyParts())
		have := of[StepDone](events)
		first := slices.IndexFunc(have, func(s StepDone) bool { return s.Loss != want[s.GlobalStep-1].Loss })
		if first+1 != c.first {
			t.Errorf("%s: the first other loss is that of step %d, want %d", c.set, first+1, c.first)
		}
	}
}

// TestTheAverageIsWhatIsKept: epochs are measured with the averaged network, the
// checkpoint holds it, and pruned weights stay zero in it.
func TestTheAverageIsWhatIsKept(t *testing.T) {
	r := create(t, tiny(t, "dense.average=0.9", "fine_tune.average=0.9"))
	_, events := do(t, r, tinyParts())
	epochs, measured := of[EpochDone](events), of[Evaluated](events)
	if have, want := epochs[1].ValLoss, measured[0].Loss; have != want {
		t.Errorf("the last epoch of the dense network has the loss %v, the network that was kept %v", have, want)
	}
	rows := of[RoundDone](events)
	if have, want := measure(t, r.Folder.Path(rows[1].Checkpoint)), rows[1].Sparsity; have != want {
		t.Errorf("sparsity %v in the file, %v in the journal", have, want)
	}
	_, plain := reference(t)
	if want := of[RoundDone](plain)[1].Sparsity; rows[1].Sparsity != want {
		t.Errorf("sparsity %v, without an average %v", rows[1].Sparsity, want)
	}
}

func measure(t *testing.T, path string) float64 {
	t.Helper()
	n, _, err := weights.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	return prune.Measure(n).Share()
}
