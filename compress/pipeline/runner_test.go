package pipeline

import (
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"espalier/internal/finite"
	"espalier/model/weights"
)

func TestWholeExperiment(t *testing.T) {
	r := create(t, tiny(t, "sweep.draws=2", "data.seed=5", "cost.measure=true"))
	done, events := do(t, r, tinyParts())
	if done.Status != StatusDone {
		t.Fatalf("%+v", done)
	}
	for i, e := range events {
		if e.Seq != int64(i+1) {
			t.Fatalf("event %d has number %d", i+1, e.Seq)
		}
	}
	if first, ok := events[0].Body.(RunStarted); !ok || first.Weights != 77360 || len(first.Layers) != 10 || !slices.Equal(first.Sizes, []int{1, 5}) {
		t.Errorf("first event %+v", events[0].Body)
	}
	if last := events[len(events)-1].Body; last != Body(done) {
		t.Errorf("last event %+v", last)
	}
	if steps := of[StepDone](events); len(steps) != 3*6 || steps[17].GlobalStep != 18 || steps[17].Step != 6 || steps[17].Steps != 6 || steps[17].Epoch != 2 || steps[17].Epochs != 1.5 || steps[0].LearningRate != 0.1 {
		t.Errorf("%d steps, the last %+v", len(steps), steps[len(steps)-1])
	}
	// Batches are the same in all stages, and so is what training takes.
	if planned := of[Planned](events); len(planned) != 1 || planned[0].Stage != StageDense || planned[0].Bytes < 1<<20 {
		t.Errorf("memory: %+v", planned)
	}
	for i, row := range of[RoundDone](events) {
		if row.Round != i+1 || !row.Passed || row.Epochs != 1.5 {
			t.Errorf("%+v", row)
		}
		n, meta, err := weights.Load(r.Folder.Path(row.Checkpoint))
		if err != nil {
			t.Fatal(err)
		}
		if zero, total := n.Sparsity(); float64(zero)/float64(total) != row.Sparsity {
			t.Errorf("round %d: sparsity %v, in the file %d of %d", row.Round, row.Sparsity, zero, total)
		}
		if hash := weights.Hash(weights.FromNetwork(n)); hash != row.Hash || meta["round"] != fmt.Sprint(row.Round) || meta[weights.MetaDataset] != "shapes10" || meta[weights.MetaDataSeed] != "5" {
			t.Errorf("round %d: hash %s, in the file %s, %v", row.Round, row.Hash, hash, meta)
		}
		// Candidates alone reach the target; the edge layers 0.3 of it, once.
		n.Node("conv1").Weight, n.Node("fc").Weight = nil, nil
		zero, total := n.Sparsity()
		if want := math.RoundToEven(row.Target * float64(total)); float64(zero) != want {
			t.Errorf("round %d: %d candidates are zero, want %v", row.Round, zero, want)
		}
	}
	if points := of[CalibrationPoint](events); len(points) != 2*2*2 || points[3].Draw != 2 || points[7].Images != 5 || points[7].Total != 48 {
		t.Errorf("%d points, %+v", len(points), points)
	}
	// The dense network, each round's and the final one show all layers.
	if scales := of[Scales](events); len(scales) != 4*10 {
		t.Errorf("%d scales", len(scales))
	}
	var costs []string
	for _, c := range of[Cost](events) {
		costs = append(costs, c.Name())
		info, err := os.Stat(r.Folder.Path(c.File))
		if err != nil {
			t.Fatal(err)
		}
		// The file's own metadata tells a little more.
		if over := info.Size() - c.Bytes; over < 0 || over > 512 {
			t.Errorf("%s is said to take %d bytes and takes %d", c.Name(), c.Bytes, info.Size())
		}
		if s, ok := c.Fastest(1, 0); !ok || !(s.Seconds > 0) || c.MACs == 0 || c.NonZero > c.Weights || c.Top1 == 0 {
			t.Errorf("%+v", c)
		}
	}
	if !slices.Equal(costs, []string{"dense", "round 1", "round 2", "int8"}) {
		t.Errorf("the costs of %v", costs)
	}
	var overall float64
	for _, s := range of[StepDone](events) {
		if s.Overall < overall || s.Overall > 1 {
			t.Errorf("overall %v after %v", s.Overall, overall)
		}
		overall = s.Overall
	}
	for _, file := range []string{"experiment.yaml", "result.json", "report.md", "pruning.png", "calibration.png", "quantized.safetensors", denseCheckpoint} {
		if _, err := os.Stat(r.Folder.Path(file)); err != nil {
			t.Error(err)
		}
	}
	if files, _ := os.ReadDir(string(r.Folder)); slices.ContainsFunc(files, func(f os.DirEntry) bool { return strings.HasPrefix(f.Name(), ".") }) {
		t.Error("a temporary file was left behind")
	}
	if files := checkpoints(t, r.Folder); !slices.Equal(files, []string{"dense.safetensors", "round-1.safetensors", "round-2.safetensors"}) {
		t.Errorf("the checkpoints are %v", files)
	}
}

// TestSameSeedSameJournal holds two runs to the same bits with different
// numbers of threads, and another seed to other ones.
func TestSameSeedSameJournal(t *testing.T) {
	want, events := reference(t)
	for _, threads := range []int{1, 3} {
		r := create(t, tiny(t, fmt.Sprintf("engine.threads=%d", threads)))
		_, have := do(t, r, tinyParts())
		if hash := journalHash(t, r.Folder); hash != want {
			t.Errorf("%d threads: %s, want %s\n%s", threads, hash, want, firstDifference(events, have))
		}
	}
	r := create(t, tiny(t, "seed=2"))
	do(t, r, tinyParts())
	if journalHash(t, r.Folder) == want {
		t.Error("another seed gives the same journal")
	}
}

func TestGate(t *testing.T) {
	_, events := reference(t)
	rows := of[RoundDone](events)
	var dense float64
	for _, e := range of[Evaluated](events) {
		if e.What == "dense" && e.Split == "test" {
			dense = e.Top1
		}
	}
	// A minimum that no round reaches.
	r := create(t, tiny(t, "gate.min_top1=0.99", "gate.split=test"))
	done, failed := do(t, r, tinyParts())
	if have := of[RoundDone](failed); len(have) != 1 || have[0].Passed || !strings.Contains(have[0].Reason, "below the gate's minimum") || have[0].Hash != rows[0].Hash {
		t.Errorf("%+v", have)
	}
	if done.Status != StatusDone || done.Top1 != dense || done.Sparsity != 0 {
		t.Errorf("the result is not the dense network: %+v", done)
	}
	if q := of[Quantized](failed); len(q) != 1 || q[0].Float != dense {
		t.Errorf("%+v", q)
	}
	if warnings := of[Log](failed); !slices.ContainsFunc(warnings, func(l Log) bool { return l.Level == "warn" && strings.Contains(l.Text, denseCheckpoint) }) {
		t.Errorf("the log does not name the result: %v", warnings)
	}
}

// TestDivergedRoundKeepsTheRoundBefore lets the second round diverge: the first
// one's network is quantized.
func TestDivergedRoundKeepsTheRoundBefore(t *testing.T) {
	r := create(t, tiny(t, "fine_tune.epochs=[0, 50]", "fine_tune.learning_rate=100"))
	done, events := do(t, r, tinyParts())
	rows := of[RoundDone](events)
	if len(rows) != 2 || !rows[0].Passed || rows[1].Passed || !rows[1].Diverged || !strings.Contains(rows[1].Reason, "became +Inf at step") {
		t.Fatalf("%+v", rows)
	}
	// A network that is not finite has no answers; the journal has the loss as null.
	measured := of[Evaluated](events)
	if last := measured[len(measured)-2]; last.What != "fine-tuned" || last.Top1 != 0 || last.NotFinite != last.Total || finite.Is(last.Loss) {
		t.Errorf("%+v", last)
	}
	q := of[Quantized](events)
	if len(q) != 1 || q[0].Float != rows[0].Top1 || done.Sparsity != rows[0].Sparsity || done.Status != StatusDone {
		t.Errorf("%+v %+v", q, done)
	}
}
