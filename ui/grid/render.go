package grid

import "strings"

// A Look is how a terminal shows a style: the parameters of its SGR sequences
// (ECMA-48, 8.3.117).
type Look struct {
	Attributes string // as "1" for bold; empty for none
	Colour     string // as "38;5;79"; empty for the terminal's own
	Paper      bool   // even a blank shows it
}

// A Palette says how styles and runes become text.
type Palette struct {
	// Looks holds the look of each Style; those beyond its end are plain.
	Looks []Look
	// Rune replaces runes that the terminal's font lacks by runes one cell
	// wide; nil keeps all.
	Rune func(rune) rune
}

// Render returns the grid as lines of exactly its width, separated by line
// feeds. Every line begins and ends in the plain style, so that a terminal may
// be sent any one of them alone. What is written is as short as it can plainly
// be, since it may have far to go: a blank takes the look of what stands before
// it unless that would show, and a look is reached by what it adds to the one
// before.
func (g *Grid) Render(p Palette) string {
	var b strings.Builder
	b.Grow(g.height * (g.width*3 + 64))
	for y := range g.height {
		if y > 0 {
			b.WriteByte('\n')
		}
		var look Look
		for _, c := range g.cells[y*g.width : (y+1)*g.width] {
			if next := p.look(c.Style); next != look && (c.Rune != ' ' || next.Paper || look.Paper) {
				look.change(&b, next)
				look = next
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
		look.change(&b, Look{})
	}
	return b.String()
}

func (p Palette) look(s Style) Look {
	if int(s) < len(p.Looks) {
		return p.Looks[s]
	}
	return Look{}
}

// change writes what leads from a look to another.
func (l Look) change(b *strings.Builder, to Look) {
	switch {
	case l == to:
		return
	case to.Attributes == "" && to.Colour == "":
		b.WriteString("\x1b[m")
		return
	}
	b.WriteString("\x1b[")
	if l.Attributes != "" && l.Attributes != to.Attributes || l.Colour != "" && to.Colour == "" {
		b.WriteString("0;") // nothing else takes away
		l = Look{}
	}
	if l.Attributes != to.Attributes {
		b.WriteString(to.Attributes)
		if l.Colour != to.Colour {
			b.WriteByte(';')
		}
	}
	if l.Colour != to.Colour {
		b.WriteString(to.Colour)
	}
	b.WriteByte('m')
}

// String returns the grid as plain text.
func (g *Grid) String() string { return g.Render(Palette{}) }
