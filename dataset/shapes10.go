package dataset

import (
	"fmt"
)

// The size of shapes10, in images, and of its images, in pixels.
const (
	side  = 32
	plane = side * side

	shapesTrain = 20_000
	shapesTest  = 4_000
)

// Difficulty of shapes10. Accuracy falls as any of these grows, except
// contrast. Lengths are in units of the image's side unless stated otherwise;
// brightness runs from 0 to 1.
const (
	// similarity is how far a shape may be drawn towards its partner among the
	// classes: 0 never, 0.5 would make the two indistinguishable.
	similarity = 0.16
	// contrast is the least difference in brightness between a shape and what
	// lies behind it.
	contrast = 0.22
	// noiseMin and noiseMax bound the standard deviation of a pixel's noise,
	// one for each image.
	noiseMin, noiseMax = 0.02, 0.08
	// clutterMin and clutterMax bound the number of small things behind a shape.
	clutterMin, clutterMax = 1, 4
	// occlusion is the share of images with a bar across the shape, of a width
	// of up to occluderMax.
	occlusion, occluderMax = 0.4, 0.12
	// radiusMin and radiusMax bound a shape's size, wander how far its centre
	// lies from the image's along each axis, and stretch by which factor it may
	// be longer than wide.
	radiusMin, radiusMax = 0.24, 0.38
	wander               = 0.12
	stretch              = 1.35
)

// openShapes10 draws the images that o asks for. The set is bit-identical for
// any number of goroutines; processors with fused multiply-add in Go (arm64,
// among others) may round single pixels differently from amd64.
func openShapes10(o Options) *Data {
	d := &Data{
		Name:    Shapes10,
		Source:  fmt.Sprintf("drawn from seed %d", o.Seed),
		Shape:   Shape{side, side, 3},
		Classes: append([]string(nil), shapeNames[:]...),
		Train:   &Split{},
	}
	test := shapesTest
	if o.TestLimit > 0 {
		test = min(test, o.TestLimit)
	}
	d.Test = drawShapes(o.Seed, drawTest, shapesTest, test, 0)
	if !o.TestOnly {
		// With a limit, divide would throw most training images away: it keeps
		// the first ones and, for validation, the last ones. So only these are
		// drawn, in whole turns of all classes, which leaves divide's choice
		// unchanged.
		first, last := shapesTrain, 0
		if n := len(shapeNames); o.TrainLimit > 0 {
			f, l := (o.TrainLimit/n+1)*n, (o.Validation/n+1)*n
			if f+l < shapesTrain {
				first, last = f, l
			}
		}
		d.Train = drawShapes(o.Seed, drawTrain, shapesTrain, first, last)
	}
	return d
}

// drawShapes draws the first and the last images of a split of n. Image i is a
// function of seed, p and i alone.
func drawShapes(seed uint64, p purpose, n, first, last int) *Split {
	s := &Split{
		Shape:  Shape{side, side, 3},
		Images: make([]uint8, (first+last)*3*plane),
		Labels: make([]uint16, first+last),
	}
	spread(first+last, 64, func() func(int) {
		painter := newPainter()
		return func(at int) {
			i := at
			if at >= first {
				i = n - last + at - first
			}
			s.Labels[at] = uint16(i % len(shapeNames))
			stream(&painter.source, seed, p, 0, uint64(i))
			painter.draw(s.Image(at), shape(s.Labels[at]))
		}
	})
	return s
}
