package dataset

import (
	"crypto/sha256"
	"encoding/hex"
	"math"
	"runtime"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// openShapes opens shapes10 from seed 1 with small parts.
func openShapes(t *testing.T, train, validation, test int) *Data {
	t.Helper()
	d, err := Open(Options{Set: Shapes10, Seed: 1, Validation: validation, TrainLimit: train, TestLimit: test})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestShapesStayTheSame holds the first images to their recorded hash:
// networks trained on them are stored and compared by name. A change here is a
// new data set.
func TestShapesStayTheSame(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("recorded on amd64; others may fuse multiply and add, which rounds differently")
	}
	sum := sha256.Sum256(drawShapes(1, drawTrain, shapesTrain, 500, 0).Images)
	const want = "9bfd3b3ecee4d373"
	if got := hex.EncodeToString(sum[:8]); got != want {
		t.Errorf("hash of the first 500 training images is %s, want %s", got, want)
	}
}

func TestShapesDoNotDependOnGoroutines(t *testing.T) {
	want := drawShapes(3, drawTest, shapesTest, 300, 20)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	if got := drawShapes(3, drawTest, shapesTest, 300, 20); !slices.Equal(got.Images, want.Images) || !slices.Equal(got.Labels, want.Labels) {
		t.Error("one goroutine drew other images than many")
	}
}

func TestShapesPartsAndSeedsDiffer(t *testing.T) {
	a := drawShapes(1, drawTrain, shapesTrain, 20, 0)
	for name, b := range map[string]*Split{
		"the test part": drawShapes(1, drawTest, shapesTrain, 20, 0),
		"another seed":  drawShapes(2, drawTrain, shapesTrain, 20, 0),
	} {
		for i := range a.Len() {
			if slices.Equal(a.Image(i), b.Image(i)) {
				t.Errorf("image %d is the same in %s", i, name)
			}
		}
	}
}

// TestShapesLimitIsABeginning checks the shortcut that draws only what a
// limit keeps against drawing everything.
func TestShapesLimitIsABeginning(t *testing.T) {
	if testing.Short() {
		t.Skip("draws the whole set")
	}
	full, err := Open(Options{Set: Shapes10, Seed: 1, Validation: 503})
	if err != nil {
		t.Fatal(err)
	}
	if full.Train.Len() != shapesTrain-503 || full.Test.Len() != shapesTest {
		t.Fatalf("%d training and %d test images", full.Train.Len(), full.Test.Len())
	}
	part := openShapes(t, 300, 503, 100)
	for _, c := range []struct {
		name       string
		part, full *Split
		n          int
	}{
		{"train", part.Train, full.Train, 300},
		{"validation", part.Validation, full.Validation, 503},
		{"test", part.Test, full.Test, 100},
	} {
		if c.part.Len() != c.n {
			t.Errorf("%s has %d images, want %d", c.name, c.part.Len(), c.n)
		}
		if !slices.Equal(c.part.Images, c.full.Images[:c.n*cifarBytes]) || !slices.Equal(c.part.Labels, c.full.Labels[:c.n]) {
			t.Errorf("limited %s is not the beginning of the full one", c.name)
		}
	}
}

func TestShapesOpenTestOnly(t *testing.T) {
	d, err := Open(Options{Set: Shapes10, Seed: 1, TestOnly: true, TestLimit: 50, Validation: 500})
	if err != nil {
		t.Fatal(err)
	}
	if d.Train.Len() != 0 || d.Validation.Len() != 0 || d.Test.Len() != 50 || d.Std != nil {
		t.Errorf("parts of %d, %d and %d images, std %v", d.Train.Len(), d.Validation.Len(), d.Test.Len(), d.Std)
	}
	if diff := cmp.Diff(openShapes(t, 10, 0, 50).Test, d.Test); diff != "" {
		t.Error("its test part is not that of the whole set")
	}
}

// TestLinearClassifierStaysWeak trains softmax regression on the pixels: if
// that sufficed, there would be nothing for a network to do. (It learns its
// own images by heart and stays near chance, 10 %, on others.)
func TestLinearClassifierStaysWeak(t *testing.T) {
	if testing.Short() {
		t.Skip("trains for seconds")
	}
	d := openShapes(t, 3000, 0, 1000)
	const epochs, rate = 6, 1e-3
	var w [10][cifarBytes + 1]float32 // with the bias last
	logits := func(x []float32) (z [10]float64) {
		for c := range w {
			sum := w[c][cifarBytes]
			for i, v := range x {
				sum += w[c][i] * v
			}
			z[c] = float64(sum)
		}
		return z
	}
	train := d.NewLoader(d.Train, LoaderOptions{Batch: 1, Shuffle: true})
	for epoch := range epochs {
		step := rate * (1 - float64(epoch)/epochs)
		for x, labels := range train.Epoch(epoch) {
			z := logits(x)
			top, sum := slices.Max(z[:]), 0.0
			for c := range z {
				z[c] = math.Exp(z[c] - top)
				sum += z[c]
			}
			z[labels[0]] -= sum // softmax minus one-hot is the gradient of the logits
			for c := range z {
				k := float32(step * z[c] / sum)
				for i, v := range x {
					w[c][i] -= k * v
				}
				w[c][cifarBytes] -= k
			}
		}
	}
	top1 := func(s *Split) float64 {
		correct := 0
		for x, labels := range d.NewLoader(s, LoaderOptions{Batch: 1}).Epoch(0) {
			if z := logits(x); slices.Index(z[:], slices.Max(z[:])) == int(labels[0]) {
				correct++
			}
		}
		return float64(correct) / float64(s.Len())
	}
	own, others := top1(d.Train), top1(d.Test)
	t.Logf("softmax regression reaches %.1f %% on its own images and %.1f %% on others", 100*own, 100*others)
	if own < 0.4 {
		t.Errorf("softmax regression reaches %.1f %% on its own images: it was not trained", 100*own)
	}
	if others > 0.45 {
		t.Errorf("softmax regression reaches %.1f %%, want below 45 %%", 100*others)
	}
}

func BenchmarkShape(b *testing.B) {
	p := newPainter()
	image := make([]uint8, cifarBytes)
	i := 0
	for b.Loop() {
		stream(&p.source, 1, drawTrain, 0, uint64(i))
		p.draw(image, shape(i%10))
		i++
	}
}
