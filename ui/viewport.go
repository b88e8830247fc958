package ui

import "espalier/ui/chart"

// A viewport says which global steps a chart shows: all of them, the newest
// ones while they come, or a part of the past that stays. The zero value shows
// all.
type viewport struct {
	pinned bool    // it stays from lo to hi
	lo, hi float64 // while pinned
	width  float64 // otherwise, the steps up to the newest; 0 for all
}

// leastSteps is the closest view.
const leastSteps = 4

// all reports whether every step is in view.
func (v *viewport) all() bool { return !v.pinned && v.width == 0 }

// steps returns the view of a run whose steps reach from first to last. While it
// grows there is room at the right, so that the axis moves seldom.
func (v *viewport) steps(first, last float64, grows bool) (lo, hi float64) {
	switch {
	case v.pinned:
		return v.lo, v.hi
	case v.width == 0 && !grows:
		return first, last
	case v.width == 0:
		return first, chart.Ahead(first, last)
	case grows:
		last = chart.Ahead(last-v.width, last)
	}
	return max(last-v.width, first), last
}

// zoom narrows (factor < 1) or widens the view around a step. A view that
// follows the run goes on following where it is narrowed around the newest step.
func (v *viewport) zoom(first, last, around, factor float64) {
	lo, hi := v.steps(first, last, false)
	follows := !v.pinned && around >= last
	around = min(max(around, lo), hi)
	lo, hi = around-(around-lo)*factor, around+(hi-around)*factor
	if hi-lo < leastSteps {
		lo, hi = around-leastSteps/2, around+leastSteps/2
	}
	lo, hi = max(lo, first), min(hi, last)
	switch {
	case lo <= first && hi >= last:
		*v = viewport{}
	case follows:
		*v = viewport{width: max(hi-lo, leastSteps)}
	default:
		*v = viewport{pinned: true, lo: lo, hi: hi}
	}
}

// pan moves the view by a share of it, to the left where that is negative. At
// the newest step it follows the run again.
func (v *viewport) pan(first, last, share float64) {
	if v.all() {
		return
	}
	lo, hi := v.steps(first, last, false)
	width := hi - lo
	lo = min(max(lo+share*width, first), last-width)
	if share > 0 && lo >= last-width {
		*v = viewport{width: width}
		return
	}
	*v = viewport{pinned: true, lo: lo, hi: lo + width}
}

// hold pins the view, or lets a pinned one of the same width follow the run.
func (v *viewport) hold(first, last float64) {
	if !v.pinned {
		lo, hi := v.steps(first, last, false)
		*v = viewport{pinned: true, lo: lo, hi: hi}
		return
	}
	width := v.hi - v.lo
	if v.lo <= first {
		width = 0
	}
	*v = viewport{width: width}
}

// reach moves the view so that a step is in it, and stays there.
func (v *viewport) reach(first, last, step float64) {
	lo, hi := v.steps(first, last, false)
	if shift := step - min(max(step, lo), hi); shift != 0 {
		*v = viewport{pinned: true, lo: lo + shift, hi: hi + shift}
	}
}
