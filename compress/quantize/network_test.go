package quantize

import (
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"espalier/internal/finite"
	"espalier/model"
	"espalier/model/kernel"
	"espalier/model/weights"
)

const (
	imageSize = 32
	pixels    = 3 * imageSize * imageSize
)

// randomNetwork returns a network with He-like weights and some statistics in
// its batch norms, and random images.
func randomNetwork(t testing.TB, shortcut model.Shortcut, images int) (*model.Graph, []float32) {
	return randomOf(t, model.Arch{Depth: 8, Shortcut: shortcut, Classes: 10}, images)
}

func randomOf(t testing.TB, a model.Arch, images int) (*model.Graph, []float32) {
	n, err := model.ResNet(a)
	if err != nil {
		t.Fatal(err)
	}
	n.Mean, n.Std = []float32{0.1, 0.2, 0.3}, []float32{0.4, 0.5, 0.6}
	r := rand.New(rand.NewPCG(1, 1))
	for _, l := range n.Layers() {
		for i := range l.Weight {
			l.Weight[i] = float32(r.NormFloat64() * math.Sqrt(2/float64(l.Fan())))
		}
	}
	for _, b := range n.Nodes {
		for i := range b.Mean {
			b.Mean[i], b.Bias[i] = float32(r.NormFloat64())/4, float32(r.NormFloat64())/4
		}
	}
	x := make([]float32, images*pixels)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return n, x
}

// archs are networks of the published width with both shortcuts, and, unless
// tests are to be short, wider ones.
func archs() []model.Arch {
	all := []model.Arch{
		{Depth: 8, Shortcut: model.Projection, Classes: 10},
		{Depth: 8, Shortcut: model.Pad, Classes: 10},
		{Depth: 8, Shortcut: model.Projection, Classes: 10, Width: 32},
		{Depth: 8, Shortcut: model.Pad, Classes: 10, Width: 48},
	}
	if testing.Short() {
		return all[:2]
	}
	return all
}

// calibrated calibrates n on all of x.
func calibrated(t testing.TB, n *model.Graph, x []float32, observer string) *Calibration {
	e := testEngine(t, "")
	var c *Calibration
	err := Calibrate(model.NewEvaluator(n, e, CalibrationBatch), e, lab.Observers(n), []string{observer}, imagesOf(x), []int{len(x) / pixels}, func(found *Calibration) error {
		c = found
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func mustBuild(t testing.TB, n *model.Graph, c *Calibration, r Recipe) *Network {
	q, err := Build(n, c, r)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// logits computes with one set of kernels and a number of threads.
func logits(t testing.TB, q *Network, set *kernel.Set, threads int, x []float32) []float32 {
	e := model.NewEngine(set, threads, model.DirectOnly)
	defer e.Close()
	out := make([]float32, len(x)/pixels*q.Classes())
	NewEvaluator(q, e).Logits(out, x)
	return out
}

// TestLogitsFollowFloat: integers stay close to the network that they stand
// for, with both shortcuts and every recipe.
func TestLogitsFollowFloat(t *testing.T) {
	for _, a := range archs() {
		n, x := randomOf(t, a, 40)
		e := testEngine(t, "")
		want := make([]float32, 400)
		model.NewEvaluator(n, e, 40).Logits(want, x)
		var energy float64
		for _, v := range want {
			energy += float64(v) * float64(v)
		}
		c := calibrated(t, n, x, MinMax)
		for _, r := range recipes() {
			q := mustBuild(t, n, c, r)
			var noise float64
			for i, v := range logits(t, q, e.Kernels, 2, x) {
				noise += float64(v-want[i]) * float64(v-want[i])
			}
			if snr := 10 * math.Log10(energy/noise); snr < 20 {
				t.Errorf("%s, recipe %s: signal-to-noise %.1f dB, want 20", a, r.Name, snr)
			}
		}
	}
}

// TestLogitsAreTheSameEverywhere: sets, threads and batches.
func TestLogitsAreTheSameEverywhere(t *testing.T) {
	for _, a := range archs() {
		n, x := randomOf(t, a, 5)
		q := mustBuild(t, n, calibrated(t, n, x, MinMax), lab)
		var want []float32
		for _, set := range kernel.All() {
			for _, threads := range []int{1, 3} {
				got := logits(t, q, set, threads, x)
				if want == nil {
					want = got
				}
				if !slices.Equal(got, want) {
					t.Errorf("%s: %s with %d threads gives other logits", a, set.Name, threads)
				}
			}
			for i := range 5 {
				if got := logits(t, q, set, 1, x[i*pixels:(i+1)*pixels]); !slices.Equal(got, want[i*10:(i+1)*10]) {
					t.Errorf("%s, %s: image %d alone gives other logits", a, set.Name, i)
				}
			}
		}
	}
}

func TestLogitsAllocateNothing(t *testing.T) {
	n, x := randomNetwork(t, model.Projection, 4)
	q := mustBuild(t, n, calibrated(t, n, x, MinMax), lab)
	v, logits := NewEvaluator(q, testEngine(t, "")), make([]float32, 40)
	if n := testing.AllocsPerRun(3, func() { v.Logits(logits, x) }); n != 0 {
		t.Errorf("a batch allocates %g times", n)
	}
}

func TestPoolScale(t *testing.T) {
	n, x := randomNetwork(t, model.Projection, 4)
	c := calibrated(t, n, x, MinMax)
	if q := mustBuild(t, n, c, lab); q.Node("pool").Output != lab.Activation(c.Ranges["pool"]) || q.Node("pool").Output.Scale >= q.Node("layer3.0").Output.Scale {
		t.Errorf("lab: pool %+v, blocks' last sum %+v", q.Node("pool").Output, q.Node("layer3.0").Output)
	}
	if q := mustBuild(t, n, c, named(t, "onednn")); q.Node("pool").Output != q.Node("layer3.0").Output {
		t.Errorf("onednn: pool %+v, blocks' last sum %+v", q.Node("pool").Output, q.Node("layer3.0").Output)
	}
}

// TestCalibrateAtAllSizes: one pass gives what a pass for each size would.
func TestCalibrateAtAllSizes(t *testing.T) {
	n, x := randomNetwork(t, model.Projection, 100)
	e := testEngine(t, "")
	race := func(sizes ...int) (all []*Calibration) {
		err := Calibrate(model.NewEvaluator(n, e, CalibrationBatch), e, lab.Observers(n), Observers(), imagesOf(x), sizes, func(c *Calibration) error {
			all = append(all, c)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	sizes := []int{1, 32, 33, 64, 70}
	got := race(sizes...)
	for i, size := range sizes {
		for k, want := range race(size) {
			if found := got[i*len(Observers())+k]; !reflect.DeepEqual(found, want) {
				t.Errorf("%s on %d images: %v, alone %v", want.Observer, size, found.Ranges, want.Ranges)
			}
		}
	}
}

// TestCalibrateLoads: every image once, in whole batches but for a size's last.
func TestCalibrateLoads(t *testing.T) {
	n, x := randomNetwork(t, model.Projection, 70)
	e := testEngine(t, "")
	var loaded [][2]int
	load := func(first, count int) ([]float32, error) {
		loaded = append(loaded, [2]int{first, count})
		return imagesOf(x)(first, count)
	}
	err := Calibrate(model.NewEvaluator(n, e, CalibrationBatch), e, lab.Observers(n), []string{MinMax}, load, []int{32, 64, 70}, func(*Calibration) error { return nil })
	if want := [][2]int{{0, 32}, {32, 32}, {64, 6}}; err != nil || !reflect.DeepEqual(loaded, want) {
		t.Errorf("%v: first images and counts %v, want %v", err, loaded, want)
	}
}

func TestCalibrateRefuses(t *testing.T) {
	n, x := randomNetwork(t, model.Projection, 2)
	e := testEngine(t, "")
	calibrate := func(observer string, sizes ...int) error {
		v := model.NewEvaluator(n, e, CalibrationBatch)
		return Calibrate(v, e, lab.Observers(n), []string{observer}, imagesOf(x), sizes, func(*Calibration) error { return nil })
	}
	for _, c := range []struct {
		err  error
		want string
	}{
		{calibrate("median", 1), `observer "median" is unknown; choose one of min-max`},
		{calibrate(MinMax), "sizes must ascend from 1"},
		{calibrate(MinMax, 2, 1), "sizes must ascend from 1"},
		{calibrate(MinMax, 0), "sizes must ascend from 1"},
	} {
		if c.err == nil || !strings.Contains(c.err.Error(), c.want) {
			t.Errorf("error %v, want %s", c.err, c.want)
		}
	}
	n.Node("layer2.0.conv1").Weight[7] = float32(math.NaN())
	err := calibrate(MinMax, 2)
	if err == nil || !strings.Contains(err.Error(), "activation layer2.0.conv1, images 0 to 1: a value is NaN") {
		t.Errorf("a NaN among the weights: %v", err)
	}
}

// TestDegenerateNetworks: what pruning and odd images leave has results.
func TestDegenerateNetworks(t *testing.T) {
	n, x := randomNetwork(t, model.Projection, 2)
	fan := n.Node("layer1.0.conv1").Fan()
	clear(n.Node("layer1.0.conv1").Weight[3*fan : 4*fan]) // one channel
	clear(n.Node("layer2.0.conv2").Weight)                // a layer
	clear(n.Node("layer3.0.downsample.0").Weight)
	clear(n.Node("layer3.0.downsample.1").Bias)
	clear(n.Node("layer3.0.downsample.1").Mean) // constantly zero
	for _, r := range recipes() {
		for _, images := range [][]float32{x[:pixels], make([]float32, 2*pixels)} { // one image; all the same
			q := mustBuild(t, n, calibrated(t, n, images, r.Observer), r)
			if s := q.Node("layer1.0.conv1").Scale[3]; !(s > 0) {
				t.Errorf("%s: a channel of zeros has scale %g", r.Name, s)
			}
			if z := q.Node("layer3.0.downsample.0").Output; z.Zero != 0 || !(z.Scale > 0) {
				t.Errorf("%s: an activation of zeros has %+v", r.Name, z)
			}
			odd := slices.Clone(x)
			odd[5], odd[6], odd[7] = float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1))
			for i, v := range logits(t, q, kernel.All()[0], 1, odd) {
				if !finite.Is(v) {
					t.Fatalf("%s: logit %d is %g", r.Name, i, v)
				}
			}
		}
	}
}

func TestBuildRefuses(t *testing.T) {
	n, x := randomNetwork(t, model.Projection, 1)
	c := calibrated(t, n, x, MinMax)
	for want, damage := range map[string]func(n *model.Graph, c *Calibration){
		"no range for layer2.0":                                 func(_ *model.Graph, c *Calibration) { delete(c.Ranges, "layer2.0") },
		"layer1.0.conv1: its range goes below 0, behind a ReLU": func(_ *model.Graph, c *Calibration) { c.Ranges["layer1.0.conv1"] = Range{-1, 1} },
		"conv1: its range, 0 to NaN, is not finite":             func(_ *model.Graph, c *Calibration) { c.Ranges["conv1"] = Range{0, float32(math.NaN())} },
		"layer3.0.conv2: weight 5 is +Inf":                      func(n *model.Graph, _ *Calibration) { n.Node("layer3.0.conv2").Weight[5] = float32(math.Inf(1)) },
		"fc: bias 2 is NaN":                                     func(n *model.Graph, _ *Calibration) { n.Output().Bias[2] = float32(math.NaN()) },
	} {
		bad, ranges := n.Clone(), &Calibration{Calibrated: c.Calibrated, Ranges: map[string]Range{}}
		for point, r := range c.Ranges {
			ranges.Ranges[point] = r
		}
		damage(bad, ranges)
		if _, err := Build(bad, ranges, lab); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %s", err, want)
		}
	}
}

// plain returns a network whose nodes know their inputs by name, for cmp would
// follow every path through them.
func plain(n *Network) any {
	type node struct {
		Node
		Names []string
	}
	shallow := *n
	shallow.Nodes = nil
	var nodes []node
	for _, m := range n.Nodes {
		p := node{Node: *m}
		for _, in := range m.Inputs {
			p.Names = append(p.Names, in.Name)
		}
		p.Inputs = nil
		nodes = append(nodes, p)
	}
	return []any{shallow, nodes}
}

func TestFileRoundTrip(t *testing.T) {
	for _, a := range archs() {
		n, x := randomOf(t, a, 3)
		q := mustBuild(t, n, calibrated(t, n, x, MovingAverage), lab)
		path := filepath.Join(t.TempDir(), "int8.safetensors")
		if err := Save(path, q, map[string]string{"dataset": "none"}); err != nil {
			t.Fatal(err)
		}
		tensors, metadata, err := weights.Read(path)
		if err != nil {
			t.Fatal(err)
		}
		got, err := FromTensors(tensors, metadata)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(plain(q), plain(got)); diff != "" {
			t.Errorf("%s: a reloaded network differs: %s", a, diff)
		}
		if !IsQuantized(metadata) || metadata["dataset"] != "none" {
			t.Errorf("metadata %v", metadata)
		}
		set := kernel.All()[0]
		if !slices.Equal(logits(t, q, set, 1, x), logits(t, got, set, 1, x)) {
			t.Errorf("%s: a reloaded network has other logits", a)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if header := info.Size() - q.Bytes(); header < 0 || header > 16<<10 {
			t.Errorf("%s: the file has %d bytes, the network %d", a, info.Size(), q.Bytes())
		}
	}
}

// TestFileKeepsNormsThatOthersShare: where something else reads a convolution as well,
// its batch norm is not folded, and the file is read again all the same.
func TestFileKeepsNormsThatOthersShare(t *testing.T) {
	g, err := model.Spec{Network: model.WideResNet, Depth: 10, Width: 1, Input: model.Shape{C: 3, H: 32, W: 32}, Classes: 10}.Build()
	if err != nil {
		t.Fatal(err)
	}
	g.Init(1)
	_, x := randomNetwork(t, model.Pad, 2)
	q := mustBuild(t, g, calibrated(t, g, x, MinMax), lab)
	tensors, metadata, err := Tensors(q, nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := FromTensors(tensors, metadata)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(logits(t, q, kernel.All()[0], 1, x), logits(t, got, kernel.All()[0], 1, x)); d != "" {
		t.Error(d)
	}
}

// TestOldFiles: a file that does not describe its graph is a ResNet's, and a recipe
// from before it said how other operators are computed.
func TestOldFiles(t *testing.T) {
	for _, a := range archs() {
		n, x := randomOf(t, a, 3)
		for recipe, text := range map[string]string{
			"lab":    `{"Name":"lab","Observer":"min-max","ReducedRange":false,"PerTensor":false,"WeightSteps":127.5,"SmallestWeight":-128,"Divide":false,"OwnPool":true,"IntegerBias":true,"FloatLogits":true,"EmptyScale":1.1920929e-7,"UnitEmpty":false}`,
			"onednn": `{"Name":"onednn","Observer":"histogram","ReducedRange":false,"PerTensor":false,"WeightSteps":127.5,"SmallestWeight":-128,"Divide":false,"OwnPool":false,"IntegerBias":false,"FloatLogits":false,"EmptyScale":1.1920929e-7,"UnitEmpty":false}`,
		} {
			q := mustBuild(t, n, calibrated(t, n, x, MinMax), named(t, recipe))
			path := filepath.Join(t.TempDir(), "int8.safetensors")
			if err := Save(path, q, nil); err != nil {
				t.Fatal(err)
			}
			tensors, metadata, err := weights.Read(path)
			if err != nil {
				t.Fatal(err)
			}
			delete(metadata, weights.MetaGraph)
			metadata[weights.MetaQuantization] = text
			got, err := FromTensors(tensors, metadata)
			if err != nil {
				t.Fatalf("%s, %s: %v", a, recipe, err)
			}
			got.Recipe = q.Recipe
			if diff := cmp.Diff(plain(q), plain(got)); diff != "" {
				t.Errorf("%s, %s: another network came back: %s", a, recipe, diff)
			}
			set := kernel.All()[0]
			if !slices.Equal(logits(t, q, set, 1, x), logits(t, got, set, 1, x)) {
				t.Errorf("%s, %s: other logits", a, recipe)
			}
		}
	}
}

func TestFromTensorsRefuses(t *testing.T) {
	n, x := randomNetwork(t, model.Projection, 1)
	q := mustBuild(t, n, calibrated(t, n, x, MinMax), lab)
	path := filepath.Join(t.TempDir(), "int8.safetensors")
	if err := Save(path, q, nil); err != nil {
		t.Fatal(err)
	}
	replace := func(name string, with ...weights.Tensor) func([]weights.Tensor, map[string]string) []weights.Tensor {
		return func(all []weights.Tensor, _ map[string]string) []weights.Tensor {
			all = slices.DeleteFunc(all, func(t weights.Tensor) bool { return t.Name == name })
			return append(all, with...)
		}
	}
	number := func(name string, v float32) weights.Tensor { return weights.Float32(name, []int{1}, []float32{v}) }
	zero := func(name string, z byte) weights.Tensor {
		return weights.Tensor{Name: name, DType: weights.I32, Shape: []int{1}, Data: []byte{z, 0, 0, 0}}
	}
	for want, damage := range map[string]func([]weights.Tensor, map[string]string) []weights.Tensor{
		"tensor layer2.0.conv2.weight of shape":         replace("layer2.0.conv2.weight"),
		"tensor layer1.0.conv1.weight_scale is missing": replace("layer1.0.conv1.weight_scale"),
		"tensor conv1.weight_scale has 1 elements":      replace("conv1.weight_scale", number("conv1.weight_scale", 1)),
		"tensor pool.output_scale: element 0 is -1":     replace("pool.output_scale", number("pool.output_scale", -1)),
		"tensor input.output_scale: element 0 is NaN":   replace("input.output_scale", number("input.output_scale", float32(math.NaN()))),
		"tensor layer1.0.output_zero_point is 3":        replace("layer1.0.output_zero_point", zero("layer1.0.output_zero_point", 3)),
		"this is not a quantized network": func(all []weights.Tensor, metadata map[string]string) []weights.Tensor {
			delete(metadata, weights.MetaQuantization)
			return all
		},
		"unknown field": func(all []weights.Tensor, metadata map[string]string) []weights.Tensor {
			metadata[weights.MetaQuantization] = `{"Bits":4}`
			return all
		},
	} {
		tensors, metadata, err := weights.Read(path)
		if err != nil {
			t.Fatal(err)
		}
		_, err = FromTensors(damage(tensors, metadata), metadata)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %s", err, want)
		}
	}
}
