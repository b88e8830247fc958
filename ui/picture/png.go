package picture

import (
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"io"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gomono"
	"golang.org/x/image/font/gofont/gomonobold"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
	"golang.org/x/image/vector"

	"espalier/ui/grid"
	"espalier/ui/theme"
)

// zoom is how many pixels a unit has in each direction.
const zoom = 2

// instead replaces what the font of PNGs lacks and shapeOf does not draw.
var instead = map[rune]rune{'◌': '○', '↺': '«', '†': '+'}

// PNG writes the grid as a picture in the colours of a theme, two pixels a unit.
func PNG(w io.Writer, g *grid.Grid, mode theme.Mode) error {
	c, err := newCanvas(g.Bounds(), mode)
	if err != nil {
		return err
	}
	for y := range g.Bounds().H {
		for x := range g.Bounds().W {
			c.cell(x, y, g.At(x, y))
		}
	}
	return png.Encode(w, c.image)
}

// A canvas is the picture while it is drawn.
type canvas struct {
	image       *image.RGBA
	inks        []theme.Ink
	plain, bold font.Face
	raster      *vector.Rasterizer
}

func newCanvas(size grid.Rect, mode theme.Mode) (*canvas, error) {
	paper, inks := theme.Inks(mode)
	c := &canvas{inks: inks, raster: vector.NewRasterizer(0, 0)}
	c.image = image.NewRGBA(image.Rect(0, 0, zoom*(size.W*cellW+2*margin), zoom*(size.H*cellH+2*margin)))
	draw.Draw(c.image, c.image.Bounds(), image.NewUniform(parse(paper)), image.Point{}, draw.Src)
	for _, f := range []struct {
		face *font.Face
		ttf  []byte
	}{{&c.plain, gomono.TTF}, {&c.bold, gomonobold.TTF}} {
		parsed, err := opentype.Parse(f.ttf)
		if err != nil {
			return nil, fmt.Errorf("reading the font of pictures: %w", err)
		}
		if *f.face, err = opentype.NewFace(parsed, &opentype.FaceOptions{Size: fontSize * zoom, DPI: 72, Hinting: font.HintingFull}); err != nil {
			return nil, fmt.Errorf("preparing the font of pictures: %w", err)
		}
	}
	return c, nil
}

// cell draws one cell.
func (c *canvas) cell(x, y int, cell grid.Cell) {
	ink := c.inks[cell.Style]
	left, top := margin+x*cellW, margin+y*cellH
	if ink.Paper != "" {
		area := image.Rect(zoom*left, zoom*top, zoom*(left+cellW), zoom*(top+cellH))
		draw.Draw(c.image, area, image.NewUniform(parse(ink.Paper)), image.Point{}, draw.Src)
	}
	if cell.Rune == ' ' || cell.Rune < 0 {
		return
	}
	if s, ok := shapeOf(cell.Rune); ok {
		c.shape(s, float64(left), float64(top), parse(ink.Colour))
		return
	}
	r := cell.Rune
	if other, ok := instead[r]; ok {
		r = other
	}
	face := c.plain
	if ink.Bold {
		face = c.bold
	}
	d := font.Drawer{Dst: c.image, Src: image.NewUniform(parse(ink.Colour)), Face: face, Dot: fixed.P(zoom*left, int(zoom*(float64(top)+baseline)))}
	d.DrawString(string(r))
}

// shape fills boxes and polygons, antialiased.
func (c *canvas) shape(s shape, left, top float64, colour color.RGBA) {
	polygons := s.polygons
	for _, b := range s.boxes {
		polygons = append(polygons, []point{{b.x, b.y}, {b.x + b.w, b.y}, {b.x + b.w, b.y + b.h}, {b.x, b.y + b.h}})
	}
	area := image.Rect(int(zoom*left), int(zoom*top), int(zoom*(left+cellW)), int(zoom*(top+cellH)))
	c.raster.Reset(area.Dx(), area.Dy())
	for _, polygon := range polygons {
		for i, p := range polygon {
			if x, y := float32(zoom*p.x), float32(zoom*p.y); i == 0 {
				c.raster.MoveTo(x, y)
			} else {
				c.raster.LineTo(x, y)
			}
		}
		c.raster.ClosePath()
	}
	faded := color.NRGBA{colour.R, colour.G, colour.B, uint8(255*s.opacity + 0.5)}
	c.raster.Draw(c.image, area, image.NewUniform(faded), image.Point{})
}

// parse reads a colour written as #rrggbb.
func parse(colour string) color.RGBA {
	c := color.RGBA{A: 255}
	_, _ = fmt.Sscanf(colour, "#%02x%02x%02x", &c.R, &c.G, &c.B) // those of the theme are all of this form
	return c
}
