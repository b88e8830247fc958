package chart

import (
	"unicode/utf8"

	"espalier/ui/grid"
	"espalier/ui/theme"
)

// Gutter is the number of columns that Axes takes at the left: a label of fixed
// width and the axis.
const Gutter = 7

// Axes draws the scales at the left and bottom of a rectangle and returns the
// area for the data. xTicks and yTicks may be nil for evenly placed round
// values. Rectangles too small for scales become data area altogether.
func Axes(g *grid.Grid, r grid.Rect, x, y Axis, xTicks, yTicks []Tick) Area {
	if r.W < Gutter+8 || r.H < 4 {
		return Area{Rect: r, X: x, Y: y}
	}
	data := grid.Rect{X: r.X + Gutter, Y: r.Y, W: r.W - Gutter, H: r.H - 2}
	area := Area{Rect: data, X: x, Y: y}
	axis := data.X - 1
	for row := data.Y; row < data.Y+data.H; row++ {
		g.Set(axis, row, '│', theme.Muted)
	}
	bottom := data.Y + data.H
	g.Set(axis, bottom, '└', theme.Muted)
	for column := data.X; column < data.X+data.W; column++ {
		g.Set(column, bottom, '─', theme.Muted)
	}
	if yTicks == nil {
		yTicks = y.Ticks(min(max(data.H/3, 2), 6))
	}
	free := data.Y + data.H // labels go upwards and leave a row between them
	for _, t := range yTicks {
		row := area.Row(t.Value)
		if row < data.Y || row >= free {
			continue
		}
		g.Right(axis, row, t.Label, theme.Muted, Gutter-1)
		g.Set(axis, row, '┤', theme.Muted)
		free = row - 1
	}
	if xTicks == nil {
		xTicks = x.Ticks(max(data.W/12, 2))
	}
	labelX(g, area, r, xTicks)
	return area
}

// labelX writes the labels below the horizontal axis: the first and the last,
// and of those between as many as fit.
func labelX(g *grid.Grid, a Area, r grid.Rect, ticks []Tick) {
	bottom := a.Rect.Y + a.Rect.H
	place := func(t Tick) (start, width int) {
		width = utf8.RuneCountInString(t.Label)
		return min(max(a.Column(t.Value)-width/2, a.Rect.X-1), r.X+r.W-width), width
	}
	var inside []Tick
	for _, t := range ticks {
		if column := a.Column(t.Value); column >= a.Rect.X && column < a.Rect.X+a.Rect.W {
			g.Set(column, bottom, '┬', theme.Muted)
			inside = append(inside, t)
		}
	}
	free := r.X // the first column that is free for a label
	for i, t := range inside {
		start, width := place(t)
		if start < free {
			continue
		}
		if last := len(inside) - 1; i > 0 && i < last {
			if end, _ := place(inside[last]); start+width+2 > end {
				continue
			}
		}
		g.Text(start, bottom+1, t.Label, theme.Muted, width)
		free = start + width + 2
	}
}
