package dataset

import (
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// paint writes a picture of one grey.
func paint(t testing.TB, path string, grey uint8) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	m := image.NewGray(image.Rect(0, 0, 20, 12))
	for i := range m.Pix {
		m.Pix[i] = grey
	}
	m.SetGray(0, 0, color.Gray{grey})
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := png.Encode(f, m); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// paintClasses writes n pictures a class below dir, whose greys count on from grey.
func paintClasses(t testing.TB, dir string, n int, grey uint8, classes ...string) {
	for i, class := range classes {
		for k := range n {
			paint(t, filepath.Join(dir, class, fmt.Sprintf("%02d.png", k)), grey+uint8(i*n+k))
		}
	}
}

func greys(s *Split) (all []uint8) {
	for i := range s.Len() {
		all = append(all, s.Image(i)[0])
	}
	return all
}

func TestFolderWithParts(t *testing.T) {
	dir := t.TempDir()
	paintClasses(t, filepath.Join(dir, "train"), 4, 10, "cat", "dog")
	paintClasses(t, filepath.Join(dir, "val"), 2, 100, "cat", "dog")
	os.WriteFile(filepath.Join(dir, "train/cat/notes.txt"), []byte("no picture"), 0o644)
	open := func(o Options) *Data {
		t.Helper()
		o.Set, o.Path = Folder, dir
		d, err := Open(o)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	calls := 0
	d := open(Options{Height: 10, Width: 16, Channels: 1, Validation: 2, Progress: func(done, total int) { calls += done*100 + total }})
	if d.Shape != (Shape{10, 16, 1}) || !slices.Equal(d.Classes, []string{"cat", "dog"}) || calls != 1212 {
		t.Errorf("shape %s, classes %q, progress %d", d.Shape, d.Classes, calls)
	}
	if got := greys(d.Train); !slices.Equal(got, []uint8{10, 14, 11, 15, 12, 16}) {
		t.Errorf("training images %v", got)
	}
	if got := greys(d.Validation); !slices.Equal(got, []uint8{13, 17}) || !slices.Equal(d.Train.Labels, []uint16{0, 1, 0, 1, 0, 1}) {
		t.Errorf("validation images %v, training labels %v", got, d.Train.Labels)
	}
	if got := greys(d.Test); !slices.Equal(got, []uint8{100, 102, 101, 103}) {
		t.Errorf("test images %v", got)
	}
	if len(d.Mean) != 1 || d.Mean[0] != 13.0/255 {
		t.Errorf("mean %v", d.Mean)
	}
	if d := open(Options{TestOnly: true, TestLimit: 3}); d.Train.Len() != 0 || d.Test.Len() != 3 || d.Shape != (Shape{32, 32, 3}) {
		t.Errorf("test only: %d and %d images of %s", d.Train.Len(), d.Test.Len(), d.Shape)
	}
	// With both, test is for the test and val for validation.
	paintClasses(t, filepath.Join(dir, "test"), 1, 200, "cat", "dog")
	d = open(Options{ValidationShare: 0.1})
	if d.Train.Len() != 8 || !slices.Equal(greys(d.Validation), []uint8{100, 102, 101, 103}) || !slices.Equal(greys(d.Test), []uint8{200, 201}) {
		t.Errorf("%d training, validation %v, test %v", d.Train.Len(), greys(d.Validation), greys(d.Test))
	}
}

func TestFolderIsSplitBySeed(t *testing.T) {
	dir := t.TempDir()
	paintClasses(t, dir, 10, 0, "a", "b", "c")
	open := func(seed uint64) *Data {
		d, err := Open(Options{Set: Folder, Path: dir, Seed: seed})
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	d := open(1)
	if d.Train.Len() != 24 || d.Test.Len() != 6 {
		t.Errorf("%d training and %d test images", d.Train.Len(), d.Test.Len())
	}
	count := make([]int, 3)
	for _, label := range d.Test.Labels {
		count[label]++
	}
	if !slices.Equal(count, []int{2, 2, 2}) {
		t.Errorf("test images of the classes: %v", count)
	}
	if all := slices.Sorted(slices.Values(append(greys(d.Train), greys(d.Test)...))); len(slices.Compact(all)) != 30 {
		t.Error("an image is in both parts or in none")
	}
	if !slices.Equal(greys(open(1).Test), greys(d.Test)) || slices.Equal(greys(open(2).Test), greys(d.Test)) {
		t.Error("the split does not follow the seed")
	}
}

func TestOddPicturesOfAFolder(t *testing.T) {
	dir := t.TempDir()
	paintClasses(t, filepath.Join(dir, "train"), 3, 10, "cat", "dog")
	paintClasses(t, filepath.Join(dir, "test"), 1, 100, "cat", "dog")
	bad := filepath.Join(dir, "train/cat/00.png")
	if err := os.WriteFile(bad, []byte("\x89PNG\r\n\x1a\nbroken"), 0o644); err != nil {
		t.Fatal(err)
	}
	paint(t, filepath.Join(dir, "train/dog/copy.png"), 101) // a test image
	d, err := Open(Options{Set: Folder, Path: dir})
	if err != nil {
		t.Fatal(err)
	}
	if d.Train.Len() != 5 || slices.Contains(greys(d.Train), 101) {
		t.Errorf("training images %v", greys(d.Train))
	}
	text := strings.Join(d.Warnings, "\n")
	for _, want := range []string{"1 of 9 pictures were left out", bad + ": it is damaged", "left out 1 training image equal to a validation or test image"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q does not say %q", text, want)
		}
	}
}

func TestFoldersThatCannotBe(t *testing.T) {
	good := t.TempDir()
	paintClasses(t, good, 5, 0, "a", "b")
	one := t.TempDir()
	paintClasses(t, one, 5, 0, "a")
	noTest := t.TempDir()
	paintClasses(t, filepath.Join(noTest, "train"), 5, 0, "a", "b")
	other := t.TempDir()
	paintClasses(t, filepath.Join(other, "train"), 5, 0, "a", "b")
	paintClasses(t, filepath.Join(other, "test"), 5, 50, "a", "x")
	same := t.TempDir()
	paintClasses(t, filepath.Join(same, "train"), 2, 0, "a", "b")
	paintClasses(t, filepath.Join(same, "test"), 2, 0, "a", "b")
	for _, c := range []struct {
		o    Options
		want string
	}{
		{Options{}, "needs a path"},
		{Options{Path: t.TempDir()}, "no folders"},
		{Options{Path: filepath.Join(good, "missing")}, "no such file"},
		{Options{Path: one}, "1 classes: want 2 to 1000"},
		{Options{Path: noTest}, "neither test nor val"},
		{Options{Path: other}, `the class "x"`},
		{Options{Path: same}, "every training image is also a validation or test image"},
		{Options{Path: good, Height: 7, Width: 300}, "7×300×3: want sides of 8 to 224"},
		{Options{Path: good, Memory: 1000}, "data.memory"},
		{Options{Path: good, Validation: 8}, "do not fit"},
	} {
		c.o.Set = Folder
		if _, err := Open(c.o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.o, err, c.want)
		}
	}
}
