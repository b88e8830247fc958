package model

import (
	"fmt"
	"math/rand/v2"

	"espalier/model/kernel"
)

// SGD is stochastic gradient descent as in torch.optim.SGD: g += WeightDecay·w,
// v = Momentum·v + g, w −= lr·v.
type SGD struct {
	Momentum, WeightDecay float32
	// Nesterov is w −= lr·(g + Momentum·v) instead.
	Nesterov bool
	// WeightsOnly does not decay biases and batch norm.
	WeightsOnly bool
}

// A Trainer takes training steps on one network. All its memory is planned
// when it is made; Step allocates nothing. See trainPlan for how a step is
// computed.
type Trainer struct {
	// Loss is the training loss; the zero value is the cross-entropy.
	Loss Loss
	// Teacher holds the teacher's logits [n][classes] for the images of the next
	// step. Only a Loss with Distill reads it.
	Teacher []float32
	// Seed and Steps, the number of steps taken, decide what dropout drops. Set
	// both to continue a training.
	Seed  uint64
	Steps int

	// FrozenNorms computes with batch norm's running statistics and leaves them as
	// they are; its weights and biases still learn. Quantization-aware training ends
	// so, with what the network in integers will compute with.
	FrozenNorms bool

	graph  *Graph
	engine *Engine
	sgd    SGD
	batch  int
	limit  int // parts of a batch, at most

	plan       *trainPlan
	head       *trainHead
	parameters []*parameter
	pieces     []piece
	workers    []*workspace
	calls      []trainCall

	// Of the step in progress.
	n      int // images
	input  []float32
	labels []uint16
	lr     float32
}

// A trainCall is run(worker, item) for each item, then then().
type trainCall struct {
	items func() int
	run   func(worker, item int)
	then  func()
}

// A workspace is one worker's memory.
type workspace struct {
	maps    [][]float32 // of one group of images, by the plan's spaces
	scratch []float32   // of one step
	moved   []float32   // a part's gradients of weights
	sums    []float32   // of a few images, for batch norm
	random  rand.PCG
	span    trainSpan
}

// NewTrainer plans training of g with batches of at most batch images. Weights
// that a layer's mask excludes stay zero.
func NewTrainer(g *Graph, e *Engine, batch int, o SGD) (*Trainer, error) {
	if batch < 1 {
		return nil, fmt.Errorf("batch size %d: want at least 1", batch)
	}
	if err := g.Check(); err != nil {
		return nil, err
	}
	t := &Trainer{graph: g, engine: e, sgd: o, batch: batch, head: &trainHead{finite: true}}
	t.limit = partLimit(g)
	plan, err := t.planTraining()
	if err != nil {
		return nil, err
	}
	t.plan = plan
	t.pieces = pieces(t.parameters)
	for range e.Threads() {
		t.workers = append(t.workers, t.workspace())
	}
	t.list()
	t.Masks()
	return t, nil
}

// partLimit returns the most parts that a batch is split into. Every part has its
// own gradient of each weight; all of them take at most 2²⁶ floats.
func partLimit(g *Graph) int {
	limit := maxParts
	for limit > 2 && limit*g.ParameterCount() > 1<<26 {
		limit /= 2
	}
	return limit
}

// slots returns how many parts a batch may have.
func (t *Trainer) slots() int { return min(t.limit, (t.batch+7)/8) }

// parts returns the number of parts of the batch.
func (t *Trainer) parts() int { return parts(t.n, t.limit) }

func (t *Trainer) parameter(tensor Tensor, slots int) *parameter {
	p := newParameter(tensor, slots)
	t.parameters = append(t.parameters, p)
	return p
}

func (t *Trainer) workspace() *workspace {
	p := t.plan
	w := &workspace{scratch: kernel.Floats(p.scratch), moved: kernel.Floats(p.moved), sums: kernel.Floats(p.sums)}
	for _, s := range p.spaces {
		w.maps = append(w.maps, kernel.Floats(s.group))
	}
	return w
}

// list makes the calls of a step: rounding and packing the weights, the plan's
// regions, the update.
func (t *Trainer) list() {
	p := t.plan
	t.calls = append(t.calls, trainCall{
		items: func() int { return len(p.packs) },
		run:   func(_, i int) { p.packs[i]() },
	})
	for _, r := range p.regions {
		t.calls = append(t.calls, trainCall{
			items: t.parts,
			run:   func(worker, part int) { t.run(r, t.workers[worker], part) },
			then: func() {
				for _, b := range r.statistics {
					b.statistics(t.n, t.FrozenNorms)
				}
				for _, b := range r.gradients {
					b.gradients(t.n, t.FrozenNorms)
				}
				if r.loss {
					t.head.sum(t.parts())
				}
			},
		})
	}
	t.calls = append(t.calls, trainCall{
		items: func() int { return len(t.pieces) },
		run:   func(_, i int) { t.pieces[i].update(t.engine.Kernels, t.parts(), t.lr, t.sgd) },
	})
}

// run takes one part of the batch through a region.
func (t *Trainer) run(r *trainRegion, w *workspace, item int) {
	for _, sum := range r.sums {
		clear(w.moved[sum.at:][:sum.n])
	}
	first, end := part(t.n, t.limit, item)
	for ; first < end; first += r.group {
		n := min(r.group, end-first)
		w.span = trainSpan{w: w, part: item, first: first, n: n, next: min(r.group, end-first-n)}
		for i := range r.steps {
			r.steps[i].run(&w.span)
		}
	}
	for _, sum := range r.sums {
		sum.finish(item, w.moved[sum.at:][:sum.n])
	}
}

// Masks reads the masks of the layers again, after pruning has changed them.
func (t *Trainer) Masks() {
	masks := map[string][]float32{}
	for _, l := range t.graph.Layers() {
		masks[l.Name+".weight"] = l.Mask
	}
	for _, p := range t.parameters {
		p.mask = masks[p.Name]
	}
}

// Velocity returns the momentum buffers, named and ordered as the network's
// Parameters. They are shared: a checkpoint saves and restores them.
func (t *Trainer) Velocity() []Tensor {
	byName := map[string]*parameter{}
	for _, p := range t.parameters {
		byName[p.Name] = p
	}
	var all []Tensor
	for _, tensor := range t.graph.Parameters() {
		all = append(all, Tensor{tensor.Name, tensor.Shape, byName[tensor.Name].velocity})
	}
	return all
}

// Step trains on x [n][c][h][w], normalised, with labels [n], n at most the
// planned batch: forward, backward, one update with learning rate lr. It
// returns the batch's mean loss and the number of images that were
// classified right, both before the update. If the loss is not finite the
// parameters are left as they were.
func (t *Trainer) Step(x []float32, labels []uint16, lr float32) (loss float64, correct int) {
	n := len(labels)
	if n < 1 || n > t.batch || len(x) != n*t.graph.Input().Shape.Len() {
		panic(fmt.Sprintf("model: step with %d labels and %d values for a batch of %d", n, len(x), t.batch))
	}
	if t.Loss.Distill > 0 && len(t.Teacher) != n*t.graph.Classes() {
		panic(fmt.Sprintf("model: step with %d of the teacher's logits for %d images", len(t.Teacher), n))
	}
	t.n, t.input, t.labels, t.lr = n, x, labels, lr
	for _, c := range t.calls {
		t.engine.Each(c.items(), c.run)
		if c.then != nil {
			c.then()
		}
		if !t.head.finite {
			break
		}
	}
	t.head.finite = true
	t.Steps++
	return t.head.loss / float64(n), t.head.correct
}

// Bytes returns the memory that training this network at this batch size
// takes, planned once and constant from then on.
func (t *Trainer) Bytes() int64 {
	p := t.plan
	floats := len(t.head.scratch)
	for _, s := range p.spaces {
		floats += s.batch
	}
	for _, p := range t.parameters {
		floats += len(p.Data) + len(p.velocity) + len(p.gradient)
	}
	for _, w := range t.workers {
		floats += len(w.scratch) + len(w.moved) + len(w.sums)
		for _, m := range w.maps {
			floats += len(m)
		}
	}
	bytes := 4 * int64(floats)
	for _, c := range p.convs {
		bytes += c.bytes()
	}
	for _, l := range p.linears {
		bytes += l.bytes()
	}
	for _, v := range p.values {
		bytes += int64(len(v.places))
		if v.grid != nil {
			bytes += 4 * int64(len(v.grid.rounded.Weight))
		}
	}
	return bytes
}

// images returns n images of size floats each, from the first on.
func images(all []float32, size, first, n int) []float32 {
	return all[first*size : (first+n)*size]
}
