package theme

import "fmt"

// An Ink is how a style looks in a picture. Colours are written as #rrggbb.
type Ink struct {
	Colour string
	Bold   bool
	Paper  string // behind the text; empty: the picture's own
}

// Inks returns the colour of the paper that pictures are drawn on, and the ink
// of every style.
func Inks(mode Mode) (paper string, inks []Ink) {
	paper, text := "#16181d", "#d7d7d7"
	if mode == Light {
		paper, text = "#ffffff", "#262626"
	}
	for _, l := range looks() {
		ink := Ink{Colour: l.colour(mode), Bold: l.bold}
		if ink.Colour == "" {
			ink.Colour = text
		}
		if l.faint {
			ink.Colour = between(ink.Colour, paper, 0.35)
		}
		if l.reverse {
			ink.Colour, ink.Paper = paper, ink.Colour
		}
		inks = append(inks, ink)
	}
	return paper, inks
}

// between mixes two colours: share 0 is a, 1 is b.
func between(a, b string, share float64) string {
	var x, y [3]int
	for i, s := range []*[3]int{&x, &y} {
		// Those of the theme are all of this form.
		_, _ = fmt.Sscanf([]string{a, b}[i], "#%02x%02x%02x", &s[0], &s[1], &s[2])
	}
	mix := func(i int) int { return int(float64(x[i])*(1-share) + float64(y[i])*share + 0.5) }
	return fmt.Sprintf("#%02x%02x%02x", mix(0), mix(1), mix(2))
}
