package quantize

// defaultPercentile is how much of the values, in per cent, the observer
// percentile keeps unless told otherwise.
const defaultPercentile = 99.99

// percentile returns what finds the range of a share of the values, in per cent:
// half of the rest is cut off on either side, at the lower edge of the bin where
// the cumulative share reaches it. That is onnxruntime's PercentileCalibrater with
// symmetric=False (onnxruntime/python/tools/quantization/calibrate.py,
// compute_percentile), to the bit where the bins are the same.
func percentile(share float64) func(*Counts) Range {
	cut := (100 - share) / 200
	return func(c *Counts) Range {
		total, sum := float64(c.total()), 0.0
		low, high := -1, -1
		for i, n := range c.Bins {
			sum += float64(n) / total
			if low < 0 && sum >= cut {
				low = i
			}
			if high < 0 && sum >= 1-cut {
				high = i
			}
		}
		if high < 0 { // the sum is rounded
			high = len(c.Bins)
		}
		return c.within(c.edge(low), c.edge(high))
	}
}
