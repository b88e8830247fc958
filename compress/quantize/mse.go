package quantize

import "math"

// clipSteps is how many shares of the range MSE tries at either end.
const clipSteps = 100

// leastError returns the range that leaves the least squared error of all values
// quantized to 256 codes, each taken at the middle of its bin.
//
// Either end can be cut to k/100 of itself. The search begins with the whole
// range. It finds the best upper end for the lower one, then the best lower end
// for that, and so on until nothing changes; of equal ends the widest is taken.
// With values on one side of 0 that is all candidates, as OMSE tries them
// (Choukroun et al. 2019).
func leastError(c *Counts) Range {
	lo, hi := min(c.Seen.Min, 0), max(c.Seen.Max, 0)
	at := func(low, high int) Range {
		return Range{lo * float32(low) / clipSteps, hi * float32(high) / clipSteps}
	}
	low, high := clipSteps, clipSteps
	best := c.squaredError(at(low, high), math.Inf(1))
	for changed := true; changed; {
		changed = false
		fixed := low
		for k := clipSteps; k > 0 && hi > 0; k-- {
			if e := c.squaredError(at(fixed, k), best); e < best {
				best, high, changed = e, k, true
			}
		}
		fixed = high
		for k := clipSteps; k > 0 && lo < 0; k-- {
			if e := c.squaredError(at(k, fixed), best); e < best {
				best, low, changed = e, k, true
			}
		}
	}
	return at(low, high)
}

// squaredError returns Σ count · (c − what its code stands for)² over the bins'
// middles c, with 256 codes over a range that holds 0; or a part of the sum that is
// no less than enough.
func (c *Counts) squaredError(r Range, enough float64) float64 {
	const top = 255
	a := lab.Activation(r)
	scale, zero := float64(a.Scale), float64(a.Zero)
	width := c.width()
	middle := (float64(c.First) + 0.5) * width
	var sum float64
	for i, n := range c.Bins {
		if n > 0 {
			x := middle + float64(i)*width
			d := (min(max(math.RoundToEven(x/scale)+zero, 0), top)-zero)*scale - x
			sum += float64(n) * (d * d)
		}
		if i%256 == 255 && sum >= enough {
			return sum
		}
	}
	return sum
}
