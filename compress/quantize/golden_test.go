package quantize

import (
	"encoding/binary"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"espalier/internal/shared"
	"espalier/model"
	"espalier/model/kernel"
	"espalier/model/weights"
)

// golden reads one file of PyTorch's results and skips the test where the
// folder of reference data is missing.
func golden(t testing.TB, name string) goldenFile {
	t.Helper()
	return readGolden(t, shared.Path("golden/"+name+".safetensors"))
}

func readGolden(t testing.TB, path string) goldenFile {
	t.Helper()
	if _, err := os.Stat(path); err != nil {
		t.Skipf("no reference data: %v; set ESPALIER_SHARED to the folder that holds golden/ and zoo/", err)
	}
	tensors, metadata, err := weights.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	f := goldenFile{t: t, metadata: metadata, tensors: map[string]weights.Tensor{}}
	for _, x := range tensors {
		f.tensors[x.Name] = x
	}
	return f
}

type goldenFile struct {
	t        testing.TB
	tensors  map[string]weights.Tensor
	metadata map[string]string
}

func (f goldenFile) tensor(name string) weights.Tensor {
	x, ok := f.tensors[name]
	if !ok {
		f.t.Fatalf("no tensor %s", name)
	}
	return x
}

func (f goldenFile) floats(name string) []float32 {
	x, err := f.tensor(name).Float32s()
	if err != nil {
		f.t.Fatal(err)
	}
	return x
}

func (f goldenFile) float(name string) float32 { return f.floats(name)[0] }

func (f goldenFile) int(name string) int {
	return int(int32(binary.LittleEndian.Uint32(f.tensor(name).Data)))
}

func (f goldenFile) int8s(name string) []int8 {
	x := f.tensor(name).Data
	q := make([]int8, len(x))
	for i, b := range x {
		q[i] = int8(b)
	}
	return q
}

// goldenImages returns the 200 images, normalised, and their labels.
func goldenImages(t testing.TB) (x []float32, labels []uint8) {
	f := golden(t, "images")
	var mean, std [3]float32
	for i, v := range strings.Fields(f.metadata["mean"]) {
		m, _ := strconv.ParseFloat(v, 32)
		s, _ := strconv.ParseFloat(strings.Fields(f.metadata["std"])[i], 32)
		mean[i], std[i] = float32(m), float32(s)
	}
	pixels := f.tensor("pixels").Data
	x = make([]float32, len(pixels))
	for i, p := range pixels {
		c := i / 1024 % 3
		x[i] = (float32(p)/255 - mean[c]) / std[c]
	}
	return x, f.tensor("labels").Data
}

// goldenNetwork returns the reference network with its batch norm folded in by
// PyTorch.
func goldenNetwork(t testing.TB) *model.Graph {
	f, w := golden(t, "fused"), golden(t, "weights")
	n, err := model.ResNet(model.Arch{Depth: 20, Shortcut: model.Projection, Classes: 10})
	if err != nil {
		t.Fatal(err)
	}
	n = n.ForInference()
	for _, l := range n.Layers() {
		from := f
		if l == n.Output() {
			from = w
		}
		copy(l.Weight, from.floats(l.Name+".weight"))
		copy(l.Bias, from.floats(l.Name+".bias"))
	}
	return n
}

func relative(a, b float32) float64 {
	return math.Abs(float64(a)-float64(b)) / math.Abs(float64(b))
}

func one(x []float32) func(func([]float32) bool) {
	return func(yield func([]float32) bool) { yield(x) }
}

func TestObserversMatchPyTorch(t *testing.T) {
	f := golden(t, "observers")
	k, err := kernel.Select("")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, golden string
		reduced      bool
	}{
		{MinMax, "minmax", false}, {MinMax, "minmax_reduced", true},
		{MovingAverage, "moving_average", false}, {MovingAverage, "moving_average_reduced", true},
		{Histogram, "histogram", false}, {Histogram, "histogram_reduced", true},
	} {
		o, err := NewObserver(c.name)
		if err != nil {
			t.Fatal(err)
		}
		for _, batch := range []string{"batch.0", "batch.1", "batch.2", "batch.3"} {
			values := one(f.floats(batch))
			r, err := extent(k, values)
			if err != nil {
				t.Fatal(err)
			}
			o.Observe(values, r)
		}
		recipe := lab
		recipe.ReducedRange = c.reduced
		got := recipe.Activation(o.Range())
		scale, zero := f.float(c.golden+".scale"), f.int(c.golden+".zero_point")
		if relative(got.Scale, scale) > 1e-6 || int(got.Zero) != zero {
			t.Errorf("%s: scale %g, zero point %d; PyTorch has %g, %d", c.golden, got.Scale, got.Zero, scale, zero)
		}
	}
}

func TestWeightsMatchPyTorch(t *testing.T) {
	n := goldenNetwork(t)
	for _, file := range []string{"fx_minmax", "fx_histogram_reduced"} {
		f := golden(t, file)
		for _, l := range n.Layers() {
			codes, scales := lab.Weights(l.Weight, l.Out())
			want := f.int8s(l.Name + ".weight")
			wrong := 0
			for i := range codes {
				if codes[i] != want[i] {
					wrong++
				}
			}
			if wrong > 0 {
				t.Errorf("%s: %s: %d of %d codes differ", file, l.Name, wrong, len(codes))
			}
			if !slices.Equal(scales, f.floats(l.Name+".weight_scale")) {
				t.Errorf("%s: %s: scales differ", file, l.Name)
			}
		}
	}
}

// TestDivisionDiffers: the reference weights are such that dividing by the
// scale instead of multiplying by its reciprocal changes 44 codes.
func TestDivisionDiffers(t *testing.T) {
	divide := lab
	divide.Divide = true
	differ := 0
	for _, l := range goldenNetwork(t).Layers() {
		a, _ := lab.Weights(l.Weight, l.Out())
		b, _ := divide.Weights(l.Weight, l.Out())
		for i := range a {
			if a[i] != b[i] {
				differ++
			}
		}
	}
	if differ != 44 {
		t.Errorf("%d codes differ, want 44", differ)
	}
}

// TestCalibrationMatchesPyTorch calibrates as FX did, on the first 128 images
// in batches of 32, and compares all 32 activations' scales and zero points.
//
// The histogram's search cuts off a hundred-thousandth of the values at a time,
// and for some activations a single value more or less in a bin sends it another
// way. So this holds only where the activations are PyTorch's to the last bit,
// which takes fused multiply-adds.
func TestCalibrationMatchesPyTorch(t *testing.T) {
	for _, set := range kernel.All() {
		if set.Name == "go" {
			continue
		}
		for _, c := range goldenCases(t) {
			if wrong := compareScales(c.golden, c.build(t, set.Name)); len(wrong) > 0 {
				t.Errorf("%s, %s: activations that differ: %v", c.file, set.Name, wrong)
			}
		}
	}
}

// TestLogitsMatchPyTorch runs the integer network with PyTorch's scales. What
// remains is in which order float32 takes sums to codes: see TestTorchOrder.
func TestLogitsMatchPyTorch(t *testing.T) {
	x, _ := goldenImages(t)
	for _, c := range goldenCases(t) {
		q := c.build(t, "")
		adoptScales(c.golden, q)
		logits, want := make([]float32, 2000), c.golden.floats("logits")
		NewEvaluator(q, testEngine(t, "")).Logits(logits, x)
		step := q.Output().Output.Scale
		var within, worst, same int
		for i := range want {
			d := int(math.Abs(math.Round(float64((logits[i] - want[i]) / step))))
			worst = max(worst, d)
			if d <= 1 {
				within++
			}
		}
		for i := range 200 {
			if largest(logits[10*i:][:10]) == largest(want[10*i:][:10]) {
				same++
			}
		}
		t.Logf("%s: %d of 2000 logits within one step, at most %d steps, top-1 the same on %d of 200", c.file, within, worst, same)
		if within < c.within || worst > 3 || same < 199 {
			t.Errorf("%s: want %d logits within one step, at most 3 steps, top-1 the same on 199", c.file, c.within)
		}
	}
}

// A goldenCase is one of FX's results and the recipe it corresponds to.
type goldenCase struct {
	file     string
	golden   goldenFile
	observer string
	recipe   string
	within   int // logits of 2,000 within one output step
}

func goldenCases(t *testing.T) []goldenCase {
	return []goldenCase{
		{"fx_minmax", golden(t, "fx_minmax"), MinMax, "onednn", 1920},
		{"fx_histogram_reduced", golden(t, "fx_histogram_reduced"), Histogram, "fbgemm", 1980},
	}
}

// build calibrates with the kernels of that name and quantizes the reference
// network.
func (c goldenCase) build(t *testing.T, set string) *Network {
	n := goldenNetwork(t)
	x, _ := goldenImages(t)
	e := testEngine(t, set)
	recipe, err := RecipeNamed(c.recipe)
	if err != nil {
		t.Fatal(err)
	}
	var q *Network
	err = Calibrate(model.NewEvaluator(n, e, CalibrationBatch), e, recipe.Observers(n), []string{c.observer}, imagesOf(x), []int{128}, func(found *Calibration) error {
		q, err = Build(n, found, recipe)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// eachScale calls do for every activation with PyTorch's scale and zero point.
func eachScale(f goldenFile, q *Network, do func(point string, a *kernel.Affine, scale float32, zero int)) {
	for _, n := range q.Nodes {
		name := strings.ReplaceAll(n.Name, ".", "_") + "_relu"
		switch n.Op.(type) {
		case model.Conv, model.Linear:
			do(n.Name, &n.Output, f.float(n.Name+".output_scale"), f.int(n.Name+".output_zero_point"))
			continue
		case model.Input:
			name = "conv1_input"
		case model.GlobalAvgPool:
			continue // keeps its input's
		}
		do(n.Name, &n.Output, f.float("graph."+name+"_scale_0"), int(f.float("graph."+name+"_zero_point_0")))
	}
}

// compareScales returns the activations whose scale differs by more than 1e-5,
// or whose zero point differs.
func compareScales(f goldenFile, q *Network) (wrong []string) {
	eachScale(f, q, func(point string, a *kernel.Affine, scale float32, zero int) {
		if relative(a.Scale, scale) > 1e-5 || int(a.Zero) != zero {
			wrong = append(wrong, point)
		}
	})
	return wrong
}

func adoptScales(f goldenFile, q *Network) {
	eachScale(f, q, func(_ string, a *kernel.Affine, scale float32, zero int) {
		*a = kernel.Affine{Scale: scale, Zero: uint8(zero)}
	})
	pool := q.Node("pool")
	pool.Output = pool.Inputs[0].Output
}

func largest(x []float32) int {
	best := 0
	for i, v := range x {
		if v > x[best] {
			best = i
		}
	}
	return best
}

// imagesOf serves calibration images from memory.
func imagesOf(x []float32) Images {
	return func(first, count int) ([]float32, error) {
		return x[first*pixels : (first+count)*pixels], nil
	}
}

// testEngine returns an engine of two workers.
func testEngine(t testing.TB, set string) *model.Engine {
	k, err := kernel.Select(set)
	if err != nil {
		t.Fatal(err)
	}
	e := model.NewEngine(k, 2, model.DirectOnly)
	t.Cleanup(e.Close)
	return e
}
