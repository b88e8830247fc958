// Package theme holds what the screen looks like: styles for dark and light
// terminals and without colour, and glyphs for fonts with and without braille.
//
// What a terminal can show is asked of a Lip Gloss renderer that is passed in.
// Styles are turned into the parameters of escape sequences once; the grid then
// writes those, which is some forty times faster than rendering each cell.
package theme

import (
	"fmt"
	"slices"
	"strings"

	"github.com/charmbracelet/lipgloss"
	"github.com/muesli/termenv"

	"espalier/ui/grid"
)

// The styles, as indices into a palette.
const (
	Plain      grid.Style = iota
	Muted                 // labels, units, axes
	Faint                 // empty parts of bars, things to come
	Strong                // values that matter most
	Border                // of a pane
	Focus                 // border and title of the pane that has the keys
	Title                 // of the other panes
	Key                   // a key in a hint
	Good                  // passed, done
	Warn                  // needs a look
	Bad                   // failed
	Cursor                // cursor lines and selected values
	Selected              // the selected row or tab
	Mark                  // round lines, targets, references
	Bar                   // the filled part of a bar
	Series1               // train; the first observer
	Series2               // validation; the second observer
	Series3               // the third observer
	Series4               // the fourth observer
	Raw                   // the unsmoothed curve behind a smoothed one
	Heat0                 // sparsity from low …
	Heat1                 //
	Heat2                 //
	Heat3                 //
	Heat4                 // … to high
	styleCount            //
)

// SeriesStyle returns the style of series i, counted from 0 and repeating.
func SeriesStyle(i int) grid.Style { return Series1 + grid.Style(i%4) }

// HeatStyle returns the style for a share from 0 to 1.
func HeatStyle(share float64) grid.Style {
	return Heat0 + grid.Style(min(max(int(share*5), 0), 4))
}

// A look is how one style appears on a dark and on a light background. The
// colours lie on the 256-colour palette, so that terminals with 256 colours
// show what terminals with 16 million show.
type look struct {
	dark, light          string
	basic                string // where there are 16 colours, if the nearest would mislead
	bold, faint, reverse bool
}

// looks returns the look of every style.
func looks() [styleCount]look {
	return [styleCount]look{
		Plain:    {},
		Muted:    {dark: "#8a8a8a", light: "#6c6c6c"},
		Faint:    {dark: "#626262", light: "#949494", faint: true},
		Strong:   {bold: true},
		Border:   {dark: "#626262", light: "#949494"},
		Focus:    {dark: "#5fd7af", light: "#00875f", bold: true},
		Title:    {dark: "#afafaf", light: "#585858"},
		Key:      {dark: "#5fd7af", light: "#00875f", bold: true},
		Good:     {dark: "#87d75f", light: "#008700"},
		Warn:     {dark: "#ffd75f", light: "#875f00", bold: true},
		Bad:      {dark: "#ff5f5f", light: "#d70000", bold: true},
		Cursor:   {dark: "#ffffff", light: "#000000", bold: true},
		Selected: {reverse: true},
		Mark:     {dark: "#767676", light: "#808080"},
		Bar:      {dark: "#5fafaf", light: "#008787"},
		Series1:  {dark: "#5fafff", light: "#005faf"},
		Series2:  {dark: "#ffaf5f", light: "#af5f00", basic: "3"},
		Series3:  {dark: "#87d787", light: "#008700"},
		Series4:  {dark: "#d787d7", light: "#870087"},
		Raw:      {dark: "#5f87af", light: "#5f87af", basic: "8", faint: true},
		Heat0:    {dark: "#5f5f87", light: "#87afaf", basic: "8"},
		Heat1:    {dark: "#5f87af", light: "#5f8787"},
		Heat2:    {dark: "#5fafaf", light: "#008787"},
		Heat3:    {dark: "#87d7af", light: "#005f5f"},
		Heat4:    {dark: "#d7ff87", light: "#000000"},
	}
}

// A Mode chooses colours for a background.
type Mode string

const (
	Dark  Mode = "dark"
	Light Mode = "light"
)

// Next returns the other mode.
func (m Mode) Next() Mode {
	if m == Dark {
		return Light
	}
	return Dark
}

// Palette returns how a terminal shows every style. A renderer without colours,
// as under NO_COLOR, yields bold, faint and reversed text instead. One with 16
// million colours is sent those of the 256-colour palette by their numbers: they
// are the same, and a frame has fewer bytes.
func Palette(r *lipgloss.Renderer, mode Mode, tier Tier) grid.Palette {
	profile := max(r.ColorProfile(), termenv.ANSI256) // finer profiles have lower numbers
	p := grid.Palette{Looks: make([]grid.Look, styleCount), Rune: tier.Fold()}
	for i, l := range looks() {
		p.Looks[i] = grid.Look{Attributes: l.attributes(profile == termenv.Ascii), Paper: l.reverse}
		colour := l.colour(mode)
		switch {
		case colour == "":
			continue
		case profile == termenv.ANSI && l.basic != "":
			colour = l.basic
		case profile == termenv.ANSI256:
			colour = fmt.Sprint(number(colour)) // termenv takes greys for colours
		}
		p.Looks[i].Colour = profile.Color(colour).Sequence(false)
	}
	return p
}

// number returns the number that a colour has among the 256: in the cube of six
// levels a channel, or on the ramp of greys.
func number(colour string) int {
	var c [3]int
	// Those of the theme are all of this form.
	_, _ = fmt.Sscanf(colour, "#%02x%02x%02x", &c[0], &c[1], &c[2])
	n := 16
	for i, weight := range []int{36, 6, 1} {
		level := slices.Index([]int{0x00, 0x5f, 0x87, 0xaf, 0xd7, 0xff}, c[i])
		if level < 0 {
			return 232 + (c[0]-8)/10
		}
		n += weight * level
	}
	return n
}

// attributes returns the parameters for what a look is besides its colour.
func (l look) attributes(colourless bool) string {
	var codes []string
	for _, a := range []struct {
		on   bool
		code string
	}{{l.bold, termenv.BoldSeq}, {l.faint && colourless, termenv.FaintSeq}, {l.reverse, termenv.ReverseSeq}} {
		if a.on {
			codes = append(codes, a.code)
		}
	}
	return strings.Join(codes, ";")
}

func (l look) colour(mode Mode) string {
	if mode == Light {
		return l.light
	}
	return l.dark
}
