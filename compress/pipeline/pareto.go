package pipeline

// An Axis is one cost that accuracy is held against. Less is better.
type Axis struct {
	Name string                           // as "ms an image"
	Of   func(*Cost) (x float64, ok bool) // not ok where it was not measured
}

// Axes returns the costs, the measured ones first.
func Axes() []Axis {
	speed := func(batch, threads int, scale float64) func(*Cost) (float64, bool) {
		return func(c *Cost) (float64, bool) {
			s, ok := c.Fastest(batch, threads)
			return scale * s.Seconds / float64(batch), ok
		}
	}
	count := func(of func(*Cost) int64, scale float64) func(*Cost) (float64, bool) {
		return func(c *Cost) (float64, bool) { return float64(of(c)) / scale, true }
	}
	return []Axis{
		{"ms an image, one thread", speed(1, 1, 1e3)},
		{"ms an image, all threads", speed(1, 0, 1e3)},
		{"ms an image in batches of 128", speed(128, 0, 1e3)},
		{"kB without zeros", count(func(c *Cost) int64 { return c.SparseBytes }, 1e3)},
		{"kB", count(func(c *Cost) int64 { return c.Bytes }, 1e3)},
		{"kB with zstd", count(func(c *Cost) int64 { return c.ZstdBytes }, 1e3)},
		{"million effective MACs", count(func(c *Cost) int64 { return c.EffectiveMACs }, 1e6)},
		{"million MACs", count(func(c *Cost) int64 { return c.MACs }, 1e6)},
		{"kB of values", count(func(c *Cost) int64 { return c.Activations }, 1e3)},
	}
}

// Dominator returns for each point the index of one that costs no more, is at
// least as accurate, and better in one of both; −1 for a point that no other
// dominates.
func Dominator(costs, top1 []float64) []int {
	by := make([]int, len(costs))
	for i := range costs {
		by[i] = -1
		for j := range costs {
			better := costs[j] < costs[i] || top1[j] > top1[i]
			if better && costs[j] <= costs[i] && top1[j] >= top1[i] && (by[i] < 0 || top1[j] > top1[by[i]]) {
				by[i] = j
			}
		}
	}
	return by
}
