package ui

import (
	"fmt"
	"math"

	"espalier/ui/grid"
	"espalier/ui/theme"
)

// A pen writes texts of several styles one after another into a row.
type pen struct {
	g      *grid.Grid
	x, y   int
	column int // the first that is not written to
}

// row returns a pen at the start of a row of a rectangle.
func row(g *grid.Grid, r grid.Rect, i int) *pen {
	if i < 0 || i >= r.H {
		return &pen{g: g} // without room, it writes nothing
	}
	return &pen{g: g, x: r.X, y: r.Y + i, column: r.X + r.W}
}

// put writes a text and moves to its end.
func (p *pen) put(style grid.Style, text string) *pen {
	p.x += p.g.Text(p.x, p.y, text, style, p.column-p.x)
	return p
}

// putf writes a formatted text.
func (p *pen) putf(style grid.Style, format string, args ...any) *pen {
	return p.put(style, fmt.Sprintf(format, args...))
}

// fact writes a label and a value if both fit. Otherwise the pen writes nothing
// more: half a number would mislead.
func (p *pen) fact(label string, style grid.Style, value string) *pen {
	if !p.fits(label + value) {
		p.column = p.x
		return p
	}
	return p.put(theme.Muted, label).put(style, value)
}

// fits reports whether a text would not be cut.
func (p *pen) fits(text string) bool { return p.g.Width(text) <= p.column-p.x }

// skip leaves n cells blank.
func (p *pen) skip(n int) *pen {
	p.x += n
	return p
}

// A piece is a text in one style.
type piece struct {
	style grid.Style
	text  string
}

// box draws a pane's border with its title at the left and, at the right, the
// first of the given texts that fits. It returns the inside.
func box(g *grid.Grid, r grid.Rect, focused bool, left []piece, right ...string) grid.Rect {
	theme.Frame(g, r, focused)
	style, border := theme.Title, theme.Border
	if focused {
		style, border = theme.Focus, theme.Focus
	}
	p := row(g, r, 0).skip(2)
	p.column -= 2
	for i, l := range left {
		if i == 0 {
			p.put(border, " ").put(style, l.text).put(border, " ")
			continue
		}
		if !p.fits(l.text + " ") {
			break
		}
		p.put(l.style, l.text).put(border, " ")
	}
	for _, text := range right {
		if w := g.Width(text); text != "" && w+2 <= p.column-p.x-1 {
			g.Right(r.X+r.W-2, r.Y, " "+text+" ", theme.Muted, w+2)
			break
		}
	}
	return r.Inset(1, 1)
}

// beyond writes into a pane's bottom border how many of n rows are above and
// below the visible ones: height rows from first on.
func beyond(g *grid.Grid, r grid.Rect, first, height, n int) {
	text := ""
	if first > 0 {
		text = fmt.Sprintf(" ↑ %d", first)
	}
	if below := n - first - height; below > 0 {
		text += fmt.Sprintf(" ↓ %d", below)
	}
	if text == "" {
		return
	}
	w := g.Width(text) + 1
	g.Right(r.X+r.W-2, r.Y+r.H-1, text+" ", theme.Muted, w)
}

// bar draws a bar of width cells for a share from 0 to 1, exact to an eighth of
// a cell, with a mark at target when that is above 0.
func bar(g *grid.Grid, x, y, width int, share, target float64, style grid.Style) {
	if width <= 2 {
		return
	}
	inner := width - 2
	g.Set(x, y, '▕', theme.Faint)
	g.Set(x+width-1, y, '▏', theme.Faint)
	share = min(max(share, 0), 1)
	if math.IsNaN(share) {
		share = 0
	}
	eighths := int(math.Round(share * float64(8*inner)))
	for i := range inner {
		switch rest := eighths - 8*i; {
		case rest >= 8:
			g.Set(x+1+i, y, '█', style)
		case rest > 0:
			g.Set(x+1+i, y, []rune(" ▎▎▍▌▋▊▉")[rest], style) // ▏ is the bar's end
		default:
			g.Set(x+1+i, y, ' ', style)
		}
	}
	if target > 0 && target <= 1 {
		if i := int(target * float64(inner)); 8*i >= eighths && i < inner {
			g.Set(x+1+i, y, '┆', theme.Mark)
		}
	}
}

// centred writes lines in the middle of a rectangle.
func centred(g *grid.Grid, r grid.Rect, style grid.Style, lines ...string) {
	y := r.Y + (r.H-len(lines))/2
	for i, text := range lines {
		w := min(g.Width(text), r.W)
		if y+i >= r.Y && y+i < r.Y+r.H {
			g.Text(r.X+(r.W-w)/2, y+i, text, style, w)
		}
	}
}

// window returns the first of n rows to show in height rows so that selected is
// visible, moving first as little as possible.
func window(first, selected, n, height int) int {
	if selected < first {
		first = selected
	}
	if selected >= first+height {
		first = selected - height + 1
	}
	return max(min(first, n-height), 0)
}
