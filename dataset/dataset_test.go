package dataset

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestOpenRefusesWhatCannotBe(t *testing.T) {
	folder := writeFolder(t, layouts[0], smallSet())
	for _, c := range []struct {
		options Options
		want    string
	}{
		{Options{Set: "imagenet"}, `"imagenet"`},
		{Options{Set: CIFAR10, Path: folder, Validation: 20}, "20 validation images do not fit into 20"},
		{Options{Set: Shapes10, Validation: -1}, "negative"},
		{Options{Set: Shapes10, TrainLimit: -1}, "negative"},
	} {
		if _, err := Open(c.options); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("Open(%+v): %v, want an error that says %q", c.options, err, c.want)
		}
	}
}

// TestValidationIsTheLastOfEveryClass uses images sorted by class, which
// holding out the end of the list would spoil.
func TestValidationIsTheLastOfEveryClass(t *testing.T) {
	s := &Split{Shape: cifarShape}
	for i := range 40 {
		s.Labels = append(s.Labels, uint16(i/10))
		s.Images = append(s.Images, slices.Repeat([]uint8{uint8(i)}, cifarBytes)...)
	}
	d := &Data{Train: s, Test: &Split{}, Classes: make([]string, 4)}
	if err := d.divide(Options{Validation: 8, TrainLimit: 31}); err != nil {
		t.Fatal(err)
	}
	var got []uint8
	for i := range d.Validation.Len() {
		got = append(got, d.Validation.Image(i)[0])
	}
	if want := []uint8{8, 9, 18, 19, 28, 29, 38, 39}; !slices.Equal(got, want) {
		t.Errorf("held out %v, want %v", got, want)
	}
	if d.Train.Len() != 31 || d.Train.Image(30)[0] != 36 || d.Train.Labels[30] != 3 {
		t.Errorf("training keeps %d images and ends with %d", d.Train.Len(), d.Train.Image(30)[0])
	}
}

func TestSharesAddUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		weights := rapid.SliceOfN(rapid.IntRange(0, 6000), 1, 12).Draw(t, "weights")
		total := 0
		for _, w := range weights {
			total += w
		}
		if total == 0 {
			return
		}
		n := rapid.IntRange(0, total).Draw(t, "n")
		sum := 0
		for i, part := range shares(weights, n) {
			exact := float64(n) * float64(weights[i]) / float64(total)
			if part > weights[i] || math.Abs(float64(part)-exact) >= 1 {
				t.Errorf("part %d is %d of %d, want about %.1f", i, part, weights[i], exact)
			}
			sum += part
		}
		if sum != n {
			t.Errorf("parts add up to %d, want %d", sum, n)
		}
	})
}

func TestStatistics(t *testing.T) {
	s := &Split{Shape: cifarShape, Labels: []uint16{0}, Images: make([]uint8, cifarBytes)}
	for i := range plane {
		s.Images[i] = uint8(i % 2 * 255)        // mean 1/2, deviation 1/2
		s.Images[plane+i] = uint8(51 * (i % 4)) // 0, 0.2, 0.4, 0.6
		s.Images[2*plane+i] = 102               // constant 0.4
	}
	mean, std := s.Statistics()
	if want := []float32{0.5, 0.3, 0.4}; !slices.Equal(mean, want) {
		t.Errorf("mean %v, want %v", mean, want)
	}
	if want := []float32{0.5, float32(math.Sqrt(0.05)), 1}; !slices.Equal(std, want) {
		t.Errorf("deviation %v, want %v", std, want)
	}
}

func TestCalibration(t *testing.T) {
	d := openShapes(t, 200, 20, 50)
	draw := func(images, draw int, seed uint64) []int32 {
		t.Helper()
		order, err := d.Calibration(Train, images, draw, seed)
		if err != nil {
			t.Fatal(err)
		}
		return order
	}
	all := draw(200, 1, 7)
	if sorted := slices.Sorted(slices.Values(all)); sorted[0] != 0 || sorted[199] != 199 || len(slices.Compact(sorted)) != 200 {
		t.Error("a draw of all images is no permutation of them")
	}
	if !slices.Equal(draw(50, 1, 7), all[:50]) {
		t.Error("a small set is not the beginning of a large one")
	}
	if slices.Equal(draw(50, 2, 7), all[:50]) || slices.Equal(draw(50, 1, 8), all[:50]) {
		t.Error("another draw or seed chose the same images")
	}
	for _, c := range []struct {
		part   Part
		images int
		want   string
	}{
		{Test, 10, "test part of shapes10 is refused"},
		{Validation, 10, "validation part of shapes10 is refused"},
		{Train, 201, "has 200"},
		{Train, 0, "has 200"},
	} {
		if _, err := d.Calibration(c.part, c.images, 1, 7); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%d images of %s: %v, want an error that says %q", c.images, c.part, err, c.want)
		}
	}
}

func TestPart(t *testing.T) {
	d := &Data{Name: "x", Train: new(Split), Validation: new(Split), Test: new(Split)}
	for part, want := range map[Part]*Split{Train: d.Train, Validation: d.Validation, Test: d.Test} {
		if got, err := d.Part(part); got != want || err != nil {
			t.Errorf("Part(%q) is another split, or %v", part, err)
		}
	}
	if _, err := d.Part("tests"); err == nil || !strings.Contains(err.Error(), `"tests"`) {
		t.Errorf("an unknown part: %v", err)
	}
}

// TestRealCIFAR10 reads the data set in full where this machine has it.
func TestRealCIFAR10(t *testing.T) {
	path := os.Getenv(EnvData)
	if path == "" {
		t.Skipf("%s names no folder of CIFAR-10", EnvData)
	}
	d, err := Open(Options{Set: CIFAR10, Path: filepath.Clean(path), Validation: 5000})
	if err != nil {
		t.Fatal(err)
	}
	if d.Train.Len() != 45_000 || d.Validation.Len() != 5000 || d.Test.Len() != 10_000 {
		t.Errorf("parts of %d, %d and %d images", d.Train.Len(), d.Validation.Len(), d.Test.Len())
	}
	count := make([]int, 10)
	for _, label := range d.Validation.Labels {
		count[label]++
	}
	if slices.Min(count) != 500 || slices.Max(count) != 500 {
		t.Errorf("held out %v images of the classes, want 500 each", count)
	}
	// The published values, within what a copy of lower quality may move.
	mean, std := [3]float64{0.4914, 0.4822, 0.4465}, [3]float64{0.2470, 0.2435, 0.2616}
	for c := range 3 {
		if math.Abs(float64(d.Mean[c])-mean[c]) > 0.004 || math.Abs(float64(d.Std[c])-std[c]) > 0.006 {
			t.Errorf("channel %d has mean %v and deviation %v, want about %v and %v", c, d.Mean[c], d.Std[c], mean[c], std[c])
		}
	}
	t.Logf("%s, note %q, mean %v, deviation %v", d.Source, d.Note, d.Mean, d.Std)
}
