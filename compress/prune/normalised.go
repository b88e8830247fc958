package prune

import (
	"math"

	"espalier/model"
)

// normalised is |w| divided by the root mean square of the layer's weights, zeros
// among them: layers of large weights have no advantage over others.
func normalised(s []float32, l *model.Node) {
	squares := 0.0
	for _, w := range l.Weight {
		squares += float64(w) * float64(w)
	}
	size := math.Sqrt(squares / float64(len(l.Weight)))
	if size == 0 {
		return
	}
	for i, w := range l.Weight {
		s[i] = float32(math.Abs(float64(w)) / size)
	}
}
