package compare

import (
	"context"
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"espalier/compress/quantize"
	"espalier/model"
	"espalier/model/kernel"
)

const pixels = 3 * 32 * 32

func randomNetwork(t *testing.T, shortcut model.Shortcut) *model.Graph {
	n, err := model.ResNet(model.Arch{Depth: 8, Shortcut: shortcut, Classes: 10})
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 1))
	for _, l := range n.Layers() {
		for i := range l.Weight {
			l.Weight[i] = float32(r.NormFloat64() * math.Sqrt(2/float64(l.Fan())))
		}
	}
	return n
}

func randomImages(n int) []float32 {
	r := rand.New(rand.NewPCG(2, 2))
	x := make([]float32, n*pixels)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

func newEngine(t *testing.T) *model.Engine {
	k, err := kernel.Select("")
	if err != nil {
		t.Fatal(err)
	}
	e := model.NewEngine(k, 2, model.DirectOnly)
	t.Cleanup(e.Close)
	return e
}

func quantized(t *testing.T, n *model.Graph, x []float32) *quantize.Network {
	recipe, err := quantize.RecipeNamed("")
	if err != nil {
		t.Fatal(err)
	}
	e := newEngine(t)
	load := func(first, count int) ([]float32, error) { return x[first*pixels : (first+count)*pixels], nil }
	var q *quantize.Network
	v := model.NewEvaluator(n, e, quantize.CalibrationBatch)
	err = quantize.Calibrate(v, e, recipe.Observers(n), []string{quantize.MinMax}, load, []int{len(x) / pixels}, func(c *quantize.Calibration) error {
		q, err = quantize.Build(n, c, recipe)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// batches serves x to both networks, in batches of 3.
func batches(x []float32) Batches {
	return func(do func(a, b []float32) error) error {
		for len(x) > 0 {
			n := min(len(x), 3*pixels)
			if err := do(x[:n], x[:n]); err != nil {
				return err
			}
			x = x[n:]
		}
		return nil
	}
}

func mustRun(t *testing.T, a, b Network, x []float32, limit float64) Result {
	t.Helper()
	r, err := Run(context.Background(), a, b, batches(x), limit)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestIntegers: a network in integers is near the one that it was made from at
// every point, which it would not be if the two laid values out differently.
func TestIntegers(t *testing.T) {
	for _, shortcut := range []model.Shortcut{model.Projection, model.Pad} {
		n, x := randomNetwork(t, shortcut), randomImages(7)
		e := newEngine(t)
		r := mustRun(t, Float(n, e), quantize.NewEvaluator(quantized(t, n, x), e), x, 25)
		points := 2 // beside the layers and the blocks' sums: the input and the pool
		for _, node := range n.Nodes {
			if _, sum := node.Op.(model.Add); sum || node.IsLayer() {
				points++
			}
		}
		if r.Images != 7 || len(r.Layers) != points {
			t.Errorf("%s shortcuts: %d images, %d points", shortcut, r.Images, len(r.Layers))
		}
		for _, l := range r.Layers {
			if l.SNR == nil || *l.SNR < 25 || *l.SNR > 60 {
				t.Errorf("%s shortcuts, %s: SNR %v", shortcut, l.Point, l.SNR)
			}
			if (l.SaturatedB == nil) != (l.Point == "fc") || l.SaturatedA != nil {
				t.Errorf("%s shortcuts, %s: saturation %v and %v", shortcut, l.Point, l.SaturatedA, l.SaturatedB)
			}
		}
		if r.First != "" {
			t.Errorf("%s disagrees first", r.First)
		}
		if _, err := json.Marshal(r); err != nil {
			t.Error(err)
		}
	}
}

// TestFirst: the layer that was changed is named, and what comes before it is
// the same.
func TestFirst(t *testing.T) {
	n, x := randomNetwork(t, model.Projection), randomImages(2)
	e := newEngine(t)
	changed := n.Clone()
	l := changed.Node("layer2.0.conv2")
	for i := range l.Weight {
		l.Weight[i] = -l.Weight[i]
	}
	clear(changed.Node("layer3.0.conv1").Weight[:9*32*5]) // five channels
	r := mustRun(t, Float(n, e), Float(changed, e), x, 20)
	if r.First != "layer2.0.conv2" {
		t.Errorf("%q disagrees first", r.First)
	}
	for _, l := range r.Layers {
		if l.Point == r.First {
			break
		}
		if l.SNR != nil || l.Largest != (Difference{}) {
			t.Errorf("%s differs by %+v", l.Point, l.Largest)
		}
	}
	for _, l := range r.Layers {
		if l.Point == "layer3.0.conv1" && !slices.Equal(l.DeadB, []int{0, 1, 2, 3, 4}) {
			t.Errorf("dead channels %v", l.DeadB)
		}
	}
	if text := r.String(); strings.Count(text, "first to disagree") != 1 || !strings.Contains(text, "is layer2.0.conv2") {
		t.Error(text)
	}
}

// fixed shows the same activation whatever the images.
type fixed quantize.Activation

func (f fixed) Observe(_ []float32, see func(quantize.Activation)) { see(quantize.Activation(f)) }

// TestNumbers works out one point by hand: two images of two channels of 1×2.
func TestNumbers(t *testing.T) {
	a := fixed{Point: "p", C: 2, H: 1, W: 2, Values: []float32{1, 2, 3, 3, 0, 2, 3, 3}}
	b := fixed{
		Point: "p", C: 2, H: 1, W: 2, Values: []float32{1, 2, 3, 3.5, 0, 0, 3, 3},
		Codes: []uint8{0, 255, 1, 2, 0, 3, 255, 0},
	}
	r := mustRun(t, a, b, make([]float32, 2*pixels), 10)
	if len(r.Layers) != 1 {
		t.Fatalf("%d layers", len(r.Layers))
	}
	l := r.Layers[0]
	if want := 10 * math.Log10(45/4.25); l.SNR == nil || math.Abs(*l.SNR-want) > 1e-9 {
		t.Errorf("SNR %v, want %g", l.SNR, want)
	}
	if want := (Difference{Value: -2, A: 2, B: 0, Place: Place{Image: 1, Channel: 0, Y: 0, X: 1}}); l.Largest != want {
		t.Errorf("largest difference %+v, want %+v", l.Largest, want)
	}
	if l.SaturatedA != nil || *l.SaturatedB != (Saturation{Min: 3. / 8, Max: 2. / 8}) {
		t.Errorf("saturation %v and %v", l.SaturatedA, l.SaturatedB)
	}
	if !slices.Equal(l.DeadA, []int{1}) || len(l.DeadB) != 0 || r.First != "" {
		t.Errorf("dead %v and %v, first %q", l.DeadA, l.DeadB, r.First)
	}
	if r := mustRun(t, a, b, make([]float32, 2*pixels), 11); r.First != "p" {
		t.Errorf("first %q", r.First)
	}
	// Noise without a signal is as bad as can be, and still a number.
	zero := fixed{Point: "p", C: 1, H: 1, W: 1, Values: []float32{0}}
	one := fixed{Point: "p", C: 1, H: 1, W: 1, Values: []float32{1}}
	if r := mustRun(t, zero, one, make([]float32, pixels), 20); *r.Layers[0].SNR != -400 || r.First != "p" {
		t.Errorf("noise alone: %g dB", *r.Layers[0].SNR)
	}
}

func TestOtherArchitectures(t *testing.T) {
	e, x := newEngine(t), randomImages(1)
	projection, pad := Float(randomNetwork(t, model.Projection), e), Float(randomNetwork(t, model.Pad), e)
	for _, pair := range [][2]Network{{projection, pad}, {pad, projection}} {
		if _, err := Run(context.Background(), pair[0], pair[1], batches(x), 20); err == nil || !strings.Contains(err.Error(), "same architecture") {
			t.Errorf("error %v", err)
		}
	}
}

func TestCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	n := Float(randomNetwork(t, model.Pad), newEngine(t))
	if _, err := Run(ctx, n, n, batches(randomImages(1)), 20); err != context.Canceled {
		t.Errorf("error %v", err)
	}
}

// TestNotFinite: a value that is not finite is never the same as another one, not
// even as itself, and the first one is named.
func TestNotFinite(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	point := func(values ...float32) fixed { return fixed{Point: "p", C: 2, H: 1, W: 2, Values: values} }
	good := point(1, 2, 3, 4)
	for _, c := range []struct {
		name string
		a, b fixed
		want NotFinite
	}{
		{"NaN in b", good, point(1, nan, nan, 4), NotFinite{A: 0, B: 2, First: Place{X: 1}, InA: "2", InB: "NaN"}},
		{"infinity in a", point(1, 2, 3, -inf), good, NotFinite{A: 1, B: 0, First: Place{Channel: 1, X: 1}, InA: "-Inf", InB: "4"}},
		{"the same infinity in both", point(1, 2, inf, 4), point(1, 2, inf, 4), NotFinite{A: 1, B: 1, First: Place{Channel: 1}, InA: "+Inf", InB: "+Inf"}},
		{"the same NaN in both", point(nan, 2, 3, 4), point(nan, 2, 3, 4), NotFinite{A: 1, B: 1, InA: "NaN", InB: "NaN"}},
	} {
		r := mustRun(t, c.a, c.b, make([]float32, pixels), 20)
		l := r.Layers[0]
		if r.First != "p" || l.SNR != nil || l.NotFinite == nil || *l.NotFinite != c.want || l.Largest != (Difference{}) {
			t.Errorf("%s: first %q, %+v, %+v", c.name, r.First, l, l.NotFinite)
		}
		text := r.String()
		if strings.Contains(text, "same") || !strings.Contains(text, "the first value that is not finite is in p: image 0") {
			t.Errorf("%s:\n%s", c.name, text)
		}
		if _, err := json.Marshal(r); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
