package main

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestJPEGCopy: labels and sizes stay, a smooth image changes little, a checked
// one more, and the lower the quality the more.
func TestJPEGCopy(t *testing.T) {
	from := t.TempDir()
	var records []byte
	for label := range 3 {
		record := make([]byte, recordBytes)
		record[0] = byte(label)
		for i := range 3 * plane {
			x, y := i%side, i/side%side
			record[1+i] = byte(3*x + 3*y)
			if label == 2 {
				record[1+i] = byte(255 * (x / 2 % 2) * (y / 3 % 2))
			}
		}
		records = append(records, record...)
	}
	for _, name := range []string{"data_batch_1.bin", "test_batch.bin"} {
		if err := os.WriteFile(filepath.Join(from, name), records, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var before float64
	for _, quality := range []string{"95", "45", "10"} {
		to := filepath.Join(t.TempDir(), "worse")
		if err := run([]string{quality, from, to}); err != nil {
			t.Fatal(err)
		}
		copied, err := os.ReadFile(filepath.Join(to, "data_batch_1.bin"))
		if err != nil || len(copied) != len(records) {
			t.Fatalf("%v, %d bytes of %d", err, len(copied), len(records))
		}
		test, err := os.ReadFile(filepath.Join(to, "test_batch.bin"))
		if err != nil || !bytes.Equal(test, copied) {
			t.Errorf("%v: the test images went another way", err)
		}
		var off [3]float64 // mean square, by image
		for i, v := range copied {
			if image := i / recordBytes; i%recordBytes == 0 {
				if v != records[i] {
					t.Errorf("label %d became %d", records[i], v)
				}
			} else {
				off[image] += math.Pow(float64(v)-float64(records[i]), 2) / (3 * plane)
			}
		}
		if smooth, checked := off[0], off[2]; smooth > 60 || checked <= smooth || checked <= before {
			t.Errorf("quality %s: a smooth image is off by %.1f, a checked one by %.1f, at a higher quality by %.1f", quality, smooth, checked, before)
		}
		before = off[2]
	}
}

func TestMistakes(t *testing.T) {
	odd := t.TempDir()
	if err := os.WriteFile(filepath.Join(odd, "test_batch.bin"), []byte{1, 2, 3}, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"45"}, "want three arguments"},
		{[]string{"x", "a", "b"}, `quality "x"`},
		{[]string{"101", "a", "b"}, `quality "101"`},
		{[]string{"45", t.TempDir(), t.TempDir()}, "has no file like data_batch_1.bin"},
		{[]string{"45", odd, t.TempDir()}, "no whole number of records"},
	} {
		if err := run(c.args); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: %v, want %q", c.args, err, c.want)
		}
	}
}
