package chart

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"espalier/ui/grid"
	"espalier/ui/series"
	"espalier/ui/theme"
)

// area is w by h cells over x from 0 to 1 and y from 0 to 1.
func area(w, h int) (*grid.Grid, Area) {
	return grid.New(w, h), Area{Rect: grid.Rect{W: w, H: h}, X: Axis{Lo: 0, Hi: 1}, Y: Axis{Lo: 0, Hi: 1}}
}

func points(ys ...float64) []series.Span {
	var spans []series.Span
	for i, y := range ys {
		spans = append(spans, series.Point(float64(i)/float64(max(len(ys)-1, 1)), y))
	}
	return spans
}

func TestCanvases(t *testing.T) {
	for _, c := range []struct {
		name  string
		tier  theme.Tier
		spans []series.Span
		want  string
	}{
		{"a rising line in braille", theme.Braille, points(0, 1), "" +
			"⠀⠀⡠⠊\n" +
			"⡠⠊⠀⠀"},
		{"a rising line of asciigraph", theme.Lines, points(0, 0.5, 1, 1), "" +
			" ╭──\n" +
			"╭╯  \n" +
			"╯   "},
		{"asciigraph in ASCII", theme.ASCII, points(0, 1, 1, 1), "" +
			"****\n" +
			"*   "},
		{"a single point", theme.Braille, points(0.5), "" +
			"⡀⠀⠀⠀\n" +
			"⠀⠀⠀⠀"},
		{"NaN breaks the line", theme.Braille, points(0, 0, math.NaN(), 0, 0), "" +
			"⠀⠀⠀⠀\n" +
			"⣀⡀⢀⣀"},
	} {
		w, h := 4, strings.Count(c.want, "\n")+1
		g, a := area(w, h)
		NewCanvas(c.tier).Draw(g, a, Curve{Spans: c.spans, Glyph: '*'})
		got := strings.ReplaceAll(g.String(), " ", "⠀")
		if want := strings.ReplaceAll(c.want, " ", "⠀"); got != want {
			t.Errorf("%s:\n%s\nwant\n%s", c.name, got, want)
		}
	}
}

// Two curves that share cells are united, unless one is to cover the other.
func TestCurvesThatShareCells(t *testing.T) {
	for _, c := range []struct {
		name  string
		curve Curve
		want  string
	}{
		{"united", Curve{}, "⣉"},
		{"covers other styles only", Curve{Covers: 2}, "⣉"},
		{"covers this one", Curve{Covers: 1}, "⣀"},
		{"covers all", Curve{Over: true}, "⣀"},
	} {
		g, a := area(1, 1)
		canvas := NewCanvas(theme.Braille)
		canvas.Draw(g, a, Curve{Spans: points(1, 1), Style: 1})
		c.curve.Spans, c.curve.Style = points(0, 0), 3
		canvas.Draw(g, a, c.curve)
		if got := g.String(); got != c.want || g.At(0, 0).Style != 3 {
			t.Errorf("%s: %q in style %d, want %q", c.name, got, g.At(0, 0).Style, c.want)
		}
	}
}

func TestASpikeBetweenColumnsIsDrawn(t *testing.T) {
	for _, tier := range theme.Tiers() {
		g, a := area(10, 5)
		spans := make([]series.Span, 10)
		for i := range spans {
			x := float64(i) / 9
			spans[i] = series.Span{First: x, Last: x, Min: 0, Max: 0.1, Sum: 1, Count: 20}
		}
		spans[4].Max = 1 // one of twenty points
		NewCanvas(tier).Draw(g, a, Curve{Spans: spans, Glyph: '*'})
		if top, _, _ := strings.Cut(g.String(), "\n"); strings.TrimSpace(top) == "" {
			t.Errorf("%s: the spike is lost:\n%s", tier, g.String())
		}
	}
}

func TestNonFiniteMarks(t *testing.T) {
	g, a := area(5, 3)
	NonFinite(g, a, points(0.5, math.NaN(), math.Inf(1), math.Inf(-1), 0.5), 0)
	if diff := cmp.Diff("  ▲  \n     \n × ▼ ", g.String()); diff != "" {
		t.Errorf("(−want +got):\n%s", diff)
	}
}

func TestTicks(t *testing.T) {
	for _, c := range []struct {
		axis Axis
		n    int
		want string
	}{
		{NewAxis(0, 1.5, false), 3, "0.0 0.5 1.0 1.5"},
		{NewAxis(0, 1080, false), 4, "0 500 1.0k"},
		{NewAxis(88.7, 92.3, false), 4, "89 90 91 92"},
		{NewAxis(0.1, 2, true), 4, "0.1 0.2 0.5 1 2"},
		{NewAxis(1, 1e6, true), 4, "1 100 10k 1M"},
		{NewAxis(-2, 2, false), 2, "−2 0 2"},
		{NewAxis(3, 3, false), 3, "2.8 3.0 3.2"},
		{NewAxis(math.NaN(), 1, false), 1, "0 1"},
	} {
		var labels []string
		for _, tick := range c.axis.Ticks(c.n) {
			labels = append(labels, tick.Label)
		}
		if got := strings.Join(labels, " "); got != c.want {
			t.Errorf("%+v, %d ticks: %q, want %q", c.axis, c.n, got, c.want)
		}
	}
}

// An axis maps its ends to 0 and 1 and back, for any range.
func TestAxisEnds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		log := rapid.Bool().Draw(t, "log")
		a := NewAxis(rapid.Float64().Draw(t, "lo"), rapid.Float64().Draw(t, "hi"), log)
		if !(a.Lo < a.Hi) || a.Log && a.Lo <= 0 {
			t.Fatalf("axis %+v", a)
		}
		if lo, hi := a.At(a.Lo), a.At(a.Hi); math.Abs(lo) > 1e-9 || math.Abs(hi-1) > 1e-9 {
			t.Fatalf("the ends of %+v lie at %v and %v", a, lo, hi)
		}
		if n := len(a.Ticks(5)); n > 30 {
			t.Fatalf("%d ticks on %+v", n, a)
		}
	})
}

// Whatever is drawn, nothing leaves the area.
func TestDrawingStaysInside(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, h := rapid.IntRange(1, 30).Draw(t, "w"), rapid.IntRange(1, 12).Draw(t, "h")
		g := grid.New(w+4, h+4)
		a := Area{Rect: grid.Rect{X: 2, Y: 2, W: w, H: h}, X: NewAxis(0, 10, false), Y: NewAxis(0, 1, false)}
		var spans []series.Span
		x := -20.0
		for range rapid.IntRange(0, 40).Draw(t, "points") {
			x += rapid.Float64Range(0, 5).Draw(t, "dx")
			spans = append(spans, series.Point(x, rapid.Float64().Draw(t, "y")))
		}
		canvas := NewCanvas(rapid.SampledFrom(theme.Tiers()).Draw(t, "tier"))
		canvas.Draw(g, a, Curve{Spans: spans, Glyph: '*', Style: 1})
		NonFinite(g, a, spans, 1)
		for y := range h + 4 {
			for x := range w + 4 {
				if c := g.At(x, y); !a.Rect.Contains(x, y) && c.Rune != ' ' {
					t.Fatalf("cell %d,%d outside the area holds %q", x, y, c.Rune)
				}
			}
		}
	})
}
