package prune

import (
	"cmp"
	"math"
	"slices"

	"espalier/model"
)

// lamp is layer-adaptive magnitude (Lee et al. 2021, arXiv 2010.07611, eq. 1):
//
//	w² / Σ v² over the layer's weights v that are at least as large as w
//
// The largest weight of every layer has the score 1, so that no layer dies. Of
// equal magnitudes the later one counts as the smaller.
func lamp(s []float32, l *model.Node) {
	order := make([]int32, len(l.Weight))
	for i := range order {
		order[i] = int32(i)
	}
	size := func(i int32) float64 { return math.Abs(float64(l.Weight[i])) }
	slices.SortFunc(order, func(a, b int32) int { // the largest first
		return cmp.Or(cmp.Compare(size(b), size(a)), cmp.Compare(a, b))
	})
	left := 0.0
	for _, i := range order {
		square := size(i) * size(i)
		left += square
		if square > 0 || square != square {
			s[i] = float32(square / left)
		}
	}
}
