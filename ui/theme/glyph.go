package theme

import (
	"strings"

	"espalier/ui/grid"
)

// A Tier is a set of glyphs that a terminal's font can show.
type Tier string

const (
	Braille Tier = "braille" // eight dots a cell for curves
	Lines   Tier = "lines"   // box drawing and block elements
	ASCII   Tier = "ascii"
)

// Tiers returns all tiers, the finest first.
func Tiers() []Tier { return []Tier{Braille, Lines, ASCII} }

// Next returns the next coarser tier, after the coarsest the finest.
func (t Tier) Next() Tier {
	switch t {
	case Braille:
		return Lines
	case Lines:
		return ASCII
	}
	return Braille
}

// Frame draws the border of a pane; the focused pane's is heavy, so that the
// focus shows without colour.
func Frame(g *grid.Grid, r grid.Rect, focused bool) {
	if r.W < 2 || r.H < 2 {
		return
	}
	glyphs, style := []rune("╭╮╰╯─│"), Border
	if focused {
		glyphs, style = []rune("┏┓┗┛━┃"), Focus
	}
	top, bottom, left, right := r.Y, r.Y+r.H-1, r.X, r.X+r.W-1
	for x := left + 1; x < right; x++ {
		g.Set(x, top, glyphs[4], style)
		g.Set(x, bottom, glyphs[4], style)
	}
	for y := top + 1; y < bottom; y++ {
		g.Set(left, y, glyphs[5], style)
		g.Set(right, y, glyphs[5], style)
	}
	g.Set(left, top, glyphs[0], style)
	g.Set(right, top, glyphs[1], style)
	g.Set(left, bottom, glyphs[2], style)
	g.Set(right, bottom, glyphs[3], style)
}

// HeatGlyph returns a shade for a share from 0 to 1, darker for more, so that
// heat shows without colour.
func HeatGlyph(share float64) rune {
	return []rune("·░▒▓█")[min(max(int(share*5), 0), 4)]
}

// Fold returns the function that replaces every rune the tier lacks by one that
// it has, or nil when it has all that the screen draws.
func (t Tier) Fold() func(rune) rune {
	if t != ASCII {
		return nil
	}
	table := map[rune]rune{
		'─': '-', '━': '=', '│': '|', '┃': '|', '┊': ':', '┆': ':', '╌': '-', '┄': '-',
		'╭': '+', '╮': '+', '╰': '+', '╯': '+', '┏': '+', '┓': '+', '┗': '+', '┛': '+',
		'┤': '|', '├': '|', '┬': '+', '┴': '+', '└': '+', '┼': '+', '╴': '-', '╶': '-',
		'▕': '[', '▏': ']', '▌': '#', '▐': ' ', '█': '#', '▉': '#', '▊': '#', '▋': '#', '▍': '.', '▎': '.',
		'▁': '_', '▂': '_', '▃': '.', '▄': ':', '▅': '=', '▆': '=', '▇': '#',
		'░': '.', '▒': '+', '▓': '*', '·': '.', '•': '*', '●': '*', '◌': 'o', '○': 'o', '◆': '*',
		'‖': '=', '✓': '+', '✗': 'x', '×': 'x', '↺': '<', '▸': '>', '▾': 'v', '▲': '^', '▼': 'v', '→': '>', '↑': '^', '↓': 'v',
		'←': '<', '…': '~', '−': '-', '–': '-', 'Δ': 'd', '⠤': '-', '†': '!', 'µ': 'u',
	}
	return func(r rune) rune {
		if s, ok := table[r]; ok {
			return s
		}
		return '?'
	}
}

// Spell writes in several characters what the tier lacks a single one for: a
// range, a tolerance, a power, an arrow. Fold replaces the rest cell by cell.
func (t Tier) Spell(text string) string {
	if t != ASCII {
		return text
	}
	return superscripts(spelling.Replace(text))
}

// spelling begins with what takes a blank of the padding away with it, so that a
// column stays as wide as it is.
var spelling = strings.NewReplacer("  ±", " +-", "±", "+-", "‥", " to ", "→", "->", "←", "<-", "≥", ">=", "≤", "<=", " · ", " | ")

// superscripts writes 2⁻⁹ as 2^-9.
func superscripts(text string) string {
	const raised, plain = "⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-"
	if !strings.ContainsAny(text, raised) {
		return text
	}
	var b strings.Builder
	inside := false
	for _, r := range text {
		i := strings.IndexRune(raised, r)
		if i >= 0 && !inside {
			b.WriteByte('^')
		}
		if inside = i >= 0; inside {
			b.WriteByte(plain[len([]rune(raised[:i]))])
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}
