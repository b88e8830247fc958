package prune

import (
	"slices"

	"espalier/model"
)

// Uniform returns the same target for every layer.
func Uniform(layers []*model.Node, target float64) []float64 {
	return slices.Repeat([]float64{target}, len(layers))
}

// ERK spreads a target over layers by the Erdős–Rényi kernel rule (Evci et al.
// 2020, arXiv 1911.11134, section 3): a layer's density is proportional to the sum
// of its weight's dimensions by their product. Layers that would be more than
// dense are dense, and the others make up for them, so that the sparsity of all is
// the target.
func ERK(layers []*model.Node, target float64) []float64 {
	total := 0.0
	raw := make([]float64, len(layers)) // density but for a common factor
	for i, l := range layers {
		sum, product := 0, 1
		for _, n := range l.WeightShape() {
			sum += n
			product *= n
		}
		raw[i] = float64(sum) / float64(product)
		total += float64(product)
	}
	dense := make([]bool, len(layers))
	for {
		left, weight := (1-target)*total, 0.0
		for i, l := range layers {
			if dense[i] {
				left -= float64(len(l.Weight))
			} else {
				weight += raw[i] * float64(len(l.Weight))
			}
		}
		factor, full := left/weight, false
		largest := 0.0
		for i := range layers {
			if !dense[i] {
				largest = max(largest, raw[i])
			}
		}
		for i := range layers {
			if !dense[i] && raw[i] == largest && factor*raw[i] > 1 {
				dense[i], full = true, true
			}
		}
		if full {
			continue
		}
		each := make([]float64, len(layers))
		for i := range layers {
			if !dense[i] {
				each[i] = 1 - factor*raw[i]
			}
		}
		return each
	}
}
