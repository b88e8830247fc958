package quantize

import (
	"iter"
	"math"
)

// mostBins is how many bins Counts has at most.
const mostBins = 8192

// Counts is a histogram whose range grows with the values while its memory does
// not. Its bins are 2^Exponent wide and begin at multiples of that. A value that
// falls outside may double the width: then every two neighbours become one bin,
// and no count is lost or guessed.
//
// So the counts are exact. They depend on the values alone, not on batches or
// their order: the width is the smallest power of two with which 0, the smallest
// and the largest value fit into 8,192 bins. What is known of a value is its bin,
// which is at most 1/4,094 of that range, less than a sixteenth of the distance
// between two uint8 codes. The smallest and the largest value are known as they
// are.
type Counts struct {
	Seen     Range   // the smallest and the largest value
	Exponent int     // of a bin's width
	First    int     // bin i begins at (First + i) · 2^Exponent
	Bins     []int64 // up to the last that the range reaches
}

// smallestExponent is one with which any two float32 fall into different bins.
const smallestExponent = -149

// width returns the width of a bin.
func (c *Counts) width() float64 { return math.Ldexp(1, c.Exponent) }

// edge returns where bin i begins. It is exact: a bin's number has 14 bits.
func (c *Counts) edge(i int) float64 { return math.Ldexp(float64(c.First+i), c.Exponent) }

// total returns the number of values.
func (c *Counts) total() (n int64) {
	for _, k := range c.Bins {
		n += k
	}
	return n
}

// binOf returns the number of the bin that holds v, counted from 0.
func binOf(v float32, exponent int) int {
	return int(math.Floor(math.Ldexp(float64(v), -exponent)))
}

// observe counts the values of a batch, whose range it is told.
func (c *Counts) observe(values iter.Seq[[]float32], batch Range) {
	c.grow(batch)
	scale, first := math.Ldexp(1, -c.Exponent), c.First
	for row := range values {
		for _, v := range row {
			c.Bins[int(math.Floor(float64(v)*scale))-first]++
		}
	}
}

// grow makes room for values of a range.
func (c *Counts) grow(batch Range) {
	seen := batch
	if c.Bins != nil {
		seen = Range{min(c.Seen.Min, batch.Min), max(c.Seen.Max, batch.Max)}
		if seen == c.Seen {
			return
		}
	}
	lo, hi := min(seen.Min, 0), max(seen.Max, 0)
	exponent := c.Exponent
	if c.Bins == nil {
		exponent = smallestExponent
		if span := float64(hi) - float64(lo); span > 0 {
			_, e := math.Frexp(span / mostBins)
			exponent = max(exponent, e-2)
		}
	}
	for binOf(hi, exponent)-binOf(lo, exponent) >= mostBins {
		exponent++
	}
	wide := Counts{Seen: seen, Exponent: exponent, First: binOf(lo, exponent)}
	wide.Bins = make([]int64, binOf(hi, exponent)-wide.First+1)
	wide.add(c)
	*c = wide
}

// add counts what narrower or equal bins have counted.
func (c *Counts) add(narrow *Counts) {
	shift := c.Exponent - narrow.Exponent
	for i, n := range narrow.Bins {
		c.Bins[(narrow.First+i)>>shift-c.First] += n
	}
}

// coarse returns the counts in bins so wide that no side of 0 has more than most.
func (c *Counts) coarse(most int) *Counts {
	w := &Counts{Seen: c.Seen, Exponent: c.Exponent, First: c.First}
	last := c.First + len(c.Bins) - 1
	for -w.First > most || last+1 > most {
		w.Exponent++
		w.First, last = w.First>>1, last>>1
	}
	w.Bins = make([]int64, last-w.First+1)
	w.add(c)
	return w
}

// Histogram counts the values in n equal bins from the smallest to the largest
// seen, for people: what lies in a bin of c goes where its middle is.
func (c *Counts) Histogram(n int) []int {
	h := make([]int, n)
	lo, hi := float64(c.Seen.Min), float64(c.Seen.Max)
	for i, k := range c.Bins {
		at := 0
		if hi > lo {
			middle := (c.edge(i) + c.edge(i+1)) / 2
			at = min(max(int(float64(n)*(middle-lo)/(hi-lo)), 0), n-1)
		}
		h[at] += int(k)
	}
	return h
}

// clone returns an independent copy.
func (c *Counts) clone() *Counts {
	w := *c
	w.Bins = append([]int64(nil), c.Bins...)
	return &w
}

// A binned observer looks for a range in counts, which several may share.
type binned struct {
	counts *Counts
	find   func(*Counts) Range
}

func newBinned(find func(*Counts) Range) *binned { return &binned{&Counts{}, find} }

func (o *binned) Observe(values iter.Seq[[]float32], batch Range) { o.counts.observe(values, batch) }

func (o *binned) Range() Range {
	if o.counts.Seen.Min == o.counts.Seen.Max { // one value, or none yet
		return o.counts.Seen
	}
	return o.find(o.counts)
}

func (o *binned) Clone() Observer { return &binned{o.counts.clone(), o.find} }

// within returns a range cut to the values that were seen.
func (c *Counts) within(lo, hi float64) Range {
	return Range{max(float32(lo), c.Seen.Min), min(float32(hi), c.Seen.Max)}
}
