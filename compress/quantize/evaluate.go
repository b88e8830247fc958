package quantize

import (
	"fmt"
	"time"

	"espalier/model"
	"espalier/model/kernel"
)

// An Evaluator computes a quantized network's logits: uint8 activations, int8
// weights, int32 sums. Every image is computed by one worker from the input to
// the logits; nothing depends on the number of workers, the batch, or the
// instruction set.
type Evaluator struct {
	net     *Network
	engine  *model.Engine
	plan    *plan
	workers []*space
	helpers []*space // by worker: the first one's values, and a scratch of its own
	pixels  int      // values of one image

	observed *plan // of Observe, nil before the first

	// Of the call in progress.
	logits, x []float32
	run       func(worker, image int)
	step      sharedStep // that all workers compute together
	runShare  func(worker, share int)
}

// A space is one worker's memory for one image.
type space struct {
	buffers [][]uint8
	sums    []int32
	scratch []uint8
	image   []float32 // of the image in progress
	logits  []float32
	share   kernel.Share // of the steps that several workers compute together
}

// NewEvaluator packs n for e's kernels.
func NewEvaluator(n *Network, e *model.Engine) *Evaluator {
	v := &Evaluator{net: n, engine: e, plan: compile(n, e.Kernels, false), pixels: n.Input().Shape.Len()}
	for range e.Threads() {
		s := v.plan.space()
		v.workers = append(v.workers, s)
		v.helpers = append(v.helpers, &space{buffers: v.workers[0].buffers, scratch: s.scratch})
	}
	v.run, v.runShare = v.image, v.shareStep
	return v
}

// Bytes returns the memory that evaluating takes: packed weights, and every
// worker's activations of one image.
func (v *Evaluator) Bytes() int64 {
	total := v.plan.bytes
	for _, s := range v.workers {
		total += 4*int64(len(s.sums)) + int64(len(s.scratch))
		for _, b := range s.buffers {
			total += int64(len(b))
		}
	}
	return total
}

// Logits computes logits [n][classes] of x [n][c][h][w], normalised.
func (v *Evaluator) Logits(logits, x []float32) {
	n := len(x) / v.pixels
	if len(x) != n*v.pixels || len(logits) != n*v.Classes() {
		panic(fmt.Sprintf("quantize: %d logits of %d values", len(logits), len(x)))
	}
	v.logits, v.x = logits, x
	if n >= v.engine.Threads() {
		v.engine.Each(n, v.run)
		return
	}
	for i := range n {
		v.together(i)
	}
}

// together computes the logits of image i with all workers, who share each
// convolution.
func (v *Evaluator) together(i int) {
	s := v.workers[0]
	v.open(s, i)
	for _, step := range v.plan.steps {
		if shared, ok := step.(sharedStep); ok {
			v.step = shared
			v.engine.Each(v.engine.Threads(), v.runShare)
		} else {
			step.run(v.engine.Kernels, s)
		}
	}
	v.plan.finish(s)
}

// shareStep computes one share of v.step.
func (v *Evaluator) shareStep(worker, share int) {
	s := v.helpers[worker]
	s.share = kernel.Share{Part: share, Of: v.engine.Threads()}
	v.step.run(v.engine.Kernels, s)
}

// open gives a worker image i of the batch.
func (v *Evaluator) open(s *space, i int) {
	s.image, s.logits = v.x[i*v.pixels:(i+1)*v.pixels], v.logits[i*v.Classes():(i+1)*v.Classes()]
}

// Profile computes one image's logits on the caller's thread and returns the
// time of every step, under the name of the node that it computes.
func (v *Evaluator) Profile(logits, x []float32) []model.StepTime {
	v.logits, v.x = logits, x
	s := v.workers[0]
	v.open(s, 0)
	times := make([]model.StepTime, len(v.plan.steps))
	for i, step := range v.plan.steps {
		began := time.Now()
		step.run(v.engine.Kernels, s)
		times[i] = model.StepTime{Node: v.plan.nodes[i], Time: time.Since(began)}
	}
	v.plan.finish(s)
	return times
}

// Classes returns the number of logits per image.
func (v *Evaluator) Classes() int { return v.net.Classes() }

// image computes the logits of image i of the batch.
func (v *Evaluator) image(worker, i int) {
	s := v.workers[worker]
	v.open(s, i)
	for _, step := range v.plan.steps {
		step.run(v.engine.Kernels, s)
	}
	v.plan.finish(s)
}

// finish writes the logits that the last node's codes stand for.
func (p *plan) finish(s *space) {
	if out := p.net.Output(); !out.Float {
		codes := s.at(p.values[out])
		for k := range s.logits {
			s.logits[k] = out.Output.Dequantize(codes[k])
		}
	}
}

// at returns the memory of a value.
func (s *space) at(v *value) []uint8 { return s.buffers[v.buffer] }

// space returns memory for one worker. Borders hold their value's zero point,
// and nobody writes them.
func (p *plan) space() *space {
	s := &space{sums: make([]int32, p.sums), scratch: make([]uint8, p.scratch)}
	for _, b := range p.buffers {
		buffer := make([]uint8, b.len())
		for i := range buffer {
			buffer[i] = b.zero
		}
		s.buffers = append(s.buffers, buffer)
	}
	return s
}

// A value is where one node's output lies in a worker's memory.
type value struct {
	memory
	buffer int
}

// A memory says how codes lie in a buffer. Values with equal memories can use
// the same buffer, one after the other.
type memory struct {
	layout layout
	m      kernel.Map // channels rounded up to 16, but for an image's
	zero   uint8      // around the map
}

// A layout is an order of codes.
type layout int

const (
	flat    layout = iota // of a vector: channel by channel
	colours               // of an image: [H+2][W+2][4], three channels and an unused byte
	blocks                // as kernel.Map says, in bytes
)

// len returns the bytes that a value takes.
func (v memory) len() int {
	switch v.layout {
	case flat:
		return v.m.C
	case colours:
		return (v.m.H + 2) * (v.m.W + 2) * 4
	}
	return v.m.Len()
}

// channel returns the offset of a channel's first pixel, and the distances
// between rows and pixels.
func (v memory) channel(c int) (at, row, pixel int) {
	switch v.layout {
	case flat:
		return c, 0, 0
	case colours:
		return (v.m.W+3)*4 + c, (v.m.W + 2) * 4, 4
	}
	return v.m.At(c, 0, 0), v.m.Row(), kernel.Lanes
}

// newMemory returns how a node's output lies in memory: vectors are flat.
func newMemory(s model.Shape, zero uint8) memory {
	c := (s.C + kernel.Lanes - 1) / kernel.Lanes * kernel.Lanes
	if s.IsVector() {
		return memory{layout: flat, m: kernel.Map{C: c, H: 1, W: 1}}
	}
	return memory{layout: blocks, m: kernel.Map{C: c, H: s.H, W: s.W}, zero: zero}
}
