package prune

import (
	"cmp"
	"fmt"
	"slices"

	"espalier/model"
)

// A Pattern keeps N of every M weights that lie next to each other along the input
// channels, as 2:4, which some processors multiply twice as fast. The zero Pattern
// is none.
type Pattern struct{ N, M int }

// ParsePattern reads a pattern written as "2:4".
func ParsePattern(s string) (Pattern, error) {
	var p Pattern
	var rest string
	if n, _ := fmt.Sscanf(s, "%d:%d%s", &p.N, &p.M, &rest); n != 2 || p.N < 1 || p.M <= p.N || p.M > 64 {
		return Pattern{}, fmt.Errorf("a pattern of %q: want kept weights of so many, as 2:4 or 1:4", s)
	}
	return p, nil
}

// Sparsity is the share of weights that go.
func (p Pattern) Sparsity() float64 { return 1 - float64(p.N)/float64(p.M) }

// Apply keeps the best N of every M weights of the layers and masks the rest.
// Layers whose input channels are no multiple of M stay as they are: their names
// are returned. Of equal scores, the earlier weight is kept.
func (p Pattern) Apply(layers []*model.Node, scores Scores) (left []string) {
	for k, l := range layers {
		b := Block{Rows: 1, Cols: p.M}.of(l)
		if b.in%p.M != 0 {
			left = append(left, l.Name)
			continue
		}
		mask := make([]float32, len(l.Weight))
		var group []int
		for n := range b.count() {
			group = group[:0]
			b.each(n, func(i int) { group = append(group, i) })
			slices.SortStableFunc(group, func(i, j int) int {
				return cmp.Compare(order(scores[k][j], isZero(l, j)), order(scores[k][i], isZero(l, i)))
			})
			for place, i := range group {
				if place < p.N && !isZero(l, i) {
					mask[i] = 1
				}
			}
		}
		l.Mask = mask
		for i, m := range mask {
			if m == 0 {
				l.Weight[i] = 0
			}
		}
	}
	return left
}
