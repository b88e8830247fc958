package pipeline

import (
	"context"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"espalier/configs"
	"espalier/dataset"
	"espalier/model"
	"espalier/model/weights"
)

// paintFolder writes 12 pictures of each of three classes, by colour.
func paintFolder(t *testing.T) string {
	dir := t.TempDir()
	random := rand.New(rand.NewPCG(1, 2))
	for class := range 3 {
		at := filepath.Join(dir, fmt.Sprintf("class%d", class))
		if err := os.Mkdir(at, 0o755); err != nil {
			t.Fatal(err)
		}
		for i := range 12 {
			m := image.NewNRGBA(image.Rect(0, 0, 40, 50))
			for k := range m.Pix {
				m.Pix[k] = uint8(random.IntN(120))
				if k%4 == class {
					m.Pix[k] += 120
				}
			}
			m.SetNRGBA(0, 0, color.NRGBA{A: 255})
			f, err := os.Create(filepath.Join(at, fmt.Sprintf("%d.png", i)))
			if err != nil {
				t.Fatal(err)
			}
			if err := png.Encode(f, m); err != nil {
				t.Fatal(err)
			}
			f.Close()
		}
	}
	return dir
}

// TestFolderOfPicturesGoesThrough runs a whole experiment on three classes of
// pictures, one of which is damaged.
func TestFolderOfPicturesGoesThrough(t *testing.T) {
	dir := paintFolder(t)
	broken := filepath.Join(dir, "class1", "broken.jpg")
	if err := os.WriteFile(broken, []byte("\xff\xd8\xff\xe0nothing"), 0o644); err != nil {
		t.Fatal(err)
	}
	document := fmt.Sprintf(`
data: {set: folder, path: %q}
model: {depth: 8, weights: scratch}
dense: {epochs: 1, batch: 16}
prune: {targets: [0.5]}
fine_tune: {epochs: 1, batch: 16}
sweep: {sizes: []}
`, dir)
	e, err := configs.Decode("photos.yaml", []byte(document), nil)
	if err != nil {
		t.Fatal(err)
	}
	run, err := Create(t.TempDir(), "", e)
	if err != nil {
		t.Fatal(err)
	}
	defer run.Close()
	if _, err := run.Do(context.Background(), Parts{}); err != nil {
		t.Fatal(err)
	}
	state := run.Hub.State()
	if d := state.Data; d == nil || d.Dataset != "folder" || d.Train+d.Validation+d.Test != 36 {
		t.Errorf("data: %+v", d)
	}
	warned := false
	for _, e := range run.Hub.Since(0, 10000) {
		if l, ok := e.Body.(Log); ok && strings.Contains(l.Text, broken) {
			warned = true
		}
	}
	if !warned {
		t.Error("nothing says that a picture was left out")
	}
}

// TestDataThatDoesNotFitIsRefusedEarly counts that no image is read.
func TestDataThatDoesNotFitIsRefusedEarly(t *testing.T) {
	small, err := model.ResNet(model.Arch{Depth: 8, Shortcut: model.Pad, Classes: 3})
	if err != nil {
		t.Fatal(err)
	}
	small.Init(1)
	file := filepath.Join(t.TempDir(), "small.safetensors")
	if err := weights.Save(file, small, nil); err != nil {
		t.Fatal(err)
	}
	e, err := configs.Decode("photos.yaml", fmt.Appendf(nil, "data: {set: folder, path: %q, size: 48}\nmodel: {weights: %q}\ndense: {epochs: 1}\n", paintFolder(t), file), nil)
	if err != nil {
		t.Fatal(err)
	}
	run, err := Create(t.TempDir(), "", e)
	if err != nil {
		t.Fatal(err)
	}
	defer run.Close()
	opened := 0
	_, err = run.Do(context.Background(), Parts{Open: func(o dataset.Options) (*dataset.Data, error) { opened++; return dataset.Open(o) }})
	if err == nil || opened > 0 || !strings.Contains(err.Error(), "takes images of 32×32×3 and has 3 classes, but folder has images of 48×48×3") {
		t.Errorf("%v after %d reads", err, opened)
	}
}
