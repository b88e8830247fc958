package measure

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"espalier/dataset"
	"espalier/internal/shared"
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
	files, err := filepath.Glob(shared.Path("zoo/*.onnx"))
	if err != nil || len(files) == 0 {
		t.Skip("the networks of other programs are not here; set ESPALIER_SHARED to the folder that holds zoo/")
	}
	dir := os.Getenv(dataset.EnvData)
	if dir == "" {
		dir = t.TempDir()
		unpack := exec.Command("go", "run", ".", dir)
		unpack.Dir = shared.Path("cifar10")
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
			f, err := Open(Source{Path: path, Mean: spaced(want.Mean), Std: spaced(want.Std)})
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
			checkAgainst(t, f, e, images, want.Logits)
		})
	}
}

// checkAgainst wants the network's logits to be those of the first images.
func checkAgainst(t *testing.T, f *File, e *model.Engine, images *dataset.Data, logits [][]float32) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "logits.npy")
	if err := os.WriteFile(path, npy(logits), 0o600); err != nil {
		t.Fatal(err)
	}
	d, err := f.Against(t.Context(), e, images, path)
	if err != nil {
		t.Fatal(err)
	}
	if d.Images != len(logits) || d.OtherTop1 != 0 || !(d.Relative <= 1e-4) {
		t.Errorf("%s", d)
	}
}

// npy writes logits as NumPy does.
func npy(logits [][]float32) []byte {
	dict := fmt.Sprintf("{'descr': '<f4', 'fortran_order': False, 'shape': (%d, %d), }\n", len(logits), len(logits[0]))
	b := append([]byte("\x93NUMPY\x01\x00"), byte(len(dict)), byte(len(dict)>>8))
	b, err := binary.Append(append(b, dict...), binary.LittleEndian, slices.Concat(logits...))
	if err != nil {
		panic(err) // numbers of a fixed size
	}
	return b
}

// spaced writes numbers as --mean takes them.
func spaced(numbers []float32) string { return strings.Trim(fmt.Sprint(numbers), "[]") }
