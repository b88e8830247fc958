package ui

import (
	"cmp"
	"math"
	"slices"

	"espalier/ui/state"
)

// A layerOrder is the order of the layers.
type layerOrder int

const (
	byDepth layerOrder = iota
	bySparsity
	byChange
	byKept
	byMACs
	bySensitivity
	layerOrders
)

func (o layerOrder) String() string {
	return [...]string{"depth", "zero", "change", "kept", "MACs", "sensitivity"}[o]
}

// shown returns the layers that pass the filter as indices into layers, in
// their order: by depth from the input on, else the largest first; layers whose
// sensitivity is not known come last.
func (p *layersPane) shown(layers []state.LayerRow) []int {
	var shown []int
	for i, l := range layers {
		if p.filter.passes(l.Name) || p.filter.match != nil && !p.filter.invert && p.filter.passes(state.Short(l.Name)) {
			shown = append(shown, i)
		}
	}
	key := func(i int) float64 {
		switch l := layers[i]; p.order {
		case bySparsity:
			return -l.Sparsity
		case byChange:
			return -l.Delta
		case byKept:
			return -float64(l.Kept)
		case byMACs:
			return -float64(l.MACs)
		case bySensitivity:
			if math.IsNaN(l.Rise) {
				return math.Inf(1)
			}
			return -l.Rise
		}
		return float64(i)
	}
	slices.SortStableFunc(shown, func(a, b int) int { return cmp.Compare(key(a), key(b)) })
	return shown
}
