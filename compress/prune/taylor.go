package prune

import (
	"math"

	"espalier/model"
)

// taylor is |w·g|, the first-order estimate of how much the loss changes when w
// becomes zero (Molchanov et al. 2019, arXiv 1906.10771, eq. 8, for single
// weights). g is the loss's gradient, summed over some batches.
func taylor(s []float32, l *model.Node, g []float32) {
	for i, w := range l.Weight {
		s[i] = float32(math.Abs(float64(w) * float64(g[i])))
	}
}
