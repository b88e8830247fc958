package ui

import (
	"cmp"
	"fmt"
	"slices"

	"espalier/compress/pipeline"
	"espalier/ui/chart"
	"espalier/ui/grid"
	"espalier/ui/theme"
)

// A costView is the rounds' other picture: top-1 of every measured network, of the
// run and of those it is compared with, against one cost.
type costView struct {
	on   bool
	axis int // an index into pipeline.Axes
	dot  int // selected, in order of cost
}

// A costDot is one network.
type costDot struct {
	run  int // 0 is the shown run's, then those it is compared with
	name string
	cost *pipeline.Cost
	x    float64
	by   int // the dot that is better, or −1
}

// turnCosts shows the costs instead of the table, or the table again.
func (p *roundsPane) turnCosts(a *App) {
	if len(p.costs.dots(&a.scene)) == 0 && !p.costs.on {
		a.say("no network of this run was measured: cost.measure is off, or it comes with the first checkpoint")
		return
	}
	p.costs.on = !p.costs.on
}

// dots returns the networks in order of the chosen cost.
func (v *costView) dots(s *scene) []costDot {
	axis := pipeline.Axes()[v.axis]
	var all []costDot
	add := func(run int, name string, costs []pipeline.Cost) {
		for i := range costs {
			if x, ok := axis.Of(&costs[i]); ok {
				all = append(all, costDot{run: run, name: name, cost: &costs[i], x: x})
			}
		}
	}
	add(0, s.run.Info.Name, s.run.Costs)
	for i, other := range s.others {
		add(i+1, other.name, other.run.Costs)
	}
	slices.SortStableFunc(all, func(a, b costDot) int { return cmp.Compare(a.x, b.x) })
	var xs, tops []float64
	for _, d := range all {
		xs, tops = append(xs, d.x), append(tops, d.cost.Top1)
	}
	for i, by := range pipeline.Dominator(xs, tops) {
		all[i].by = by
	}
	return all
}

// draw draws the chart; dominated networks are dim.
func (v *costView) draw(s *scene, g *grid.Grid, r grid.Rect, focused bool) {
	axis := pipeline.Axes()[v.axis]
	inside := box(g, r, focused, []piece{{0, "6 Rounds"}, {theme.Muted, "top-1 % against " + axis.Name}}, "")
	dots := v.dots(s)
	if len(dots) == 0 {
		centred(g, inside, theme.Muted, "This cost was not measured.")
		return
	}
	v.dot = min(max(v.dot, 0), len(dots)-1)
	lo, hi := dots[0].cost.Top1, dots[0].cost.Top1
	for _, d := range dots {
		lo, hi = min(lo, d.cost.Top1), max(hi, d.cost.Top1)
	}
	lo = min(lo, hi-0.01) // less than a point is no difference to draw large
	lo, hi = chart.Nice(100*lo, 100*hi)
	x0, x1 := dots[0].x, dots[len(dots)-1].x
	margin := (x1 - x0) * 0.05
	area := chart.Axes(g, inside, chart.NewAxis(x0-margin, x1+margin, false), chart.NewAxis(lo, hi, false), nil, nil)
	put := func(d costDot, glyph rune, style grid.Style) {
		if x, y := area.Column(d.x), area.Row(100*d.cost.Top1); area.Rect.Contains(x, y) {
			g.Set(x, y, glyph, style)
		}
	}
	for _, d := range dots {
		if d.by < 0 {
			put(d, '●', contenderStyle(d.run))
		} else {
			put(d, '○', theme.Faint)
		}
	}
	if focused { // above those at the same place
		put(dots[v.dot], '◆', theme.Cursor)
	}
}

// readout explains the selected network.
func (v *costView) readout(s *scene, w *pen) {
	dots := v.dots(s)
	if len(dots) == 0 {
		return
	}
	v.dot = min(max(v.dot, 0), len(dots)-1)
	d := dots[v.dot]
	axis := pipeline.Axes()[v.axis]
	w.put(contenderStyle(d.run), d.name+" ").put(theme.Strong, d.cost.Name()).putf(0, "  top-1 %.2f, %.4g %s", 100*d.cost.Top1, d.x, axis.Name)
	if d.by < 0 {
		w.put(theme.Good, "  nothing is better in both")
		return
	}
	better := dots[d.by]
	w.put(theme.Warn, fmt.Sprintf("  %s of %s has %.2f for %.4g", better.cost.Name(), better.name, 100*better.cost.Top1, better.x))
}

// data returns all that was measured, for export.
func (v *costView) data(s *scene) table {
	t := table{columns: []string{"run", "network", "top1"}}
	axes := pipeline.Axes()
	for _, a := range axes {
		t.columns = append(t.columns, a.Name)
	}
	for _, d := range v.dots(s) {
		row := []any{d.name, d.cost.Name(), d.cost.Top1}
		for _, a := range axes {
			if x, ok := a.Of(d.cost); ok {
				row = append(row, x)
			} else {
				row = append(row, "")
			}
		}
		t.add(row...)
	}
	return t
}
