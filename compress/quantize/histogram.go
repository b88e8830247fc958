package quantize

import (
	"iter"
	"math"
)

// bins is PyTorch's default for HistogramObserver.
const bins = 2048

// histogram is PyTorch's HistogramObserver (version 2.6): it counts values in
// 2,048 equal bins, and narrows the range as long as the expected squared
// error of quantizing does not grow. The search is greedy: a hundred-thousandth
// of the values is cut off at a time, on the side where that removes more
// bins. The first cut is always taken.
//
// What is float32 in PyTorch is float32 here, and sums run in the same order.
// Cuts may fall within a fraction of a count, where rounding decides how the
// search goes on.
type histogram struct {
	seen   bool
	all    Range // of the bins
	counts [bins]float32
}

func (o *histogram) Clone() Observer { c := *o; return &c }

// Observe adds a batch. Where the batch widens the range, what was counted so
// far moves to the new bins: see spread.
func (o *histogram) Observe(values iter.Seq[[]float32], batch Range) {
	if !o.seen {
		o.seen, o.all = true, batch
		o.count(values)
		return
	}
	wide := Range{min(o.all.Min, batch.Min), max(o.all.Max, batch.Max)}
	if wide != o.all {
		o.counts, o.all = spread(&o.counts, o.all, wide), wide
	}
	o.count(values)
}

// count adds values, all within o.all, as torch.histc: bin ⌊(v−min)·2048/(max−min)⌋,
// the largest value in the last bin. A range of one value goes half to either
// side.
func (o *histogram) count(values iter.Seq[[]float32]) {
	lo, hi := o.all.Min, o.all.Max
	if lo == hi {
		lo, hi = lo-1, hi+1
	}
	width := hi - lo
	var counts [bins]uint32
	for row := range values {
		if width == 0 { // one value so large that 1 is nothing to it
			counts[bins/2] += uint32(len(row))
			continue
		}
		for _, v := range row {
			counts[min(int((v-lo)*bins/width), bins-1)]++
		}
	}
	for i, n := range counts {
		o.counts[i] += float32(n)
	}
}

// spread moves a histogram from one range to a wider one: every bin is cut in
// 16 equal parts, and each part goes to the bin where its middle lies.
func spread(counts *[bins]float32, from, to Range) (wide [bins]float32) {
	const parts = 16
	half := 0.5 * ((from.Max - from.Min) / (bins * parts))
	bin := 0
	for i := range bins * parts {
		middle := linspace(from, i, bins*parts) + half
		for bin < bins-1 && linspace(to, bin+1, bins) <= middle {
			bin++
		}
		wide[bin] += counts[i/parts] / parts
	}
	return wide
}

// linspace returns point i of n+1 at equal distances from r.Min to r.Max,
// counted from the nearer end as torch.linspace does, whose multiplication and
// addition are compiled to one fused operation. In float64 the product of two
// float32 is exact.
func linspace(r Range, i, n int) float32 {
	step := float64((r.Max - r.Min) / float32(n))
	if i < (n+1)/2 {
		return float32(float64(r.Min) + step*float64(i))
	}
	return float32(float64(r.Max) - step*float64(n-i))
}

// Range runs the search, HistogramObserver._non_linear_param_search.
func (o *histogram) Range() Range {
	if !o.seen || o.all.Min == o.all.Max {
		return o.all
	}
	var sum float64
	var cumulative [bins]float64
	for i, c := range o.counts {
		sum += float64(c)
		cumulative[i] = float64(float32(sum))
	}
	total := float64(cascadeSum(&o.counts))
	const step = 1e-5 // of all values, cut off in one move
	alpha, beta := 0.0, 1.0
	start, end := 0, bins-1
	best := math.Inf(1)
	for alpha < beta {
		l, r := start, end
		for l < end && cumulative[l] < (alpha+step)*total {
			l++
		}
		for r > start && cumulative[r] > (beta-step)*total {
			r--
		}
		nextStart, nextEnd := start, r
		if l-start > end-r {
			nextStart, nextEnd = l, end
			alpha += step
		} else {
			beta -= step
		}
		if nextStart == start && nextEnd == end {
			continue
		}
		e := o.quantizationError(nextStart, nextEnd)
		if e > best {
			break
		}
		best, start, end = e, nextStart, nextEnd
	}
	width := (o.all.Max - o.all.Min) / bins
	return Range{o.all.Min + float32(width*float32(start)), o.all.Min + float32(width*float32(end+1))}
}

// quantizationError returns the summed squared error of quantizing all values
// to the 256 levels that cover bins start to end, values within a bin spread
// evenly: HistogramObserver._compute_quantization_error. Values outside count
// as the outermost level.
func (o *histogram) quantizationError(start, end int) float64 {
	const levels = 256 // also of a reduced range
	binWidth := (float64(o.all.Max) - float64(o.all.Min)) / bins
	levelWidth := binWidth * float64(end-start+1) / levels
	width, level, half := float32(binWidth), float32(levelWidth), float32(levelWidth/2)
	// integral returns the integral of x² over from to to.
	integral := func(from, to float32) float32 {
		return (float32(to*to*to) - float32(from*from*from)) / 3
	}
	var errors [bins]float32
	for i, count := range o.counts {
		density := count / width
		from := float32(i-start) * width
		to := from + width
		first, last := levelOf(from, level), levelOf(to, level)
		e := float32(density * integral(from-float32((first+0.5)*level), half))
		e += float32((last - first - 1) * float32(density*integral(-half, half)))
		e += float32(density * integral(-half, to-(float32(last*level)+half)))
		errors[i] = e
	}
	return float64(cascadeSum(&errors))
}

// cascadeSum adds up in the order of torch.sum on AVX2: runs of 16 for each of
// 4 interleaved vectors of 8, then over runs, over vectors, over lanes.
func cascadeSum(x *[bins]float32) float32 {
	const vector, rows, run = 8, 4, 16
	var all [rows][vector]float32
	for i := 0; i < bins; i += vector * rows * run {
		var part [rows][vector]float32
		for j := i; j < i+vector*rows*run; j++ {
			part[j/vector%rows][j%vector] += x[j]
		}
		for r := range all {
			for v := range all[r] {
				all[r][v] += part[r][v]
			}
		}
	}
	var sum float32
	for v := range vector {
		lane := all[0][v]
		for r := 1; r < rows; r++ {
			lane += all[r][v]
		}
		sum += lane
	}
	return sum
}

// levelOf returns which of 256 levels x lies in, as torch.div with rounding
// down.
func levelOf(x, level float32) float32 {
	mod := float32(math.Mod(float64(x), float64(level)))
	div := (x - mod) / level
	if mod != 0 && mod < 0 {
		div--
	}
	floor := float32(math.Floor(float64(div)))
	if div-floor > 0.5 {
		floor++
	}
	return min(max(floor, 0), 255)
}
