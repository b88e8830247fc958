package ui

import (
	"fmt"
	"math"
	"slices"

	"espalier/compress/pipeline"
	"espalier/internal/plural"
	"espalier/ui/chart"
	"espalier/ui/grid"
	"espalier/ui/series"
	"espalier/ui/state"
	"espalier/ui/theme"
)

// calibrationPane shows int8 accuracy against the number of calibration images.
type calibrationPane struct{ area chart.Area } // drawn last

func (*calibrationPane) name() string { return "Calibration" }

func (*calibrationPane) about() string {
	return "Top-1 of the int8 network against the number of images its activation ranges were " +
		"observed on: one curve for each observer, vertical strokes from the worst to the best draw, " +
		"and fp32 for reference. A size without a point was not measured; enter measures the selected one."
}

// tableWidth is what the table of the selected size takes beside the chart.
const tableWidth = 35

func (p *calibrationPane) draw(s *scene, g *grid.Grid, r grid.Rect, focused bool) {
	left := []piece{{0, "3 Calibration"}, {theme.Muted, "int8 top-1 %"}}
	right := ""
	if size := s.selectedSize(); size > 0 {
		sizes := s.run.Sizes()
		right = fmt.Sprintf("n=%d of %d · [ ] step", size, sizes[len(sizes)-1])
	}
	inside := box(g, r, focused, left, right)
	if len(s.run.Sizes()) == 0 {
		text := "The calibration sizes appear when the run starts."
		if s.run.Info.Experiment != "" {
			text = "This experiment has no sweep over calibration sizes."
		}
		centred(g, inside, theme.Muted, text)
		return
	}
	if len(s.run.Points) == 0 {
		lines := p.expectation(s, min(inside.W-4, 56))
		centred(g, inside, theme.Muted, lines...)
		below := grid.Rect{X: inside.X, Y: inside.Y + (inside.H+len(lines))/2, W: inside.W, H: 3}
		centred(g, below.Intersect(inside), theme.Plain, p.offer(s))
		return
	}
	lines := 1 + len(s.run.Observers())
	table := grid.Rect{}
	switch {
	case inside.W >= 64:
		table, inside = inside.Right(tableWidth)
		_, inside = inside.Right(1)
	case inside.H >= 8+lines:
		table, inside = inside.Bottom(lines)
	case inside.H >= 7:
		table, inside = inside.Bottom(1)
	}
	p.chart(s, g, inside)
	p.table(s, g, table)
}

// expectation says when the first point will come, in lines of a width.
func (p *calibrationPane) expectation(s *scene, width int) []string {
	if s.run.Status.Over() {
		return []string{"No size was measured in this run."}
	}
	sizes := s.run.Sizes()
	return wrap(fmt.Sprintf("No size was measured yet. The sweep over %s, %s to %s images, follows the last round.",
		plural.Count(len(sizes), "size"), sizeLabel(sizes[0]), sizeLabel(sizes[len(sizes)-1])), width)
}

// offer says what enter would do, or what is being measured.
func (p *calibrationPane) offer(s *scene) string {
	size, observer := s.selectedSize(), s.selectedObserver()
	cost, known := s.run.Cost(size)
	switch {
	case !s.steerable():
		return ""
	case s.run.Answering.Stage == pipeline.StageCalibrate:
		return measuring(s.run.Answering)
	case s.run.Asked(size, observer):
		return fmt.Sprintf("n=%d is being measured", size)
	case known:
		return fmt.Sprintf("enter measures n=%d, in about %s", size, duration(max(cost, 1)))
	}
	return fmt.Sprintf("enter measures n=%d", size)
}

func (p *calibrationPane) chart(s *scene, g *grid.Grid, r grid.Rect) {
	sizes := s.run.Sizes()
	lo, hi := math.Inf(1), math.Inf(-1)
	float := math.NaN()
	for _, point := range s.run.Points {
		lo, hi = min(lo, point.Top1, point.Float), max(hi, point.Top1, point.Float)
		float = point.Float
	}
	for _, other := range s.others {
		for _, point := range other.run.Curve(s.selectedObserver()) {
			lo, hi = min(lo, point.Min), max(hi, point.Max)
		}
	}
	lo = min(lo, hi-0.01) // less than a point is no difference to draw large
	lo, hi = chart.Nice(100*lo, 100*hi)
	x := chart.NewAxis(float64(sizes[0]), float64(sizes[len(sizes)-1]), true)
	var ticks []chart.Tick
	for _, n := range sizes {
		ticks = append(ticks, chart.Tick{Value: float64(n), Label: sizeLabel(n)})
	}
	area := chart.Axes(g, r, x, chart.NewAxis(lo, hi, false), ticks, nil)
	p.area = area

	chart.Level(g, area, 100*float, '╌', theme.Mark)
	selected := s.selectedSize()
	chart.Upright(g, area, float64(selected), '│', theme.Muted)
	for i, observer := range s.run.Observers() {
		curve := chart.Curve{Style: theme.SeriesStyle(i), Glyph: []rune("*ox+")[i%4]}
		points := s.run.Curve(observer)
		for _, point := range points {
			curve.Spans = append(curve.Spans, series.Span{
				First: float64(point.Images), Last: float64(point.Images),
				Min: 100 * point.Min, Max: 100 * point.Max, Sum: 100 * point.Mean, Count: 1,
			})
		}
		s.canvas.Draw(g, area, curve)
		for _, point := range points {
			glyph := '•'
			if point.Images == selected {
				glyph = '●'
			}
			g.Set(area.Column(float64(point.Images)), area.Row(100*point.Mean), glyph, curve.Style)
		}
	}
	for i, other := range s.others {
		curve := chart.Curve{Style: contenderStyle(i + 1), Glyph: rune('a' + i)}
		for _, point := range other.run.Curve(s.selectedObserver()) {
			curve.Spans = append(curve.Spans, series.Point(float64(point.Images), 100*point.Mean))
		}
		s.canvas.Draw(g, area, curve)
	}
	labelLevel(g, area.Rect, area.Row(100*float), '╌', fmt.Sprintf("fp32 %.2f", 100*float))
}

// labelLevel writes a label into a horizontal line where nothing crosses it.
func labelLevel(g *grid.Grid, r grid.Rect, y int, line rune, label string) {
	free := 0
	for x := r.X; x < r.X+r.W; x++ {
		if g.At(x, y).Rune != line {
			free = 0
			continue
		}
		if free++; free == len(label)+2 {
			g.Text(x-len(label), y, label, theme.Mark, len(label))
			return
		}
	}
}

// sizeLabel writes a calibration size: 1, 500, 1k, 50k.
func sizeLabel(n int) string {
	if n >= 1000 && n%1000 == 0 {
		return fmt.Sprintf("%dk", n/1000)
	}
	return fmt.Sprint(n)
}

// table tells the selected size in numbers, as many observers as rows allow.
func (p *calibrationPane) table(s *scene, g *grid.Grid, r grid.Rect) {
	if r.H <= 1 {
		stripCalibration(s, row(g, r, 0).skip(1))
		return
	}
	size := s.selectedSize()
	observers := s.run.Observers()
	row(g, r, 0).skip(1).putf(theme.Muted, "%-14s%6s%7s%6s", "n="+sizeLabel(size), "top-1", "Δfp32", "±")
	for i, observer := range observers {
		w := row(g, r, i+1)
		if observer == s.selectedObserver() && len(observers) > 1 {
			w.put(theme.Focus, "▸")
		} else {
			w.skip(1)
		}
		w.putf(theme.SeriesStyle(i), "%-14.14s", observer)
		p.value(s, w, observer, size)
	}
	p.advice(s, g, r, len(observers)+2, size)
}

// value writes what one observer reached at a size.
func (p *calibrationPane) value(s *scene, w *pen, observer string, size int) {
	if s.run.Asked(size, observer) {
		w.put(theme.Warn, "  measuring …")
		return
	}
	curve := s.run.Curve(observer)
	i := slices.IndexFunc(curve, func(c state.Size) bool { return c.Images == size })
	if i < 0 {
		w.put(theme.Muted, "  not measured")
		return
	}
	c := curve[i]
	w.putf(theme.Strong, "%6.2f", 100*c.Mean).putf(theme.Plain, "%7s", points(c.Mean-c.Float, 2))
	if c.Draws > 1 {
		w.putf(theme.Muted, "%6.2f", 50*(c.Max-c.Min))
	}
}

// measuring says how far the size is that is being measured.
func measuring(p pipeline.Progress) string {
	return fmt.Sprintf("measuring, %2d%% done", 100*p.Done/max(p.Total, 1))
}

// advice says what enter would do, or how far that is, where there are rows for it.
func (p *calibrationPane) advice(s *scene, g *grid.Grid, r grid.Rect, y, size int) {
	if !s.steerable() || r.H < y+2 {
		return
	}
	if a := s.run.Answering; a.Stage == pipeline.StageCalibrate {
		row(g, r, y).skip(1).put(theme.Good, measuring(a))
		return
	}
	text := fmt.Sprintf("enter measures n=%d", size)
	row(g, r, y).skip(1).put(theme.Muted, text)
	if cost, ok := s.run.Cost(size); ok {
		row(g, r, y+1).skip(1).putf(theme.Muted, "in about %s", duration(max(cost, 1)))
	}
}

func (*calibrationPane) move(s *scene, dx, dy int) {
	s.moveSize(dx)
	if n := len(s.run.Observers()); n > 0 {
		s.observer = (s.observer + dy%n + n) % n
	}
}

func (*calibrationPane) enter(s *scene) { s.measure() }

func (p *calibrationPane) readout(s *scene, w *pen) {
	size := s.selectedSize()
	w.put(theme.Muted, "calibrated on ").putf(theme.Strong, "%d", size).put(theme.Muted, " images")
	for i, observer := range s.run.Observers() {
		w.skip(2).put(theme.SeriesStyle(i), observer+" ")
		for _, c := range s.run.Curve(observer) {
			if c.Images == size {
				w.putf(theme.Strong, "%.2f", 100*c.Mean).putf(theme.Muted, " (%s)", points(c.Mean-c.Float, 2))
			}
		}
	}
	if cost, ok := s.run.Cost(size); ok && s.steerable() {
		w.putf(theme.Muted, "  enter: about %s", duration(max(cost, 1)))
	}
}
