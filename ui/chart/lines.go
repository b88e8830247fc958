package chart

import (
	"math"
	"strings"

	"github.com/guptarohit/asciigraph"

	"espalier/ui/grid"
	"espalier/ui/series"
)

// lines draws with asciigraph: one value a column of cells, joined by
// box-drawing characters, or by the curve's glyph where the font lacks those.
type lines struct{ ascii bool }

func (lines) PerCell() int { return 1 }

func (l lines) Draw(g *grid.Grid, a Area, c Curve) {
	values, any := perColumn(a, c.Spans)
	if !any || a.Rect.Empty() {
		return
	}
	if a.Rect.H == 1 { // asciigraph's height is the number of intervals: at least 1
		for i, v := range values {
			if !math.IsNaN(v) {
				g.Set(a.Rect.X+i, a.Rect.Y, '─', c.Style)
			}
		}
		return
	}
	characters := asciigraph.DefaultCharSet
	if l.ascii {
		characters = asciigraph.CreateCharSet(string(c.Glyph))
	}
	// A point is drawn as the step from one value to the next, so n+1 values
	// fill n columns.
	values = append(values, values[len(values)-1])
	plot := asciigraph.Plot(values,
		asciigraph.Height(a.Rect.H-1),
		asciigraph.LowerBound(0), asciigraph.UpperBound(1),
		asciigraph.Offset(1),
		asciigraph.YAxisValueFormatter(func(float64) string { return "" }),
		asciigraph.SeriesChars(characters))
	for y, line := range strings.Split(plot, "\n") {
		for x, r := range []rune(line) {
			// Column 0 is asciigraph's own axis; ours is drawn already.
			if x > 0 && r != ' ' && x <= a.Rect.W && y < a.Rect.H {
				g.Set(a.Rect.X+x-1, a.Rect.Y+y, r, c.Style)
			}
		}
	}
}

// perColumn returns for each column of cells the position, 0 to 1, of the value
// shown there: of several the one farthest from the column before, so that
// spikes stay, and between two spans the straight line. Columns outside the
// spans and those of spans without finite values are NaN.
func perColumn(a Area, spans []series.Span) (values []float64, any bool) {
	values = make([]float64, a.Rect.W)
	for i := range values {
		values[i] = math.NaN()
	}
	previous, at := math.NaN(), 0
	for _, s := range spans {
		if s.Count == 0 {
			previous = math.NaN()
			continue
		}
		x := a.Column((s.First+s.Last)/2) - a.Rect.X
		v := a.Y.At(s.Mean())
		if lo, hi := a.Y.At(s.Min), a.Y.At(s.Max); lo != hi {
			v = hi
			if !math.IsNaN(previous) && math.Abs(lo-previous) > math.Abs(hi-previous) {
				v = lo
			}
		}
		v = min(max(v, 0), 1)
		if !math.IsNaN(previous) && x > at {
			for i := max(at+1, 0); i < min(x, len(values)); i++ {
				values[i] = previous + (v-previous)*float64(i-at)/float64(x-at)
				any = true
			}
		}
		if x >= 0 && x < len(values) {
			if old := values[x]; x != at || math.IsNaN(old) || math.Abs(v-previous) >= math.Abs(old-previous) {
				values[x] = v
			}
			any = true
		}
		previous, at = v, x
	}
	return values, any
}
