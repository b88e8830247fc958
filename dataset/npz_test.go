package dataset

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"espalier/internal/allocation"
)

// TestNPZ reads the same images in every form; testdata/arrays.py wrote them.
func TestNPZ(t *testing.T) {
	value := func(image, c, y, x int) uint8 { return uint8((((image*9+y)*8+x)*3 + c) * 7) }
	for _, c := range []struct {
		name     string
		channels int
	}{{"nhwc", 3}, {"nchw", 3}, {"unit", 3}, {"wide", 3}, {"ints", 3}, {"grey", 1}} {
		d, err := Open(Options{Set: NPZ, Path: "testdata/arrays/" + c.name + ".npz"})
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if d.Shape != (Shape{9, 8, c.channels}) || !slices.Equal(d.Train.Labels, []uint16{0, 1, 2, 0}) || !slices.Equal(d.Test.Labels, []uint16{1, 2}) || !slices.Equal(d.Classes, []string{"0", "1", "2"}) {
			t.Errorf("%s: %s, labels %v and %v", c.name, d.Shape, d.Train.Labels, d.Test.Labels)
			continue
		}
		for i := range 6 {
			s, at := d.Train, i
			if i >= 4 {
				s, at = d.Test, i-4
			}
			for k, got := range s.Image(at) {
				if want := value(i, k/72, k%72/8, k%8); got != want {
					t.Fatalf("%s: value %d of image %d is %d, want %d", c.name, k, i, got, want)
				}
			}
		}
		if d, err := Open(Options{Set: NPZ, Path: "testdata/arrays/" + c.name + ".npz", TestOnly: true}); err != nil || d.Train.Len() != 0 || d.Test.Len() != 2 || len(d.Classes) != 3 {
			t.Errorf("%s, test only: %v", c.name, err)
		}
	}
}

func TestBadNPZFiles(t *testing.T) {
	for name, want := range map[string]string{
		"normalised": "values run from -0.5", "floats": "want whole numbers", "negative": "label 0 is -1",
		"columns": "numpy.ascontiguousarray", "channels": "with 1 or 3 channels", "count": "2 images, and there are 3 labels",
		"nan": "NaN", "names": `no array y_train, and of others ["a" "b"]`,
	} {
		if _, err := Open(Options{Set: NPZ, Path: "testdata/arrays/" + name + ".npz"}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
	whole := read(t, "testdata/arrays/nhwc.npz")
	for n := range whole {
		if n%97 == 0 {
			if _, err := readNPZ(bytes.NewReader(whole[:n]), int64(n), Options{Memory: 1 << 20}); err == nil {
				t.Errorf("the first %d bytes were read", n)
			}
		}
	}
	if _, err := Open(Options{Set: NPZ, Path: "testdata/arrays/nhwc.npz", Memory: 100}); err == nil || !strings.Contains(err.Error(), "data.memory") {
		t.Errorf("with 100 bytes: %v", err)
	}
}

func FuzzNPZ(f *testing.F) {
	for _, name := range []string{"nhwc", "unit", "grey", "ints"} {
		f.Add(read(f, "testdata/arrays/"+name+".npz"))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		// A byte of a zip can stand for a thousand, and images may take Memory.
		const memory = 1 << 20
		allocation.Limit(t, len(b), 16<<10, 2*memory+1<<20, func() {
			d, err := readNPZ(bytes.NewReader(b), int64(len(b)), Options{Path: "f", Memory: memory})
			if err == nil && d.Test.Len() == 0 {
				t.Error("no error and no images")
			}
		})
	})
}

func FuzzHeader(f *testing.F) {
	f.Add([]byte("\x93NUMPY\x01\x00\x46\x00{'descr': '<i8', 'fortran_order': False, 'shape': (6, 1), }            \n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := readHeader(bytes.NewReader(b))
		if err == nil && h.len() < 1 {
			t.Errorf("%+v", h)
		}
	})
}
