package dataset

import "math/rand/v2"

// pad is the width of the black border that random crops reach into.
const pad = 4

// normalise writes image src [3][32][32] to dst [3][32][32].
func (l *Loader) normalise(dst []float32, src []uint8) {
	for c := range l.value {
		value := &l.value[c]
		to, from := dst[c*plane:][:plane], src[c*plane:][:plane]
		for i, v := range from {
			to[i] = value[v]
		}
	}
}

// augment writes image src [3][32][32] to dst [3][32][32] as torchvision's
// RandomCrop(32, padding=4) and RandomHorizontalFlip make it, followed by
// normalisation: the image in a black border of 4 pixels, a 32×32 window of
// it at one of 9×9 places, mirrored every other time. The choice depends on
// the seed, the epoch and the image's number alone.
func (l *Loader) augment(dst []float32, src []uint8, epoch, image int) {
	var g rand.PCG
	stream(&g, l.o.Seed, augmentation, uint64(epoch), uint64(image))
	place, coin := g.Uint64(), g.Uint64()
	dy := below(uint32(place), 2*pad+1) - pad
	dx := below(uint32(place>>32), 2*pad+1) - pad
	l.window(dst, src, dy, dx, coin>>63 == 1)
	if l.o.Cutout > 0 {
		stream(&g, l.o.Seed, cutting, uint64(epoch), uint64(image))
		centre := g.Uint64()
		cut(dst, l.o.Cutout, below(uint32(centre), Side), below(uint32(centre>>32), Side))
	}
}

// cut sets a square of dst [3][32][32], side pixels wide and high, to 0, the
// mean of normalised images. As in the authors' code (DeVries and Taylor 2017)
// its centre (y, x) is any pixel, and what lies outside the image is cut off.
func cut(dst []float32, side, y, x int) {
	top, bottom := max(0, y-side/2), min(Side, y-side/2+side)
	left, right := max(0, x-side/2), min(Side, x-side/2+side)
	for c := range 3 {
		for row := top; row < bottom; row++ {
			clear(dst[c*plane+row*Side+left : c*plane+row*Side+right])
		}
	}
}

// window writes pixel (y+dy, x+dx) of src to pixel (y, x) of dst, black where
// src has none, and then mirrors dst if flip is set.
func (l *Loader) window(dst []float32, src []uint8, dy, dx int, flip bool) {
	// Columns first to last−1 of dst come from src.
	first, last := max(0, -dx), min(Side, Side-dx)
	for c := range l.value {
		value := &l.value[c]
		black := value[0]
		for y := range Side {
			row := (*[Side]float32)(dst[c*plane+y*Side:])
			if y+dy < 0 || y+dy >= Side {
				for x := range row {
					row[x] = black
				}
				continue
			}
			for x := range first {
				row[x] = black
			}
			for x := last; x < Side; x++ {
				row[x] = black
			}
			to, from := row[first:last], src[c*plane+(y+dy)*Side+first+dx:][:last-first]
			for x, v := range from {
				to[x] = value[v]
			}
			if flip {
				for a, b := 0, Side-1; a < b; a, b = a+1, b-1 {
					row[a], row[b] = row[b], row[a]
				}
			}
		}
	}
}
