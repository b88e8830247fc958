package state

import (
	"math"
	"slices"

	"espalier/compress/pipeline"
)

// Curves is how much worse the dense network got when single layers were, for one
// thing that they lost.
type Curves struct {
	Of     string // "weights", "channels" or "bits"
	Levels []float64
	rises  map[string][]float64 // by layer
	most   float64              // the highest that is finite
}

// Shades returns a layer's rises in loss, one for each level that was measured,
// from 0 for none to 1 for the highest of all layers, by their logarithm: a rise that
// is a hundredth of the highest has 0. One that is not finite has 1.
func (c *Curves) Shades(layer string) []float64 {
	shades := make([]float64, len(c.rises[layer]))
	for i, rise := range c.rises[layer] {
		switch {
		case math.IsNaN(rise):
			shades[i] = 1
		case rise > 0 && c.most > 0:
			shades[i] = max(0, 1+math.Log10(rise/c.most)/2)
		}
	}
	return shades
}

// addPoint keeps a point of the layers' sensitivity; the first is the network as
// it is.
func (r *Run) addPoint(p pipeline.SensitivityPoint) {
	if p.Layer == "" {
		r.whole, r.Curves = float64(p.Loss), nil
		return
	}
	i := slices.IndexFunc(r.Curves, func(c *Curves) bool { return c.Of == p.Of })
	if i < 0 {
		i = len(r.Curves)
		r.Curves = append(r.Curves, &Curves{Of: p.Of, rises: map[string][]float64{}})
	}
	c, rise := r.Curves[i], float64(p.Loss)-r.whole
	if !slices.Contains(c.Levels, p.Level) {
		c.Levels = append(c.Levels, p.Level)
	}
	c.rises[p.Layer] = append(c.rises[p.Layer], rise)
	if rise > c.most { // false for NaN
		c.most = rise
	}
}
