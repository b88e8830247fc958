package model

import (
	"fmt"
	"slices"
	"time"

	"espalier/model/kernel"
)

// An Evaluator computes logits with batch norm folded into the convolutions.
// It works on a copy of the weights, taken by NewEvaluator and by Reload.
//
// Each part of a batch is computed by one worker from the first layer to the
// last, in groups of images small enough for the cache. A pruned network uses
// sparse convolutions, see choosePath.
type Evaluator struct {
	graph    *Graph
	folded   *Graph // for inference
	engine   *Engine
	batch    int
	steps    []*inferStep
	segments []*inferSegment
	workers  []*inferSpace
	planar   bool // activations are planes, for sparse convolution
	planable bool // they may be
	group    int  // images that are computed together on planes
	most     int  // images of a part

	// Of the call in progress.
	n        int // images
	size     int // images of a part
	x        []float32
	logits   []float32
	run      func(worker, part int)
	together bool // there are more workers than images: they share each convolution
	shared   sharedConv
	runShare func(worker, share int)
	spent    map[*inferStep]time.Duration // while Profile runs, else nil
}

// An inferSpace is one worker's memory.
type inferSpace struct {
	arena   []float32 // all of it
	slots   map[*inferSegment][][]float32
	scratch []float32    // of kernels
	dense   [2][]float32 // a group of images before and after a dense layer among sparse ones
	one     [2][]float32 // a vector as a map of one pixel
}

// NewEvaluator plans evaluation of g, a valid graph, in batches of at most batch
// images.
func NewEvaluator(g *Graph, e *Engine, batch int) *Evaluator {
	v := &Evaluator{graph: g, engine: e, batch: batch, folded: g.ForInference()}
	v.steps = fuseForInference(v.folded, e, batch)
	v.segments = schedule(v.steps)
	place(v.segments)
	v.planable = !slices.ContainsFunc(v.steps, func(s *inferStep) bool { return !s.planable() })
	v.most = max(8, min(v.segments[len(v.segments)-1].group, e.share(batch)))
	for range e.Threads() {
		v.workers = append(v.workers, v.space())
	}
	v.run, v.runShare, v.size = v.part, v.share, v.most
	v.pack()
	return v
}

// pack copies the weights of v.folded into the kernels' layouts.
func (v *Evaluator) pack() {
	v.engine.Each(len(v.steps), func(_, i int) {
		switch s := v.steps[i]; {
		case s.conv != nil:
			s.conv.pack()
		case s.linear != nil:
			s.linear.pack()
		case s.norm != nil:
			s.norm.pack()
		case isQuantize(s.unit.Node.Op):
			*s.act.after = s.unit.Node.rounding()
		}
	})
	v.choosePath()
}

// capacity returns how many images' values a segment's memory holds.
func (v *Evaluator) capacity(g *inferSegment) int {
	if v.planable { // a group of images goes through the whole network
		g = v.segments[len(v.segments)-1]
	}
	return min(g.group, max(v.batch, 1))
}

func (v *Evaluator) space() *inferSpace {
	s := &inferSpace{slots: map[*inferSegment][][]float32{}}
	var scratch, dense, one int
	for _, step := range v.steps {
		scratch = max(scratch, step.scratchLen())
		if c := step.conv; c != nil {
			if v.planable {
				dense = max(dense, c.group*max(c.in.Len(), c.out.Len()))
			}
			for _, x := range []*inferValue{step.inputs[0], step.output} {
				if x.vector {
					one = max(one, x.m.Len())
				}
			}
		}
		if step.needsOne() {
			one = max(one, step.inputs[0].m.Len(), step.output.m.Len())
		}
	}
	total := kernel.Round(scratch) + 2*kernel.Round(dense) + 2*kernel.Round(one)
	for _, g := range v.segments {
		for _, n := range g.slots {
			total += kernel.Round(v.capacity(g) * n)
		}
	}
	s.arena = kernel.Floats(total)
	rest := s.arena
	next := func(n int) []float32 { // at multiples of 64 bytes, as the arena
		part := rest[:n:n]
		rest = rest[kernel.Round(n):]
		return part
	}
	s.scratch = next(scratch)
	s.dense = [2][]float32{next(dense), next(dense)}
	s.one = [2][]float32{next(one), next(one)}
	for _, g := range v.segments {
		for _, n := range g.slots {
			s.slots[g] = append(s.slots[g], next(v.capacity(g)*n))
		}
	}
	return s
}

// Reload copies the network's present weights.
func (v *Evaluator) Reload() {
	fresh := v.graph.ForInference()
	from, to := fresh.Tensors(), v.folded.Tensors()
	for i := range to {
		copy(to[i].Data, from[i].Data)
	}
	v.pack()
}

// Bytes returns the memory that evaluating takes: the copy of the weights, its
// packed forms, and every worker's activations. It changes when Reload switches
// between dense and pruned weights.
func (v *Evaluator) Bytes() int64 {
	var floats int
	var lists int64
	for _, l := range v.folded.Tensors() {
		floats += len(l.Data)
	}
	for _, s := range v.steps {
		switch {
		case s.conv != nil:
			floats += len(s.conv.weights) + len(s.conv.bias)
			if s.conv.sparse != nil {
				lists += s.conv.sparse.Bytes()
			}
		case s.linear != nil:
			floats += len(s.linear.weights) + len(s.linear.bias)
		case s.norm != nil:
			floats += len(s.norm.scale) + len(s.norm.shift)
		case s.pad != nil:
			lists += s.pad.Bytes()
		}
	}
	for _, s := range v.workers {
		floats += len(s.arena)
	}
	return 4*int64(floats) + lists
}

// Sparse reports whether the present weights are computed by lists of those
// that are not zero; possible says whether the network's operators allow it.
func (v *Evaluator) Sparse() (now, possible bool) { return v.planar, v.planable }

// Classes returns the number of logits per image.
func (v *Evaluator) Classes() int { return v.folded.Classes() }

// pixels returns the number of floats of one image [c][h][w].
func (v *Evaluator) pixels() int { return v.folded.Input().Shape.Len() }

// take notes the arguments of a call.
func (v *Evaluator) take(logits, x []float32) {
	n := len(x) / v.pixels()
	if n > v.batch || len(x) != n*v.pixels() || len(logits) != n*v.Classes() {
		panic(fmt.Sprintf("model: %d logits of %d values in batches of %d", len(logits), len(x), v.batch))
	}
	v.n, v.x, v.logits = n, x, logits
}

// Logits computes logits [n][classes] of x [n][c][h][w], normalised.
func (v *Evaluator) Logits(logits, x []float32) {
	v.take(logits, x)
	if v.n < v.engine.Threads() && !v.planar {
		v.together = true
		v.part(0, 0)
		v.together = false
		return
	}
	v.size = min(v.most, v.engine.share(v.n))
	v.engine.Each((v.n+v.size-1)/v.size, v.run)
}

// part computes one part's logits.
func (v *Evaluator) part(worker, i int) {
	s := v.workers[worker]
	first, end := i*v.size, min(v.n, (i+1)*v.size)
	last := len(v.segments) - 1
	group := v.segments[last].group
	if v.planar {
		group = v.group
	}
	y := v.steps[len(v.steps)-1].output
	for a := first; a < end; a += group {
		n := min(group, end-a)
		if v.planar {
			v.throughPlanes(s, a, n)
		} else {
			v.through(s, last, a, n)
		}
		for i := range n {
			copy(v.logits[(a+i)*v.Classes():][:v.Classes()], s.at(y, i, 1))
		}
	}
}

// at returns a value for n images, starting at image i of the group.
func (s *inferSpace) at(v *inferValue, i, n int) []float32 {
	return images(s.slots[v.segment][v.slot], v.stride(), i, n)
}
