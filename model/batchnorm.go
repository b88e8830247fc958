package model

import (
	"math"

	"espalier/model/kernel"
)

// A batchNorm is a batch norm in training. It turns sums over the batch into the
// coefficients of the passes over the data. Formulas as in Ioffe and Szegedy
// 2015 (arXiv 1502.03167, section 3), with PyTorch's running statistics.
//
// Vectors have Round(c) values; those beyond the c channels are zero.
type batchNorm struct {
	node         *Node
	op           BatchNorm
	m            kernel.Map
	sums         []float64 // [maxParts][Round(c)][2], of the pass in progress
	mean         []float32 // of this batch
	rstd         []float64
	scale, shift []float32  // forward: a = y·scale + shift
	c0, c1, c2   []float32  // backward: dy = c0·g + c1·y + c2
	gamma, beta  *parameter // receive their gradients
}

func newBatchNorm(n *Node, m kernel.Map, gamma, beta *parameter) *batchNorm {
	vectors := kernel.Floats(6 * m.C)
	next := func() []float32 {
		v := vectors[:m.C:m.C]
		vectors = vectors[m.C:]
		return v
	}
	return &batchNorm{
		node: n, op: n.Op.(BatchNorm), m: m, gamma: gamma, beta: beta,
		sums: make([]float64, maxParts*m.C*2), rstd: make([]float64, m.C),
		mean: next(), scale: next(), shift: next(), c0: next(), c1: next(), c2: next(),
	}
}

// add flushes sums [Round(c)/16][2][16], the float32 sums of a few images, into
// the float64 sums of a part, and zeroes them.
func (b *batchNorm) add(part int, sums []float32) {
	total := b.sums[part*2*b.m.C:][:2*b.m.C]
	for i, s := range sums[:len(total)] {
		total[i] += float64(s)
	}
	clear(sums[:len(total)])
}

// total returns channel c's two sums over all parts, in the parts' order.
func (b *batchNorm) total(c int) (first, second float64) {
	at := c/kernel.Lanes*2*kernel.Lanes + c%kernel.Lanes
	for ; at < len(b.sums); at += 2 * b.m.C {
		first += b.sums[at]
		second += b.sums[at+kernel.Lanes]
	}
	return first, second
}

// statistics ends the pass that summed y and y² over the maps of n images: it
// sets scale and shift and updates the running statistics. Frozen, it takes the
// running statistics as they are.
func (b *batchNorm) statistics(images int, frozen bool) {
	n := float64(images * b.m.H * b.m.W)
	momentum := float32(b.op.Momentum)
	for c, gamma := range b.node.Weight {
		sum, squares := b.total(c)
		mean := sum / n
		variance := math.Max(0, squares/n-mean*mean)
		if math.IsNaN(squares) {
			variance = squares
		}
		if frozen {
			mean, variance = float64(b.node.Mean[c]), float64(b.node.Var[c])
		}
		rstd := 1 / math.Sqrt(variance+b.op.Epsilon)
		scale := float64(gamma) * rstd
		b.mean[c], b.rstd[c] = float32(mean), rstd
		// Computed from the rounded scale, so that the mean maps to beta exactly.
		b.scale[c] = float32(scale)
		b.shift[c] = float32(float64(b.node.Bias[c]) - mean*float64(b.scale[c]))
		if frozen {
			continue
		}
		b.node.Mean[c] += momentum * (float32(mean) - b.node.Mean[c])
		b.node.Var[c] += momentum * (float32(variance*n/math.Max(1, n-1)) - b.node.Var[c])
	}
	clear(b.sums)
}

// gradients ends the pass that summed g and g·(y−mean) over the maps of n images:
// it sets gamma's and beta's gradients and the coefficients of
//
//	dy = γ·rstd·(g − Σg/n − x̂·Σ(g·x̂)/n),  x̂ = (y − mean)·rstd
//
// Frozen statistics do not depend on the batch: dy = γ·rstd·g.
func (b *batchNorm) gradients(images int, frozen bool) {
	n := float64(images * b.m.H * b.m.W)
	for c, gamma := range b.node.Weight {
		sum, weighted := b.total(c)
		rstd, mean := b.rstd[c], float64(b.mean[c])
		dGamma := weighted * rstd
		scale := float64(gamma) * rstd
		slope := -scale * rstd * dGamma / n
		b.c0[c], b.c1[c] = float32(scale), float32(slope)
		b.c2[c] = float32(-scale*sum/n - float64(b.c1[c])*mean)
		if frozen {
			b.c1[c], b.c2[c] = 0, 0
		}
		b.gamma.gradient[c], b.beta.gradient[c] = float32(dGamma), float32(sum)
	}
	clear(b.sums)
}
