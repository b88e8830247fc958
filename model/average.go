package model

// An Average is the exponential moving average of a network in training, as
// torch.optim.swa_utils.AveragedModel computes it with get_ema_multi_avg_fn and
// use_buffers. Parameters and running statistics start as those of the first
// step; from then on average += (1 − decay)·(network − average). The average is
// often more accurate than the network (Polyak and Juditsky 1992).
type Average struct {
	// Steps is how many updates the average has seen.
	Steps int

	engine  *Engine
	weight  float32 // of the network in the average
	own     []Tensor
	follows []Tensor
	pieces  []averagePiece
	run     func(worker, item int)
}

type averagePiece struct{ average, network []float32 }

// NewAverage plans the average of n. All its memory is taken here; Update
// allocates nothing.
func NewAverage(n *Graph, e *Engine, decay float64) *Average {
	a := &Average{engine: e, weight: float32(1 - decay), follows: n.Tensors()}
	for _, t := range a.follows {
		own := Tensor{t.Name, t.Shape, make([]float32, len(t.Data))}
		copy(own.Data, t.Data)
		a.own = append(a.own, own)
		for from := 0; from < len(t.Data); from += pieceLen {
			end := min(from+pieceLen, len(t.Data))
			a.pieces = append(a.pieces, averagePiece{own.Data[from:end], t.Data[from:end]})
		}
	}
	a.run = func(_, i int) { a.pieces[i].update(a.weight) }
	return a
}

// Update adds the network's present weights to the average.
func (a *Average) Update() {
	if a.Steps++; a.Steps == 1 {
		for i, t := range a.own {
			copy(t.Data, a.follows[i].Data)
		}
		return
	}
	a.engine.Each(len(a.pieces), a.run)
}

func (p averagePiece) update(weight float32) {
	network := p.network[:len(p.average)]
	for i, v := range p.average {
		p.average[i] = v + float32(weight*(network[i]-v))
	}
}

// Tensors returns the averaged tensors, named and ordered as the network's
// Tensors. They are shared: a checkpoint saves and restores them.
func (a *Average) Tensors() []Tensor { return a.own }

// Swap exchanges the average's values with the network's: afterwards the
// network is the averaged one, and a second Swap brings it back.
func (a *Average) Swap() {
	for i, t := range a.own {
		follows := a.follows[i].Data
		for j, v := range t.Data {
			t.Data[j], follows[j] = follows[j], v
		}
	}
}
