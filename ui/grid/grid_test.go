package grid

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/mattn/go-runewidth"
	"pgregory.net/rapid"
)

func TestText(t *testing.T) {
	for _, c := range []struct {
		name, text string
		width      int
		want       string
		used       int
	}{
		{"fits exactly", "abcd", 4, "abcd  ", 4},
		{"too long ends in an ellipsis", "abcdef", 4, "abc…  ", 4},
		{"control characters become spaces", "a\x1b\tb", 6, "a  b  ", 4},
		{"combining marks are dropped", "e\u0301x", 6, "ex    ", 2},
		{"wide runes take two cells", "日本", 6, "日本  ", 4},
		{"a wide rune is not cut in half", "日本語", 4, "日…   ", 3},
		{"no room", "a", 0, "      ", 0},
	} {
		g := New(6, 1)
		if used := g.Text(0, 0, c.text, 0, c.width); used != c.used {
			t.Errorf("%s: used %d cells, want %d", c.name, used, c.used)
		}
		if got := g.String(); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestOverwritingHalfOfAWideRune(t *testing.T) {
	for x := range 2 {
		g := New(3, 1)
		g.Text(0, 0, "日", 0, 3)
		g.Set(x, 0, 'x', 0)
		if got, want := g.String(), []string{"x  ", " x "}[x]; got != want {
			t.Errorf("column %d: %q, want %q", x, got, want)
		}
	}
}

func TestRenderWritesLooksShortly(t *testing.T) {
	p := Palette{Looks: []Look{{}, {Colour: "31"}, {Colour: "32"}, {Attributes: "1", Colour: "31"}, {Attributes: "7", Paper: true}}}
	for _, c := range []struct {
		name  string
		cells string
		style []Style
		want  string
	}{
		{"a run is begun and ended once", "ab", []Style{1, 1}, "\x1b[31mab\x1b[m"},
		{"a colour replaces a colour", "ab", []Style{1, 2}, "\x1b[31ma\x1b[32mb\x1b[m"},
		{"bold adds to a colour", "ab", []Style{1, 3}, "\x1b[31ma\x1b[1mb\x1b[m"},
		{"nothing but a reset takes bold away", "ab", []Style{3, 1}, "\x1b[1;31ma\x1b[0;31mb\x1b[m"},
		{"blanks take the look before them", "a b c", []Style{1, 0, 1, 2, 0}, "\x1b[31ma b \x1b[mc"},
		{"blanks that show do not", "a b", []Style{1, 4, 1}, "\x1b[31ma\x1b[0;7m \x1b[0;31mb\x1b[m"},
		{"nor do those behind one", "a b", []Style{4, 0, 0}, "\x1b[7ma\x1b[m b"},
	} {
		g := New(len(c.cells), 1)
		for x, r := range c.cells {
			g.Set(x, 0, r, c.style[x])
		}
		if got := g.Render(p); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	p.Rune = func(rune) rune { return '~' }
	g := New(2, 1)
	g.Text(0, 0, "x…", 0, 2)
	if got := g.Render(p); got != "x~" {
		t.Errorf("got %q", got)
	}
}

// A terminal that is sent any line of a grid shows what the grid holds: as it
// understands SGR sequences, but for the look of blanks that does not show.
func TestATerminalShowsTheGrid(t *testing.T) {
	looks := []Look{{}, {Colour: "31"}, {Colour: "38;5;79"}, {Attributes: "1"}, {Attributes: "1", Colour: "31"},
		{Attributes: "2", Colour: "31"}, {Attributes: "7", Paper: true}, {Attributes: "1;7", Colour: "31", Paper: true}}
	rapid.Check(t, func(t *rapid.T) {
		g := New(rapid.IntRange(1, 30).Draw(t, "width"), 2)
		for y := range 2 {
			for x := range g.width {
				g.Set(x, y, rapid.SampledFrom([]rune("a ─")).Draw(t, "rune"), Style(rapid.IntRange(0, len(looks)).Draw(t, "style")))
			}
		}
		for y, line := range strings.Split(g.Render(Palette{Looks: looks}), "\n") {
			x, attributes, colour := 0, "", ""
			for rest := line; rest != ""; {
				if codes, behind, ok := strings.Cut(strings.TrimPrefix(rest, "\x1b["), "m"); ok && rest[0] == '\x1b' {
					rest = behind
					codes, was := strings.CutPrefix(codes, "0;")
					if was || codes == "" {
						attributes, colour = "", ""
					}
					for part := range strings.SplitSeq(strings.Replace(codes, "38;5;", "38:5:", 1), ";") {
						switch {
						case len(part) == 1:
							attributes = strings.TrimPrefix(attributes+";"+part, ";")
						case part != "":
							colour = strings.ReplaceAll(part, ":", ";")
						}
					}
					continue
				}
				r, n := utf8.DecodeRuneInString(rest)
				rest = rest[n:]
				want := Palette{Looks: looks}.look(g.At(x, y).Style)
				shows := r != ' ' || want.Paper || strings.Contains(attributes, "7")
				if r != g.At(x, y).Rune || shows && (attributes != want.Attributes || colour != want.Colour) {
					t.Fatalf("%q: column %d is %c with attributes %q and colour %q, want %c with %+v", line, x, r, attributes, colour, g.At(x, y).Rune, want)
				}
				x++
			}
			if x != g.width || attributes != "" || colour != "" {
				t.Fatalf("%q: %d columns, want %d, and ends with attributes %q and colour %q", line, x, g.width, attributes, colour)
			}
		}
	})
}

// Whatever is drawn wherever, a grid is as wide and high as it says.
func TestExactSize(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, h := rapid.IntRange(0, 20).Draw(t, "width"), rapid.IntRange(1, 6).Draw(t, "height")
		g := New(w, h)
		coordinate := rapid.IntRange(-5, 25)
		for range rapid.IntRange(0, 12).Draw(t, "texts") {
			x, y := coordinate.Draw(t, "x"), coordinate.Draw(t, "y")
			g.Text(x, y, rapid.StringOf(rapid.SampledFrom([]rune("ab日本\té\x00👍"))).Draw(t, "text"), 0, coordinate.Draw(t, "room"))
			g.Fill(Rect{x, y, 2, 2}, 'x', 0)
		}
		lines := strings.Split(g.String(), "\n")
		if len(lines) != h {
			t.Fatalf("%d lines, want %d", len(lines), h)
		}
		measure := &runewidth.Condition{}
		for _, line := range lines {
			n := 0
			for _, r := range line {
				n += measure.RuneWidth(r)
			}
			if n != w {
				t.Fatalf("line %q has %d cells, want %d", line, n, w)
			}
		}
	})
}

func TestRectCuts(t *testing.T) {
	r := Rect{2, 3, 10, 6}
	left, right := r.Left(4)
	top, below := right.Top(99)
	if left != (Rect{2, 3, 4, 6}) || right != (Rect{6, 3, 6, 6}) || top != right || !below.Empty() {
		t.Errorf("left %v, right %v, top %v, below %v", left, right, top, below)
	}
}
