package onnx

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"espalier/internal/shared"
	"espalier/model"
)

// TestZooInRuntime: networks that PyTorch trained and exported give the logits
// that onnxruntime computes of their files, and so do their exports, with batch
// norm and without.
func TestZooInRuntime(t *testing.T) {
	r := newRuntime(t)
	files, err := filepath.Glob(shared.Path("zoo/*.onnx"))
	if err != nil || len(files) == 0 {
		t.Skip("the networks of other programs are not here; set ESPALIER_SHARED to the folder that holds zoo/")
	}
	const images = 8
	x := randomImages(images)
	for _, path := range files {
		t.Run(filepath.Base(path), func(t *testing.T) {
			file, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			original, err := decode(file)
			if err != nil {
				t.Fatal(err)
			}
			f, err := Read(path)
			if err != nil {
				t.Fatal(err)
			}
			g := f.Float
			want, _ := r.run(t, original, "all", x, "3,32,32")
			largest := farthest(want, make([]float32, len(want)))
			near := func(what string, got []float32) {
				if worst := farthest(got, want); !(worst <= 1e-4*largest) {
					t.Errorf("%s: logits differ by %g of at most %g", what, worst, largest)
				}
			}
			got := make([]float32, images*g.Classes())
			model.NewEvaluator(g, newEngine(t), images).Logits(got, x)
			near("read", got)
			near("exported", r.logits(t, Float(g, Header{}), "all", x))
			near("exported without batch norm", r.logits(t, Float(g.ForInference(), Header{}), "all", x))
		})
	}
}

// TestZooNames: layers that PyTorch exported are called as in its state dict.
func TestZooNames(t *testing.T) {
	f, err := Read(shared.Path("zoo/resnet_odd.onnx"))
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("the networks of other programs are not here; set ESPALIER_SHARED to the folder that holds zoo/")
	}
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, tensor := range f.Float.Tensors() {
		names[tensor.Name] = true
	}
	for _, want := range []string{"conv1.weight", "layer1.0.conv1.weight", "layer4.0.shortcut.0.weight", "layer4.0.shortcut.1.running_var", "layer4.0.bn2.bias", "linear.bias"} {
		if !names[want] {
			t.Errorf("no tensor %s among %v", want, names)
		}
	}
}
