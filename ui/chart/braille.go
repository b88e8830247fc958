package chart

import (
	"math"

	"espalier/ui/grid"
)

// braille draws with the eight dots of a braille cell: two columns by four rows
// a cell. Where curves share a cell their dots are united in the later one's
// style, unless that one replaces them.
type braille struct {
	width, height int // in dots
	dots          []byte
}

// firstBraille is the empty pattern; the low eight bits of the others tell
// which dots are raised (Unicode 16, chapter 21.1).
const firstBraille = '\u2800'

// dot[y][x] is the bit of a dot within its cell.
var dot = [4][2]byte{{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}}

func (*braille) PerCell() int { return 2 }

func (b *braille) Draw(g *grid.Grid, a Area, c Curve) {
	if a.Rect.Empty() {
		return
	}
	b.reset(a.Rect.W, a.Rect.H)
	px, py, connected := 0, 0, false
	for _, s := range c.Spans {
		if s.Count == 0 {
			connected = false
			continue
		}
		x := place(a.X.At((s.First+s.Last)/2), b.width)
		y := b.row(a.Y.At(s.Mean()))
		b.line(x, b.row(a.Y.At(s.Min)), x, b.row(a.Y.At(s.Max)))
		if connected {
			b.line(px, py, x, y)
		}
		px, py, connected = x, y, true
	}
	b.stamp(g, a.Rect, c)
}

// row returns the row of dots of a position, counted from the top and kept near
// the area, so that lines to far values stay short.
func (b *braille) row(t float64) int {
	return min(max(b.height-1-place(t, b.height), -b.height), 2*b.height)
}

func (b *braille) reset(w, h int) {
	b.width, b.height = 2*w, 4*h
	if n := w * h; cap(b.dots) < n {
		b.dots = make([]byte, n)
	} else {
		b.dots = b.dots[:n]
		clear(b.dots)
	}
}

// line raises the dots from one point to another.
func (b *braille) line(x0, y0, x1, y1 int) {
	if max(x0, x1) < 0 || min(x0, x1) >= b.width {
		return
	}
	dx, dy := x1-x0, y1-y0
	steps := max(dx, -dx, dy, -dy)
	first, last := 0, steps
	if steps > 0 && dx != 0 { // skip what lies left and right of the area
		enter, leave := float64(-x0)/float64(dx), float64(b.width-1-x0)/float64(dx)
		if enter > leave {
			enter, leave = leave, enter
		}
		first = max(first, int(math.Floor(enter*float64(steps)))-1)
		last = min(last, int(math.Ceil(leave*float64(steps)))+1)
	}
	for i := first; i <= last; i++ {
		t := 0.0
		if steps > 0 {
			t = float64(i) / float64(steps)
		}
		b.raise(x0+int(math.Round(t*float64(dx))), y0+int(math.Round(t*float64(dy))))
	}
}

func (b *braille) raise(x, y int) {
	if x >= 0 && y >= 0 && x < b.width && y < b.height {
		b.dots[y/4*(b.width/2)+x/2] |= dot[y%4][x%2]
	}
}

// stamp writes the dots into the grid.
func (b *braille) stamp(g *grid.Grid, r grid.Rect, c Curve) {
	for i, bits := range b.dots {
		if bits == 0 {
			continue
		}
		x, y := r.X+i%r.W, r.Y+i/r.W
		old := g.At(x, y)
		covered := c.Over || c.Covers != 0 && old.Style == c.Covers
		if !covered && old.Rune > firstBraille && old.Rune <= firstBraille+0xff {
			bits |= byte(old.Rune - firstBraille)
		}
		g.Set(x, y, firstBraille+rune(bits), c.Style)
	}
}
