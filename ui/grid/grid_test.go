package grid

import (
	"strings"
	"testing"

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

func TestRenderWritesRunsOfEqualStyle(t *testing.T) {
	g := New(4, 2)
	g.Text(0, 0, "ab", 1, 4)
	g.Text(2, 0, "cd", 2, 4)
	g.Text(1, 1, "x…", 1, 2)
	p := Palette{On: []string{"", "<1>", "<2>"}, Off: "<0>", Rune: func(rune) rune { return '~' }}
	if got, want := g.Render(p), "<1>ab<0><2>cd<0>\n <1>x~<0> "; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
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
