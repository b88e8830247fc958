package series

import "math"

// Window returns the points between lo and hi, summarised in at most n spans of
// equal width in x, or one span for each point where there are fewer. The
// neighbours just outside are included, so that a line drawn through the spans
// enters and leaves the window.
//
// With smooth in (0, 1) the values are exponential moving averages of that
// factor per point, divided by 1−smoothᵗ so that the start is not pulled to
// zero (Kingma & Ba 2015, section 3). The average runs over all that the chosen
// level of history holds, not over the window alone, so that panning does not
// change values.
func (s *Series) Window(lo, hi float64, n int, smooth float64) []Span {
	level := s.level(lo)
	if len(level) == 0 || n <= 0 || !(hi >= lo) {
		return nil
	}
	first := max(from(level, lo)-1, 0)
	last := min(from(level, math.Nextafter(hi, math.Inf(1)))+1, len(level))
	if smooth > 0 && smooth < 1 {
		return reduce(average(level[:last], smooth)[first:], lo, hi, n, newest)
	}
	return reduce(level[first:last], lo, hi, n, Span.join)
}

// reduce joins the spans that begin in the same n-th of [lo, hi].
func reduce(spans []Span, lo, hi float64, n int, join func(a, b Span) Span) []Span {
	if len(spans) <= n {
		return spans
	}
	scale := float64(n) / (hi - lo)
	column := func(s *Span) int {
		switch {
		case s.First < lo:
			return -1
		case s.First > hi:
			return n
		}
		return min(int((s.First-lo)*scale), n-1)
	}
	out := make([]Span, 0, n+2)
	current := -2
	for i := range spans {
		s := &spans[i]
		if c := column(s); c != current {
			out, current = append(out, *s), c
		} else {
			out[len(out)-1] = join(out[len(out)-1], *s)
		}
	}
	return out
}

// newest joins two spans of a smooth curve: its last value stands for both.
func newest(a, b Span) Span {
	if b.Count == 0 {
		b.Min, b.Max, b.Sum, b.Count = a.Min, a.Max, a.Sum, a.Count
	}
	b.First = a.First
	b.NaN, b.Up, b.Down = a.NaN+b.NaN, a.Up+b.Up, a.Down+b.Down
	return b
}

// average returns the running average after each span. A span of k points
// enters as k points of its mean.
func average(spans []Span, factor float64) []Span {
	out := make([]Span, len(spans))
	weighted, weight := 0.0, 0.0
	count, keep := 1, factor // nearly all spans of a level have the same count
	for i, s := range spans {
		if s.Count > 0 {
			if s.Count != count {
				count, keep = s.Count, math.Pow(factor, float64(s.Count))
			}
			weighted = weighted*keep + (1-keep)*s.Mean()
			weight = weight*keep + 1 - keep
			v := weighted / weight
			s.Min, s.Max, s.Sum, s.Count = v, v, v, 1
		}
		out[i] = s
	}
	return out
}
