package prune

import (
	"math"

	"espalier/model"
)

// Cubic returns the sparsity at a share t of a schedule from 0 to 1 (Zhu and Gupta
// 2017, arXiv 1710.01878, eq. 1): it rises from begin to end, fast at first, when
// there is most to take away.
func Cubic(begin, end, t float64) float64 {
	left := 1 - min(max(t, 0), 1)
	return end + (begin-end)*left*left*left
}

// Exchanged returns the share of weights that Regrow exchanges at a share t of a
// schedule (RigL, section 3): begin, falling to 0 by half a cosine.
func Exchanged(begin, t float64) float64 { return begin / 2 * (1 + math.Cos(math.Pi*t)) }

// CandidateSparsity returns the share of the candidates' weights that are zero.
func CandidateSparsity(n *model.Graph) float64 {
	zero, total := 0, 0
	for _, l := range Candidates(n) {
		zero += measureLayer(l).Zero
		total += len(l.Weight)
	}
	return share(zero, total)
}
