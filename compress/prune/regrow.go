package prune

import (
	"cmp"
	"math"
	"slices"

	"espalier/model"
)

// Regrow exchanges weights of a layer that has a mask (RigL, Evci et al. 2020, arXiv
// 1911.11134, section 3): the share of those that are left with the smallest
// magnitudes go, and as many of all that are then out come back, those with the
// largest growth [weights], a gradient, in magnitude. It returns where weights came
// back that were masked before; they begin at zero.
func Regrow(l *model.Node, growth []float32, share float64) (grown []int) {
	size := func(v float32) float64 { return math.Abs(float64(v)) }
	var kept, out []int
	for i, m := range l.Mask {
		if m != 0 {
			kept = append(kept, i)
		} else {
			out = append(out, i)
		}
	}
	n := min(int(math.RoundToEven(share*float64(len(kept)))), len(out))
	slices.SortStableFunc(kept, func(i, j int) int { return cmp.Compare(size(l.Weight[i]), size(l.Weight[j])) })
	for _, i := range kept[:n] {
		l.Mask[i] = 0
	}
	masked := len(out)
	out = append(out, kept[:n]...)
	order := make([]int, len(out))
	for k := range order {
		order[k] = k
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(size(growth[out[b]]), size(growth[out[a]])) })
	for _, k := range order[:n] {
		l.Mask[out[k]] = 1
		if k < masked {
			grown = append(grown, out[k])
		}
	}
	for i, m := range l.Mask {
		if m == 0 {
			l.Weight[i] = 0
		}
	}
	return grown
}
