package ui

import (
	"slices"

	"espalier/compress/pipeline"
	"espalier/internal/plural"
	"espalier/ui/chart"
	"espalier/ui/grid"
	"espalier/ui/theme"
)

// drawRace draws the histogram of the layer's output with the range that every
// observer of the sweep finds for it below, on the same axis.
func (p *scalesPane) drawRace(s *scene, g *grid.Grid, r grid.Rect, images int, a pipeline.ObservedRace) {
	foot, r := r.Bottom(min(1+len(a.Ranges), max(r.H-4, 1)))
	area := countsChart(g, r, a.Min, a.Max, a.Histogram)
	for i, o := range a.Ranges[:min(len(a.Ranges), foot.H-1)] {
		index := slices.Index(s.run.Observers(), o.Observer)
		style := theme.SeriesStyle(max(index, 0))
		y := foot.Y + i
		from, to := area.Column(max(o.Min, a.Min)), area.Column(min(o.Max, a.Max))
		for x := from; x <= to; x++ {
			g.Set(x, y, '─', style)
		}
		g.Set(from, y, '├', style)
		g.Set(to, y, '┤', style)
		w := row(g, foot, i)
		w.x = min(from+2, max(area.Rect.X, foot.X+foot.W-38))
		w.put(style, " "+o.Observer+" ").putf(theme.Plain, "%s‥%s ", significant(o.Min), significant(o.Max))
	}
	row(g, foot, foot.H-1).skip(1).putf(theme.Muted, "%s on the first %s of the sweep",
		plural.Count(len(a.Ranges), "observer"), plural.Count(images, "image"))
}

// raceOf returns the observers' ranges of a layer's output, where several race.
func raceOf(s *scene, layer string) (pipeline.ObservedRace, bool) {
	for _, a := range s.run.Race.Activations {
		if a.Point == layer && len(a.Histogram) > 0 {
			return a, true
		}
	}
	return pipeline.ObservedRace{}, false
}

// countsChart draws a histogram over a range, its counts on a logarithmic axis:
// most activations are zero, and the few large ones matter.
func countsChart(g *grid.Grid, r grid.Rect, low, high float64, histogram []int) chart.Area {
	most := slices.Max(histogram)
	area := chart.Axes(g, r, chart.NewAxis(low, high, false), chart.NewAxis(0.5, float64(max(most, 2)), true), nil, powersOfTen(most))
	for i := range area.Rect.W {
		bin := i * len(histogram) / area.Rect.W
		if n := histogram[bin]; n > 0 {
			column(g, area.Rect.X+i, area.Rect, area.Y.At(float64(n)), theme.Bar)
		}
	}
	return area
}

// powersOfTen returns the ticks of an axis of counts up to most.
func powersOfTen(most int) []chart.Tick {
	var ticks []chart.Tick
	for n := 1; n <= most && n > 0; n *= 10 {
		ticks = append(ticks, chart.Tick{Value: float64(n), Label: chart.Label(float64(n), float64(n))})
	}
	return ticks
}
