package ui

import (
	"fmt"
	"math"
	"strings"

	"espalier/ui/chart"
	"espalier/ui/grid"
	"espalier/ui/series"
	"espalier/ui/state"
	"espalier/ui/theme"
)

// smoothings are the factors that a key steps through.
var smoothings = [...]float64{0, 0.6, 0.9, 0.99}

// lossPane shows the loss of every step and the validation loss.
type lossPane struct {
	smoothing int // index into smoothings
	logY      bool
	x         xAxis
	view      viewport
	y         [2]float64 // the range drawn last, so that it changes seldom
	area      chart.Area // drawn last, for moving the cursor by cells
	closeup   *closeup   // read from the journal for the view, nil for none
	reading   bool       // one is on its way
}

func (*lossPane) name() string { return "Loss" }

func (*lossPane) about() string {
	return "The cross-entropy of every training batch, smoothed (ema), with the raw values dim behind it, " +
		"and the validation loss after every epoch. R1, R2 … mark where pruning rounds begin. " +
		"If you zoom in far enough, every single step is read from the journal. " +
		"× stands for a loss that is not a number, ▲ for an infinite one, ◆ for a note."
}

func (p *lossPane) draw(s *scene, g *grid.Grid, r grid.Rect, focused bool) {
	train, val := "⠤", "┄"
	if s.tier == theme.ASCII {
		train, val = "*", "o"
	}
	left := []piece{{0, "1 Loss"}, {theme.Series1, "train " + train}, {theme.Series2, "val " + val}}
	for i, other := range s.others {
		left = append(left, piece{contenderStyle(i + 1), other.name})
	}
	inside := box(g, r, focused, left, p.settings(s)...)
	first, last, ok := s.run.Train.Extent()
	if !ok {
		centred(g, inside, theme.Muted, "No training step yet.", "The first point appears after the first step of fine-tuning.")
		return
	}
	lo, hi := first-1, math.Max(last, first)
	for _, other := range s.others {
		if _, end, ok := other.run.Train.Extent(); ok {
			hi = max(hi, end)
		}
	}
	lo, hi = p.view.steps(lo, hi, !s.run.Status.Over())
	_, inside = inside.Right(1) // room for the last label
	p.curves(s, g, inside, lo, hi)
}

// settings says how the chart is drawn, for the title's right end: all of it,
// and shorter texts for narrow panes, what is in view the longest.
func (p *lossPane) settings(s *scene) []string {
	var parts []string
	if f := smoothings[p.smoothing]; f > 0 {
		parts = append(parts, fmt.Sprintf("ema %g", f))
	}
	parts = append(parts, p.x.String())
	if p.logY {
		parts = append(parts, "log y")
	}
	if bad := s.run.Train.Bad(); bad > 0 {
		parts = append(parts, fmt.Sprintf("%d not finite", bad))
	}
	view := "live"
	switch {
	case s.cursorOn:
		view = fmt.Sprintf("@%.0f", s.cursor)
	case p.view.pinned:
		view = "pinned"
	case p.view.width > 0 && s.run.Status.Over():
		view = fmt.Sprintf("last %.0f", p.view.width)
	case p.view.width > 0:
		view = fmt.Sprintf("live, last %.0f", p.view.width)
	case s.run.Status.Over():
		view = "whole run"
	}
	parts = append(parts, view)
	var texts []string
	for i := range parts {
		texts = append(texts, strings.Join(parts[i:], " · "))
	}
	return texts
}

// curves draws the global steps from lo to hi.
func (p *lossPane) curves(s *scene, g *grid.Grid, r grid.Rect, lo, hi float64) {
	n := max(r.W-chart.Gutter, 1) * s.canvas.PerCell()
	train := p.train(s, lo, hi)
	raw := train.Window(lo, hi, n, 0)
	validation := s.run.Validation.Window(lo, hi, n, 0)
	smooth := raw
	if f := smoothings[p.smoothing]; f > 0 {
		smooth = train.Window(lo, hi, n, f)
	}
	curves, compared := [][]series.Span{raw, validation}, [][]series.Span(nil)
	for _, other := range s.others {
		compared = append(compared, other.run.Train.Window(lo, hi, n, smoothings[max(p.smoothing, 2)]))
	}
	x := p.xAxis(s, lo, hi)
	p.fitY(append(curves, compared...)...)
	area := chart.Axes(g, r, x, chart.NewAxis(p.y[0], p.y[1], p.logY), p.xTicks(x, r.W), nil)
	p.area = area
	p.rounds(s, g, area, false)
	place := func(spans []series.Span) []series.Span { return p.place(s.run, spans) }
	if smoothings[p.smoothing] > 0 && s.tier != theme.ASCII {
		s.canvas.Draw(g, area, chart.Curve{Spans: place(raw), Style: theme.Raw, Glyph: '.'})
	}
	for i, other := range s.others {
		s.canvas.Draw(g, area, chart.Curve{Spans: p.place(other.run, compared[i]), Style: contenderStyle(i + 1), Glyph: rune('a' + i), Over: true})
	}
	s.canvas.Draw(g, area, chart.Curve{Spans: place(smooth), Style: theme.Series1, Glyph: '*', Over: true})
	for _, round := range byRound(s.run, validation) {
		s.canvas.Draw(g, area, chart.Curve{Spans: place(round), Style: theme.Series2, Glyph: 'o', Covers: theme.Raw})
	}
	p.rounds(s, g, area, true)
	chart.NonFinite(g, area, place(raw), theme.Bad)
	p.notes(s, g, area)
	if s.cursorOn {
		p.drawCursor(s, g, area)
	}
}

// byRound cuts spans where rounds begin: pruning comes between the validation
// losses there, and a line would hide it.
func byRound(run *state.Run, spans []series.Span) [][]series.Span {
	var cut [][]series.Span
	last := -1
	for i, s := range spans {
		if round := run.RoundAt(int(s.First)); i == 0 || round != last {
			cut = append(cut, nil)
			last = round
		}
		cut[len(cut)-1] = append(cut[len(cut)-1], s)
	}
	return cut
}

// fitY chooses the range of the loss: round bounds, kept as long as the data
// stay inside and fill half of it.
func (p *lossPane) fitY(curves ...[]series.Span) {
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, spans := range curves {
		for _, s := range spans {
			if s.Count > 0 {
				lo, hi = min(lo, s.Min), max(hi, s.Max)
			}
		}
	}
	if lo > hi {
		return
	}
	if inside := lo >= p.y[0] && hi <= p.y[1]; inside && hi-lo > 0.5*(p.y[1]-p.y[0]) && !p.logY {
		return
	}
	if p.logY {
		p.y = [2]float64{lo, hi}
		return
	}
	nice, top := chart.Nice(lo, hi)
	if lo >= 0 && lo < 0.3*hi {
		nice = 0
	}
	p.y = [2]float64{nice, top}
}

// rounds marks where pruning rounds begin: by lines behind the curves, or by
// labels over them.
func (p *lossPane) rounds(s *scene, g *grid.Grid, a chart.Area, labels bool) {
	free := a.Rect.X
	for _, round := range s.run.Rounds {
		x := p.value(s.run, float64(round.Begin))
		column := a.Column(x)
		if column < a.Rect.X || column >= a.Rect.X+a.Rect.W {
			continue
		}
		if !labels {
			if column > a.Rect.X {
				chart.Upright(g, a, x, '┊', theme.Mark)
			}
			continue
		}
		label := fmt.Sprintf("R%d", round.Round)
		if column >= free && column+len(label) <= a.Rect.X+a.Rect.W {
			free = column + g.Text(column, a.Rect.Y, label, theme.Mark, len(label)) + 1
		}
	}
}

// notes marks the steps that something was noted at.
func (p *lossPane) notes(s *scene, g *grid.Grid, a chart.Area) {
	for _, n := range s.run.Notes {
		if x := a.Column(p.value(s.run, float64(n.GlobalStep))); x >= a.Rect.X && x < a.Rect.X+a.Rect.W {
			g.Set(x, a.Rect.Y+a.Rect.H-1, '◆', theme.Warn)
		}
	}
}

// drawCursor draws the cursor line and what is under it.
func (p *lossPane) drawCursor(s *scene, g *grid.Grid, a chart.Area) {
	column := min(max(a.Column(p.value(s.run, s.cursor)), a.Rect.X), a.Rect.X+a.Rect.W-1)
	for y := a.Rect.Y; y < a.Rect.Y+a.Rect.H; y++ {
		g.Set(column, y, '│', theme.Cursor)
	}
	lines := []piece{{theme.Strong, fmt.Sprintf("step %.0f", s.cursor)}}
	if round := s.run.RoundAt(int(s.cursor)); round > 0 {
		lines[0].text += fmt.Sprintf(" · round %d", round)
	}
	if v, ok := p.train(s, s.cursor, s.cursor).At(s.cursor); ok {
		lines = append(lines, piece{theme.Series1, "train " + loss(v.Mean())})
	}
	if v, ok := s.run.Validation.At(s.cursor); ok {
		lines = append(lines, piece{theme.Series2, "val   " + loss(v.Mean())})
	}
	width := 0
	for _, l := range lines {
		width = max(width, g.Width(l.text))
	}
	x := column + 1
	if x+width > a.Rect.X+a.Rect.W {
		x = max(column-width, a.Rect.X)
	}
	for i, l := range lines {
		if y := a.Rect.Y + 1 + i; y < a.Rect.Y+a.Rect.H {
			g.Fill(grid.Rect{X: x, Y: y, W: width, H: 1}, ' ', 0)
			g.Text(x, y, l.text, l.style, a.Rect.X+a.Rect.W-x)
		}
	}
}

// extent returns the global steps of the whole run so far.
func (p *lossPane) extent(s *scene) (lo, hi float64, ok bool) {
	lo, hi, ok = s.run.Train.Extent()
	return lo - 1, max(hi, lo), ok
}

// move moves the cursor by cells.
func (p *lossPane) move(s *scene, dx, _ int) {
	lo, hi, ok := p.extent(s)
	if !ok || dx == 0 {
		return
	}
	if !s.cursorOn {
		s.cursorOn, s.cursor = true, hi
		return
	}
	left, right := p.view.steps(lo, hi, false)
	cell := max((right-left)/float64(max(p.area.Rect.W-1, 1)), 1)
	s.cursor = min(max(math.Round(s.cursor+float64(dx)*cell), lo+1), hi)
	p.view.reach(lo, hi, s.cursor)
}

// zoom narrows (factor < 1) or widens the view around the cursor, or without one
// around the middle of a view that stays or the newest step of one that follows.
func (p *lossPane) zoom(s *scene, factor float64) {
	first, last, ok := p.extent(s)
	if !ok {
		return
	}
	around := last
	switch {
	case s.cursorOn:
		around = s.cursor
	case p.view.pinned:
		around = (p.view.lo + p.view.hi) / 2
	}
	p.view.zoom(first, last, around, factor)
}

// pan moves the view by a share of it.
func (p *lossPane) pan(s *scene, share float64) {
	if first, last, ok := p.extent(s); ok {
		p.view.pan(first, last, share)
	}
}

// freeze pins the view where it is, or lets it follow again.
func (p *lossPane) freeze(s *scene) {
	if first, last, ok := p.extent(s); ok {
		p.view.hold(first, last)
	}
}

func (*lossPane) enter(*scene) {}

func (p *lossPane) readout(s *scene, w *pen) {
	at := float64(state.Now)
	if s.cursorOn {
		at = s.cursor
	}
	train, ok := p.train(s, at, at).At(at)
	if !ok {
		w.put(theme.Muted, "no step yet")
		return
	}
	w.put(theme.Muted, "step ").putf(theme.Strong, "%*.0f", len(fmt.Sprint(s.run.Step.GlobalStep)), train.Last)
	value := train.Mean()
	if train.NaN > 0 {
		value = math.NaN()
	}
	w.fact("  train ", theme.Series1, loss(value))
	if val, ok := s.run.Validation.At(at); ok {
		w.fact("  val ", theme.Series2, loss(val.Mean()))
	}
	if step, best, ok := s.run.Validation.Lowest(); ok {
		w.fact("  best val ", theme.Plain, fmt.Sprintf("%s@%.0f", loss(best), step))
	}
	if lr, ok := s.run.LearningRate.At(at); ok {
		w.fact("  lr ", theme.Plain, significant(lr.Mean()))
	}
	if !s.cursorOn && !s.run.Status.Over() && w.column < 150 { // wider headers tell it
		w.fact("  ", theme.Plain, fmt.Sprintf("%.0f img/s", s.run.Step.ImagesPerSec))
	}
	if text := s.run.NoteAt(int(train.Last)); text != "" && s.cursorOn {
		w.put(theme.Muted, "  note ").put(theme.Warn, text)
	}
}
