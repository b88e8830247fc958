package pipeline

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"espalier/compress/quantize"
	"espalier/model"
)

// TestClippedScales looks at a layer of two channels, with onnxruntime's 127
// steps: [127 0.5 0 0] and [-2 1 0 0]. Half of the first range is a scale of 0.5,
// which holds 0.5 exactly and 127 as 63.5.
func TestClippedScales(t *testing.T) {
	in := &model.Node{Name: "input", Op: model.Input{}, Shape: model.Shape{C: 4, H: 1, W: 1}}
	l := &model.Node{Name: "fc", Op: model.Linear{Out: 2}, Inputs: []*model.Node{in}, Shape: model.Shape{C: 2, H: 1, W: 1}, Weight: []float32{127, 0.5, 0, 0, -2, 1, 0, 0}}
	recipe, err := quantize.RecipeNamed("ort")
	if err != nil {
		t.Fatal(err)
	}
	seen := activation{max: 1, histogram: make([]int, histogramBins), finite: true}
	look := func(clip float64) Scales {
		s, err := layerScales(l, recipe, clip, seen)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	signal := 127*127 + 0.5*0.5 + 2*2 + 1.0
	square := func(x float64) float64 { return x * x }
	db := func(noise float64) float64 { return 10 * math.Log10(signal/noise) }
	whole := square(0.5) + square(1-64*2./127) // 0.5 rounds to 0, half to even; 1 is 63.5 scales
	half := square(127-63.5) + square(2-1) + square(1-1)
	for _, c := range []struct {
		clip    float64
		shown   float64
		scales  []float64
		clipped []float64
		noise   float64
	}{
		{1, 0, []float64{1, 2. / 127}, []float64{0, 0}, whole},
		{0.5, 0.5, []float64{0.5, 1. / 127}, []float64{0.25, 0.25}, half},
	} {
		s := look(c.clip)
		if s.Clip != c.shown || s.BestClip != 1 {
			t.Errorf("clip %g is told as %g, the best as %g", c.clip, s.Clip, s.BestClip)
		}
		for o, channel := range s.Channels {
			if math.Abs(channel.Scale-c.scales[o]) > 1e-8 || channel.Clipped != c.clipped[o] || channel.MaxAbs != []float64{127, 2}[o] {
				t.Errorf("clip %g, channel %d: %+v, want scale %g and %g of the weights saturated", c.clip, o, channel, c.scales[o], c.clipped[o])
			}
		}
		if math.Abs(s.SNR-db(c.noise)) > 1e-4 || math.Abs(s.BestSNR-db(whole)) > 1e-4 {
			t.Errorf("clip %g: %g dB and at best %g, want %g and %g", c.clip, s.SNR, s.BestSNR, db(c.noise), db(whole))
		}
	}
	// Nothing but ranges of weights changes.
	cut, want := look(0.5), look(1)
	cut.Clip, cut.SNR, cut.PerTensorCost, cut.Channels = want.Clip, want.SNR, want.PerTensorCost, want.Channels
	if diff := cmp.Diff(want, cut); diff != "" {
		t.Error(diff)
	}
	l.Weight = make([]float32, 8)
	if s := look(1); s.SNR != 0 || s.BestClip != 0 {
		t.Errorf("weights of 0: %+v", s)
	}
}

// TestAskingForClippedScales asks a run in its first step: whole ranges, whether
// named or not, give the same answer, half ranges the scales of half, and a share
// that makes no sense a sentence. The run's own bits stay.
func TestAskingForClippedScales(t *testing.T) {
	want, _ := reference(t)
	r := create(t, tiny(t))
	watcher := r.Hub.Watch()
	defer watcher.Close()
	asked := []Command{
		{Do: Inspect, Layer: "layer1.0.conv1"}, {Do: Inspect, Layer: "layer1.0.conv1", Clip: 1},
		{Do: Inspect, Layer: "layer1.0.conv1", Clip: 0.5}, {Do: Inspect, Layer: "layer1.0.conv1", Clip: 0.04},
	}
	stop := context.AfterFunc(atStep(t, watcher, 1), func() {
		for _, c := range append([]Command{{Do: Pause}}, append(asked, Command{Do: Resume})...) {
			watcher.Send(c)
		}
	})
	defer stop()
	_, events := do(t, r, tinyParts())
	var looks []Scales
	for _, s := range of[Scales](events) {
		if s.Asked {
			looks = append(looks, s)
		}
		if s.SNR < 20 && s.Clip == 0 || s.BestSNR < s.SNR {
			t.Errorf("%s: %g dB and at best %g", s.Layer, s.SNR, s.BestSNR)
		}
	}
	if len(looks) != 3 {
		t.Fatalf("%d answers to %d questions", len(looks), len(asked))
	}
	if diff := cmp.Diff(looks[0], looks[1]); diff != "" {
		t.Errorf("whole ranges differ from no clipping:\n%s", diff)
	}
	for o, c := range looks[2].Channels {
		if whole := looks[0].Channels[o].Scale; c.Scale != whole/2 || c.Clipped == 0 {
			t.Errorf("channel %d: scale %g, %g of it saturated, and whole %g", o, c.Scale, c.Clipped, whole)
		}
	}
	if looks[2].Clip != 0.5 || looks[2].SNR >= looks[0].SNR {
		t.Errorf("half of the range: %g, %g dB", looks[2].Clip, looks[2].SNR)
	}
	if !slices.ContainsFunc(of[Commanded](events), func(c Commanded) bool { return strings.Contains(c.Refused, "want a share from 0.05 to 1") }) {
		t.Error("a share of 0.04 is not refused")
	}
	if hash := journalHash(t, r.Folder); hash != want {
		t.Error("asking changed the run")
	}
}

// atStep returns a context that ends with a step.
func atStep(t *testing.T, watcher *Watcher, step int) context.Context {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	go func() {
		var after int64
		for range watcher.Changed() {
			for _, e := range watcher.Since(after, math.MaxInt) {
				after = e.Seq
				if s, ok := e.Body.(StepDone); ok && s.GlobalStep == step {
					cancel()
					return
				}
			}
		}
	}()
	return ctx
}
