package measure

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"espalier/dataset"
	"espalier/model"
	"espalier/model/kernel"
)

// TestAgainst: a network is at no distance from its own logits, and at the
// distance by which one of them is changed.
func TestAgainst(t *testing.T) {
	f, err := Open(Source{Path: save(t, 10, true, nil)})
	if err != nil {
		t.Fatal(err)
	}
	images, err := dataset.Open(dataset.Options{Set: dataset.Shapes10, Seed: 1, TestLimit: 300})
	if err != nil {
		t.Fatal(err)
	}
	kernels, err := kernel.Select("")
	if err != nil {
		t.Fatal(err)
	}
	e := model.NewEngine(kernels, 2, model.Auto)
	defer e.Close()
	normalised, err := f.Normalise(images)
	if err != nil {
		t.Fatal(err)
	}
	const n = 260 // more than a batch
	x := make([]float32, n*f.shape().Len())
	normalised.NewLoader(images.Test, dataset.LoaderOptions{Batch: n}).Load(0, 0, x, make([]uint16, n))
	own := make([]float32, n*10)
	f.evaluator(e).Logits(own[:batch*10], x[:batch*f.shape().Len()])
	f.evaluator(e).Logits(own[batch*10:], x[batch*f.shape().Len():])
	rows := slices.Collect(slices.Chunk(own, 10))
	path := filepath.Join(t.TempDir(), "l.npy")
	distance := func() (Distance, error) {
		if err := os.WriteFile(path, npy(rows), 0o600); err != nil {
			t.Fatal(err)
		}
		return f.Against(t.Context(), e, images, path)
	}
	if d, err := distance(); err != nil || d != (Distance{Reference: path, Images: n}) {
		t.Errorf("against its own logits: %+v, error %v", d, err)
	}
	rows[255][3] += 64
	d, err := distance()
	if err != nil || d.Image != 255 || d.Class != 3 || d.OtherTop1 != 1 || !(d.Absolute > 63.9 && d.Absolute < 64.1) || !(d.Relative > 0.9 && d.Relative < 1.1) {
		t.Errorf("a logit that is 64 off: %+v, error %v", d, err)
	}
	for _, c := range []struct {
		rows [][]float32
		err  string
	}{
		{[][]float32{{1, 2, 3}}, "3 logits"},
		{slices.Repeat(rows[:1], 301), "300 test images"},
		{[][]float32{slices.Repeat([]float32{float32(math.Inf(1))}, 10)}, "finite"},
	} {
		rows = c.rows
		if _, err := distance(); err == nil || !strings.Contains(err.Error(), c.err) {
			t.Errorf("error %v, want one that says %q", err, c.err)
		}
	}
}
