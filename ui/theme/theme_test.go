package theme

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/charmbracelet/lipgloss"
	"github.com/muesli/termenv"

	"espalier/ui/grid"
)

func renderer(p termenv.Profile) *lipgloss.Renderer {
	r := lipgloss.NewRenderer(&strings.Builder{})
	r.SetColorProfile(p)
	return r
}

func TestPaletteOfEveryProfile(t *testing.T) {
	for _, c := range []struct {
		profile     termenv.Profile
		train, tabs string
	}{
		{termenv.TrueColor, "38;5;75", "7"}, // the same colour in fewer bytes
		{termenv.ANSI256, "38;5;75", "7"},
		{termenv.ANSI, "94", "7"},
		{termenv.Ascii, "", "7"}, // NO_COLOR: attributes only
	} {
		p := Palette(renderer(c.profile), Dark, Braille)
		if got, want := p.Looks[Series1], (grid.Look{Colour: c.train}); got != want {
			t.Errorf("profile %v: the first series looks %+v, want %+v", c.profile, got, want)
		}
		if got, want := p.Looks[Selected], (grid.Look{Attributes: c.tabs, Paper: true}); got != want {
			t.Errorf("profile %v: the selection looks %+v, want %+v", c.profile, got, want)
		}
		if p.Looks[Plain] != (grid.Look{}) {
			t.Errorf("profile %v: plain text looks %+v", c.profile, p.Looks[Plain])
		}
	}
}

// With 16 colours, too, curves are told apart from each other and from what was
// smoothed, and validation does not look like a failure.
func TestSixteenColoursTellCurvesApart(t *testing.T) {
	for _, mode := range []Mode{Dark, Light} {
		p := Palette(renderer(termenv.ANSI), mode, Braille)
		seen := map[grid.Look]int{}
		for _, style := range []int{int(Series1), int(Series2), int(Series3), int(Series4), int(Raw), int(Bad)} {
			if other, ok := seen[p.Looks[style]]; ok {
				t.Errorf("%s: styles %d and %d both look %+v", mode, other, style, p.Looks[style])
			}
			seen[p.Looks[style]] = style
		}
	}
}

// Text must reach the contrast that WCAG 2 asks of text (4.5), everything else
// that of graphics (3), apart from what is there to stay in the background.
func TestContrast(t *testing.T) {
	background := map[Mode]string{Dark: "#000000", Light: "#ffffff"}
	for mode, ground := range background {
		for i, l := range looks() {
			want := 3.0
			switch i := uint8(i); {
			case l.colour(mode) == "", l.faint:
				continue
			case i == uint8(Muted), i >= uint8(Focus) && i <= uint8(Bad):
				want = 4.5
			case i == uint8(Heat0), i == uint8(Border):
				want = 2
			}
			if got := contrast(l.colour(mode), ground); got < want {
				t.Errorf("%s, style %d: contrast %.2f of %s, want %.1f", mode, i, got, l.colour(mode), want)
			}
		}
	}
}

// Terminals with 256 colours have these levels in their colour cube and a
// ramp of greys; other colours would be replaced by a neighbour.
func TestColoursAreOnThe256Palette(t *testing.T) {
	known := map[string]int{}
	levels := []int{0x00, 0x5f, 0x87, 0xaf, 0xd7, 0xff}
	for i := range 24 {
		known[fmt.Sprintf("#%02[1]x%02[1]x%02[1]x", 8+10*i)] = 232 + i
	}
	for i := range 216 {
		known[fmt.Sprintf("#%02x%02x%02x", levels[i/36], levels[i/6%6], levels[i%6])] = 16 + i
	}
	for i, l := range looks() {
		for _, hex := range []string{l.dark, l.light} {
			if want, ok := known[hex]; hex != "" && (!ok || number(hex) != want) {
				t.Errorf("style %d: %s becomes colour %d, want %d (0: there is none)", i, hex, number(hex), want)
			}
		}
	}
}

func TestASCIITierIsASCII(t *testing.T) {
	fold := ASCII.Fold()
	for _, r := range "╭┏⣿▇Δ日…" {
		if got := fold(r); got >= 0x80 {
			t.Errorf("%c became %c", r, got)
		}
	}
}

// contrast is the contrast ratio of WCAG 2.
func contrast(a, b string) float64 {
	la, lb := luminance(a), luminance(b)
	return (max(la, lb) + 0.05) / (min(la, lb) + 0.05)
}

func luminance(hex string) float64 {
	sum := 0.0
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		v, _ := strconv.ParseInt(hex[1+2*i:3+2*i], 16, 0)
		c := float64(v) / 255
		if c <= 0.03928 {
			c /= 12.92
		} else {
			c = math.Pow((c+0.055)/1.055, 2.4)
		}
		sum += weight * c
	}
	return sum
}

func TestASCIISpelling(t *testing.T) {
	for text, want := range map[string]string{
		"plain":             "plain",
		"0.0012‥0.013":      "0.0012 to 0.013",
		"±0.37":             "+-0.37",
		"  ±0.00":           " +-0.00", // a column stays as wide as it is
		"2⁻¹⁰":              "2^-10",
		"10² 10⁻³":          "10^2 10^-3",
		"432 → 216":         "432 -> 216",
		"top-1 ≥ 90":        "top-1 >= 90",
		"≤ 3":               "<= 3",
		"quick · shapes10":  "quick | shapes10",
		"conv 3×3 · 16→32":  "conv 3×3 | 16->32",
		"being computed: …": "being computed: …",
		"−0.5":              "−0.5",
	} {
		if got := ASCII.Spell(text); got != want {
			t.Errorf("%q is spelled %q, want %q", text, got, want)
		}
		if got := Lines.Spell(text); got != text {
			t.Errorf("lines spell %q as %q", text, got)
		}
	}
}
