package dataset

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"
	"testing"
)

// TestBatchesKeepTheirBits compares batches of CIFAR-10 and shapes10 with hashes
// that were recorded when images of 32×32×3 were the only ones: networks trained
// then must meet the same batches now.
func TestBatchesKeepTheirBits(t *testing.T) {
	for _, c := range []struct {
		name    string
		options Options
		want    string
	}{
		{"shapes10", Options{Set: Shapes10, Seed: 1, Validation: 30, TrainLimit: 300, TestLimit: 10}, "d5757994a7947810"},
		{"cifar10", Options{Set: CIFAR10, Path: writeFolder(t, layouts[0], smallSet()), Validation: 4}, "cab347d54ae03994"},
	} {
		d, err := Open(c.options)
		if err != nil {
			t.Fatal(err)
		}
		h := sha256.New()
		put := func(x []float32, labels []int) {
			for _, v := range x {
				binary.Write(h, binary.LittleEndian, math.Float32bits(v))
			}
			for _, v := range labels {
				binary.Write(h, binary.LittleEndian, int32(v))
			}
		}
		put(d.Mean[:], nil)
		put(d.Std[:], nil)
		for _, s := range []*Split{d.Train, d.Validation, d.Test} {
			l := d.NewLoader(s, LoaderOptions{Batch: 7, Shuffle: true, Augment: s == d.Train, Seed: 3})
			for epoch := range 2 {
				for x, labels := range l.Epoch(epoch) {
					var all []int
					for _, label := range labels {
						all = append(all, int(label))
					}
					put(x, all)
				}
			}
		}
		if got := hex.EncodeToString(h.Sum(nil))[:16]; got != c.want {
			t.Errorf("%s: the hash of its batches is %s, want %s", c.name, got, c.want)
		}
	}
}
