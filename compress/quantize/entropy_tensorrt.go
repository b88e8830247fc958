package quantize

import "math"

// entropyTensorRT returns the range of magnitudes with which the distribution of
// |x| loses least, by relative entropy: in 256 levels where no value is negative,
// or else in 128. For every cut after 128 bins and more, p is the distribution
// with all that is beyond counted in the last bin, q the one inside, merged into
// levels and spread again evenly over the bins that are not empty. The first bin,
// full of what a ReLU made 0, counts as the second does. Of equal cuts the widest
// is taken.
//
// The method is that of Migacz 2017 ("8-bit Inference with TensorRT"), its details
// those of NVIDIA's pytorch-quantization (calib/histogram.py,
// _compute_amax_entropy) with stride 1 and start_bin 128. Bins of values below 0
// are mirrored, so that a value at an edge may be one bin lower than there.
func entropyTensorRT(c *Counts) Range {
	const start = 128
	c = c.coarse(2 * entropyBins)
	hist := make([]int64, max(-c.First, c.First+len(c.Bins)))
	for i, n := range c.Bins {
		if k := c.First + i; k >= 0 {
			hist[k] += n
		} else {
			hist[-k-1] += n
		}
	}
	levels := 256
	if c.Seen.Min < 0 {
		levels = 128
	}
	if len(hist) > 1 {
		hist[0] = hist[1]
	}
	before, filled := cumulative(hist), make([]int64, len(hist)+1)
	logs := make([]float64, len(hist)+1) // Σ n · log n of the bins before each
	for i, n := range hist {
		filled[i+1], logs[i+1] = filled[i], logs[i]
		if n > 0 {
			filled[i+1]++
			logs[i+1] += float64(n) * math.Log(float64(n))
		}
	}
	all := before[len(hist)]
	best, cut := math.Inf(1), len(hist)
	for i := start; i <= len(hist); i++ {
		// Σ p · log p, of which the last bin has more than its own.
		last, outside := hist[i-1], all-before[i]
		if last == 0 && outside > 0 {
			continue // q is 0 where p is not
		}
		sum := logs[i-1]
		if n := float64(last + outside); n > 0 {
			sum += n * math.Log(n)
		}
		// − Σ p · log q, where q is the same all over a level.
		for level := range levels {
			from, to := (level*i+levels-1)/levels, ((level+1)*i+levels-1)/levels
			n := before[to] - before[from]
			if n == 0 {
				continue
			}
			q := math.Log(float64(n) / float64(filled[to]-filled[from]))
			if to == i {
				n += outside
			}
			sum -= float64(n) * q
		}
		// Both made distributions.
		d := sum/float64(all) + math.Log(float64(before[i])/float64(all))
		if d <= best {
			best, cut = d, i
		}
	}
	most := float64(cut) * c.width()
	return c.within(-most, most)
}
