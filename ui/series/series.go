// Package series keeps the history of a number, such as the loss of every
// step, in bounded memory and at two resolutions.
//
// The newest points are kept as they are. All points together are kept as
// buckets of minimum, maximum, sum and count; when the buckets run out, pairs
// are merged and each then covers twice as many points. A window is answered
// from the points where they reach back far enough and from the buckets
// otherwise, so a spike is never lost, however long the run.
package series

import (
	"math"
	"slices"
)

// capacity bounds the points kept raw and, separately, the buckets. It is even
// because buckets are merged in pairs.
const capacity = 1 << 14

// A Series is a history of (x, y) with rising x. It is not safe for concurrent
// use. The zero value is empty.
type Series struct {
	raw    []Span // the newest points; the older half is dropped when full
	coarse []Span // all points; the last one may still grow
	stride int    // points in a full bucket
	total  int
	bad    int // of them, how many were not finite
}

// A Span summarises the points from First to Last.
type Span struct {
	First, Last float64 // x
	Min, Max    float64 // of the finite values; NaN when there are none
	Sum         float64
	Count       int // finite values
	NaN         int // values that are not a number
	Up, Down    int // values that are +Inf and −Inf
}

// Mean returns the mean of the finite values, NaN when there are none.
func (s Span) Mean() float64 { return s.Sum / float64(s.Count) }

// Bad returns how many values were not finite.
func (s Span) Bad() int { return s.NaN + s.Up + s.Down }

// Points returns how many values the span summarises.
func (s Span) Points() int { return s.Count + s.Bad() }

// Point returns the span of one value.
func Point(x, y float64) Span {
	s := Span{First: x, Last: x, Min: math.NaN(), Max: math.NaN()}
	switch {
	case math.IsNaN(y):
		s.NaN = 1
	case math.IsInf(y, 1):
		s.Up = 1
	case math.IsInf(y, -1):
		s.Down = 1
	default:
		s.Min, s.Max, s.Sum, s.Count = y, y, y, 1
	}
	return s
}

// take joins the span's next neighbour to it.
func (s *Span) take(o *Span) {
	if s.Count == 0 || o.Min < s.Min {
		s.Min = o.Min
	}
	if s.Count == 0 || o.Max > s.Max {
		s.Max = o.Max
	}
	s.Last, s.Sum = o.Last, s.Sum+o.Sum
	s.Count, s.NaN, s.Up, s.Down = s.Count+o.Count, s.NaN+o.NaN, s.Up+o.Up, s.Down+o.Down
}

// Add appends a point. Where x does not rise, as when a run goes on from an
// earlier checkpoint, what was known from x onwards is forgotten first.
func (s *Series) Add(x, y float64) {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return
	}
	if s.total > 0 && x <= s.last() {
		s.Truncate(x)
	}
	p := Point(x, y)
	s.total++
	s.bad += p.Bad()
	if len(s.raw) == capacity {
		s.raw = append(s.raw[:0], s.raw[capacity/2:]...)
	}
	s.raw = append(s.raw, p)

	s.stride = max(s.stride, 1)
	if n := len(s.coarse); n > 0 && s.coarse[n-1].Points() < s.stride {
		s.coarse[n-1].take(&p)
		return
	}
	if len(s.coarse) == capacity {
		for i := range capacity / 2 {
			pair := s.coarse[2*i]
			pair.take(&s.coarse[2*i+1])
			s.coarse[i] = pair
		}
		s.coarse = s.coarse[:capacity/2]
		s.stride *= 2
	}
	s.coarse = append(s.coarse, p)
}

// Truncate forgets the points from x onwards. Of a bucket that x cuts in two,
// the earlier points are forgotten as well unless they are still kept raw.
func (s *Series) Truncate(x float64) {
	s.raw = s.raw[:from(s.raw, x)]
	keep := s.coarse[:from(s.coarse, x)]
	for len(keep) > 0 && keep[len(keep)-1].Last >= x {
		keep = keep[:len(keep)-1]
	}
	s.coarse = keep
	s.total, s.bad = 0, 0
	for i := range keep {
		s.total += keep[i].Points()
		s.bad += keep[i].Bad()
	}
}

// Len returns how many points were added.
func (s *Series) Len() int { return s.total }

// last returns the newest x.
func (s *Series) last() float64 {
	if len(s.raw) > 0 {
		return s.raw[len(s.raw)-1].Last
	}
	if len(s.coarse) > 0 {
		return s.coarse[len(s.coarse)-1].Last
	}
	return math.Inf(-1)
}

// Extent returns the first and last x; ok is false for an empty series.
func (s *Series) Extent() (first, last float64, ok bool) {
	if s.total == 0 || len(s.coarse) == 0 {
		return 0, 0, false
	}
	return s.coarse[0].First, s.last(), true
}

// Bad returns how many of all points were not finite.
func (s *Series) Bad() int { return s.bad }

// At returns the newest point, or bucket, at or before x.
func (s *Series) At(x float64) (Span, bool) {
	level := s.level(x)
	i := from(level, math.Nextafter(x, math.Inf(1)))
	if i == 0 {
		return Span{}, false
	}
	return level[i-1], true
}

// Lowest returns the finite value that is smallest and its place: the x of the
// bucket's end where it is no longer known exactly.
func (s *Series) Lowest() (x, y float64, ok bool) {
	for _, b := range s.coarse {
		if b.Count > 0 && (!ok || b.Min < y) {
			x, y, ok = b.Last, b.Min, true
		}
	}
	for _, p := range s.raw {
		if ok && p.Count > 0 && p.Min == y {
			return p.Last, y, true
		}
	}
	return x, y, ok
}

// level returns the finest level that reaches back to x.
func (s *Series) level(x float64) []Span {
	if len(s.raw) > 0 && (s.total == len(s.raw) || s.raw[0].First <= x) {
		return s.raw
	}
	return s.coarse
}

// from returns the index of the first span that begins at x or later.
func from(spans []Span, x float64) int {
	i, _ := slices.BinarySearchFunc(spans, x, func(s Span, x float64) int {
		if s.First < x {
			return -1
		}
		return 1
	})
	return i
}
