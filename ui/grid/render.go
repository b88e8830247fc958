package grid

import "strings"

// A Palette says how styles and runes become text.
type Palette struct {
	// On holds for each Style the escape sequence that starts it; Off ends any.
	On  []string
	Off string
	// Rune replaces runes that the terminal's font lacks by runes one cell
	// wide; nil keeps all.
	Rune func(rune) rune
}

// Render returns the grid as lines of exactly its width, separated by line
// feeds. Every line begins and ends in the plain style, so that a terminal may
// be sent any one of them alone.
func (g *Grid) Render(p Palette) string {
	var b strings.Builder
	b.Grow(g.height * (g.width*3 + 64))
	for y := range g.height {
		if y > 0 {
			b.WriteByte('\n')
		}
		style := Style(0)
		for _, c := range g.cells[y*g.width : (y+1)*g.width] {
			if c.Style != style {
				b.WriteString(p.change(style, c.Style))
				style = c.Style
			}
			switch {
			case c.Rune == follower:
				if p.Rune != nil {
					b.WriteByte(' ') // its wide rune was replaced by a narrow one
				}
			case c.Rune < 0x80 || p.Rune == nil:
				b.WriteRune(c.Rune)
			default:
				b.WriteRune(p.Rune(c.Rune))
			}
		}
		b.WriteString(p.change(style, 0))
	}
	return b.String()
}

// change returns what leads from one style to another.
func (p Palette) change(from, to Style) string {
	off, on := "", ""
	if int(from) < len(p.On) && p.On[from] != "" {
		off = p.Off
	}
	if int(to) < len(p.On) {
		on = p.On[to]
	}
	return off + on
}

// String returns the grid as plain text.
func (g *Grid) String() string { return g.Render(Palette{}) }
