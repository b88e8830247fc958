package quantize

import (
	"math"

	"espalier/model"
)

// An equalisation may take this many passes over all pairs, and ends when no scale
// moves by more than a thousandth.
const equalisePasses = 20

// equalise returns a copy of g, folded, in which neighbouring layers have channels of
// like ranges: cross-layer equalisation (Nagel et al. 2019, section 4.1). Channel i
// of a layer's output is divided by s, and what the next layer multiplies it with is
// multiplied by s, where
//
//	s = √(r1 / r2),  r1 = max |W1[i, :]|,  r2 = max |W2[:, i]|
//
// so that both ranges become √(r1·r2); a channel of zeros stays. Pairs are layers of
// which the second alone reads the first, through a ReLU, a clipping from 0 up, or
// pools, which all let a positive factor pass. A clipping becomes a ReLU, as in the
// paper, and its upper limit is lost; all else computes the same up to rounding.
//
// Then high biases are absorbed (section 4.1.3): a channel that batch norm puts at
// least c = max(0, β − 3·|γ|) above 0 gives c to the biases of the next layer.
// That is so only where no zeros around a map are read, so that layers with padding,
// and those behind pools that count it, are left out.
//
// It also returns the numbers of pairs and of channels whose bias was absorbed.
func equalise(g *model.Graph) (f *model.Graph, pairs, absorbed int) {
	norms := map[string]*channelNorm{}
	for _, u := range g.DropDropout().Units() {
		if u.Norm != nil {
			norms[u.Name()] = newChannelNorm(u.Norm)
		}
	}
	f = g.ForInference()
	all := pairsOf(f)
	for range equalisePasses {
		moved := 0.0
		for _, p := range all {
			moved = max(moved, p.equalise(norms[p.first.Name]))
		}
		if moved < 1e-3 {
			break
		}
	}
	for _, p := range all {
		if p.act != nil {
			p.act.Op = model.ReLU{}
		}
		absorbed += p.absorb(norms[p.first.Name])
	}
	return f, len(all), absorbed
}

// A channelNorm is the mean and the deviation that batch norm gave each channel.
type channelNorm struct{ beta, gamma []float64 }

func newChannelNorm(n *model.Node) *channelNorm {
	c := &channelNorm{make([]float64, len(n.Bias)), make([]float64, len(n.Bias))}
	for i := range n.Bias {
		c.beta[i], c.gamma[i] = float64(n.Bias[i]), math.Abs(float64(n.Weight[i]))
	}
	return c
}

// A layerPair is two layers of which the second alone reads the first.
type layerPair struct {
	first, second *model.Node
	act           *model.Node // the activation between, or nil
	edged         bool        // the second layer reads zeros around a map, directly or in a pool's means
}

// pairsOf returns the pairs of a folded graph in its order.
func pairsOf(g *model.Graph) []layerPair {
	readers := g.Consumers()
	var pairs []layerPair
	for _, n := range g.Nodes {
		if !n.IsLayer() {
			continue
		}
		p := layerPair{first: n}
	walk:
		for at := n; len(readers[at]) == 1; {
			at = readers[at][0]
			switch op := at.Op.(type) {
			case model.ReLU:
				if p.act != nil {
					break walk
				}
				p.act = at
			case model.Clip:
				if p.act != nil || op.Min != 0 {
					break walk
				}
				p.act = at
			case model.MaxPool, model.GlobalAvgPool:
			case model.AvgPool:
				p.edged = p.edged || op.CountPadding && op.Padding != (model.Padding{})
			case model.Flatten:
				if at.Inputs[0].Shape.C != at.Shape.C {
					break walk
				}
			case model.Conv, model.Linear:
				conv, ok := op.(model.Conv)
				p.edged = p.edged || ok && conv.Padding != (model.Padding{})
				p.second = at
				pairs = append(pairs, p)
				break walk
			default:
				break walk
			}
		}
	}
	return pairs
}

// reads calls do with the indices of the weights of the second layer that multiply
// channel c of the first, and the output channel of each.
func (p layerPair) reads(c int, do func(i, out int)) {
	n := p.second
	fan := n.Fan()
	groups, taps := 1, 1
	if op, ok := n.Op.(model.Conv); ok {
		groups, taps = op.Groups, op.Kernel*op.Kernel
	}
	ins, outs := fan/taps, n.Out()/groups
	for k := c / ins * outs; k < (c/ins+1)*outs; k++ {
		for t := range taps {
			do(k*fan+c%ins*taps+t, k)
		}
	}
}

// equalise scales all channels and returns the largest logarithm of a scale.
func (p layerPair) equalise(norm *channelNorm) (moved float64) {
	fan := p.first.Fan()
	for c := range p.first.Out() {
		own := p.first.Weight[c*fan : (c+1)*fan]
		r1, r2 := maxAbs(own), float32(0)
		p.reads(c, func(i, _ int) { r2 = max(r2, p.second.Weight[i], -p.second.Weight[i]) })
		if r1 == 0 || r2 == 0 {
			continue
		}
		s := math.Sqrt(float64(r1) / float64(r2))
		moved = max(moved, math.Abs(math.Log(s)))
		for i, w := range own {
			own[i] = float32(float64(w) / s)
		}
		if p.first.Bias != nil {
			p.first.Bias[c] = float32(float64(p.first.Bias[c]) / s)
		}
		p.reads(c, func(i, _ int) { p.second.Weight[i] = float32(float64(p.second.Weight[i]) * s) })
		if norm != nil {
			norm.beta[c] /= s
			norm.gamma[c] /= s
		}
	}
	return moved
}

// absorb moves high biases to the second layer and returns how many channels had
// one.
func (p layerPair) absorb(norm *channelNorm) (count int) {
	if norm == nil || p.act == nil || p.edged {
		return 0
	}
	if p.second.Bias == nil {
		p.second.Bias = make([]float32, p.second.Out())
	}
	shift := make([]float64, p.second.Out())
	for c := range norm.beta {
		high := norm.beta[c] - 3*norm.gamma[c]
		if high <= 0 {
			continue
		}
		count++
		p.first.Bias[c] = float32(float64(p.first.Bias[c]) - high)
		p.reads(c, func(i, out int) { shift[out] += float64(p.second.Weight[i]) * high })
	}
	for k, s := range shift {
		p.second.Bias[k] = float32(float64(p.second.Bias[k]) + s)
	}
	return count
}
