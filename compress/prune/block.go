package prune

import (
	"fmt"

	"espalier/model"
)

// A Block is a shape in which weights are pruned together: Rows output channels
// by Cols input channels, at one position of the kernel. 1×4 is what one
// instruction of the int8 kernels takes of a row, 16×1 a vector of output
// channels. The zero Block is a single weight.
type Block struct{ Rows, Cols int }

// ParseBlock reads a block written as "1x4".
func ParseBlock(s string) (Block, error) {
	var b Block
	var rest string
	if n, _ := fmt.Sscanf(s, "%dx%d%s", &b.Rows, &b.Cols, &rest); n != 2 || b.Rows < 1 || b.Cols < 1 || b.Rows > 64 || b.Cols > 64 {
		return Block{}, fmt.Errorf("a block of %q: want rows by columns from 1x1 to 64x64, as 1x4, 4x1 or 16x1", s)
	}
	return b, nil
}

// blocks cuts a layer's weight [out][in][positions] into blocks, which are
// numbered in the weight's order. Those at the ends may be smaller.
type blocks struct {
	Block
	out, in, positions int
	across             int // blocks along the input channels
}

func (b Block) of(l *model.Node) blocks {
	shape := l.WeightShape()
	c := blocks{Block: Block{max(b.Rows, 1), max(b.Cols, 1)}, out: shape[0], in: shape[1], positions: len(l.Weight) / (shape[0] * shape[1])}
	c.across = (c.in + c.Cols - 1) / c.Cols
	return c
}

// count returns how many blocks there are.
func (b blocks) count() int { return (b.out + b.Rows - 1) / b.Rows * b.across * b.positions }

// each calls do with the positions of a block's weights.
func (b blocks) each(number int, do func(i int)) {
	at, p := number/b.positions, number%b.positions
	row, col := at/b.across*b.Rows, at%b.across*b.Cols
	for o := row; o < min(row+b.Rows, b.out); o++ {
		for c := col; c < min(col+b.Cols, b.in); c++ {
			do((o*b.in+c)*b.positions + p)
		}
	}
}

// score is the mean of the scores of a block's weights; zeros add nothing. It is
// zero where all of them are.
func (b blocks) score(number int, l *model.Node, scores []float32) (score float32, zero bool) {
	sum, count := 0.0, 0
	zero = true
	b.each(number, func(i int) {
		count++
		if !isZero(l, i) {
			zero = false
			sum += float64(scores[i])
		}
	})
	return float32(sum / float64(count)), zero
}

// isZero reports whether a weight is zero or held at zero by a mask.
func isZero(l *model.Node, i int) bool { return l.Weight[i] == 0 || l.Mask != nil && l.Mask[i] == 0 }
