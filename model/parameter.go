package model

import "espalier/model/kernel"

// A parameter is a tensor in training, with its momentum and its gradient.
// Convolutions and linear layers sum the gradient for each part of the batch
// separately.
type parameter struct {
	Tensor
	mask     []float32 // 0 or 1 per value, or nil
	step     bool      // a scale of LSQ's: it does not decay
	velocity []float32
	gradient []float32 // [slots][len(Data)]; the sum ends up in the first
	slots    int       // 1, or maxParts
}

func newParameter(t Tensor, slots int) *parameter {
	n := len(t.Data)
	return &parameter{Tensor: t, slots: slots, velocity: make([]float32, n), gradient: kernel.Floats(slots * n)}
}

// slot returns the memory for a part's gradient.
func (p *parameter) slot(part int) []float32 {
	n := len(p.Data)
	return p.gradient[part*n:][:n]
}

// A piece is a range of a parameter, small enough to spread updates evenly
// over workers.
type piece struct {
	*parameter
	a, b int
}

const pieceLen = 4096

// pieces cuts parameters into pieces.
func pieces(all []*parameter) []piece {
	var out []piece
	for _, p := range all {
		for a := 0; a < len(p.Data); a += pieceLen {
			out = append(out, piece{p, a, min(a+pieceLen, len(p.Data))})
		}
	}
	return out
}

// update adds up the gradients of the parts in order and takes one step.
func (p piece) update(k *kernel.Set, parts int, lr float32, o SGD) {
	gradient := p.gradient[p.a:p.b]
	for i := 1; i < min(parts, p.slots); i++ {
		k.Add(gradient, p.slot(i)[p.a:p.b])
	}
	var mask []float32
	if p.mask != nil {
		mask = p.mask[p.a:p.b]
	}
	decay := o.WeightDecay
	if p.step || o.WeightsOnly && len(p.Shape) == 1 {
		decay = 0
	}
	k.SGD(p.Data[p.a:p.b], gradient, p.velocity[p.a:p.b], mask, lr, o.Momentum, decay, o.Nesterov)
	if p.step {
		for i := p.a; i < p.b; i++ {
			p.Data[i] = max(p.Data[i], smallestScale)
		}
	}
}
