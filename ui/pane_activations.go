package ui

import (
	"slices"

	"espalier/compress/pipeline"
	"espalier/internal/plural"
	"espalier/ui/grid"
	"espalier/ui/theme"
)

// drawActivations draws the histogram of the layer's output.
func (p *scalesPane) drawActivations(s *scene, g *grid.Grid, r grid.Rect, q pipeline.Scales) {
	if race, ok := raceOf(s, q.Layer); ok {
		p.drawRace(s, g, r, s.run.Race.Images, race)
		return
	}
	a := q.Activation
	foot, r := r.Bottom(min(2, max(r.H-4, 1)))
	w := row(g, foot, 0).skip(1).put(theme.Muted, "range ").putf(theme.Strong, "%s‥%s", significant(a.Min), significant(a.Max))
	w.put(theme.Muted, "  scale ").put(theme.Strong, significant(a.Scale)).put(theme.Muted, "  zero point ").putf(theme.Strong, "%d", a.ZeroPoint)
	row(g, foot, 1).skip(1).putf(theme.Muted, "observed on %s, %s", plural.Count(q.Images, "image"), origin(q))
	if len(q.ActivationHistogram) == 0 || slices.Max(q.ActivationHistogram) == 0 {
		centred(g, r, theme.Muted, "There is no histogram of activations.")
		return
	}
	countsChart(g, r, a.Min, a.Max, q.ActivationHistogram)
}
