package dataset

import (
	"slices"
	"strings"
	"testing"
)

func TestFits(t *testing.T) {
	d := &Data{Name: "mnist", Shape: Shape{28, 28, 1}, Classes: make([]string, 10)}
	if err := d.Fits(Shape{28, 28, 1}, 10); err != nil {
		t.Error(err)
	}
	for _, c := range []struct {
		shape   Shape
		classes int
		want    string
	}{
		{Shape{32, 32, 3}, 10, "takes images of 32×32×3 and has 10 classes, but mnist has images of 28×28×1"},
		{Shape{28, 28, 1}, 100, "has 100 classes, but mnist has images of 28×28×1 and 10 classes"},
	} {
		if err := d.Fits(c.shape, c.classes); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s and %d classes: %v, want %q", c.shape, c.classes, err, c.want)
		}
	}
}

// TestAugmentOtherShapes compares every window of images that are not square or
// have one channel with the definition.
func TestAugmentOtherShapes(t *testing.T) {
	for _, shape := range []Shape{{8, 8, 1}, {28, 28, 1}, {16, 24, 3}, {40, 9, 3}} {
		s := newSplit(shape, 1)
		for i := range shape.Len() {
			s.Images = append(s.Images, uint8(1+i*7))
		}
		s.Labels = append(s.Labels, 999)
		d := &Data{Shape: shape, Train: s}
		d.Mean, d.Std = s.Statistics()
		for _, noFlip := range []bool{false, true} {
			l := d.NewLoader(s, LoaderOptions{Batch: 1, Augment: true, NoFlip: noFlip})
			rows, columns := shape.H/8, shape.W/8
			pixel := func(c, y, x int) uint8 {
				if y < 0 || y >= shape.H || x < 0 || x >= shape.W {
					return 0
				}
				return s.Images[(c*shape.H+y)*shape.W+x]
			}
			var windows [][]float32
			for dy := -rows; dy <= rows; dy++ {
				for dx := -columns; dx <= columns; dx++ {
					for _, flip := range []bool{false, true} {
						if flip && noFlip {
							continue
						}
						w := make([]float32, 0, shape.Len())
						for c := range shape.C {
							for y := range shape.H {
								for x := range shape.W {
									from := x
									if flip {
										from = shape.W - 1 - x
									}
									w = append(w, (float32(pixel(c, y+dy, from+dx))/255-d.Mean[c])/d.Std[c])
								}
							}
						}
						windows = append(windows, w)
					}
				}
			}
			seen := make(map[int]bool)
			for epoch := range 40 * len(windows) {
				for x, labels := range l.Epoch(epoch) {
					at := slices.IndexFunc(windows, func(w []float32) bool { return slices.Equal(w, x) })
					if at < 0 || labels[0] != 999 {
						t.Fatalf("%s, epoch %d: no window of the image, or label %d", shape, epoch, labels[0])
					}
					seen[at] = true
				}
			}
			if len(seen) != len(windows) {
				t.Errorf("%s: %d of %d windows came up", shape, len(seen), len(windows))
			}
		}
	}
}
