package measure

import (
	"context"
	"errors"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"espalier/dataset"
	"espalier/model"
	"espalier/model/kernel"
	"espalier/model/weights"
)

// save writes a small network, with normalisation where asked, and returns its
// path.
func save(t *testing.T, classes int, normalised bool, metadata map[string]string) string {
	t.Helper()
	n, err := model.New(model.Arch{Depth: 8, Shortcut: model.Pad, Classes: classes})
	if err != nil {
		t.Fatal(err)
	}
	n.Init(1)
	for i := range n.Stem.Weight { // zeros to be counted
		n.Stem.Weight[i] = 0
	}
	if normalised {
		n.Mean, n.Std = [3]float32{0.5, 0.5, 0.5}, [3]float32{0.25, 0.25, 0.25}
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
		f, err := Open(c.path, c.mean, c.std)
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("mean %q, std %q: error %v, want one that says %q", c.mean, c.std, err, c.err)
			}
			continue
		}
		if err != nil || f.Network.Mean != c.wantMean || f.Network.Std != c.wantStd {
			t.Errorf("mean %q, std %q: %v, %v, want %v, %v (error %v)", c.mean, c.std, f.Network.Mean, f.Network.Std, c.wantMean, c.wantStd, err)
		}
	}
}

func TestData(t *testing.T) {
	for _, c := range []struct {
		metadata  map[string]string
		set, path string
		want      dataset.Options
	}{
		{nil, "", "", dataset.Options{Set: dataset.CIFAR10}},
		{nil, "", "somewhere", dataset.Options{Set: dataset.CIFAR10, Path: "somewhere"}},
		{map[string]string{"dataset": "shapes10", "seed": "7"}, "", "", dataset.Options{Set: dataset.Shapes10, Seed: 7}},
		{map[string]string{"dataset": "shapes10", "seed": "7"}, "cifar10", "", dataset.Options{Set: dataset.CIFAR10}},
	} {
		c.want.TestOnly = true
		got, err := (&File{Metadata: c.metadata}).Data(c.set, c.path)
		if err != nil || got != c.want {
			t.Errorf("%v, set %q: %+v, want %+v (error %v)", c.metadata, c.set, got, c.want, err)
		}
	}
	if _, err := (&File{Metadata: map[string]string{"dataset": "shapes10", "seed": "x"}}).Data("", ""); err == nil {
		t.Error("seed x: no error")
	}
}

// TestEvaluate compares with the network's own logits, image by image.
func TestEvaluate(t *testing.T) {
	f, err := Open(save(t, 10, true, nil), "", "")
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
	var seen []int
	got, err := f.Evaluate(context.Background(), e, d, func(done, total int) { seen = append(seen, done, total) })
	if err != nil {
		t.Fatal(err)
	}
	v := model.NewEvaluator(f.Network, e, 1)
	correct, loss := 0, 0.0
	for i, label := range d.Test.Labels {
		x := make([]float32, dataset.ImageBytes)
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
	if got.Correct != correct || got.Total != 300 || got.Top1 != float64(correct)/300 || math.Abs(got.Loss-loss/300) > 1e-5 {
		t.Errorf("%+v, want %d of 300 correct and loss %v", got, correct, loss/300)
	}
	if want := 432.0 / float64(f.Network.Weights()); got.Sparsity != want || got.Dataset != "shapes10" {
		t.Errorf("sparsity %v on %s, want %v", got.Sparsity, got.Dataset, want)
	}
	if len(seen) != 4 || seen[0] != batch || seen[2] != 300 || seen[3] != 300 {
		t.Errorf("progress %v", seen)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := f.Evaluate(ctx, e, d, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: error %v", err)
	}
	seven, err := Open(save(t, 7, true, nil), "", "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := seven.Evaluate(context.Background(), e, d, nil); err == nil || !strings.Contains(err.Error(), "7 classes") {
		t.Errorf("seven classes: error %v", err)
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
