package ui

import (
	"slices"

	"espalier/compress/pipeline"
	"espalier/internal/plural"
	"espalier/ui/chart"
	"espalier/ui/grid"
	"espalier/ui/theme"
)

// drawActivations draws the histogram of the layer's output, its counts on a
// logarithmic axis: most activations are zero, and the few large ones matter.
func (p *scalesPane) drawActivations(g *grid.Grid, r grid.Rect, q pipeline.Scales) {
	a := q.Activation
	foot, r := r.Bottom(min(2, max(r.H-4, 1)))
	w := row(g, foot, 0).skip(1).put(theme.Muted, "range ").putf(theme.Strong, "%s‥%s", significant(a.Min), significant(a.Max))
	w.put(theme.Muted, "  scale ").put(theme.Strong, significant(a.Scale)).put(theme.Muted, "  zero point ").putf(theme.Strong, "%d", a.ZeroPoint)
	row(g, foot, 1).skip(1).putf(theme.Muted, "observed on %s, %s", plural.Count(q.Images, "image"), origin(q))
	most := 0
	if len(q.ActivationHistogram) > 0 {
		most = slices.Max(q.ActivationHistogram)
	}
	if most == 0 {
		centred(g, r, theme.Muted, "There is no histogram of activations.")
		return
	}
	area := chart.Axes(g, r, chart.NewAxis(a.Min, a.Max, false), chart.NewAxis(0.5, float64(max(most, 2)), true), nil, powersOfTen(most))
	for i := range area.Rect.W {
		bin := i * len(q.ActivationHistogram) / area.Rect.W
		if n := q.ActivationHistogram[bin]; n > 0 {
			column(g, area.Rect.X+i, area.Rect, area.Y.At(float64(n)), theme.Bar)
		}
	}
}

// powersOfTen returns the ticks of an axis of counts up to most.
func powersOfTen(most int) []chart.Tick {
	var ticks []chart.Tick
	for n := 1; n <= most && n > 0; n *= 10 {
		ticks = append(ticks, chart.Tick{Value: float64(n), Label: chart.Label(float64(n), float64(n))})
	}
	return ticks
}
