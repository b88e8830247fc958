package prune

import (
	"hash/fnv"
	"math/rand/v2"

	"espalier/model"
)

// random gives weights scores from [0, 1) that follow from the seed and the
// layer's name alone: what every criterion has to beat.
func random(s []float32, l *model.Node, seed uint64) {
	h := fnv.New64a()
	h.Write([]byte(l.Name))
	r := rand.New(rand.NewPCG(seed, h.Sum64()))
	for i := range s {
		s[i] = r.Float32()
	}
}
