package pipeline

import (
	"context"
	"os"
	"slices"
	"testing"
	"time"

	"espalier/compress/quantize"
	"espalier/configs"
	"espalier/model/weights"
)

// tinyQAT is the tiny experiment with two widths after its rounds.
func tinyQAT(t *testing.T) configs.Experiment {
	t.Helper()
	return tiny(t, "sweep.sizes=[]", "prune.targets=[0.5]", "qat.widths=[W8A8, W4A4]", "qat.train.epochs=1.5", "qat.train.batch=16", "qat.train.learning_rate=0.02")
}

// TestQATStage trains for two widths: both are measured and kept, zeros stay, batch
// norm is frozen at the end, and the result is the network of the last width.
func TestQATStage(t *testing.T) {
	r := create(t, tinyQAT(t))
	done, events := do(t, r, tinyParts())
	if done.Status != StatusDone {
		t.Fatalf("%+v", done)
	}
	measured := map[string]Evaluated{}
	for _, e := range of[Evaluated](events) {
		measured[e.What+" "+e.Split] = e
	}
	for _, width := range []string{"W8A8", "W4A4"} {
		for _, split := range []string{"validation", "test"} {
			if e, ok := measured[width+" "+split]; !ok || e.Total == 0 {
				t.Errorf("%s was not measured on %s", width, split)
			}
		}
		g, meta, err := weights.Load(r.Folder.Path(qatCheckpoint(width)))
		if err != nil || !quantize.IsPrepared(g) || meta["width"] != width {
			t.Errorf("%s: %v, %v", width, err, meta)
			continue
		}
		var zero, total int
		for _, l := range g.Layers() {
			for _, w := range l.Weight {
				if w == 0 {
					zero++
				}
			}
			total += len(l.Weight)
		}
		if zero < 4*total/10 {
			t.Errorf("%s: %d of %d weights are zero, and half were pruned", width, zero, total)
		}
	}
	if measured["W4A4 test"].Correct != measured["int8 test"].Correct || measured["W4A4 test"].Loss != measured["int8 test"].Loss {
		t.Errorf("the result is measured as %+v, and W4A4 was %+v", measured["int8 test"], measured["W4A4 test"])
	}
	f, err := weights.Open(r.Folder.Path("quantized.safetensors"), "")
	if err != nil {
		t.Fatal(err)
	}
	q, err := quantize.FromTensors(f.Tensors, f.Metadata)
	if err != nil {
		t.Fatal(err)
	}
	layers := q.Layers()
	for i, l := range layers {
		want := 4
		if i == 0 || i == len(layers)-1 {
			want = 8
		}
		if l.WeightBits != want {
			t.Errorf("%s has %d bits, want %d", l.Name, l.WeightBits, want)
		}
	}
	stages := []int{}
	for _, s := range of[StageDone](events) {
		if s.Stage == StageQAT {
			stages = append(stages, s.Round)
		}
	}
	if !slices.Equal(stages, []int{1, 2}) {
		t.Errorf("stages %v", stages)
	}
}

// TestQATStageResumes stops at some events of the stage and goes on to the same
// journal.
func TestQATStageResumes(t *testing.T) {
	r := create(t, tinyQAT(t))
	_, events := do(t, r, tinyParts())
	want := journalHash(t, r.Folder)
	var at []int64
	for _, e := range events {
		switch b := e.Body.(type) {
		case StepDone:
			if b.Stage == StageQAT && b.Step%4 == 2 {
				at = append(at, e.Seq)
			}
		case StageDone:
			if b.Stage == StageQAT {
				at = append(at, e.Seq)
			}
		}
	}
	if len(at) < 4 {
		t.Fatalf("%d places to stop at", len(at))
	}
	for _, seq := range first(1, at) {
		r := create(t, tinyQAT(t))
		ctx, cancel := context.WithCancel(context.Background())
		parts := tinyParts()
		parts.CheckpointEvery = time.Nanosecond
		watcher := r.Hub.Watch()
		go func() {
			for range watcher.Changed() {
				if r.Hub.Seq() >= seq {
					cancel()
					return
				}
			}
		}()
		first, err := r.Do(ctx, parts)
		cancel()
		watcher.Close()
		if err != nil {
			t.Fatal(err)
		}
		r.Close()
		if first.Status == StatusDone {
			continue
		}
		again, err := Continue(r.Folder)
		if err != nil {
			t.Fatal(err)
		}
		second, err := again.Do(context.Background(), tinyParts())
		again.Close()
		if err != nil || second.Status != StatusDone {
			t.Errorf("stopped at event %d: %+v, %v", seq, second, err)
		}
		if hash := journalHash(t, r.Folder); hash != want {
			t.Errorf("stopped at event %d: the journal differs from the undisturbed run's", seq)
		}
		if _, err := os.Stat(r.Folder.Path("quantized.safetensors")); err != nil {
			t.Error(err)
		}
	}
}
