package quantize

import (
	"math"

	"espalier/model"
)

// correctBiasesAnalytically moves biases of n without any image: by Σ (W − Ŵ)·E[x], with
// the means of x that batch norm in g tells. Behind batch norm a channel is taken to
// be normal, with mean β and deviation |γ|; behind a ReLU after it, its mean is
//
//	E[max(x, 0)] = γ·φ(−β/γ) + β·(1 − Φ(−β/γ))
//
// (Nagel et al. 2019, eq. 17 to 19), and behind a clipping the clipped normal's. Layers
// whose inputs come from elsewhere, as from a sum or the images, stay as they are.
// Zeros around a map are not taken into account. It returns the layers it moved.
func correctBiasesAnalytically(n *Network, g *model.Graph) []biasShift {
	means := map[string][]float64{} // by unit
	for _, u := range g.DropDropout().Units() {
		if _, ok := u.Node.Op.(model.Conv); ok && u.Norm != nil {
			means[u.Name()] = normMeans(u)
		}
	}
	folded := g.ForInference()
	var all []biasShift
	for _, l := range n.Layers() {
		from := meansOf(l.observedInput())
		mean, ok := means[from.Name]
		if !ok || len(mean) != l.Inputs[0].Shape.C {
			continue
		}
		p := newPatcher(l.Op, l.Inputs[0].Shape, l.Shape)
		taps := p.fan / (l.Inputs[0].Shape.C / p.groups)
		weight, own := folded.Node(l.Name).Weight, l.weights()
		shift := biasShift{Layer: l.Name}
		for k := range l.Bias {
			group := k / (l.Shape.C / p.groups)
			var sum float64
			for i := range p.fan {
				sum += (float64(weight[k*p.fan+i]) - float64(own[k*p.fan+i])) * mean[group*(p.fan/taps)+i/taps]
			}
			shift.Mean += math.Abs(sum) / float64(len(l.Bias))
			l.Bias[k] += float32(sum)
		}
		if n.Recipe.IntegerBias {
			l.roundBias(l.Inputs[0].Output)
		}
		all = append(all, shift)
	}
	return all
}

// meansOf returns the node whose channels' means a value has: pools keep them, the
// largest of a window does not.
func meansOf(n *Node) *Node {
	for {
		switch n.Op.(type) {
		case model.GlobalAvgPool, model.AvgPool:
			n = n.Inputs[0]
			continue
		case model.Flatten:
			if n.Inputs[0].Shape.C == n.Shape.C {
				n = n.Inputs[0]
				continue
			}
		case model.Clip:
			if n.Act == nil && len(n.Inputs) == 1 { // a step of its own, whose mean belongs to the layer before
				n = n.Inputs[0]
				continue
			}
		}
		return n
	}
}

// normMeans returns the mean of each channel behind a unit's batch norm and
// activation.
func normMeans(u *model.Unit) []float64 {
	means := make([]float64, u.Shape().C)
	for c := range means {
		beta, gamma := float64(u.Norm.Bias[c]), math.Abs(float64(u.Norm.Weight[c]))
		low, high := math.Inf(-1), math.Inf(1)
		if u.Act != nil {
			switch op := u.Act.Op.(type) {
			case model.ReLU:
				low = 0
			case model.Clip:
				low, high = float64(op.Min), float64(op.Max)
			default:
				return nil
			}
		}
		means[c] = clippedMean(beta, gamma, low, high)
	}
	return means
}

// clippedMean returns the mean of a normal variable that is cut to low and high.
func clippedMean(mean, deviation, low, high float64) float64 {
	if deviation == 0 {
		return min(max(mean, low), high)
	}
	density := func(z float64) float64 { return math.Exp(-z*z/2) / math.Sqrt(2*math.Pi) }
	below := func(z float64) float64 { return math.Erfc(-z/math.Sqrt2) / 2 }
	a, b := (low-mean)/deviation, (high-mean)/deviation
	sum := mean*(below(b)-below(a)) - deviation*(density(b)-density(a))
	if !math.IsInf(low, -1) {
		sum += low * below(a)
	}
	if !math.IsInf(high, 1) {
		sum += high * (1 - below(b))
	}
	return sum
}
