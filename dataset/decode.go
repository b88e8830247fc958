package dataset

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	_ "image/gif" // these register their formats
	_ "image/jpeg"
	_ "image/png"

	_ "golang.org/x/image/bmp"
	_ "golang.org/x/image/webp"
)

// maxPixels bounds a picture: 64 megapixels, of which decoding takes up to eight
// bytes each.
const maxPixels = 64 << 20

// decodePicture returns a picture's pixels as [channels][height][width] of shape
// to. It turns the picture upright by its EXIF orientation, drops transparency,
// makes it grey if to has one channel, and then scales and crops it (see fit).
func decodePicture(file []byte, to Shape) (pixels []uint8, err error) {
	defer func() {
		// A folder may hold any file, and a decoder may panic on it.
		if v := recover(); v != nil {
			pixels, err = nil, fmt.Errorf("it is damaged: %v", v)
		}
	}()
	config, format, err := image.DecodeConfig(bytes.NewReader(file))
	if errors.Is(err, image.ErrFormat) {
		return nil, errors.New("it is not a PNG, JPEG, GIF, BMP or WebP")
	}
	if err != nil {
		return nil, fmt.Errorf("it is damaged: %w", err)
	}
	if w, h := config.Width, config.Height; w < 1 || h < 1 || w > maxPixels/h {
		return nil, fmt.Errorf("it has %d×%d pixels: at most %d megapixels are read", w, h, maxPixels>>20)
	}
	// Scaling the short side of a very long picture would make it huge.
	if short, long := min(config.Width, config.Height), max(config.Width, config.Height); long > 100*short {
		return nil, fmt.Errorf("it has %d×%d pixels: a picture may be at most 100 times as long as wide", config.Width, config.Height)
	}
	m, _, err := image.Decode(bytes.NewReader(file))
	if err != nil {
		return nil, fmt.Errorf("it is damaged: %w", err)
	}
	b := m.Bounds()
	from := Shape{b.Dy(), b.Dx(), to.C}
	if from.H != config.Height || from.W != config.Width {
		return nil, errors.New("it is damaged: its first frame has another size than it says")
	}
	pixels = spreadPixels(m, from, format)
	if format == "jpeg" {
		pixels, from = upright(pixels, from, orientation(file))
	}
	return fit(pixels, from, to), nil
}

// spreadPixels returns a picture's pixels as [channels][height][width].
func spreadPixels(m image.Image, s Shape, format string) []uint8 {
	out := make([]uint8, s.Len())
	plane, b := s.plane(), m.Bounds()
	at := pixelOf(m, format)
	i := 0
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			red, green, blue := at(x, y)
			if s.C == 1 {
				// Pillow's conversion to grey: ITU-R 601-2 in 16 bits.
				out[i] = uint8((uint32(red)*19595 + uint32(green)*38470 + uint32(blue)*7471 + 0x8000) >> 16)
			} else {
				out[i], out[plane+i], out[2*plane+i] = red, green, blue
			}
			i++
		}
	}
	return out
}

// pixelOf returns a function that gets a picture's colours. It drops
// transparency as Pillow's convert("RGB") does.
func pixelOf(m image.Image, format string) func(x, y int) (r, g, b uint8) {
	switch m := m.(type) {
	case *image.YCbCr:
		if format == "webp" {
			return func(x, y int) (r, g, b uint8) { return studio(m.YCbCrAt(x, y)) }
		}
		return func(x, y int) (r, g, b uint8) {
			c := m.YCbCrAt(x, y)
			return color.YCbCrToRGB(c.Y, c.Cb, c.Cr)
		}
	case *image.NYCbCrA: // of WebP alone
		return func(x, y int) (r, g, b uint8) { return studio(m.YCbCrAt(x, y)) }
	case *image.Gray:
		return func(x, y int) (r, g, b uint8) { v := m.GrayAt(x, y).Y; return v, v, v }
	case *image.NRGBA:
		return func(x, y int) (r, g, b uint8) { c := m.NRGBAAt(x, y); return c.R, c.G, c.B }
	case *image.RGBA: // opaque, as decoders use it
		return func(x, y int) (r, g, b uint8) { c := m.RGBAAt(x, y); return c.R, c.G, c.B }
	case *image.Paletted:
		var palette [256]color.NRGBA
		for i, c := range m.Palette {
			palette[i&255] = color.NRGBAModel.Convert(c).(color.NRGBA)
		}
		return func(x, y int) (r, g, b uint8) { c := palette[m.ColorIndexAt(x, y)]; return c.R, c.G, c.B }
	}
	return func(x, y int) (r, g, b uint8) {
		c := color.NRGBAModel.Convert(m.At(x, y)).(color.NRGBA)
		return c.R, c.G, c.B
	}
}

// studio turns a colour of WebP's lossy form into RGB. Its brightness runs from 16
// to 235 (RFC 6386, section 9.2), unlike JPEG's; the numbers are libwebp's.
func studio(c color.YCbCr) (r, g, b uint8) {
	high := func(v uint8, k int) int { return int(v) * k >> 8 }
	clip := func(v int) uint8 { return uint8(min(max(v>>6, 0), 255)) }
	y := high(c.Y, 19077)
	return clip(y + high(c.Cr, 26149) - 14234),
		clip(y - high(c.Cb, 6419) - high(c.Cr, 13320) + 8708),
		clip(y + high(c.Cb, 33050) - 17685)
}

// isLarge reports whether a picture has more than 16 megapixels.
func isLarge(file []byte) bool {
	c, _, err := image.DecodeConfig(bytes.NewReader(file))
	return err == nil && c.Height > 0 && c.Width > maxPixels/4/c.Height
}
