package dataset

import "math"

// resize scales the planes of an image [channels][height][width] to another size
// by antialiased bilinear interpolation, as torchvision's Resize does with PIL
// images. It follows Pillow's resize with the filter BILINEAR
// (libImaging/Resample.c) to the bit: rows first, then columns, each rounded to
// bytes.
//
// Along an axis of n pixels that becomes m, output pixel i is the weighted mean of
// the input pixels j around c = (i + ½)·n/m, with the weights
// max(0, 1 − |j + ½ − c|/s), s = max(1, n/m), in fixed point with 22 bits.
func resize(src []uint8, from, to Shape) []uint8 {
	if from.W != to.W {
		wide := Shape{from.H, to.W, from.C}
		dst := make([]uint8, wide.Len())
		taps := weigh(from.W, to.W)
		for row := range from.C * from.H {
			in, out := src[row*from.W:][:from.W], dst[row*to.W:][:to.W]
			for x, t := range taps {
				sum := int32(half)
				for k, w := range t.weights {
					sum += int32(in[t.first+k]) * w
				}
				out[x] = narrow(sum)
			}
		}
		src, from = dst, wide
	}
	if from.H == to.H {
		return src
	}
	dst := make([]uint8, to.Len())
	taps := weigh(from.H, to.H)
	sums := make([]int32, to.W)
	for c := range from.C {
		in, out := src[c*from.plane():], dst[c*to.plane():]
		for y, t := range taps {
			for x := range sums {
				sums[x] = half
			}
			for k, w := range t.weights {
				row := in[(t.first+k)*to.W:][:to.W]
				for x, v := range row {
					sums[x] += int32(v) * w
				}
			}
			for x, sum := range sums {
				out[y*to.W+x] = narrow(sum)
			}
		}
	}
	return dst
}

// Weights have 22 bits behind the point.
const (
	weightBits = 22
	half       = 1 << (weightBits - 1)
)

func narrow(sum int32) uint8 { return uint8(min(max(sum>>weightBits, 0), 255)) }

// A tap is what one output pixel is made of: input pixels from first on.
type tap struct {
	first   int
	weights []int32
}

// weigh returns the taps of m pixels made of n.
func weigh(n, m int) []tap {
	taps := make([]tap, m)
	scale := float64(n) / float64(m)
	s := max(scale, 1)
	inverse := 1 / s
	real := make([]float64, 0, 2*int(math.Ceil(s))+1)
	for i := range taps {
		centre := (float64(i) + 0.5) * scale
		low, high := max(int(centre-s+0.5), 0), min(int(centre+s+0.5), n)
		sum := 0.0
		real = real[:0]
		for j := low; j < high; j++ {
			w := max(0, 1-math.Abs((float64(j)-centre+0.5)*inverse))
			real = append(real, w)
			sum += w
		}
		t := tap{low, make([]int32, len(real))}
		for k, w := range real {
			t.weights[k] = int32(0.5 + w/sum*(1<<weightBits))
		}
		taps[i] = t
	}
	return taps
}

// fit scales an image so that it just covers the size to, and crops the middle.
// For a square this is torchvision's Resize of the short side and CenterCrop:
// the long side becomes ⌊size·long/short⌋, and an offset of half a pixel is
// rounded to even.
func fit(src []uint8, from, to Shape) []uint8 {
	scaled := Shape{to.H, to.H * from.W / from.H, from.C}
	if scaled.W < to.W {
		scaled = Shape{to.W * from.H / from.W, to.W, from.C}
		scaled.H = max(scaled.H, to.H)
	}
	src = resize(src, from, scaled)
	if scaled == to {
		return src
	}
	top := int(math.RoundToEven(float64(scaled.H-to.H) / 2))
	left := int(math.RoundToEven(float64(scaled.W-to.W) / 2))
	dst := make([]uint8, 0, to.Len())
	for c := range to.C {
		for y := range to.H {
			at := c*scaled.plane() + (top+y)*scaled.W + left
			dst = append(dst, src[at:at+to.W]...)
		}
	}
	return dst
}
