package theme

import (
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/charmbracelet/lipgloss"
	"github.com/muesli/termenv"
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
		{termenv.TrueColor, "\x1b[38;2;95;175;255m", "\x1b[7m"},
		{termenv.ANSI256, "\x1b[38;5;75m", "\x1b[7m"},
		{termenv.Ascii, "", "\x1b[7m"}, // NO_COLOR: attributes only
	} {
		p := Palette(renderer(c.profile), Dark, Braille)
		if got := p.On[Series1]; got != c.train {
			t.Errorf("profile %v: first series starts with %q, want %q", c.profile, got, c.train)
		}
		if got := p.On[Selected]; got != c.tabs {
			t.Errorf("profile %v: selection starts with %q, want %q", c.profile, got, c.tabs)
		}
		if p.On[Plain] != "" {
			t.Errorf("profile %v: plain text starts with %q", c.profile, p.On[Plain])
		}
	}
}

// With 16 colours, too, curves are told apart from each other and from what was
// smoothed, and validation does not look like a failure.
func TestSixteenColoursTellCurvesApart(t *testing.T) {
	for _, mode := range []Mode{Dark, Light} {
		p := Palette(renderer(termenv.ANSI), mode, Braille)
		seen := map[string]int{}
		for _, style := range []int{int(Series1), int(Series2), int(Series3), int(Series4), int(Raw), int(Bad)} {
			if other, ok := seen[p.On[style]]; ok {
				t.Errorf("%s: styles %d and %d both start with %q", mode, other, style, p.On[style])
			}
			seen[p.On[style]] = style
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
	levels := "00 5f 87 af d7 ff"
	for i, l := range looks() {
		for _, hex := range []string{l.dark, l.light} {
			if hex == "" {
				continue
			}
			r, g, b := hex[1:3], hex[3:5], hex[5:7]
			v, _ := strconv.ParseInt(r, 16, 0)
			grey := r == g && g == b && (v-8)%10 == 0
			cube := strings.Contains(levels, r) && strings.Contains(levels, g) && strings.Contains(levels, b)
			if !grey && !cube {
				t.Errorf("style %d: %s is not on the palette", i, hex)
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
