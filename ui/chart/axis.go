// Package chart draws curves into a cell grid: series in, cells out.
//
// An Axis maps values to positions, a Canvas draws curves and is either braille
// dots or the lines of asciigraph, and Axes draws the scales around it. What is
// not finite is never mapped: callers see it in a span's counts and mark it.
package chart

import (
	"math"
	"strconv"
	"strings"
)

// An Axis maps the values from Lo to Hi to positions from 0 to 1.
type Axis struct {
	Lo, Hi float64
	Log    bool // logarithmic; Lo and Hi are then positive
}

// NewAxis returns an axis over lo to hi. A range that is empty or not finite is
// widened to one that can be drawn, and so is one that reaches zero or below
// when log is set.
func NewAxis(lo, hi float64, log bool) Axis {
	if math.IsNaN(lo) || math.IsInf(lo, 0) || math.IsNaN(hi) || math.IsInf(hi, 0) {
		lo, hi = 0, 1
	}
	const most = math.MaxFloat64 / 4 // so that a range and its rounding stay finite
	lo, hi = min(max(lo, -most), most), min(max(hi, -most), most)
	if lo > hi {
		lo, hi = hi, lo
	}
	if log {
		if hi <= 0 {
			hi = 1
		}
		if lo <= 0 {
			lo = hi / 1000
		}
		if math.Log(hi)-math.Log(lo) < 0.001 {
			lo, hi = max(lo/2, math.SmallestNonzeroFloat64), hi*2
		}
		return Axis{lo, hi, true}
	}
	if spread := math.Max(math.Abs(lo), math.Abs(hi)); hi-lo <= spread*1e-9 {
		pad := spread * 0.1
		if pad == 0 {
			pad = 1
		}
		lo, hi = lo-pad, hi+pad
	}
	return Axis{Lo: lo, Hi: hi}
}

// At returns the position of a value, outside 0 to 1 for values outside. On a
// logarithmic axis values that are not positive lie at the lower end.
func (a Axis) At(v float64) float64 {
	if a.Log {
		if v <= 0 {
			return 0
		}
		lo := math.Log(a.Lo) // quotients might overflow
		return (math.Log(v) - lo) / (math.Log(a.Hi) - lo)
	}
	return (v - a.Lo) / (a.Hi - a.Lo)
}

// Value returns the value at a position.
func (a Axis) Value(t float64) float64 {
	if a.Log {
		lo := math.Log(a.Lo)
		return math.Exp(lo + t*(math.Log(a.Hi)-lo))
	}
	return a.Lo + t*(a.Hi-a.Lo)
}

// A Tick is a labelled value of an axis.
type Tick struct {
	Value float64
	Label string
}

// Ticks returns about n round values on the axis, lowest first.
func (a Axis) Ticks(n int) []Tick {
	if n < 1 {
		return nil
	}
	if a.Log {
		if ticks := a.logTicks(n); len(ticks) >= 2 {
			return ticks
		}
	}
	step := roundStep((a.Hi - a.Lo) / float64(n))
	if step <= 0 || math.IsInf(step, 0) {
		return nil
	}
	var ticks []Tick
	for i := math.Ceil(a.Lo/step - 1e-9); i*step <= a.Hi+step*1e-9 && len(ticks) <= 4*n; i++ {
		ticks = append(ticks, Tick{i * step, Label(i*step, step)})
	}
	return ticks
}

// logTicks returns 1, 2 and 5 times powers of ten, or the powers alone where
// the range is wide.
func (a Axis) logTicks(n int) []Tick {
	decades := math.Log10(a.Hi) - math.Log10(a.Lo)
	steps := []float64{1, 2, 5}
	if decades > float64(n)/2 {
		steps = steps[:1]
	}
	skip := max(int(math.Ceil(decades/float64(n))), 1)
	var ticks []Tick
	for e := int(math.Floor(math.Log10(a.Lo))); e <= int(math.Ceil(math.Log10(a.Hi))); e++ {
		if e%skip != 0 {
			continue
		}
		for _, s := range steps {
			if v := s * math.Pow(10, float64(e)); v >= a.Lo*0.9999 && v <= a.Hi*1.0001 {
				ticks = append(ticks, Tick{v, Label(v, v)})
			}
		}
	}
	return ticks
}

// Nice widens lo to hi to round values, so that a growing range changes seldom.
func Nice(lo, hi float64) (float64, float64) {
	step := roundStep((hi - lo) / 4)
	if !(step > 0) || math.IsInf(step, 0) {
		return lo, hi
	}
	return math.Floor(lo/step+1e-9) * step, math.Ceil(hi/step-1e-9) * step
}

// Ahead returns an end for an axis from lo that holds hi and changes seldom
// while hi grows: a round value at most a fifth of the range beyond hi.
func Ahead(lo, hi float64) float64 {
	step := roundStep((hi - lo) / 10)
	if !(step > 0) || math.IsInf(step, 0) {
		return hi
	}
	return max((math.Floor(hi/step*1.000001)+1)*step, hi)
}

// roundStep returns the smallest of 1, 2, 2.5 and 5 times a power of ten that
// is at least v.
func roundStep(v float64) float64 {
	if !(v > 0) || math.IsInf(v, 0) {
		return 0
	}
	power := math.Pow(10, math.Floor(math.Log10(v)))
	for _, m := range []float64{1, 2, 2.5, 5} {
		if m*power >= v*0.999999 {
			return m * power
		}
	}
	return 10 * power
}

// Label writes v with as many digits as tell ticks apart that lie step apart:
// 0.25, 12, 3.5k, 2M, 1e-05.
func Label(v, step float64) string {
	if math.Abs(v) < step*1e-6 {
		v = 0
	}
	size := math.Max(math.Abs(v), math.Abs(step))
	switch {
	case v == 0 && step >= 1:
		return "0"
	case size >= 1e10 || size < 1e-4:
		return minus(strconv.FormatFloat(v, 'e', 0, 64))
	case size >= 1e6:
		return decimals(v/1e6, step/1e6) + "M"
	case size >= 1e4 || size >= 1e3 && math.Mod(v, 100) == 0:
		return decimals(v/1e3, step/1e3) + "k"
	}
	return decimals(v, step)
}

// decimals writes v with the digits after the point that step needs.
func decimals(v, step float64) string {
	digits := 0
	for s := math.Abs(step); digits < 6 && math.Abs(s-math.Round(s)) > 1e-6*s; s *= 10 {
		digits++
	}
	return minus(strconv.FormatFloat(v, 'f', digits, 64))
}

// minus replaces the hyphen by the minus sign.
func minus(s string) string { return strings.ReplaceAll(s, "-", "−") }
