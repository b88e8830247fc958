package pipeline

import (
	"context"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"espalier/internal/finite"
	"espalier/model"
	"espalier/model/weights"
)

// TestDivergedBuffersFailTheRound lets a learning rate that is far too high take
// the running statistics to infinity while the training loss stays finite: the
// round fails, and the result is the dense network.
func TestDivergedBuffersFailTheRound(t *testing.T) {
	for _, set := range [][]string{
		{"fine_tune.epochs=30"},
		{"fine_tune.epochs=8", "fine_tune.batch=1"},
	} {
		set = append(set, "fine_tune.learning_rate=100")
		r := create(t, tiny(t, append(set, "prune.targets=[0.3]")...))
		done, events := do(t, r, tinyParts())
		row := of[RoundDone](events)[0]
		if row.Passed || !row.Diverged || !strings.Contains(row.Reason, "lower the learning rate") {
			t.Errorf("%v: %+v", set, row)
		}
		if done.Status != StatusDone || done.Sparsity != 0 || done.Top1 != done.Dense {
			t.Errorf("%v: the result is not the dense network: %+v", set, done)
		}
		for _, file := range checkpoints(t, r.Folder) {
			if _, _, err := weights.Load(filepath.Join(r.Folder.Path("checkpoints"), file)); err != nil {
				t.Errorf("%v: what the run wrote cannot be read: %v", set, err)
			}
		}
		if row.Checkpoint != "" && row.Hash == "" || row.Checkpoint == "" && row.Hash != "" {
			t.Errorf("%v: checkpoint %q with hash %q", set, row.Checkpoint, row.Hash)
		}
	}
}

// TestDivergedDenseTrainingFailsTheRun has no network to fall back to.
func TestDivergedDenseTrainingFailsTheRun(t *testing.T) {
	r := create(t, tiny(t, "dense.learning_rate=100", "dense.epochs=30"))
	done, err := r.Do(context.Background(), tinyParts())
	if err == nil || done.Status != StatusFailed || !strings.Contains(done.Reason, "lower the learning rate") {
		t.Errorf("%+v, error %v", done, err)
	}
}

// TestDenseNetworkWithoutAnswers is one whose weights are finite and whose
// logits are not.
func TestDenseNetworkWithoutAnswers(t *testing.T) {
	n, err := model.ResNet(model.Arch{Depth: 8, Shortcut: model.Projection, Classes: 10})
	if err != nil {
		t.Fatal(err)
	}
	n.Init(1)
	n.Mean, n.Std = []float32{0.5, 0.5, 0.5}, []float32{0.25, 0.25, 0.25}
	for _, p := range n.Tensors() {
		if p.Name == "fc.weight" {
			for i := range p.Data {
				p.Data[i] = float32(1-2*(i%2)) * 3e38
			}
		}
	}
	path := filepath.Join(t.TempDir(), "w.safetensors")
	if err := weights.Save(path, n, nil); err != nil {
		t.Fatal(err)
	}
	r := create(t, tiny(t, "model.weights="+path, "dense.epochs=0"))
	done, err := r.Do(context.Background(), tinyParts())
	if err == nil || done.Status != StatusFailed || !strings.Contains(done.Reason, "the logits of the dense network are not finite for") {
		t.Errorf("%+v, error %v", done, err)
	}
	measured := of[Evaluated](r.Hub.Since(0, math.MaxInt))
	if len(measured) != 1 || measured[0].NotFinite == 0 || finite.Is(measured[0].Loss) {
		t.Errorf("%+v", measured)
	}
}
