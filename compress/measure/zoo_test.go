package measure

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"espalier/dataset"
	"espalier/model"
	"espalier/model/kernel"
)

// zooNetwork is what PyTorch says of a network that it exported.
type zooNetwork struct {
	Correct    int
	Logits     [][]float32
	Mean, Std  []float32
	Parameters int
}

// zoo returns the ONNX files of other programs beside the project, and the
// images that they were measured on; without these the test is skipped.
func zoo(t *testing.T) (files []string, images *dataset.Data) {
	t.Helper()
	if testing.Short() {
		t.Skip("measuring networks on 10,000 images takes some seconds")
	}
	shared := os.Getenv("ESPALIER_SHARED")
	if shared == "" {
		shared = filepath.Join("..", "..", "..", "shared")
	}
	files, err := filepath.Glob(filepath.Join(shared, "zoo", "*.onnx"))
	if err != nil || len(files) == 0 {
		t.Skipf("no networks of other programs in %s; set ESPALIER_SHARED", shared)
	}
	dir := os.Getenv(dataset.EnvData)
	if dir == "" {
		dir = t.TempDir()
		unpack := exec.Command("go", "run", ".", dir)
		unpack.Dir = filepath.Join(shared, "cifar10")
		if out, err := unpack.CombinedOutput(); err != nil {
			t.Fatalf("unpacking the images: %v: %s", err, out)
		}
		dir = filepath.Join(dir, "cifar-10-batches-bin")
	}
	images, err = dataset.Open(dataset.Options{Set: dataset.CIFAR10, Path: dir, TestOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	return files, images
}

// TestZoo: networks that PyTorch exported have its logits and get as many images
// right.
func TestZoo(t *testing.T) {
	files, images := zoo(t)
	kernels, err := kernel.Select("")
	if err != nil {
		t.Fatal(err)
	}
	e := model.NewEngine(kernels, 2, model.Auto)
	defer e.Close()
	for _, path := range files {
		t.Run(filepath.Base(path), func(t *testing.T) {
			text, err := os.ReadFile(path[:len(path)-len("onnx")] + "json")
			if err != nil {
				t.Fatal(err)
			}
			var want zooNetwork
			if err := json.Unmarshal(text, &want); err != nil {
				t.Fatal(err)
			}
			f, err := Open(path, "", spaced(want.Mean), spaced(want.Std))
			if err != nil {
				t.Fatal(err)
			}
			if got := f.Float.ParameterCount(); got != want.Parameters {
				t.Errorf("%d parameters, PyTorch has %d", got, want.Parameters)
			}
			r, err := f.Evaluate(t.Context(), e, images)
			if err != nil {
				t.Fatal(err)
			}
			if d := r.Correct - want.Correct; d < -2 || d > 2 {
				t.Errorf("%d right, PyTorch has %d", r.Correct, want.Correct)
			}
			normalised, err := f.normalise(images)
			if err != nil {
				t.Fatal(err)
			}
			n := len(want.Logits)
			x := make([]float32, n*f.shape().Len())
			normalised.NewLoader(images.Test, dataset.LoaderOptions{Batch: n}).Load(0, 0, x, make([]uint16, n))
			got := make([]float32, n*f.classes)
			model.NewEvaluator(f.Float, e, n).Logits(got, x)
			all := slices.Concat(want.Logits...)
			var off, largest float64
			for i, y := range all {
				off = max(off, math.Abs(float64(got[i]-y)))
				largest = max(largest, math.Abs(float64(y)))
			}
			if !(off <= 1e-4*largest) {
				t.Errorf("logits differ by %g of at most %g", off, largest)
			}
		})
	}
}

// spaced writes numbers as --mean takes them.
func spaced(numbers []float32) string { return strings.Trim(fmt.Sprint(numbers), "[]") }
