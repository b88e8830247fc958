package dataset

import (
	"bytes"
	"fmt"
	"hash/maphash"

	"espalier/internal/plural"
)

// guard keeps test and validation images out of training. A training image with
// the same pixels as one of these is left out and counted, since accuracy on
// images that a network has seen in training is too high. Published sets stay as
// published, and shapes10 stays as drawn; there such images are only counted.
func (d *Data) guard() error {
	if d.Train.Len() == 0 {
		return nil
	}
	copies := d.Train.shared(d.Validation, d.Test)
	if len(copies) == 0 {
		return nil
	}
	if d.Name != Folder && d.Name != NPZ {
		d.Warnings = append(d.Warnings, fmt.Sprintf("%s of %s equal to a validation or test image; the set is published so, and they stay", plural.Count(len(copies), "training image"), d.Name))
		return nil
	}
	if len(copies) == d.Train.Len() {
		return fmt.Errorf("every training image is also a validation or test image: give other images to test with")
	}
	skip := make(map[int32]bool, len(copies))
	for _, i := range copies {
		skip[i] = true
	}
	var keep []int32
	for i := range int32(d.Train.Len()) {
		if !skip[i] {
			keep = append(keep, i)
		}
	}
	d.Train = d.Train.pick(keep)
	d.Warnings = append(d.Warnings, fmt.Sprintf("left out %s equal to a validation or test image", plural.Count(len(copies), "training image")))
	return nil
}

// shared returns the numbers of the images of s that are also in one of the others.
func (s *Split) shared(others ...*Split) (numbers []int32) {
	seed := maphash.MakeSeed() // the answer does not depend on it: images with equal hashes are compared
	seen := make(map[uint64][][]uint8)
	for _, o := range others {
		for i := range o.Len() {
			h := maphash.Bytes(seed, o.Image(i))
			seen[h] = append(seen[h], o.Image(i))
		}
	}
	for i := range s.Len() {
		image := s.Image(i)
		for _, other := range seen[maphash.Bytes(seed, image)] {
			if bytes.Equal(image, other) {
				numbers = append(numbers, int32(i))
				break
			}
		}
	}
	return numbers
}
