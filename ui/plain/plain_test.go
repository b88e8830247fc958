package plain

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"espalier/compress/pipeline"
)

// source holds events and counts how often it was asked.
type source struct {
	events  []pipeline.Event
	changed chan struct{}
}

func (s *source) Since(after int64, max int) []pipeline.Event {
	first := min(int(after), len(s.events))
	return slices.Clone(s.events[first:min(first+max, len(s.events))])
}
func (s *source) Changed() <-chan struct{}    { return s.changed }
func (s *source) Send(pipeline.Command) error { return nil }

func events(bodies ...pipeline.Body) []pipeline.Event {
	var all []pipeline.Event
	for i, b := range bodies {
		at := time.Date(2026, 11, 22, 14, 2, 0, 0, time.UTC).Add(time.Duration(i) * time.Second)
		all = append(all, pipeline.Event{Seq: int64(i + 1), Time: at, Body: b})
	}
	return all
}

func TestText(t *testing.T) {
	var out bytes.Buffer
	s := &source{events: events(
		pipeline.RunStarted{Name: "quick-1", Network: "resnet20 projection", Dataset: "shapes10", Weights: 270896, MACs: 40813184, Seed: 1, Threads: 2, Kernel: "avx2", Gate: "none", Targets: []float64{0.3, 0.5}},
		pipeline.RoundStarted{Round: 1, Rounds: 2, Target: 0.3, Edge: 0.09, Steps: 200},
		pipeline.StageStarted{Stage: "fine-tune", Round: 1},
		pipeline.StepDone{Stage: "fine-tune", Round: 1, Epoch: 1, Epochs: 2, Step: 1, Steps: 9, Loss: 1}, // a second later: too early
		pipeline.StepDone{Stage: "fine-tune", Round: 1, Epoch: 1, Epochs: 2, Step: 2, Steps: 9, Loss: 2},
		pipeline.Scales{Layer: "conv1"}, // for a screen
		pipeline.StageDone{Stage: "x"},
		pipeline.StepDone{Stage: "fine-tune", Round: 1, Epoch: 1, Epochs: 2, Step: 3, Steps: 9, Loss: 0.41267, LearningRate: 0.0123, ImagesPerSec: 3401.4, Overall: 0.123, Remaining: 200},
		pipeline.StepDone{Stage: "fine-tune", Round: 1, Epoch: 2, Epochs: 2, Step: 9, Steps: 9, Loss: 0.5}, // the last one always
		pipeline.Sparsity{Round: 1, Sparsity: 0.2992, Zero: 81000, Total: 270896, Layers: []pipeline.LayerSparsity{{Name: "conv1"}, {Name: "layer1.0.conv1", DeadChannels: 2}}},
		pipeline.RoundDone{Round: 1, Sparsity: 0.2992, Top1: 0.9, Drop: -0.0012, Seconds: 61.4, Passed: true, Reason: "no gate is set"},
		pipeline.Log{Level: "warn", Text: "the disk is nearly full"},
		pipeline.RunDone{Status: "stopped", Reason: "asked for", Seconds: 100, Sparsity: 0.2992, Dense: 0.8988, Top1: 0.9},
	)}
	if err := Follow(context.Background(), s, NewText(&out)); err != nil {
		t.Fatal(err)
	}
	want := `14:02:00  run quick-1: resnet20 projection on shapes10, 270896 weights, 40813184 MACs an image, seed 1, 2 threads, kernel avx2, gate: none
14:02:01  round 1/2, target 30.00 %, edge layers 9.00 %, 200 steps
14:02:02  round 1/2, fine-tune
14:02:07  round 1/2, fine-tune, epoch 1/2, step 3/9: loss 0.4127, learning rate 0.012, 3401 images/s; 12 % of the run, 3m20s left
14:02:08  round 1/2, fine-tune, epoch 2/2, step 9/9: loss 0.5000, learning rate 0, 0 images/s; 0 % of the run
14:02:09  round 1/2, sparsity 29.92 %: 81000 of 270896 weights are zero; dead channels: 2 in layer1.0.conv1
14:02:10  round 1/2, passed: sparsity 29.92 %, top-1 90.00 %, +0.12 points against dense, 1m1s; no gate is set
14:02:11  warn: the disk is nearly full
14:02:12  run stopped after 1m40s: asked for; sparsity 29.92 %, top-1 90.00 %, dense 89.88 %
`
	if out.String() != want {
		t.Errorf("have\n%s\nwant\n%s", out.String(), want)
	}
}

func TestJSON(t *testing.T) {
	var out bytes.Buffer
	s := &source{events: events(pipeline.Log{Level: "info", Text: "a"}, pipeline.RunDone{Status: "done"})}
	if err := Follow(context.Background(), s, NewJSON(&out)); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 2 {
		t.Fatalf("%d lines:\n%s", len(lines), out.String())
	}
	for i, line := range lines {
		var e pipeline.Event
		if err := json.Unmarshal([]byte(line), &e); err != nil || e.Seq != int64(i+1) || e.Body != s.events[i].Body {
			t.Errorf("line %d: %+v, want %+v (error %v)", i, e, s.events[i], err)
		}
	}
}

// broken fails at its third event.
type broken struct{ printed int }

var errPipe = errors.New("broken pipe")

func (b *broken) Print(pipeline.Event) error {
	if b.printed++; b.printed == 3 {
		return errPipe
	}
	return nil
}

func TestFollowEnds(t *testing.T) {
	many := make([]pipeline.Body, 2*batch+3)
	for i := range many {
		many[i] = pipeline.Log{Level: "info", Text: "x"}
	}
	s := &source{events: events(many...), changed: make(chan struct{}, 1)}
	if err := Follow(context.Background(), s, &broken{}); !errors.Is(err, errPipe) {
		t.Errorf("error %v, want %v", err, errPipe)
	}
	// The end of the context ends it, and what is there is printed first.
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var count counter
	if err := Follow(ctx, s, &count); err != nil || int(count) != len(many) {
		t.Errorf("%d events, want %d (error %v)", count, len(many), err)
	}
	// New events are announced.
	ctx, cancel = context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	s.events = append(s.events, pipeline.Event{Seq: int64(len(s.events) + 1), Body: pipeline.RunDone{}})
	s.changed <- struct{}{}
	count = 0
	if err := Follow(ctx, s, &count); err != nil || int(count) != len(many)+1 || ctx.Err() != nil {
		t.Errorf("%d events, want %d (error %v)", count, len(many)+1, err)
	}
}

type counter int

func (c *counter) Print(pipeline.Event) error { *c++; return nil }
