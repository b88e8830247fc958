// Package picture draws a grid of cells as a picture: SVG, or PNG for where
// that cannot be shown. Lines, blocks and braille are drawn from geometry and
// the rest as text, so that a picture looks the same whatever fonts there are.
package picture

import (
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"espalier/ui/grid"
	"espalier/ui/theme"
)

// margin is left free around the cells, in units.
const margin = 8

// fontSize gives monospaced fonts, whose advance is 0.6 of it, a cell's width.
const fontSize = 15

// baseline is where text stands, in units below a cell's upper side.
const baseline = 13.5

// SVG writes the grid as a picture in the colours of a theme. The title is read
// to those who cannot see it.
func SVG(w io.Writer, g *grid.Grid, mode theme.Mode, title string) error {
	size := g.Bounds()
	width, height := size.W*cellW+2*margin, size.H*cellH+2*margin
	paper, inks := theme.Inks(mode)
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="%d %d %d %d" role="img">`+"\n",
		width, height, -margin, -margin, width, height)
	fmt.Fprintf(&b, "<title>%s</title>\n", escape(title))
	writeStyles(&b, inks)
	fmt.Fprintf(&b, `<rect x="%d" y="%d" width="%d" height="%d" rx="6" fill="%s"/>`+"\n", -margin, -margin, width, height, paper)
	writeReversed(&b, g, inks)
	writeShapes(&b, g, inks)
	writeTexts(&b, g)
	b.WriteString("</svg>\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// writeStyles makes a class of each style: s0, s1, …
func writeStyles(b *strings.Builder, inks []theme.Ink) {
	fmt.Fprintf(b, "<style>\ntext{font:%dpx ui-monospace,Menlo,Consolas,'DejaVu Sans Mono','Liberation Mono',monospace;white-space:pre}\n", fontSize)
	for i, ink := range inks {
		bold := ""
		if ink.Bold {
			bold = ";font-weight:bold"
		}
		fmt.Fprintf(b, ".s%d{fill:%s%s}\n", i, ink.Colour, bold)
	}
	b.WriteString("</style>\n")
}

// writeReversed fills what lies behind reversed text.
func writeReversed(b *strings.Builder, g *grid.Grid, inks []theme.Ink) {
	size := g.Bounds()
	for y := range size.H {
		for x := 0; x < size.W; x++ {
			begin := x
			for x < size.W && inks[g.At(x, y).Style].Paper != "" {
				x++
			}
			if x > begin {
				fmt.Fprintf(b, `<rect x="%d" y="%d" width="%d" height="%d" fill="%s"/>`+"\n",
					begin*cellW, y*cellH, (x-begin)*cellW, cellH, inks[g.At(begin, y).Style].Paper)
			}
		}
	}
}

// A layer is what one path holds: boxes of one style and opacity.
type layer struct {
	style   grid.Style
	opacity float64
}

// writeShapes writes a path for each style and opacity. Boxes that touch along
// a row become one.
func writeShapes(b *strings.Builder, g *grid.Grid, inks []theme.Ink) {
	paths := map[layer]*strings.Builder{}
	open := map[layer][]box{} // boxes of the row that may still grow
	flush := func(l layer) {
		for _, r := range open[l] {
			fmt.Fprintf(paths[l], "M%s %sh%sv%sh%sz", number(r.x), number(r.y), number(r.w), number(r.h), number(-r.w))
		}
		open[l] = open[l][:0]
	}
	size := g.Bounds()
	for y := range size.H {
		for x := range size.W {
			c := g.At(x, y)
			s, ok := shapeOf(c.Rune)
			if !ok {
				continue
			}
			l := layer{c.Style, s.opacity}
			if paths[l] == nil {
				paths[l] = &strings.Builder{}
			}
			left, top := float64(x*cellW), float64(y*cellH)
			for _, r := range s.boxes {
				open[l] = grow(open[l], box{left + r.x, top + r.y, r.w, r.h})
			}
			for _, polygon := range s.polygons {
				for i, p := range polygon {
					fmt.Fprintf(paths[l], "%c%s %s", "ML"[min(i, 1)], number(left+p.x), number(top+p.y))
				}
				paths[l].WriteByte('z')
			}
		}
		for l := range open {
			flush(l)
		}
	}
	layers := slices.SortedFunc(maps.Keys(paths), func(a, b layer) int {
		if a.style != b.style {
			return int(a.style) - int(b.style)
		}
		return int(100 * (a.opacity - b.opacity))
	})
	for _, l := range layers {
		opacity := ""
		if l.opacity < 1 {
			opacity = fmt.Sprintf(` opacity="%s"`, number(l.opacity))
		}
		fmt.Fprintf(b, `<path class="s%d"%s d="%s"/>`+"\n", l.style, opacity, paths[l])
	}
}

// grow adds a box, or widens the one that it continues.
func grow(boxes []box, r box) []box {
	const touching = 1e-9
	for i := range boxes {
		o := &boxes[i]
		if o.y == r.y && o.h == r.h && o.x+o.w >= r.x-touching && o.x+o.w <= r.x+touching {
			o.w += r.w
			return boxes
		}
	}
	return append(boxes, r)
}

// writeTexts writes the rest as texts of one style without wide gaps, each as
// long as its cells, so that another font cannot shift what follows.
func writeTexts(b *strings.Builder, g *grid.Grid) {
	size := g.Bounds()
	for y := range size.H {
		for x := 0; x < size.W; {
			text, end := textAt(g, x, y)
			if text != "" {
				fmt.Fprintf(b, `<text class="s%d" x="%d" y="%s" textLength="%d">%s</text>`+"\n",
					g.At(x, y).Style, x*cellW, number(float64(y*cellH)+baseline), (end-x)*cellW, escape(text))
			}
			x = max(end, x+1)
		}
	}
}

// textAt returns the text that begins in a cell and the column behind it: cells
// of one style up to a shape or two blanks. It is empty where none begins.
func textAt(g *grid.Grid, x, y int) (text string, end int) {
	style := g.At(x, y).Style
	var runes []rune
	for end = x; end < g.Bounds().W; end++ {
		c := g.At(end, y)
		if _, drawn := shapeOf(c.Rune); drawn || c.Style != style {
			break
		}
		if c.Rune == ' ' && (len(runes) == 0 || g.At(end+1, y).Rune == ' ') {
			break
		}
		if c.Rune > 0 { // not the second half of a wide rune
			runes = append(runes, c.Rune)
		}
	}
	if n := len(runes); n > 0 && runes[n-1] == ' ' {
		return string(runes[:n-1]), end - 1
	}
	return string(runes), end
}

// number writes a coordinate with at most two digits behind the point.
func number(v float64) string {
	return strings.TrimRight(strings.TrimRight(strconv.FormatFloat(v, 'f', 2, 64), "0"), ".")
}

func escape(text string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text)) // a Builder does not fail
	return b.String()
}
