package compare

import (
	"context"
	"path/filepath"
	"testing"

	"espalier/compress/measure"
	"espalier/compress/quantize"
	"espalier/dataset"
	"espalier/model"
	"espalier/model/weights"
)

// TestFiles compares a file in float32 with the one in int8 made from it, each
// of which brings its own normalisation.
func TestFiles(t *testing.T) {
	dir := t.TempDir()
	n := randomNetwork(t, model.Pad)
	n.Mean, n.Std = []float32{0.5, 0.5, 0.5}, []float32{0.25, 0.25, 0.25}
	paths := [2]string{filepath.Join(dir, "a.safetensors"), filepath.Join(dir, "b.safetensors")}
	if err := weights.Save(paths[0], n, nil); err != nil {
		t.Fatal(err)
	}
	if err := quantize.Save(paths[1], quantized(t, n, randomImages(4)), nil); err != nil {
		t.Fatal(err)
	}
	var files [2]*measure.File
	for i, path := range paths {
		f, err := measure.Open(measure.Source{Path: path})
		if err != nil {
			t.Fatal(err)
		}
		files[i] = f
	}
	images, err := dataset.Open(dataset.Options{Set: dataset.Shapes10, TestOnly: true, TestLimit: Batch + 3})
	if err != nil {
		t.Fatal(err)
	}
	r, err := Files(context.Background(), newEngine(t), files[0], files[1], images, 15)
	if err != nil {
		t.Fatal(err)
	}
	if r.A != paths[0] || r.B != paths[1] || r.Images != Batch+3 || r.First != "" {
		t.Errorf("%s\nwant %d images of %v and no disagreement", r, Batch+3, paths)
	}
	// Images that one network gets otherwise normalised differ from the input on.
	files[1].Integer.Mean[0] = 0
	if r, err = Files(context.Background(), newEngine(t), files[0], files[1], images, 15); err != nil || r.First != "input" {
		t.Errorf("%q disagrees first, error %v; want input", r.First, err)
	}
}
