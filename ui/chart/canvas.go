package chart

import (
	"math"

	"espalier/ui/grid"
	"espalier/ui/series"
	"espalier/ui/theme"
)

// An Area is where data is drawn: the cells of Rect with the axes' lower ends
// at the left and bottom.
type Area struct {
	Rect grid.Rect
	X, Y Axis
}

// Column returns the column of cells that holds x; it may lie outside.
func (a Area) Column(x float64) int { return a.Rect.X + place(a.X.At(x), a.Rect.W) }

// Row returns the row of cells that holds y; it may lie outside.
func (a Area) Row(y float64) int { return a.Rect.Y + a.Rect.H - 1 - place(a.Y.At(y), a.Rect.H) }

// At returns the x in the middle of a column of cells.
func (a Area) At(column int) float64 {
	if a.Rect.W < 2 {
		return a.X.Lo
	}
	return a.X.Value(float64(column-a.Rect.X) / float64(a.Rect.W-1))
}

// place returns which of n equal places holds position t: the first place is
// centred on 0 and the last on 1. Positions far outside stay far outside.
func place(t float64, n int) int {
	v := math.Round(t * float64(n-1))
	return int(min(max(v, -1e6), 1e6))
}

// A Curve is a series reduced to spans in order of x. From one span to the next
// a line is drawn through their means; a span of several values is drawn from
// its minimum to its maximum.
type Curve struct {
	Spans []series.Span
	Style grid.Style
	Over  bool // replaces what its cells hold; otherwise the dots are united
	// Covers is the style of curves that it replaces all the same, plain for
	// none: united, theirs would look like its own.
	Covers grid.Style
	Glyph  rune // draws the curve where only ASCII is left to tell curves apart
}

// A Canvas draws curves over what an area already holds.
type Canvas interface {
	Draw(g *grid.Grid, a Area, c Curve)
	// PerCell is how many spans fit side by side in a cell.
	PerCell() int
}

// NewCanvas returns the canvas for a tier: braille dots, or asciigraph's lines.
func NewCanvas(t theme.Tier) Canvas {
	if t == theme.Braille {
		return &braille{}
	}
	return lines{ascii: t == theme.ASCII}
}

// NonFinite marks spans that hold NaN or infinities: × on the bottom row, ▲ on
// the top row and ▼ on the bottom row.
func NonFinite(g *grid.Grid, a Area, spans []series.Span, style grid.Style) {
	for _, s := range spans {
		x := a.Column(s.First)
		if s.Bad() == 0 || x < a.Rect.X || x >= a.Rect.X+a.Rect.W {
			continue
		}
		bottom := a.Rect.Y + a.Rect.H - 1
		switch {
		case s.NaN > 0:
			g.Set(x, bottom, '×', style)
		case s.Up > 0:
			g.Set(x, a.Rect.Y, '▲', style)
		case s.Down > 0:
			g.Set(x, bottom, '▼', style)
		}
	}
}

// Level draws a horizontal reference line where the area is still blank.
func Level(g *grid.Grid, a Area, y float64, r rune, style grid.Style) {
	row := a.Row(y)
	if row < a.Rect.Y || row >= a.Rect.Y+a.Rect.H {
		return
	}
	for x := a.Rect.X; x < a.Rect.X+a.Rect.W; x++ {
		if g.At(x, row).Rune == ' ' {
			g.Set(x, row, r, style)
		}
	}
}

// Upright draws a vertical line where the area is still blank.
func Upright(g *grid.Grid, a Area, x float64, r rune, style grid.Style) {
	column := a.Column(x)
	if column < a.Rect.X || column >= a.Rect.X+a.Rect.W {
		return
	}
	for y := a.Rect.Y; y < a.Rect.Y+a.Rect.H; y++ {
		if g.At(column, y).Rune == ' ' {
			g.Set(column, y, r, style)
		}
	}
}
