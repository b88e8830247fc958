package dataset

import "fmt"

// A Shape is the size of an image: its height and width in pixels and its
// channels, 3 for R, G and B or 1 for grey.
type Shape struct{ H, W, C int }

// Len returns the number of values of an image, which are bytes in a Split and
// float32 in a batch.
func (s Shape) Len() int { return s.C * s.H * s.W }

// plane returns the number of values of one channel.
func (s Shape) plane() int { return s.H * s.W }

func (s Shape) String() string { return fmt.Sprintf("%d×%d×%d", s.H, s.W, s.C) }

// Fits returns an error where a network that takes images of a shape and tells so
// many classes apart has no use for d.
func (d *Data) Fits(shape Shape, classes int) error {
	if d.Shape == shape && len(d.Classes) == classes {
		return nil
	}
	return fmt.Errorf("the network takes images of %s and tells %d classes apart, and %s has images of %s and %d classes: choose other data, or a network made for these",
		shape, classes, d.Name, d.Shape, len(d.Classes))
}
