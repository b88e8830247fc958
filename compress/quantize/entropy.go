package quantize

import "math"

// entropyBins is how many bins either side of 0 has at most where a range is
// found by relative entropy: onnxruntime's and TensorRT's histograms have 2,048 in
// all.
const entropyBins = 1024

// entropy returns the range, as wide below as above 0, with which the values'
// distribution loses least in 128 levels, by the relative entropy KL(p ‖ q). For
// every cut, p is the distribution with all that is outside counted at the ends, q
// the one inside, merged into 128 levels of equally many bins and spread again
// evenly over the bins that p has. Empty bins of both get 0.0001 of a count.
// Values that were not seen are left out of the range.
//
// It is onnxruntime's EntropyCalibrater with num_quantized_bins=128, in its integers
// (onnxruntime/python/tools/quantization/calibrate.py, get_entropy_threshold). Its
// own default of 128 bins leaves one candidate; here are up to 2,048. Where it
// computes in float32, here is float64.
func entropy(c *Counts) Range {
	const levels = 128
	c = c.coarse(entropyBins)
	half := max(-c.First, c.First+len(c.Bins))
	hist := make([]int64, 2*half) // bin i begins at (i − half) · width
	copy(hist[half+c.First:], c.Bins)
	before := cumulative(hist)
	p, q := make([]float64, len(hist)), make([]float64, len(hist))
	best, cut := math.Inf(1), half
	for i := levels / 2; i <= half; i++ {
		start, end := half-i, min(half+i+1, len(hist))
		n := end - start
		for k := range n {
			p[k] = float64(hist[start+k])
		}
		p[0] += float64(before[start])
		p[n-1] += float64(before[len(hist)] - before[end])
		merged := n / levels
		clear(q[:n])
		for level := range levels {
			from, to := level*merged, (level+1)*merged
			sum := before[start+to] - before[start+from]
			if level == levels-1 {
				sum = before[end] - before[start+from]
			}
			filled := int64(0)
			for k := from; k < to; k++ {
				if p[k] != 0 {
					filled++
				}
			}
			if filled == 0 {
				continue
			}
			for k := from; k < to; k++ {
				q[k] = float64(sum / filled) // cut to an integer, also where p is empty
			}
		}
		if smooth(p[:n]) && smooth(q[:n]) {
			if d := divergence(p[:n], q[:n]); d < best {
				best, cut = d, i
			}
		}
	}
	return c.within(-float64(cut)*c.width(), float64(min(cut+1, half))*c.width())
}

// smooth gives empty bins 0.0001 of a count and takes it from the others. It
// reports whether there is enough to take it from.
func smooth(counts []float64) bool {
	const little = 0.0001
	zeros := 0
	for _, n := range counts {
		if n == 0 {
			zeros++
		}
	}
	taken := little * float64(zeros) / float64(len(counts)-zeros)
	if zeros == len(counts) || taken >= 1 {
		return false
	}
	for i, n := range counts {
		if n == 0 {
			counts[i] = little
		} else {
			counts[i] = n - taken
		}
	}
	return true
}

// divergence returns KL(p ‖ q) in nats of counts, both made distributions first:
// +Inf where q is 0 and p is not.
func divergence(p, q []float64) float64 {
	var sumP, sumQ, sum float64
	for i := range p {
		sumP += p[i]
		sumQ += q[i]
	}
	for i := range p {
		if p[i] == 0 {
			continue
		}
		if q[i] == 0 {
			return math.Inf(1)
		}
		sum += p[i] / sumP * math.Log((p[i]/sumP)/(q[i]/sumQ))
	}
	return sum
}

// cumulative returns how many values lie before each bin, and the number of all.
func cumulative(bins []int64) []int64 {
	sums := make([]int64, len(bins)+1)
	for i, n := range bins {
		sums[i+1] = sums[i] + n
	}
	return sums
}
