package model

import "espalier/model/kernel"

// A trained convolution is a convolution, its batch norm, and what both keep
// between the forward and the backward pass.
type trained struct {
	*conv
	norm   *norm
	weight *parameter
	out    kernel.Map
	y      []float32 // [batch] images of the convolution's output
}

// A stem is the first convolution.
type stem struct {
	*trained
	image []float32 // [batch][34][34][4], the input with its border
	a     []float32 // [batch] images: relu(norm(y))
}

// A block holds one residual block's activations and gradients. Gradients of
// blocks in the same stage share memory: a block's input gradient replaces its
// output gradient.
type block struct {
	conv1, conv2 *trained
	down         *trained // projection shortcut, or nil
	pad          bool     // zero-padding shortcut
	x            []float32
	source       []float32 // the convolution output that x is made from
	in           kernel.Map
	a            []float32 // the block's output
	g1, g, dx    []float32 // gradients of relu(norm(conv1)), a and x
	before       *block    // nil for the first
}

// A head is the average pool, the classifier and the loss.
type head struct {
	layer        *Layer
	weight, bias *parameter
	scratch      []float32 // [maxParts][2·In + 2·Out]
	losses       [maxParts]float64
	corrects     [maxParts]int
	loss         float64 // summed over the batch
	correct      int
	finite       bool
}

// plan lays out all memory of a training step.
func (t *Trainer) plan() {
	s := &stem{trained: t.trained(t.net.Stem), image: kernel.Floats(t.batch * imageLen)}
	s.a = t.activation(s.out)
	t.stem = s
	x, source, m := s.a, s.y, s.out
	g, g1 := t.activation(m), t.activation(m)
	var before *block
	for _, layers := range t.net.Blocks {
		b := &block{x: x, source: source, in: m, g: g, g1: g1, dx: g, before: before}
		b.conv1, b.conv2 = t.trained(layers.Conv1), t.trained(layers.Conv2)
		if m = b.conv2.out; m != b.in {
			b.g, b.g1 = t.activation(m), t.activation(m)
			b.pad = layers.Downsample == nil
		}
		if layers.Downsample != nil {
			b.down = t.trained(layers.Downsample)
		}
		b.a = t.activation(m)
		t.blocks = append(t.blocks, b)
		x, source, g, g1, before = b.a, b.conv2.y, b.g, b.g1, b
	}
	fc := t.net.Classifier
	t.head = &head{
		layer: fc, finite: true,
		weight:  t.parameter(fc.Name+".weight", fc.Shape(), fc.Weight, maxParts),
		bias:    t.parameter(fc.Name+".bias", []int{fc.Out}, fc.Bias, maxParts),
		scratch: kernel.Floats(maxParts * (2*fc.In + 2*fc.Out)),
	}
	for range t.engine.Threads() {
		t.workers = append(t.workers, t.workspace())
	}
}

func (t *Trainer) trained(l *Layer) *trained {
	c := newConv(l, t.engine, true)
	gamma := t.parameter(l.Norm.Name+".weight", []int{l.Out}, l.Norm.Gamma, 1)
	beta := t.parameter(l.Norm.Name+".bias", []int{l.Out}, l.Norm.Beta, 1)
	return &trained{
		conv: c, out: c.geometry.Out, y: t.activation(c.geometry.Out),
		norm:   newNorm(l.Norm, gamma, beta),
		weight: t.parameter(l.Name+".weight", l.Shape(), l.Weight, maxParts),
	}
}

func (t *Trainer) parameter(name string, shape []int, data []float32, slots int) *parameter {
	p := newParameter(Tensor{name, shape, data}, slots)
	t.parameters = append(t.parameters, p)
	return p
}

// convolutions returns all of them, in forward order.
func (t *Trainer) convolutions() []*trained {
	all := []*trained{t.stem.trained}
	for _, b := range t.blocks {
		all = append(all, b.conv1, b.conv2)
		if b.down != nil {
			all = append(all, b.down)
		}
	}
	return all
}

// workspace plans the memory of one worker: as much as the hungriest
// convolution needs.
func (t *Trainer) workspace() *workspace {
	var winograd, gradient, shortcut, channels int
	dy := map[int]int{}
	for _, c := range t.convolutions() {
		winograd = max(winograd, c.scratchLen())
		gradient = max(gradient, c.gradLen())
		shortcut = max(shortcut, c.out.Len())
		channels = max(channels, c.out.C)
		dy[c.out.H] = max(dy[c.out.H], c.group*c.out.Len())
	}
	w := &workspace{
		winograd: kernel.Floats(winograd),
		gradient: kernel.Floats(2 * gradient),
		shortcut: kernel.Floats(shortcut),
		sums:     kernel.Floats(4 * channels),
		dy:       map[int][]float32{},
		middle:   map[int][]float32{},
	}
	for h, n := range dy {
		w.dy[h], w.middle[h] = kernel.Floats(n), kernel.Floats(n)
	}
	return w
}

// Bytes returns the memory that training this network at this batch size
// takes, planned once and constant from then on.
func (t *Trainer) Bytes() int64 {
	floats := len(t.stem.image) + len(t.stem.a) + len(t.head.scratch)
	for _, c := range t.convolutions() {
		floats += len(c.y) + len(c.forward) + len(c.backward)
	}
	for _, b := range t.blocks {
		floats += len(b.a)
		if b.before == nil || b.in != b.conv2.out {
			floats += len(b.g) + len(b.g1)
		}
	}
	for _, p := range t.parameters {
		floats += len(p.Data) + len(p.velocity) + len(p.gradient)
	}
	for _, w := range t.workers {
		floats += len(w.winograd) + len(w.gradient) + len(w.shortcut) + len(w.sums)
		for _, dy := range w.dy {
			floats += 2 * len(dy) // middle is as long
		}
	}
	return 4 * int64(floats)
}
