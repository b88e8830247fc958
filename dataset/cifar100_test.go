package dataset

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// twoLabels returns n records of CIFAR-100's binary layout.
func twoLabels(n int) []byte {
	var b []byte
	for i := range n {
		b = append(b, byte(i%20), byte(99-i))
		b = append(b, bytes.Repeat([]byte{byte(i * 3)}, cifarBytes)...)
	}
	return b
}

func TestCIFAR100(t *testing.T) {
	dir := t.TempDir()
	folder := filepath.Join(dir, "cifar-100-binary")
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(folder, "train.bin"), twoLabels(5))
	writeFile(t, filepath.Join(folder, "test.bin"), twoLabels(3))
	packed := writeFile(t, filepath.Join(t.TempDir(), "cifar-100-binary.tar.gz"),
		archived(t, cifar100(false).layouts[0], map[string][]byte{"train.bin": twoLabels(5), "test.bin": twoLabels(3)}))
	for _, path := range []string{dir, folder, packed} {
		if got := Recognise(path); got != CIFAR100 {
			t.Errorf("%s is recognised as %q", path, got)
		}
		for _, coarse := range []bool{false, true} {
			d, err := Open(Options{Set: CIFAR100, Path: path, Coarse: coarse})
			if err != nil {
				t.Error(err)
				continue
			}
			want, classes := []uint16{99, 98, 97, 96, 95}, 100
			if coarse {
				want, classes = []uint16{0, 1, 2, 3, 4}, 20
			}
			if !slices.Equal(d.Train.Labels, want) || len(d.Classes) != classes || d.Train.Image(4)[100] != 12 || d.Test.Len() != 3 {
				t.Errorf("coarse %t: labels %v, %d classes", coarse, d.Train.Labels, len(d.Classes))
			}
			if !slices.Equal(d.Mean, []float32{0.5071, 0.4865, 0.4409}) {
				t.Errorf("mean %v", d.Mean)
			}
		}
	}
}

// TestPickledCIFAR100 reads what Python 3 pickled: testdata/cifar100.py.
func TestPickledCIFAR100(t *testing.T) {
	for _, coarse := range []bool{false, true} {
		d, err := Open(Options{Set: CIFAR100, Path: "testdata/cifar-100-python", Coarse: coarse})
		if err != nil {
			t.Fatal(err)
		}
		want := []uint16{99, 0, 50}
		if coarse {
			want = []uint16{19, 0, 10}
		}
		if !slices.Equal(d.Train.Labels, want) || d.Train.Image(1)[3000] != uint8((3072+3000)*3%256) {
			t.Errorf("coarse %t: labels %v", coarse, d.Train.Labels)
		}
	}
}
