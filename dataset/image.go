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

// Fits returns an error if d does not fit a network with this input shape and
// number of classes.
func (d *Data) Fits(shape Shape, classes int) error {
	if d.Shape == shape && len(d.Classes) == classes {
		return nil
	}
	return fmt.Errorf("the network takes images of %s and has %d classes, but %s has images of %s and %d classes: choose other data or another network",
		shape, classes, d.Name, d.Shape, len(d.Classes))
}

func (s Shape) check() error {
	if s.H < minSide || s.W < minSide || s.H > maxSide || s.W > maxSide || s.C != 1 && s.C != 3 {
		return fmt.Errorf("images of %s: want sides of %d to %d pixels and 1 or 3 channels; resize them, or put pictures into a folder for each class, which are resized as they are read",
			s, minSide, maxSide)
	}
	return nil
}
