package dataset

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"espalier/internal/allocation"
)

// idx returns an idx file of bytes.
func idx(values []uint8, dims ...int) []byte {
	b := []byte{0, 0, 8, byte(len(dims))}
	for _, d := range dims {
		b = binary.BigEndian.AppendUint32(b, uint32(d))
	}
	return append(b, values...)
}

func zipped(b []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	w.Write(b)
	w.Close()
	return out.Bytes()
}

// writeMNIST writes a set of 12 training and 10 test images of 9×8 pixels whose
// test labels begin as those of a published set.
func writeMNIST(t testing.TB, dir string, first []uint16, packed bool) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	pixels := make([]uint8, 12*72)
	for i := range pixels {
		pixels[i] = uint8(i * 7)
	}
	var labels []uint8
	for _, v := range first {
		labels = append(labels, uint8(v))
	}
	for name, b := range map[string][]byte{
		"train-images-idx3-ubyte": idx(pixels, 12, 9, 8),
		"train-labels-idx1-ubyte": idx([]uint8{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1}, 12),
		"t10k-images-idx3-ubyte":  idx(pixels[72:792], 10, 9, 8),
		"t10k-labels-idx1-ubyte":  idx(labels, 10),
	} {
		if packed {
			name, b = name+".gz", zipped(b)
		}
		writeFile(t, filepath.Join(dir, name), b)
	}
}

func TestMNIST(t *testing.T) {
	for _, c := range []struct {
		set, sub string
		packed   bool
	}{{MNIST, "", false}, {MNIST, "MNIST/raw", true}, {FashionMNIST, "FashionMNIST/raw", false}, {FashionMNIST, "", true}} {
		dir := t.TempDir()
		writeMNIST(t, filepath.Join(dir, c.sub), firstLabels[c.set], c.packed)
		d, err := Open(Options{Set: c.set, Path: dir})
		if err != nil {
			t.Errorf("%+v: %v", c, err)
			continue
		}
		if d.Shape != (Shape{9, 8, 1}) || d.Train.Len() != 12 || d.Test.Len() != 10 || len(d.Classes) != 10 || d.Train.Image(1)[0] != 72*7%256 {
			t.Errorf("%+v: %s, %d and %d images", c, d.Shape, d.Train.Len(), d.Test.Len())
		}
		if !slices.Equal(d.Test.Labels, firstLabels[c.set]) || d.Note != "" || !slices.Equal(d.Mean, means[c.set]) || !slices.Equal(d.Std, stds[c.set]) {
			t.Errorf("%+v: labels %v, note %q, mean %v", c, d.Test.Labels, d.Note, d.Mean)
		}
		if got := Recognise(dir); got != c.set {
			t.Errorf("%+v is recognised as %q", c, got)
		}
		other := map[string]string{MNIST: FashionMNIST, FashionMNIST: MNIST}[c.set]
		want := "holds " + c.set
		if c.sub != "" {
			want = other + " was not found"
		}
		if _, err := Open(Options{Set: other, Path: dir}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v passes for %s: %v", c, other, err)
		}
	}
}

func TestBadIDXFiles(t *testing.T) {
	for _, c := range []struct {
		name, file string
		content    []byte
		want       string
	}{
		{"truncated", "train-images-idx3-ubyte", idx(make([]uint8, 100), 12, 9, 8), "fewer than the 864"},
		{"too long", "train-images-idx3-ubyte", idx(make([]uint8, 900), 12, 9, 8), "more than the 864"},
		{"head", "train-images-idx3-ubyte", []byte{0, 0, 8}, "within its head"},
		{"type", "train-images-idx3-ubyte", []byte("\x00\x00\x0d\x03aaaabbbbcccc"), "no idx file of bytes"},
		{"dimensions", "t10k-images-idx3-ubyte", idx(nil, 1<<30, 9, 1<<16), "more than 4.0 GiB"},
		{"empty", "t10k-images-idx3-ubyte", idx(nil, 0, 9, 8), "a dimension is 0"},
		{"label", "train-labels-idx1-ubyte", idx([]uint8{0, 1, 2, 3, 4, 10, 6, 7, 8, 9, 0, 1}, 12), "image 5 is 10 instead of 0 to 9"},
		{"count", "train-labels-idx1-ubyte", idx([]uint8{0, 1}, 2), "2 labels for 12 images"},
		{"gzip", "train-labels-idx1-ubyte", zipped(idx(make([]uint8, 12), 12))[:20], "damaged or truncated"},
		{"sides", "t10k-images-idx3-ubyte", idx(make([]uint8, 10*300*8), 10, 300, 8), "300×8"},
	} {
		dir := t.TempDir()
		writeMNIST(t, dir, firstLabels[MNIST], false)
		writeFile(t, filepath.Join(dir, c.file), c.content)
		if _, err := Open(Options{Set: MNIST, Path: dir}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
	if _, err := Open(Options{Set: MNIST, Path: t.TempDir()}); err == nil || !strings.Contains(err.Error(), "mnist was not found") {
		t.Errorf("an empty folder: %v", err)
	}
}

func FuzzIDX(f *testing.F) {
	f.Add(idx(make([]uint8, 72), 1, 9, 8))
	f.Add(zipped(idx(make([]uint8, 72), 1, 9, 8)))
	f.Add(idx(nil, 1<<20, 9, 8))
	f.Fuzz(func(t *testing.T, b []byte) {
		var dims []int
		var values []uint8
		var err error
		// A byte of gzip can stand for a thousand, and the slice grows by steps.
		allocation.Limit(t, len(b), 8<<10, 1<<20, func() { dims, values, err = parseIDX(bytes.NewReader(b), "f", 3, 1<<30) })
		if err == nil && dims[0]*dims[1]*dims[2] != len(values) {
			t.Errorf("%v and %d values", dims, len(values))
		}
	})
}
