package prune

import (
	"fmt"
	"math"

	"espalier/model"
)

// The criteria: what a weight is worth.
const (
	ByMagnitude  = "magnitude"  // |w|
	ByNormalised = "normalised" // |w| by the layer's root mean square
	ByLAMP       = "lamp"       // w² by what is left of the layer with it
	ByTaylor     = "taylor"     // |w·g|: what its loss costs, to first order
	ByMovement   = "movement"   // whether training moves it away from zero
	ByRandom     = "random"
)

// Criteria returns the names of all criteria.
func Criteria() []string {
	return []string{ByMagnitude, ByNormalised, ByLAMP, ByTaylor, ByMovement, ByRandom}
}

// Scores say what every weight is worth, by layer, laid out as the layers'
// weights. The lowest go first.
type Scores [][]float32

// Evidence is what criteria need beside the weights.
type Evidence struct {
	Gradients map[string][]float32 // of the loss, by layer: for ByTaylor
	Movement  map[string][]float32 // by layer: for ByMovement
	Seed      uint64               // for ByRandom
}

// Score judges the weights of layers. It fails when a score is not a number, or
// evidence is missing.
func Score(criterion string, layers []*model.Node, e Evidence) (Scores, error) {
	scores := make(Scores, len(layers))
	for i, l := range layers {
		s := make([]float32, len(l.Weight))
		switch criterion {
		case ByMagnitude, "":
			magnitude(s, l)
		case ByNormalised:
			normalised(s, l)
		case ByLAMP:
			lamp(s, l)
		case ByTaylor:
			if len(e.Gradients[l.Name]) != len(s) {
				return nil, fmt.Errorf("the gradients of layer %s are missing", l.Name)
			}
			taylor(s, l, e.Gradients[l.Name])
		case ByMovement:
			if len(e.Movement[l.Name]) != len(s) {
				return nil, fmt.Errorf("the movement of layer %s is missing: it is measured while training", l.Name)
			}
			copy(s, e.Movement[l.Name])
		case ByRandom:
			random(s, l, e.Seed)
		default:
			return nil, fmt.Errorf("there is no criterion %q", criterion)
		}
		for j, v := range s {
			if v != v {
				return nil, fmt.Errorf("pruning layer %s: weight %d is not a number; training diverged, so start from an earlier checkpoint or lower the learning rate", l.Name, j)
			}
		}
		scores[i] = s
	}
	return scores, nil
}

// magnitude is |w|.
func magnitude(s []float32, l *model.Node) {
	for i, w := range l.Weight {
		s[i] = math.Float32frombits(math.Float32bits(w) &^ (1 << 31))
	}
}
