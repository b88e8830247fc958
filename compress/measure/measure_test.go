package measure

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"espalier/compress/quantize"
	"espalier/dataset"
	"espalier/internal/finite"
	"espalier/model"
	"espalier/model/kernel"
	"espalier/model/weights"
)

// save writes a small network, with normalisation where asked, and returns its
// path.
func save(t *testing.T, classes int, normalised bool, metadata map[string]string) string {
	t.Helper()
	n, err := model.ResNet(model.Arch{Depth: 8, Shortcut: model.Pad, Classes: classes})
	if err != nil {
		t.Fatal(err)
	}
	n.Init(1)
	clear(n.Node("conv1").Weight[:100]) // zeros to be counted
	if normalised {
		n.Mean, n.Std = []float32{0.5, 0.5, 0.5}, []float32{0.25, 0.25, 0.25}
	}
	path := filepath.Join(t.TempDir(), "n.safetensors")
	if err := weights.Save(path, n, metadata); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestOpen(t *testing.T) {
	bare, normalised := save(t, 10, false, nil), save(t, 10, true, nil)
	for _, c := range []struct {
		path, mean, std string
		wantMean        [3]float32
		wantStd         [3]float32
		err             string
	}{
		{normalised, "", "", [3]float32{0.5, 0.5, 0.5}, [3]float32{0.25, 0.25, 0.25}, ""},
		{normalised, "imagenet", "imagenet", [3]float32{0.485, 0.456, 0.406}, [3]float32{0.229, 0.224, 0.225}, ""},
		{bare, "cifar10", "0.25,0.25, 0.3", [3]float32{0.4914, 0.4822, 0.4465}, [3]float32{0.25, 0.25, 0.3}, ""},
		{bare, "", "1 1 1", [3]float32{}, [3]float32{1, 1, 1}, ""},
		{bare, "", "", [3]float32{}, [3]float32{}, "--mean imagenet"},
		{bare, "cifar", "cifar10", [3]float32{}, [3]float32{}, `--mean "cifar"`},
		{bare, "1,2", "cifar10", [3]float32{}, [3]float32{}, `--mean "1,2"`},
		{bare, "0,0,0", "1,0,1", [3]float32{}, [3]float32{}, `--std "1,0,1"`},
		{bare, "0,0,0", "1,NaN,1", [3]float32{}, [3]float32{}, `--std "1,NaN,1"`},
		{"missing.safetensors", "", "", [3]float32{}, [3]float32{}, "missing.safetensors"},
	} {
		f, err := Open(Source{Path: c.path, Mean: c.mean, Std: c.std})
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("mean %q, std %q: error %v, want one that says %q", c.mean, c.std, err, c.err)
			}
			continue
		}
		if err != nil || !slices.Equal(f.Float.Mean, c.wantMean[:]) || !slices.Equal(f.Float.Std, c.wantStd[:]) {
			t.Errorf("mean %q, std %q: %v, %v, want %v, %v (error %v)", c.mean, c.std, f.Float.Mean, f.Float.Std, c.wantMean, c.wantStd, err)
		}
	}
}

func TestData(t *testing.T) {
	n, err := model.ResNet(model.Arch{Depth: 8, Shortcut: model.Pad, Classes: 10})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		metadata  map[string]string
		set, path string
		want      dataset.Options
	}{
		{nil, "", "", dataset.Options{Set: dataset.CIFAR10}},
		{nil, "", "somewhere", dataset.Options{Set: dataset.CIFAR10, Path: "somewhere"}},
		{map[string]string{"dataset": "shapes10", "data_seed": "7"}, "", "", dataset.Options{Set: dataset.Shapes10, Seed: 7}},
		{map[string]string{"dataset": "shapes10", "data_seed": "7"}, "cifar10", "", dataset.Options{Set: dataset.CIFAR10, Seed: 7}},
	} {
		if c.want.Seed == 0 {
			c.want.Seed = 1 // the experiments' default
		}
		got, err := (&File{Float: n, Metadata: c.metadata}).Data(c.set, c.path)
		c.want.Height, c.want.Width, c.want.Channels = 32, 32, 3 // the network's
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%v, set %q: %+v, want %+v (error %v)", c.metadata, c.set, got, c.want, err)
		}
	}
	if _, err := (&File{Float: n, Metadata: map[string]string{"dataset": "shapes10", "data_seed": "x"}}).Data("", ""); err == nil {
		t.Error("seed x: no error")
	}
}

// TestEvaluate compares with the network's own logits, image by image.
func TestEvaluate(t *testing.T) {
	f, err := Open(Source{Path: save(t, 10, true, nil)})
	if err != nil {
		t.Fatal(err)
	}
	d, err := dataset.Open(dataset.Options{Set: dataset.Shapes10, Seed: 1, TestLimit: 300, TestOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	kernels, err := kernel.Select("")
	if err != nil {
		t.Fatal(err)
	}
	e := model.NewEngine(kernels, 2, model.Auto)
	defer e.Close()
	got, err := f.Evaluate(context.Background(), e, d)
	if err != nil {
		t.Fatal(err)
	}
	v := model.NewEvaluator(f.Float, e, 1)
	correct, loss := 0, 0.0
	for i, label := range d.Test.Labels {
		x := make([]float32, d.Shape.Len())
		for j, p := range d.Test.Image(i) {
			x[j] = (float32(p)/255 - 0.5) / 0.25
		}
		logits := make([]float32, 10)
		v.Logits(logits, x)
		best, sum := 0, 0.0
		for c, z := range logits {
			sum += math.Exp(float64(z))
			if z > logits[best] {
				best = c
			}
		}
		loss += math.Log(sum) - float64(logits[label])
		if best == int(label) {
			correct++
		}
	}
	if got.Correct != correct || got.Total != 300 || got.Top1 != float64(correct)/300 || math.Abs(float64(got.Loss)-loss/300) > 1e-5 {
		t.Errorf("%+v, want %d of 300 correct and loss %v", got, correct, loss/300)
	}
	if want := 100.0 / float64(f.Float.Weights()); got.Sparsity != want || got.Dataset != "shapes10" {
		t.Errorf("sparsity %v on %s, want %v", got.Sparsity, got.Dataset, want)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := f.Evaluate(ctx, e, d); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: error %v", err)
	}
	seven, err := Open(Source{Path: save(t, 7, true, nil)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := seven.Evaluate(context.Background(), e, d); err == nil || !strings.Contains(err.Error(), "7 classes") {
		t.Errorf("seven classes: error %v", err)
	}
}

// A quantized network that was saved and opened again measures the same, and
// close to the one it was made from.
func TestQuantize(t *testing.T) {
	f, err := Open(Source{Path: save(t, 10, true, map[string]string{"dataset": "shapes10"})})
	if err != nil {
		t.Fatal(err)
	}
	d, err := dataset.Open(dataset.Options{Set: dataset.Shapes10, Seed: 1, TrainLimit: 50, TestLimit: 200})
	if err != nil {
		t.Fatal(err)
	}
	kernels, err := kernel.Select("")
	if err != nil {
		t.Fatal(err)
	}
	e := model.NewEngine(kernels, 2, model.Auto)
	defer e.Close()
	ctx := context.Background()
	float, err := f.Evaluate(ctx, e, d)
	if err != nil {
		t.Fatal(err)
	}
	q, err := f.Quantize(ctx, e, d, Calibration{Recipe: "lab", Images: 50})
	if err != nil {
		t.Fatal(err)
	}
	before, err := q.Evaluate(ctx, e, d)
	if err != nil {
		t.Fatal(err)
	}
	// Repairs are judged on training images that are not calibrated on, and refused
	// where there are none.
	mended, err := f.Quantize(ctx, e, d, Calibration{Recipe: "lab", Images: 40, Repair: "bias,equalise"})
	if err != nil || len(mended.Repairs) != 3 || !mended.Repairs[0].Kept {
		t.Errorf("repaired: %+v, error %v", mended, err)
	}
	for _, c := range []Calibration{{Images: 50, Repair: "bias"}, {Images: 10, Repair: "nonsense"}, {Images: 10, Repair: "bias", Mixed: quantize.Budget{Bytes: 1}}} {
		if _, err := f.Quantize(ctx, e, d, c); err == nil || !strings.Contains(err.Error(), "repair") && !strings.Contains(err.Error(), "none is left") {
			t.Errorf("%+v: error %v", c, err)
		}
	}
	if math.Abs(float64(before.Loss-float.Loss)) > 0.05 || before.Loss == float.Loss {
		t.Errorf("loss %v in integers, %v in floating point", before.Loss, float.Loss)
	}
	// PyTorch's recipes leave biases in float32 unless they are told not to.
	for i := range f.Float.Output().Bias {
		f.Float.Output().Bias[i] = float32(i) / 7
	}
	for _, round := range []bool{false, true} {
		other, err := f.Quantize(ctx, e, d, Calibration{Recipe: "fbgemm", Images: 50, RoundBiases: round})
		if err != nil {
			t.Fatal(err)
		}
		n := other.Integer
		biases := slices.Clone(n.Output().Bias)
		n.RoundBiases()
		if rounded := slices.Equal(n.Output().Bias, biases); rounded != round {
			t.Errorf("told to round biases %v, and rounding again changes nothing %v", round, rounded)
		}
	}
	if before.Sparsity < float.Sparsity {
		t.Errorf("sparsity %v in integers, %v in floating point", before.Sparsity, float.Sparsity)
	}
	path := filepath.Join(t.TempDir(), "q.safetensors")
	if err := q.Save(path); err != nil {
		t.Fatal(err)
	}
	again, err := Open(Source{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	after, err := again.Evaluate(ctx, e, d)
	if err != nil || after != before || again.Metadata["dataset"] != "shapes10" {
		t.Errorf("%+v after reading, %+v before (error %v)", after, before, err)
	}
	// What the commands that read the network itself go by.
	if other, err := Open(Source{Path: path, Mean: "imagenet", Std: "1,1,1"}); err != nil || !slices.Equal(other.Integer.Mean, []float32{0.485, 0.456, 0.406}) || !slices.Equal(other.Integer.Std, []float32{1, 1, 1}) {
		t.Errorf("mean and std given for a quantized network: %+v, error %v", other, err)
	}
	for _, images := range []int{0, 51} {
		if _, err := f.Quantize(ctx, e, d, Calibration{Images: images}); err == nil {
			t.Errorf("%d calibration images of 50: no error", images)
		}
	}
	for _, c := range []Calibration{{Images: 1, Recipe: "nonsense"}, {Images: 1, Observer: "nonsense"}} {
		if _, err := f.Quantize(ctx, e, d, c); err == nil || !strings.Contains(err.Error(), "nonsense") {
			t.Errorf("%+v: error %v", c, err)
		}
	}
	if _, err := again.Quantize(ctx, e, d, Calibration{Images: 1}); err == nil || !strings.Contains(err.Error(), "already") {
		t.Errorf("quantized twice: error %v", err)
	}
}

func TestPromise(t *testing.T) {
	r := Result{Top1: 0.9, Correct: 9000, Total: 10000, Sparsity: 0.916621}
	for _, c := range []struct {
		promise Promise
		passed  bool
		reason  string
	}{
		{Promise{MinTop1: 0.9}, true, "top-1 90.00 % reaches 90.00 %"},
		{Promise{MinTop1: 0.9001}, false, "top-1 90.00 % misses 90.01 %"},
		{Promise{MinSparsity: 0.9166, MinTop1: 0.95}, false, "top-1 90.00 % misses 95.00 %, sparsity 91.6621 % reaches 91.6600 %"},
		{Promise{MinSparsity: 0.92, MinTop1: 0.95}, false, "sparsity 91.6621 % misses 92.0000 %, top-1 90.00 % misses 95.00 %"},
	} {
		v := c.promise.Check(r)
		if v.Passed != c.passed || v.Reason != c.reason || v.Result != r {
			t.Errorf("%+v: %v, %s, want %v, %s", c.promise, v.Passed, v.Reason, c.passed, c.reason)
		}
	}
	if (Promise{MinTop1: 0.1}).Check(Result{Top1: math.NaN()}).Passed {
		t.Error("a top-1 that is not a number passed")
	}
	for _, p := range []Promise{{}, {MinTop1: 90}, {MinSparsity: -1}, {MinTop1: math.NaN()}} {
		if p.Validate() == nil {
			t.Errorf("%+v: no error", p)
		}
	}
}

// TestResultThatIsNotFinite: JSON has null for its loss, words say so, and it keeps
// no promise.
func TestResultThatIsNotFinite(t *testing.T) {
	r := Result{Top1: 0.2, Correct: 4, Total: 20, NotFinite: 3, Loss: finite.OrNull(math.NaN()), Sparsity: 0.5, Dataset: "cifar10"}
	line, err := json.Marshal(r)
	if err != nil || !strings.Contains(string(line), `"loss":null`) || !strings.Contains(string(line), `"not_finite":3`) {
		t.Errorf("%s, error %v", line, err)
	}
	const why = "the logits of 3 of 20 images are not finite"
	if text := r.String(); !strings.Contains(text, "loss not finite") || !strings.HasSuffix(text, why) {
		t.Error(text)
	}
	for _, p := range []Promise{{MinTop1: 0.0001}, {MinSparsity: 0.1}} {
		v := p.Check(r)
		if v.Passed || !strings.Contains(v.Reason, why) {
			t.Errorf("%+v: %+v", p, v)
		}
		if _, err := json.Marshal(v); err != nil {
			t.Error(err)
		}
	}
}
