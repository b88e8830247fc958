package model

import (
	"math"

	"espalier/model/kernel"
)

// A norm is one batch norm in training: it turns sums over the batch into the
// coefficients of passes over the data. Formulas as in Ioffe and Szegedy 2015
// (arXiv 1502.03167, section 3), with PyTorch's running statistics.
type norm struct {
	*ChannelNorm
	sums         []float64 // [maxParts][Out][2], of the pass in progress
	mean         []float32 // [Out], of this batch
	rstd         []float64
	scale, shift []float32  // forward: a = y·scale + shift
	c0, c1, c2   []float32  // backward: dy = c0·g + c1·y + c2
	gamma, beta  *parameter // receive their gradients
}

func newNorm(b *ChannelNorm, gamma, beta *parameter) *norm {
	n := len(b.Gamma)
	vectors := kernel.Floats(6 * n)
	next := func() []float32 {
		v := vectors[:n:n]
		vectors = vectors[n:]
		return v
	}
	return &norm{
		ChannelNorm: b, gamma: gamma, beta: beta,
		sums: make([]float64, maxParts*n*2), rstd: make([]float64, n),
		mean: next(), scale: next(), shift: next(), c0: next(), c1: next(), c2: next(),
	}
}

// add flushes sums [Out/16][2][16], the float32 sums of a few images, into the
// float64 sums of a part, and zeroes them.
func (b *norm) add(part int, sums []float32) {
	total := b.sums[part*2*len(b.mean):][:2*len(b.mean)]
	for i, s := range sums[:len(total)] {
		total[i] += float64(s)
	}
	clear(sums[:len(total)])
}

// total returns channel c's two sums over all parts, in the parts' order.
func (b *norm) total(c int) (first, second float64) {
	at := c/kernel.Lanes*2*kernel.Lanes + c%kernel.Lanes
	for ; at < len(b.sums); at += 2 * len(b.mean) {
		first += b.sums[at]
		second += b.sums[at+kernel.Lanes]
	}
	return first, second
}

// statistics ends the pass that summed y and y² over count values for each
// channel: it sets scale and shift and updates the running statistics.
func (b *norm) statistics(count int) {
	n := float64(count)
	for c := range b.mean {
		sum, squares := b.total(c)
		mean := sum / n
		variance := math.Max(0, squares/n-mean*mean)
		if math.IsNaN(squares) {
			variance = squares
		}
		rstd := 1 / math.Sqrt(variance+NormEpsilon)
		scale := float64(b.Gamma[c]) * rstd
		b.mean[c], b.rstd[c] = float32(mean), rstd
		// The shift belongs to the scale as rounded: the mean itself maps to beta.
		b.scale[c] = float32(scale)
		b.shift[c] = float32(float64(b.Beta[c]) - mean*float64(b.scale[c]))
		b.Mean[c] += NormMomentum * (float32(mean) - b.Mean[c])
		b.Var[c] += NormMomentum * (float32(variance*n/math.Max(1, n-1)) - b.Var[c])
	}
	clear(b.sums)
}

// gradients ends the pass that summed g and g·(y−mean) over count values for
// each channel: it sets gamma's and beta's gradients and the coefficients of
//
//	dy = γ·rstd·(g − Σg/n − x̂·Σ(g·x̂)/n),  x̂ = (y − mean)·rstd
func (b *norm) gradients(count int) {
	n := float64(count)
	for c := range b.mean {
		sum, weighted := b.total(c)
		rstd, mean := b.rstd[c], float64(b.mean[c])
		dGamma := weighted * rstd
		scale := float64(b.Gamma[c]) * rstd
		slope := -scale * rstd * dGamma / n
		b.c0[c], b.c1[c] = float32(scale), float32(slope)
		b.c2[c] = float32(-scale*sum/n - float64(b.c1[c])*mean)
		b.gamma.gradient[c], b.beta.gradient[c] = float32(dGamma), float32(sum)
	}
	clear(b.sums)
}
