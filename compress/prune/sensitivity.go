package prune

import (
	"math"
	"slices"

	"espalier/model"
)

// A Curve is a layer's sensitivity: how much the loss rises when shares of its
// weights become zero.
type Curve []CurvePoint

// A CurvePoint is one measurement. Shares rise along a Curve.
type CurvePoint struct{ Share, Rise float64 }

// within returns the largest share that raises the loss by no more than a limit:
// on straight lines from nothing through the points, of which none counts as lower
// than those before it. Beyond the last point, the rise is taken to grow as the
// weights that are left shrink.
func (c Curve) within(limit float64) float64 {
	var at CurvePoint
	for _, p := range c {
		if math.IsNaN(p.Rise) {
			p.Rise = math.Inf(1)
		}
		p.Rise = max(p.Rise, at.Rise)
		if p.Rise > limit {
			if math.IsInf(p.Rise, 1) {
				return at.Share
			}
			return at.Share + (p.Share-at.Share)*(limit-at.Rise)/(p.Rise-at.Rise)
		}
		at = p
	}
	if at.Rise <= 0 {
		return at.Share
	}
	return 1 - (1-at.Share)*at.Rise/limit
}

// Even returns targets for layers that cost each of them the same rise in loss, by
// its own curve, and together come to the target. Layers without a curve lose
// nothing.
func Even(layers []*model.Node, curves map[string]Curve, target float64) []float64 {
	each := make([]float64, len(layers))
	total := 0.0
	for _, l := range layers {
		total += float64(len(l.Weight))
	}
	spread := func(limit float64) (zero float64) {
		for i, l := range layers {
			each[i] = curves[l.Name].within(limit)
			zero += each[i] * float64(len(l.Weight))
		}
		return zero / total
	}
	low, high := 0.0, 1.0
	for spread(high) < target && high < 1e12 {
		high *= 2
	}
	for range 100 {
		if middle := (low + high) / 2; spread(middle) < target {
			low = middle
		} else {
			high = middle
		}
	}
	spread(high)
	return each
}

// SmallestChannels returns the weights of those output channels of a layer that
// have the smallest sums of magnitudes: round(share × channels) of them, half to
// even (Li et al. 2017, arXiv 1608.08710, section 3.1).
func SmallestChannels(l *model.Node, share float64) []int {
	fan := l.Fan()
	sums := make([]float64, l.Out())
	order := make([]int, l.Out())
	for o := range order {
		order[o] = o
		for _, w := range l.Weight[o*fan : (o+1)*fan] {
			sums[o] += math.Abs(float64(w))
		}
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case sums[a] < sums[b]:
			return -1
		case sums[a] > sums[b]:
			return 1
		}
		return 0
	})
	var positions []int
	for _, o := range order[:int(math.RoundToEven(share*float64(len(order))))] {
		for i := range fan {
			positions = append(positions, o*fan+i)
		}
	}
	return positions
}
