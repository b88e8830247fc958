package prune

import (
	"math"
	"slices"

	"espalier/model"
)

// A Selection says how many weights of some layers become zero, and in what shape.
type Selection struct {
	// Target is the share of all blocks that are zero afterwards, ranked together;
	// Each, where it is given, the share of every layer's, each layer by itself.
	Target float64
	Each   []float64
	Block  Block
	// Floor is the share of its blocks that every layer keeps at least, and one
	// block of them; 0 lets a layer lose all.
	Floor float64
}

// A Held layer would have lost more than the floor allows.
type Held struct {
	Layer             string
	Asked, Kept, Size int // weights that the scores alone would have left, that are left, and all
}

// Apply zeroes the weights with the lowest scores and gives every layer its mask.
// Of the blocks that are ranked together, the lowest round(target × count) go, half to
// even as Python rounds. Of equal scores, the block that comes last in the layers' order
// goes first. PyTorch does not promise an order, but does the same wherever the two were
// compared. Blocks that are zero, or held at zero by a mask, rank before all others, and
// zeros are never given up: if more is zero already than the target asks for, it stays
// masked.
func (s Selection) Apply(layers []*model.Node, scores Scores) []Held {
	if s.Each == nil {
		return s.apply(layers, scores, s.Target)
	}
	var held []Held
	for i, l := range layers {
		held = append(held, s.apply([]*model.Node{l}, scores[i:i+1], s.Each[i])...)
	}
	return held
}

// apply prunes layers that are ranked together.
func (s Selection) apply(layers []*model.Node, scores Scores, target float64) []Held {
	ranks, zeros := s.rank(layers, scores)
	count := max(int(math.RoundToEven(target*float64(len(ranks)))), zeros)
	slices.Sort(ranks)
	pruned := make([]bool, len(ranks))
	for _, r := range ranks[:count] {
		pruned[r.position()] = true
	}
	var held []Held
	if s.Floor > 0 {
		held = s.hold(layers, ranks, pruned, zeros)
	}
	first := 0
	for _, l := range layers {
		b := s.Block.of(l)
		mask := make([]float32, len(l.Weight))
		for n := range b.count() {
			b.each(n, func(i int) {
				if pruned[first+n] || isZero(l, i) {
					l.Weight[i] = 0
				} else {
					mask[i] = 1
				}
			})
		}
		first += b.count()
		l.Mask = mask
	}
	return held
}

// hold gives layers that would fall below the floor their best blocks back, and
// takes the next ones of other layers instead, as far as those may lose them.
func (s Selection) hold(layers []*model.Node, ranks []ranking, pruned []bool, zeros int) []Held {
	var held []Held
	layerOf := make([]int, len(ranks))
	spare := make([]int, len(layers)) // blocks that a layer may lose yet
	first := 0
	for i, l := range layers {
		count := s.Block.of(l).count()
		kept := 0
		for n := first; n < first+count; n++ {
			layerOf[n] = i
			if !pruned[n] {
				kept++
			}
		}
		floor := max(1, int(math.Ceil(s.Floor*float64(count)-1e-9)))
		spare[i] = count - floor
		if kept < floor {
			size := len(l.Weight)
			held = append(held, Held{Layer: l.Name, Asked: kept * size / count, Kept: floor * size / count, Size: size})
		}
		first += count
	}
	if held == nil {
		return nil
	}
	want := 0
	for _, p := range pruned {
		if p {
			want++
		}
	}
	clear(pruned)
	for rank, r := range ranks {
		n := r.position()
		if i := layerOf[n]; rank < zeros || want > 0 && spare[i] > 0 {
			pruned[n] = true
			spare[i]--
			want--
		}
	}
	return held
}

// A ranking is the sort key of one block: its score above, the complement of its
// position below, so that comparing integers compares scores and then positions,
// the later one first. Zeros come before every score.
type ranking uint64

func newRanking(score float32, zero bool, position int) ranking {
	return ranking(order(score, zero))<<32 | ranking(^uint32(position))
}

// order maps scores to integers that rise as they do.
func order(score float32, zero bool) uint32 {
	bits := math.Float32bits(score)
	switch {
	case zero:
		return 0
	case bits>>31 != 0:
		return ^bits
	}
	return bits | 1<<31
}

func (r ranking) position() int { return int(^uint32(r)) }

// rank returns one ranking a block, and how many blocks are zero.
func (s Selection) rank(layers []*model.Node, scores Scores) (ranks []ranking, zeros int) {
	for i, l := range layers {
		b := s.Block.of(l)
		for n := range b.count() {
			score, zero := b.score(n, l, scores[i])
			if zero {
				zeros++
			}
			ranks = append(ranks, newRanking(score, zero, len(ranks)))
		}
	}
	return ranks, zeros
}
