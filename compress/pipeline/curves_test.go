package pipeline

import (
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"espalier/dataset"
	"espalier/model"
)

// TestSensitivityIsMeasured before the rounds: for every layer and level, the same
// after an interruption, which takes what the file has. A round takes its layers'
// targets from it.
func TestSensitivityIsMeasured(t *testing.T) {
	set := []string{
		"sweep.sizes=[]", "quantize.images=2", "sensitivity={of: [weights, channels, bits], shares: [0.5, 0.9], bits: [8, 2], images: 20}",
		"rounds=[{weights: {target: 0.7, scope: sensitivity, floor: 0}, fine_tune: {epochs: 0}}]",
	}
	r := create(t, tiny(t, set...))
	_, events := do(t, r, tinyParts())
	points := of[SensitivityPoint](events)
	if len(points) != 1+10*(2+2+2) || points[0].Layer != "" || points[0].Images != 20 || points[0].Split != "validation" {
		t.Fatalf("%d points, the first %+v", len(points), points[0])
	}
	differ := 0
	for _, p := range points[1:] {
		if p.Loss != points[0].Loss {
			differ++
		}
	}
	if differ < 40 {
		t.Errorf("only %d points differ from the whole network", differ)
	}
	shares := map[float64]bool{}
	zero, total := 0, 0
	for _, l := range of[Sparsity](events)[0].Layers[1:9] { // without the edges
		shares[float64(l.Zero)/float64(l.Total)] = true
		zero, total = zero+l.Zero, total+l.Total
	}
	if share := float64(zero) / float64(total); share < 0.699 || share > 0.701 || len(shares) < 4 {
		t.Errorf("the layers lose %v, together %.4f", shares, share)
	}
	state := r.Hub.State()
	var report bytes.Buffer
	markdown(&report, &state, nil, "", nil)
	if text := report.String(); strings.Count(text, "\n| layer |") != 3 || !strings.Contains(text, " 90.00 % of channels |") || !strings.Contains(text, " 2 bits |") {
		t.Errorf("the report says\n%s", text)
	}

	again := create(t, tiny(t, set...))
	stopAt(t, again, tinyParts(), func(b Body) bool { p, ok := b.(SensitivityPoint); return ok && p.Of == "channels" })
	path := again.Folder.Path(sensitivityFile)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var file curvesFile
	if err := json.Unmarshal(text, &file); err != nil || len(file.Points) < 21 {
		t.Fatalf("%v, %d points", err, len(file.Points))
	}
	file.Points[5].Top1 = 0.123 // so that it is seen where the point comes from
	if err := file.save(path); err != nil {
		t.Fatal(err)
	}
	resumed, err := Continue(again.Folder)
	if err != nil {
		t.Fatal(err)
	}
	defer resumed.Close()
	_, events = do(t, resumed, tinyParts())
	for i, p := range of[SensitivityPoint](events) {
		if want := points[i]; i != 5 && p != want || i == 5 && p.Top1 != 0.123 {
			t.Errorf("point %d is %+v, want %+v", i, p, want)
		}
	}
}

// TestTestImagesChooseNoSparsity: without validation images the layers' sensitivity,
// which a scope spreads its target by, is measured on training images.
func TestTestImagesChooseNoSparsity(t *testing.T) {
	numeric(t)
	points := func(change func(*dataset.Data)) []SensitivityPoint {
		r := create(t, tiny(t, "prune.targets=[]", "dense.epochs=0.25", "sweep.sizes=[]", "quantize.images=2",
			"sensitivity={of: [weights], shares: [0.5], images: 20}"))
		_, events := do(t, r, altered(func(d *dataset.Data) {
			d.Validation = &dataset.Split{}
			change(d)
		}))
		return of[SensitivityPoint](events)
	}
	plain := points(func(*dataset.Data) {})
	other := points(func(d *dataset.Data) { mislabel(d.Test) })
	if len(plain) != 1+10 || plain[0].Split != "train" || !slices.Equal(plain, other) {
		t.Errorf("%+v, and with other test images %+v", plain, other)
	}
}

func TestRoundTo(t *testing.T) {
	in := &model.Node{Name: "in", Op: model.Input{}, Shape: model.Shape{C: 3, H: 1, W: 1}}
	l := &model.Node{Name: "fc", Op: model.Linear{Out: 2}, Inputs: []*model.Node{in}, Shape: model.Shape{C: 2, H: 1, W: 1}, Weight: []float32{-7, 3.4, 0.5, 0, 0, 0}}
	roundTo(l, 4)
	for i, want := range []float32{-7, 3, 0, 0, 0, 0} {
		if l.Weight[i] != want {
			t.Errorf("weight %d is %v, want %v", i, l.Weight[i], want)
		}
	}
}
