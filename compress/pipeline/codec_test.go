package pipeline

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"espalier/internal/allocation"
	"espalier/internal/finite"
)

// bodies has one of each kind, every field different from zero.
func bodies() []Body {
	return []Body{
		RunStarted{Schema: Schema, Version: "v", Name: "n", Experiment: "e", Dataset: "shapes10", Network: "resnet20 projection",
			Layers:  []LayerInfo{{Name: "conv1", Shape: []int{16, 3, 3, 3}, Stride: 1, Weights: 432, MACs: 442368, Edge: true}},
			Weights: 1, MACs: 2, Seed: math.MaxUint64, Threads: 3, Kernel: "go", Targets: []float64{0.3}, Sizes: []int{1}, Observers: []string{"min-max"}, Gate: "none"},
		Continued{GlobalStep: 1, Checkpoint: "c", Removed: 2},
		DataRead{Dataset: "cifar10", Note: "JPEG copy", Source: "s", Train: 1, Validation: 2, Test: 3},
		Outlook{Parts: []OutlookPart{{Name: "dense", Epochs: 10, Seconds: 300, Cached: true}, {Name: "round 1", Epochs: 1.5, Seconds: 45}}, Seconds: 400, ImagesPerSec: 1234},
		Decided{About: "gate", Text: "t", Gate: "g"},
		StageStarted{Stage: StagePrune, Round: 1, Text: "t"},
		StageDone{Stage: StagePrune, Round: 1, Seconds: 0.5},
		Planned{Stage: StageDense, Round: 1, Bytes: 262144000},
		Progress{Stage: StageEvaluate, Round: 1, Done: 2, Total: 3, Unit: "images", Overall: 0.1, Remaining: 4},
		StepDone{Stage: StageDense, Round: 1, Epoch: 2, Epochs: 3, Step: 4, Steps: 5, GlobalStep: 6, Loss: 0.7, LearningRate: 0.8, ImagesPerSec: 9, Overall: 0.1, Remaining: 11},
		EpochDone{Stage: StageDense, Round: 1, Epoch: 2, Epochs: 3, TrainLoss: 0.4, TrainTop1: 0.5, ValLoss: 0.6, ValTop1: 0.7, ValCount: 8, Seconds: 9, GlobalStep: 10},
		Evaluated{What: "dense", Round: 1, Split: "test", Top1: 0.2, Correct: 3, Total: 4, Loss: 0.5, Seconds: 6},
		RoundStarted{Round: 1, Rounds: 2, Target: 0.3, Edge: 0.4, Epochs: 5, Steps: 6},
		Sparsity{Round: 1, Target: 0.2, Sparsity: 0.3, Zero: 4, Total: 5, Layers: []LayerSparsity{{Name: "conv1", Zero: 1, Total: 2, DeadChannels: 3}}},
		RoundDone{Round: 1, Target: 0.2, Sparsity: 0.3, Top1: 0.4, Drop: -0.5, Epochs: 6, Seconds: 7, Passed: true, Reason: "r", Checkpoint: "c", Hash: "h"},
		CalibrationPoint{Images: 1, Draw: 2, Observer: "min-max", Top1: 0.3, Correct: 4, Total: 5, Float: 0.6, CalibrateSeconds: 7, EvaluateSeconds: 8, Asked: true},
		Scales{Layer: "fc", Round: 1, GlobalStep: 2, Images: 3, Recipe: "lab", Channels: []ChannelScale{{0.1, 0.2, 0.3, 0.4, []int{1, 0, 2}}}, WeightHistogram: []int{1, 2},
			WeightMax: 0.5, PerTensorCost: 6, SNR: 42, Clip: 0.8, BestClip: 0.95, BestSNR: 43, Activation: Range{-1, 2, 0.1, 10}, ActivationHistogram: []int{3}, Asked: true},
		Repaired{Name: "bias", Did: "moved", Kept: true, Split: "validation", Top1: 0.5, Loss: 1.5, Images: 9},
		Race{Images: 32, Activations: []ObservedRace{{Point: "conv1", Min: 0, Max: 4, Histogram: []int{3, 0, 1}, Ranges: []ObservedRange{{"mse", Range{Max: 3.5, Scale: 0.5, ZeroPoint: 1}}}}}},
		Sensitivity{Round: 1, GlobalStep: 2, Share: 0.5, Split: "validation", Images: 3, Loss: 0.4, Top1: 0.5,
			Layers: []LayerSensitivity{{Name: "conv1", Loss: 0.6, Top1: 0.7}, {Name: "fc", Loss: 1.5, Top1: 0.2}}, Seconds: 8},
		Sliced{Round: 1, Groups: []GroupInfo{{Name: "conv1", Layers: []string{"conv1", "layer1.0.conv2"}, Before: 16, Kept: 8, Ties: []string{"add layer1.0.add adds both"}}},
			MACsBefore: 100, MACs: 60, ParametersBefore: 50, Parameters: 30, Weights: 28, Layers: []LayerInfo{{Name: "conv1", Shape: []int{8, 3, 3, 3}, Stride: 1, Weights: 216, MACs: 9, Edge: true}}},
		SensitivityPoint{Of: "weights", Layer: "conv1", Level: 0.5, Loss: 0.6, Top1: 0.7, Split: "validation", Images: 3},
		Quantized{Recipe: "lab", Observer: "min-max", Images: 1, Top1: 0.2, Float: 0.3, FloatBytes: 4, Int8Bytes: 5, File: "f"},
		Cost{What: "int8", Round: 1, File: "f", Top1: 0.2, Parameters: 3, Weights: 4, NonZero: 5, MACs: 6, EffectiveMACs: 7, Activations: 8, Bytes: 9, SparseBytes: 10, GzipBytes: 11, ZstdBytes: 12,
			Machine: "m", Kernel: "k", Speeds: []Speed{{"int8", 1, 2, 0.3, 0.2, 0.4, 5}}, Notes: []string{"n"}},
		Paused{GlobalStep: 1, Source: "keyboard", Reason: "r"},
		Resumed{GlobalStep: 1, Source: "socket", Seconds: 2},
		Commanded{Command: Command{Do: Calibrate, Images: 1, Observer: "min-max", Layer: "l", Clip: 0.5, AtStep: 2, Text: "t", Source: "s"}, Refused: "r"},
		Saved{What: "checkpoint", Path: "p", Bytes: 1},
		Log{Level: "warn", Text: "t"},
		Note{GlobalStep: 1, Text: "t"},
		RunDone{Status: "done", Reason: "r", Seconds: 1, Sparsity: 0.2, Dense: 0.3, Top1: 0.4, Int8: 0.5},
	}
}

func TestEventsSurviveJSON(t *testing.T) {
	now := time.Date(2026, 11, 22, 14, 2, 19, 123456789, time.UTC)
	for i, body := range bodies() {
		want := Event{Seq: int64(i + 1), Time: now, Body: body}
		line, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(line), `"kind":"`+body.Kind()+`"`) || strings.Contains(string(line), "\n") {
			t.Errorf("%s", line)
		}
		var have Event
		if err := json.Unmarshal(line, &have); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if diff := cmp.Diff(want, have); diff != "" {
			t.Errorf("%s:\n%s", body.Kind(), diff)
		}
	}
}

func TestLossesThatAreNotFiniteBecomeNull(t *testing.T) {
	none := finite.OrNull(math.NaN())
	for _, bad := range []finite.OrNull{none, finite.OrNull(math.Inf(1)), finite.OrNull(math.Inf(-1))} {
		for _, test := range []struct{ have, want Body }{
			{StepDone{Step: 3, Loss: bad}, StepDone{Step: 3, Loss: none}},
			{EpochDone{Epoch: 3, TrainLoss: bad, ValLoss: bad}, EpochDone{Epoch: 3, TrainLoss: none, ValLoss: none}},
			{Evaluated{What: "dense", Loss: bad}, Evaluated{What: "dense", Loss: none}},
			{Sensitivity{Images: 3, Loss: bad, Layers: []LayerSensitivity{{"fc", bad, 0.1}}}, Sensitivity{Images: 3, Loss: none, Layers: []LayerSensitivity{{"fc", none, 0.1}}}},
		} {
			line, err := json.Marshal(Event{Seq: 1, Body: test.have})
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(string(line), `loss":null`) {
				t.Errorf("%s", line)
			}
			var e Event
			if err := json.Unmarshal(line, &e); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, e.Body, cmp.Comparer(func(a, b finite.OrNull) bool { return a == b || a != a && b != b })); diff != "" {
				t.Error(diff)
			}
		}
	}
}

func TestUnknownKindIsKept(t *testing.T) {
	const line = `{"seq":7,"time":"2026-11-22T14:02:19Z","kind":"weather","data":{"sun":1}}`
	var e Event
	if err := json.Unmarshal([]byte(line), &e); err != nil {
		t.Fatal(err)
	}
	again, err := json.Marshal(e)
	if err != nil || string(again) != line {
		t.Errorf("%s, %v", again, err)
	}
}

func TestCommandsAreChecked(t *testing.T) {
	good := []string{`{"do":"pause"}`, `{"do":"sensitivity"}`, `{"do":"calibrate","images":5}`, `{"do":"calibrate","images":5,"observer":"histogram"}`, `{"do":"inspect","layer":"fc"}`, `{"do":"inspect","layer":"fc","clip":0.05}`, `{"do":"inspect","layer":"fc","clip":1}`, `{"do":"note","text":"hm"}`}
	for _, line := range good {
		if _, err := parseCommand([]byte(line)); err != nil {
			t.Errorf("%s: %v", line, err)
		}
	}
	bad := []string{``, `{}`, `[]`, `{"do":"dance"}`, `{"do":"calibrate"}`, `{"do":"calibrate","images":1,"observer":"eye"}`, `{"do":"inspect"}`, `{"do":"inspect","layer":"fc","clip":0.04}`, `{"do":"inspect","layer":"fc","clip":1.01}`, `{"do":"inspect","layer":"fc","clip":-0.5}`, `{"do":"note"}`, `{"do":5}`}
	for _, line := range bad {
		if c, err := parseCommand([]byte(line)); err == nil {
			t.Errorf("%s: accepted as %+v", line, c)
		}
	}
}

func FuzzParseCommand(f *testing.F) {
	f.Add([]byte(`{"do":"calibrate","images":5,"observer":"histogram"}`))
	f.Add([]byte(`{"do":"inspect","layer":"fc","clip":0.8}`))
	f.Add([]byte(`{"do":"note","text":"a"}`))
	f.Add([]byte(`{"do":1}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		var c Command
		var err error
		allocation.Limit(t, len(line), 16, 64<<10, func() { c, err = parseCommand(line) })
		if err != nil {
			return
		}
		again, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		if d, err := parseCommand(again); err != nil || d != c {
			t.Errorf("%+v becomes %+v, %v", c, d, err)
		}
	})
}
