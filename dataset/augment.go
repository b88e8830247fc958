package dataset

import "math/rand/v2"

// border returns how many pixels random crops reach beyond the image: an eighth
// of its height above and below, an eighth of its width left and right.
func (s Shape) border() (rows, columns int) { return s.H / 8, s.W / 8 }

// normalise writes image src [channels][height][width] to dst of that shape.
func (l *Loader) normalise(dst []float32, src []uint8) {
	plane := l.split.Shape.plane()
	for c := range l.value {
		value := &l.value[c]
		to, from := dst[c*plane:][:plane], src[c*plane:][:plane]
		for i, v := range from {
			to[i] = value[v]
		}
	}
}

// augment writes image src [channels][height][width] to dst of that shape as
// torchvision's RandomCrop(size, padding=size/8) and RandomHorizontalFlip make
// it, followed by normalisation: a 32×32 image gets a black border of 4 pixels,
// then a 32×32 window of it at one of 9×9 places is taken, and mirrored with a
// probability of one half unless NoFlip is set. The choice depends only on the
// seed, the epoch and the image's number.
func (l *Loader) augment(dst []float32, src []uint8, epoch, image int) {
	var g rand.PCG
	stream(&g, l.o.Seed, augmentation, uint64(epoch), uint64(image))
	place, coin := g.Uint64(), g.Uint64()
	rows, columns := l.split.Shape.border()
	dy := below(uint32(place), 2*rows+1) - rows
	dx := below(uint32(place>>32), 2*columns+1) - columns
	l.window(dst, src, dy, dx, coin>>63 == 1 && !l.o.NoFlip)
	if l.o.Cutout > 0 {
		stream(&g, l.o.Seed, cutting, uint64(epoch), uint64(image))
		centre := g.Uint64()
		s := l.split.Shape
		cut(dst, s, l.o.Cutout, below(uint32(centre), s.H), below(uint32(centre>>32), s.W))
	}
}

// cut sets a square of dst, an image of shape s, side pixels wide and high, to 0, the
// mean of normalised images. As in the authors' code (DeVries and Taylor 2017), the
// centre (y, x) is any pixel, and the part outside the image is dropped.
func cut(dst []float32, s Shape, side, y, x int) {
	top, bottom := max(0, y-side/2), min(s.H, y-side/2+side)
	left, right := max(0, x-side/2), min(s.W, x-side/2+side)
	for c := range s.C {
		for row := top; row < bottom; row++ {
			start := c*s.plane() + row*s.W
			clear(dst[start+left : start+right])
		}
	}
}

// window writes pixel (y+dy, x+dx) of src to pixel (y, x) of dst, and black
// outside src. It then mirrors dst if flip is set.
func (l *Loader) window(dst []float32, src []uint8, dy, dx int, flip bool) {
	height, width, plane := l.split.Shape.H, l.split.Shape.W, l.split.Shape.plane()
	// Columns first to last−1 of dst come from src.
	first, last := max(0, -dx), min(width, width-dx)
	for c := range l.value {
		value := &l.value[c]
		black := value[0]
		for y := range height {
			row := dst[c*plane+y*width:][:width]
			if y+dy < 0 || y+dy >= height {
				for x := range row {
					row[x] = black
				}
				continue
			}
			for x := range first {
				row[x] = black
			}
			for x := last; x < width; x++ {
				row[x] = black
			}
			to, from := row[first:last], src[c*plane+(y+dy)*width+first+dx:][:last-first]
			for x, v := range from {
				to[x] = value[v]
			}
			if flip {
				for a, b := 0, width-1; a < b; a, b = a+1, b-1 {
					row[a], row[b] = row[b], row[a]
				}
			}
		}
	}
}
