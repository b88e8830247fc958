package quantize

import (
	"fmt"
	"math"

	"espalier/internal/finite"
	"espalier/model"
	"espalier/model/kernel"
)

// AdaRound's constants. Those of the regulariser are the paper's.
const (
	roundingSteps   = 600
	roundingRate    = 0.02 // of Adam
	roundingWeight  = 0.01 // λ
	warmStart       = 0.2  // of the steps, without the regulariser
	roundingPatches = 4096 // of a layer, at most
	stretch         = 1.2  // ζ − γ: the sigmoid reaches from −0.1 to 1.1
)

// roundingFan is the most weights of an output channel that are rounded by AdaRound.
// Their moments take 16 bytes for each pair: 1 GB here.
const roundingFan = 1 << 13

// A layerError is the mean squared error of a layer's outputs before the bias,
// in real units: of the weights' codes against the weights, on the same inputs.
type layerError struct {
	Layer         string
	Before, After float64
}

// adaRound chooses for every weight of n whether it is rounded down or up, so that
// each layer's outputs are nearest to what the weights of g, folded, give on the
// same inputs, the activations of g on images x (Nagel et al. 2020, "Up or Down?
// Adaptive Rounding for Post-Training Quantization", eq. 21 to 25). It changes n's
// codes, never by more than 1, and returns each layer's error before and after.
//
// A weight's share h = clip(1.2·σ(v) − 0.1, 0, 1) of a step upwards begins at the
// weight's own, and Adam lowers ‖W·x − Ŵ·x‖² + λ·Σ (1 − |2h − 1|^β). The first term is
// divided by what rounding to the nearest leaves, times the number of weights; β
// falls from 20 to 2 after the warm start. All patches together are one matrix of
// second moments, so that a step takes no image. Output channels are independent of
// one another. One for which rounding to the nearest is better keeps it, as does a
// layer of more than roundingFan weights to an output. Weights that are 0 stay 0, as
// pruning left them.
//
// It calls between before each layer; an error from it ends the rounding.
func adaRound(n *Network, g *model.Graph, v Floats, e *model.Engine, x []float32, between func() error) ([]layerError, error) {
	folded := g.ForInference()
	images := len(x) / folded.Input().Shape.Len()
	readers := map[string][]*Node{} // of a point
	for _, l := range n.Layers() {
		if in := l.observedInput(); l.Fan() <= roundingFan {
			readers[in.Point()] = append(readers[in.Point()], l)
		}
	}
	errors := map[string]layerError{}
	var err error
	v.Observe(x, func(point string, rows model.Rows) {
		if len(readers[point]) == 0 || err != nil {
			return
		}
		shape := readers[point][0].Inputs[0].Shape
		values := planes(rows, shape, images)
		for _, l := range readers[point] {
			if err = between(); err != nil {
				return
			}
			if i := finite.First(values); i >= 0 {
				err = fmt.Errorf("rounding layer %s: an input is %g; train from a checkpoint without such values", l.Name, values[i])
				return
			}
			r := rounder{layer: l, weight: folded.Node(l.Name).Weight, recipe: n.Recipe.at(l.WeightBits), kernels: e.Kernels}
			errors[l.Name] = r.round(e, values)
		}
	})
	var all []layerError
	for _, l := range n.Layers() {
		if found, ok := errors[l.Name]; ok {
			all = append(all, found)
		}
	}
	return all, err
}

// A rounder chooses the codes of one layer.
type rounder struct {
	layer   *Node
	weight  []float32
	recipe  Recipe // of the layer's bits
	kernels *kernel.Set
}

// round rounds group by group, and channels of a group in chunks that workers
// take.
func (r *rounder) round(e *model.Engine, values []float32) layerError {
	l := r.layer
	p := newPatcher(l.Op, l.Inputs[0].Shape, l.Shape)
	outs := l.Shape.C / p.groups
	const chunk = 16
	chunks := (outs + chunk - 1) / chunk
	before, after := make([]float64, l.Shape.C), make([]float64, l.Shape.C)
	// Groups of many channels have large moments: one group at a time, or else many.
	moments := make([][]float32, p.groups)
	e.Each(p.groups, func(_, g int) { moments[g] = p.moments(r.kernels, values, g) })
	e.Each(p.groups*chunks, func(_, i int) {
		g, from := i/chunks, i%chunks*chunk
		r.channels(g*outs+from, g*outs+min(from+chunk, outs), moments[g], before, after)
	})
	all := layerError{Layer: l.Name}
	for k := range before {
		all.Before += before[k] / float64(len(before))
		all.After += after[k] / float64(len(after))
	}
	return all
}

// moments returns Σ patch · patchᵀ / patches of one group, packed as the weights of
// a linear layer [fan][fan].
func (p patcher) moments(k *kernel.Set, x []float32, group int) []float32 {
	sums := make([]float64, p.fan*p.fan)
	n := 0
	p.each(x, group, roundingPatches, func(patch []float32) {
		n++
		for i, a := range patch {
			if a == 0 {
				continue
			}
			row := sums[i*p.fan : (i+1)*p.fan]
			for j, b := range patch[:i+1] {
				row[j] += float64(a) * float64(b)
			}
		}
	})
	m := make([]float32, p.fan*p.fan)
	for i := range p.fan {
		for j := range i + 1 {
			v := float32(sums[i*p.fan+j] / float64(n))
			m[i*p.fan+j], m[j*p.fan+i] = v, v
		}
	}
	l := kernel.Linear{In: p.fan, Out: p.fan}
	packed := make([]float32, l.PackedLen())
	k.PackLinear(l, packed, m)
	return packed
}

// channels rounds output channels first to end−1, which have the same patches.
func (r *rounder) channels(first, end int, moments []float32, before, after []float64) {
	fan := r.layer.Fan()
	wide := kernel.Round(fan)
	count := end - first
	difference, product := make([]float32, count*wide), make([]float32, count*wide)
	multiply := func() {
		r.kernels.LinearForward(kernel.Linear{In: fan, Out: fan}, count, product, difference, moments, kernel.Epilogue{})
	}
	energy := func(k int) (sum float64) {
		for i := range fan {
			sum += float64(difference[k*wide+i]) * float64(product[k*wide+i])
		}
		return sum
	}
	weight, codes := r.weight[first*fan:end*fan], r.layer.Weight[first*fan:end*fan]
	scales := r.layer.Scale[first:end]
	set := func(share func(i int) float64) {
		for i, w := range weight {
			s := scales[i/fan]
			difference[i/fan*wide+i%fan] = float32(float64(s)*(r.low(w, s)+share(i)) - float64(w))
		}
	}
	nearest := func(i int) float64 { return float64(codes[i]) - r.low(weight[i], scales[i/fan]) }
	set(nearest)
	multiply()
	for k := range count {
		before[first+k] = energy(k)
	}
	v := make([]float64, len(weight))
	for i, w := range weight {
		v[i] = unshare(r.own(w, scales[i/fan]))
	}
	var m, m2 = make([]float64, len(v)), make([]float64, len(v))
	b1, b2 := 1.0, 1.0
	for step := range roundingSteps {
		set(func(i int) float64 { return share(v[i]) })
		multiply()
		b1, b2 = 0.9*b1, 0.999*b2
		progress := (float64(step)/roundingSteps - warmStart) / (1 - warmStart)
		beta := 20 + (2-20)*max(progress, 0)
		for i := range v {
			base := before[first+i/fan]
			if weight[i] == 0 || base == 0 {
				continue
			}
			gradient := 2 * float64(scales[i/fan]) * float64(product[i/fan*wide+i%fan]) / base * float64(fan)
			h, slope := share(v[i]), shareSlope(v[i])
			if progress >= 0 {
				d := 2*h - 1
				gradient -= roundingWeight * 2 * beta * math.Copysign(math.Pow(math.Abs(d), beta-1), d)
			}
			gradient *= slope
			m[i] += 0.1 * (gradient - m[i])
			m2[i] += 0.001 * (gradient*gradient - m2[i])
			v[i] -= roundingRate * (m[i] / (1 - b1)) / (math.Sqrt(m2[i]/(1-b2)) + 1e-12)
		}
	}
	rounded := func(i int) float64 {
		if weight[i] == 0 {
			return nearest(i)
		}
		return min(math.Round(share(v[i])), r.largest()-r.low(weight[i], scales[i/fan]))
	}
	set(rounded)
	multiply()
	for k := range count {
		after[first+k] = energy(k)
		if !(after[first+k] < before[first+k]) {
			after[first+k] = before[first+k]
			continue
		}
		for i := k * fan; i < (k+1)*fan; i++ {
			codes[i] = int8(r.low(weight[i], scales[k]) + rounded(i))
		}
	}
}

// largest returns the largest code of a weight.
func (r *rounder) largest() float64 { return math.Floor(float64(r.recipe.WeightSteps)) }

// low returns the code below a weight.
func (r *rounder) low(w, scale float32) float64 {
	return min(max(math.Floor(float64(w)/float64(scale)), float64(r.recipe.SmallestWeight)), r.largest())
}

// own returns how far a weight lies above the code below, 0 to 1.
func (r *rounder) own(w, scale float32) float64 {
	return min(max(float64(w)/float64(scale)-r.low(w, scale), 0), 1)
}

// share returns h = clip(1.2·σ(v) − 0.1, 0, 1).
func share(v float64) float64 {
	return min(max(stretch/(1+math.Exp(-v))-(stretch-1)/2, 0), 1)
}

// shareSlope returns dh/dv.
func shareSlope(v float64) float64 {
	s := 1 / (1 + math.Exp(-v))
	if h := stretch*s - (stretch-1)/2; h < 0 || h > 1 {
		return 0
	}
	return stretch * s * (1 - s)
}

// unshare returns the v of a share h, its inverse.
func unshare(h float64) float64 { return -math.Log(stretch/(h+(stretch-1)/2) - 1) }
