package ui

import (
	"fmt"
	"slices"

	"espalier/compress/pipeline"
	"espalier/internal/plural"
	"espalier/ui/chart"
	"espalier/ui/grid"
	"espalier/ui/theme"
)

// drawChannel draws the histogram of the selected channel's weights, and where
// the largest codes lie.
func (p *scalesPane) drawChannel(s *scene, g *grid.Grid, r grid.Rect, q pipeline.Scales) {
	c := q.Channels[s.channel]
	foot, r := r.Bottom(min(3, max(r.H-5, 1)))
	tellChannel(row(g, foot, 0), s.channel, q)
	layer, _ := s.selectedLayer()
	fan := layer.Weights / len(q.Channels)
	w := row(g, foot, 1).skip(1).fact("kept ", theme.Plain, fmt.Sprintf("%.0f of %s", float64(fan)*(1-c.Zero), plural.Count(fan, "weight")))
	w.fact("  codes to ", theme.Plain, "±"+significant(127*c.Scale)).fact("  ", theme.Muted, origin(q))
	tellNoise(row(g, foot, 2).skip(1), "layer ", q)
	if len(c.Histogram) == 0 || slices.Max(c.Histogram) == 0 {
		centred(g, r, theme.Muted, "The channel has no weights left.")
		return
	}
	most := float64(slices.Max(c.Histogram))
	ticks := []chart.Tick{{Value: -c.MaxAbs, Label: significant(-c.MaxAbs)}, {Value: 0, Label: "0"}, {Value: c.MaxAbs, Label: significant(c.MaxAbs)}}
	area := chart.Axes(g, r, chart.NewAxis(-c.MaxAbs, c.MaxAbs, false), chart.NewAxis(0, most, false), ticks, nil)
	for i := range area.Rect.W {
		n := c.Histogram[i*len(c.Histogram)/area.Rect.W]
		column(g, area.Rect.X+i, area.Rect, float64(n)/most, theme.Series1)
	}
	for _, end := range []float64{-127 * c.Scale, 127 * c.Scale} {
		if x := area.Column(end); c.Clipped > 0 && area.Rect.Contains(x, area.Rect.Y) {
			for y := range area.Rect.H {
				g.Set(x, area.Rect.Y+y, '┊', theme.Warn)
			}
		}
	}
}
