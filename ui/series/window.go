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
		return smoothed(level[:last], first, lo, hi, n, smooth)
	}
	return reduce(level[first:last], lo, hi, n)
}

// Spans returns how many spans at least the history has between lo and hi.
func (s *Series) Spans(lo, hi float64) int {
	level := s.level(lo)
	return from(level, math.Nextafter(hi, math.Inf(1))) - from(level, lo)
}

// columns says which of n equal parts of [lo, hi] a span begins in: −1 before
// them, n behind.
type columns struct {
	lo, hi, scale float64
	n             int
}

func columnsOf(lo, hi float64, n int) columns { return columns{lo, hi, float64(n) / (hi - lo), n} }

func (c *columns) of(x float64) int {
	switch {
	case x < c.lo:
		return -1
	case x > c.hi:
		return c.n
	}
	return min(int((x-c.lo)*c.scale), c.n-1)
}

// reduce joins the spans that begin in the same n-th of [lo, hi].
func reduce(spans []Span, lo, hi float64, n int) []Span {
	if len(spans) <= n {
		return spans
	}
	columns := columnsOf(lo, hi, n)
	out := make([]Span, 0, n+2)
	current := -2
	for i := range spans {
		s := &spans[i]
		if c := columns.of(s.First); c != current {
			out, current = append(out, *s), c
		} else {
			out[len(out)-1].take(s)
		}
	}
	return out
}

// smoothed returns the running average after each span from index first on,
// and of those that begin in the same n-th of [lo, hi] the last one. A span of
// k points enters as k points of its mean.
func smoothed(spans []Span, first int, lo, hi float64, n int, factor float64) []Span {
	columns := columnsOf(lo, hi, n)
	each := len(spans)-first <= n // there is room for every one
	out := make([]Span, 0, min(len(spans)-first, n+2))
	weighted, weight := 0.0, 0.0
	count, keep := 1, factor // nearly all spans of a level have the same count
	current := -2
	for i := range spans {
		s := &spans[i]
		if s.Count > 0 {
			if s.Count != count {
				count, keep = s.Count, math.Pow(factor, float64(s.Count))
			}
			weighted = weighted*keep + (1-keep)*(s.Sum/float64(s.Count))
			weight = weight*keep + 1 - keep
		}
		if i < first {
			continue
		}
		if c := columns.of(s.First); each || c != current {
			out, current = append(out, Span{First: s.First, Min: math.NaN(), Max: math.NaN()}), c
		}
		last := &out[len(out)-1]
		last.Last = s.Last
		last.NaN, last.Up, last.Down = last.NaN+s.NaN, last.Up+s.Up, last.Down+s.Down
		if s.Count > 0 {
			v := weighted / weight
			last.Min, last.Max, last.Sum, last.Count = v, v, v, 1
		}
	}
	return out
}
