package model

import (
	"fmt"

	"espalier/model/kernel"
)

// SGD is stochastic gradient descent as torch.optim.SGD: the decayed gradient
// g + WeightDecay·w enters v = Momentum·v + g, and w −= lr·v.
type SGD struct {
	Momentum, WeightDecay float32
	// Nesterov takes w −= lr·(g + Momentum·v) instead.
	Nesterov bool
	// WeightsOnly keeps the decay from biases and batch norm.
	WeightsOnly bool
}

// A Trainer takes training steps on one network. All its memory is planned
// when it is made; Step allocates nothing.
//
// A step is a list of regions. In a region every part of the batch is worked
// on independently; between regions stand the sums over the whole batch that
// batch norm needs. Each region prepares its inputs and computes on them image
// group by image group, so that what one pass writes the next one finds in the
// cache.
type Trainer struct {
	// Loss is what is trained on; the zero value is the cross-entropy.
	Loss Loss
	// Teacher holds the teacher's logits [n][classes] for the images of the next
	// step. Only a Loss with Distill reads it.
	Teacher []float32

	graph  *Graph
	net    *Network
	engine *Engine
	sgd    SGD
	batch  int

	stem   *stem
	blocks []*block
	head   *head

	parameters []*parameter
	pieces     []piece
	workers    []*workspace
	regions    []region

	// Of the step in progress.
	n      int // images
	input  []float32
	labels []uint16
	lr     float32
}

// A region is run(worker, item) for each item, then then().
type region struct {
	items func() int
	run   func(worker, item int)
	then  func()
}

// A workspace is one worker's memory beside the activations.
type workspace struct {
	winograd []float32
	gradient []float32         // a part's weight gradient in the kernels' layout
	dy       map[int][]float32 // by map height: one group's gradient, with border
	middle   map[int][]float32 // likewise: a block's relu(norm(conv1))
	shortcut []float32         // one image of a shortcut's output
	sums     []float32
}

// NewTrainer plans training of g with batches of at most batch images. Weights
// whose layer has a mask are held to it.
func NewTrainer(g *Graph, e *Engine, batch int, o SGD) (*Trainer, error) {
	n, err := NetworkOf(g)
	if err != nil {
		return nil, err
	}
	if n.Fused() {
		return nil, fmt.Errorf("a fused network cannot be trained: its batch norm is gone; load the checkpoint it was fused from")
	}
	if batch < 1 {
		return nil, fmt.Errorf("batch size %d: want at least 1", batch)
	}
	t := &Trainer{graph: g, net: n, engine: e, sgd: o, batch: batch}
	t.plan()
	t.pieces = pieces(t.parameters)
	t.schedule()
	t.Masks()
	return t, nil
}

// Masks takes the layers' masks anew, after pruning has changed them.
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
	for _, tensor := range t.net.Parameters() {
		all = append(all, Tensor{tensor.Name, tensor.Shape, byName[tensor.Name].velocity})
	}
	return all
}

// Step trains on x [n][3][32][32], normalised, with labels [n], n at most the
// planned batch: forward, backward, one update with learning rate lr. It
// returns the batch's mean loss and the number of images that were
// classified right, both before the update. If the loss is not finite the
// parameters are left as they were.
func (t *Trainer) Step(x []float32, labels []uint16, lr float32) (loss float64, correct int) {
	n := len(labels)
	if n < 1 || n > t.batch || len(x) != n*pixels {
		panic(fmt.Sprintf("model: step with %d labels and %d values for a batch of %d", n, len(x), t.batch))
	}
	if t.Loss.Distill > 0 && len(t.Teacher) != n*t.net.Arch.Classes {
		panic(fmt.Sprintf("model: step with %d of the teacher's logits for %d images", len(t.Teacher), n))
	}
	t.n, t.input, t.labels, t.lr = n, x, labels, lr
	for _, r := range t.regions {
		t.engine.Each(r.items(), r.run)
		if r.then != nil {
			r.then()
		}
		if !t.head.finite {
			break
		}
	}
	t.head.finite = true
	return t.head.loss / float64(n), t.head.correct
}

// groups calls run for each group of at most size images of a part: n images
// from the first on, with next of them in the group after it.
func (t *Trainer) groups(part, size int, run func(first, n, next int)) {
	a, b := t.part(part)
	for ; a < b; a += size {
		n := min(size, b-a)
		run(a, n, min(size, b-a-n))
	}
}

func (t *Trainer) part(i int) (a, b int) { return part(t.n, i) }

// images returns n images of size floats each, from the first on.
func images(all []float32, size, first, n int) []float32 {
	return all[first*size : (first+n)*size]
}

// pad returns the floats of batch images of a map.
func (t *Trainer) activation(m kernel.Map) []float32 { return kernel.Floats(t.batch * m.Len()) }
