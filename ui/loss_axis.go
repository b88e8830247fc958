package ui

import (
	"math"
	"sort"

	"espalier/ui/chart"
	"espalier/ui/series"
	"espalier/ui/state"
)

// An xAxis is the quantity on the x axis of the loss.
type xAxis int

const (
	byStep xAxis = iota
	byLogStep
	byEpoch
	byTime
	xAxes
)

func (x xAxis) String() string { return [...]string{"x step", "x log step", "x epoch", "x time"}[x] }

// xAxis returns the axis for global steps from lo to hi.
func (p *lossPane) xAxis(s *scene, lo, hi float64) chart.Axis {
	switch p.x {
	case byLogStep:
		return chart.NewAxis(max(lo, 1), max(hi, 2), true)
	case byEpoch, byTime:
		return chart.NewAxis(p.value(s.run, lo), p.value(s.run, hi), false)
	}
	return chart.NewAxis(lo, hi, false)
}

func (p *lossPane) xTicks(x chart.Axis, width int) []chart.Tick {
	if p.x != byTime {
		return nil
	}
	ticks := x.Ticks(max(width/14, 2))
	for i := range ticks {
		ticks[i].Label = duration(ticks[i].Value)
	}
	return ticks
}

// place moves spans of a run's global steps to their place on the current axis.
func (p *lossPane) place(run *state.Run, spans []series.Span) []series.Span {
	if p.x == byStep || p.x == byLogStep {
		return spans
	}
	moved := make([]series.Span, len(spans))
	for i, span := range spans {
		span.First, span.Last = p.value(run, span.First), p.value(run, span.Last)
		moved[i] = span
	}
	return moved
}

// value returns the place of a run's global step on the current axis.
func (p *lossPane) value(run *state.Run, step float64) float64 {
	var at series.Span
	switch p.x {
	case byEpoch:
		at, _ = run.Epochs.At(step)
	case byTime:
		at, _ = run.Clock.At(step)
	default:
		return step
	}
	if at.Count == 0 {
		return 0 // before the first step
	}
	return at.Max
}

// step returns the last global step at a value of the current axis.
func (p *lossPane) step(run *state.Run, x float64) float64 {
	if p.x == byStep || p.x == byLogStep {
		return math.Round(x)
	}
	lo, hi, _ := run.Train.Extent()
	n := sort.Search(int(hi-lo)+1, func(i int) bool { return p.value(run, lo+float64(i)) > x })
	return lo + float64(n) - 1
}
