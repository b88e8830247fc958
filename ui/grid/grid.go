// Package grid is a screen made of cells: a rune and a style index each.
//
// Everything that is drawn goes into a Grid, and one pass at the end turns it
// into text of exactly its width and height. Drawing outside is ignored, so a
// pane may be given any rectangle. Coordinates are cells, x to the right and y
// down, from 0.
package grid

import "github.com/mattn/go-runewidth"

// A Style is an index into the palette that the grid is rendered with. Style 0
// is plain text.
type Style uint8

// A Cell is one position of the screen.
type Cell struct {
	Rune  rune
	Style Style
}

// follower marks the second cell of a rune that is two cells wide.
const follower rune = -1

// A Grid is a rectangle of cells. It is not safe for concurrent use.
type Grid struct {
	width, height int
	cells         []Cell
	widths        *runewidth.Condition

	// Spell, where it is set, rewrites every text before Text and Width take it, so
	// that a terminal without some glyph gets several characters for it.
	Spell func(string) string
}

// New returns a blank grid.
func New(width, height int) *Grid {
	g := &Grid{widths: &runewidth.Condition{}}
	g.Resize(width, height)
	return g
}

// Resize changes the size and blanks every cell.
func (g *Grid) Resize(width, height int) {
	g.width, g.height = max(width, 0), max(height, 0)
	if n := g.width * g.height; cap(g.cells) >= n {
		g.cells = g.cells[:n]
	} else {
		g.cells = make([]Cell, n)
	}
	g.clear()
}

// clear blanks every cell.
func (g *Grid) clear() {
	for i := range g.cells {
		g.cells[i] = Cell{Rune: ' '}
	}
}

// Bounds returns the whole grid.
func (g *Grid) Bounds() Rect { return Rect{W: g.width, H: g.height} }

// At returns a cell; outside the grid it is blank.
func (g *Grid) At(x, y int) Cell {
	if x < 0 || y < 0 || x >= g.width || y >= g.height {
		return Cell{Rune: ' '}
	}
	return g.cells[y*g.width+x]
}

// Set writes a rune that is one cell wide.
func (g *Grid) Set(x, y int, r rune, s Style) {
	if x < 0 || y < 0 || x >= g.width || y >= g.height {
		return
	}
	i := y*g.width + x
	g.mend(x, i)
	g.cells[i] = Cell{Rune: r, Style: s}
}

// mend blanks the other half of a wide rune whose half at index i, column x,
// is about to be overwritten.
func (g *Grid) mend(x, i int) {
	if g.cells[i].Rune == follower {
		g.cells[i-1].Rune = ' '
	}
	if x+1 < g.width && g.cells[i+1].Rune == follower {
		g.cells[i+1].Rune = ' '
	}
}

// Fill writes r into every cell of a rectangle.
func (g *Grid) Fill(area Rect, r rune, s Style) {
	area = area.Intersect(g.Bounds())
	for y := area.Y; y < area.Y+area.H; y++ {
		for x := area.X; x < area.X+area.W; x++ {
			g.Set(x, y, r, s)
		}
	}
}

// Text writes text from (x, y) into at most width cells and returns the number
// of cells used. A text that does not fit ends in an ellipsis. Control
// characters become spaces and combining marks are dropped, so that a foreign
// text cannot move the cursor or shift what stands beside it.
func (g *Grid) Text(x, y int, text string, s Style, width int) int {
	width = min(width, g.width-x)
	if width <= 0 || y < 0 || y >= g.height {
		return 0
	}
	text = g.spelled(text)
	room, cut := width, false
	if g.cellsOf(text) > width {
		room, cut = width-1, true
	}
	used := 0
	for _, r := range text {
		r, w := g.printable(r)
		if w == 0 {
			continue
		}
		if used+w > room {
			break
		}
		g.Set(x+used, y, r, s)
		if w == 2 {
			g.Set(x+used+1, y, ' ', s)
			if x+used >= 0 {
				g.cells[y*g.width+x+used+1].Rune = follower
			}
		}
		used += w
	}
	if cut {
		g.Set(x+used, y, '…', s)
		used++
	}
	return used
}

// Right writes text so that it ends before column end, in at most width cells,
// and returns the number of cells used.
func (g *Grid) Right(end, y int, text string, s Style, width int) int {
	n := min(g.Width(text), width)
	return g.Text(end-n, y, text, s, n)
}

// Width returns the number of cells that Text needs for a text.
func (g *Grid) Width(text string) int { return g.cellsOf(g.spelled(text)) }

func (g *Grid) spelled(text string) string {
	if g.Spell == nil {
		return text
	}
	return g.Spell(text)
}

// cellsOf returns the width of a text that is spelled already.
func (g *Grid) cellsOf(text string) int {
	n := 0
	for _, r := range text {
		_, w := g.printable(r)
		n += w
	}
	return n
}

// printable returns what is drawn for r and its width: 0, 1 or 2 cells.
func (g *Grid) printable(r rune) (rune, int) {
	if r >= ' ' && r < 0x7f {
		return r, 1
	}
	if r < ' ' || r >= 0x7f && r < 0xa0 {
		return ' ', 1
	}
	return r, g.widths.RuneWidth(r)
}
