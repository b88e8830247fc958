package model

import (
	"fmt"
	"strings"

	"espalier/model/kernel"
)

// An Evaluator computes logits with batch norm folded into the convolutions.
// It works on a copy of the weights, taken by NewEvaluator and by Reload.
//
// Each part of a batch is computed by one worker from the first layer to the
// last, in groups of images small enough for the cache. A pruned
// network is computed by sparse convolutions, see inferConv.
type Evaluator struct {
	net     *Network
	fused   *Network
	engine  *Engine
	batch   int
	stem    *inferConv
	blocks  []*inferBlock
	convs   []*inferConv
	workers []*inferSpace
	planar  bool // activations are planes, for sparse convolution
	group   int  // images that are computed together on planes

	n      int // of the call in progress
	x      []float32
	logits []float32
	run    func(worker, part int)
}

// An inferBlock is a residual block in inference.
type inferBlock struct {
	conv1, conv2, down *inferConv
	pad                *kernel.Sparse // the padding shortcut as a convolution, or nil
	name               string
	stage              int
}

// An inferSpace is one worker's memory: activations of the images in work.
type inferSpace struct {
	image    []float32 // also an image as planes
	winograd []float32
	dense    [2][]float32    // a group of images before and after a dense layer among sparse ones
	maps     [3][2][]float32 // by stage: a block's shortcut and sum, and what is between its convolutions
	pooled   []float32
}

// NewEvaluator plans evaluation of g in batches of at most batch images.
func NewEvaluator(g *Graph, e *Engine, batch int) *Evaluator {
	n, err := NetworkOf(g)
	if err != nil {
		panic(err)
	}
	v := &Evaluator{net: n, engine: e, batch: batch, fused: n.Fuse()}
	v.stem = v.conv(v.fused.Stem)
	for _, b := range v.fused.Blocks {
		out := &inferBlock{conv1: v.conv(b.Conv1), conv2: v.conv(b.Conv2), name: strings.TrimSuffix(b.Conv1.Name, ".conv1")}
		if b.Downsample != nil {
			out.down = v.conv(b.Downsample)
		} else if b.Conv1.Stride == 2 {
			out.pad = padPlanes(out.conv1.geometry)
		}
		for size := imageSize; size > b.Conv1.Size; size /= 2 {
			out.stage++
		}
		v.blocks = append(v.blocks, out)
	}
	for range e.Threads() {
		v.workers = append(v.workers, v.space())
	}
	v.run = v.part
	v.pack()
	return v
}

func (v *Evaluator) conv(l *Layer) *inferConv {
	c := &inferConv{conv: newConv(l, v.engine, false)}
	v.convs = append(v.convs, c)
	return c
}

// pack takes the weights of v.fused into the kernels' layouts.
func (v *Evaluator) pack() {
	v.engine.Each(len(v.convs), func(_, i int) { v.convs[i].pack() })
	v.choosePath()
}

func (v *Evaluator) space() *inferSpace {
	s := &inferSpace{image: kernel.Floats(imageLen), pooled: make([]float32, v.fused.Classifier.In)}
	var winograd, dense, group int
	for _, c := range v.convs {
		group = max(group, min(c.group, v.batch))
		winograd = max(winograd, c.scratchLen())
		dense = max(dense, c.group*c.geometry.Out.Len())
	}
	s.winograd = kernel.Floats(winograd)
	s.dense = [2][]float32{kernel.Floats(dense), kernel.Floats(dense)}
	for _, b := range v.blocks {
		for i := range s.maps[b.stage] {
			if s.maps[b.stage][i] == nil {
				s.maps[b.stage][i] = kernel.Floats(group * b.conv2.geometry.Out.Len())
			}
		}
	}
	return s
}

// Reload takes the network's present weights.
func (v *Evaluator) Reload() {
	fresh := v.net.Fuse()
	from, to := fresh.Tensors(), v.fused.Tensors()
	for i := range to {
		copy(to[i].Data, from[i].Data)
	}
	v.pack()
}

// Bytes returns the memory that evaluating takes: the copy of the weights, its
// packed forms, and every worker's activations. It changes when Reload takes
// weights that are pruned and others that are not.
func (v *Evaluator) Bytes() int64 {
	var floats int
	var lists int64
	for _, l := range v.fused.Layers() {
		floats += len(l.Weight) + len(l.Bias)
	}
	for _, c := range v.convs {
		floats += len(c.forward)
		if c.sparse != nil {
			lists += c.sparse.Bytes()
		}
	}
	for _, b := range v.blocks {
		if b.pad != nil {
			lists += b.pad.Bytes()
		}
	}
	for _, s := range v.workers {
		floats += len(s.image) + len(s.winograd) + len(s.dense[0]) + len(s.dense[1]) + len(s.pooled)
		for _, stage := range s.maps {
			for _, m := range stage {
				floats += len(m)
			}
		}
	}
	return 4*int64(floats) + lists
}

// Classes returns the number of logits per image.
func (v *Evaluator) Classes() int { return v.fused.Classifier.Out }

// Logits computes logits [n][classes] of x [n][3][32][32], normalised.
func (v *Evaluator) Logits(logits, x []float32) {
	n := len(x) / pixels
	if n > v.batch || len(x) != n*pixels || len(logits) != n*v.Classes() {
		panic(fmt.Sprintf("model: %d logits of %d values in batches of %d", len(logits), len(x), v.batch))
	}
	v.n, v.x, v.logits = n, x, logits
	v.engine.Each(parts(n), v.run)
}

// part computes one part's logits.
func (v *Evaluator) part(worker, i int) {
	s := v.workers[worker]
	first, end := part(v.n, i)
	if v.planar {
		v.planarPart(s, first, end)
		return
	}
	last := len(s.maps) - 1
	m, fc := v.blocks[len(v.blocks)-1].conv2.geometry.Out, v.fused.Classifier
	for a := first; a < end; a += v.groupOf(last) {
		n := min(v.groupOf(last), end-a)
		v.through(s, last, a, n)
		for i := range n {
			v.engine.Kernels.AveragePool(m, s.pooled, images(s.maps[last][0], m.Len(), i, 1))
			fc.forward(v.logits[(a+i)*fc.Out:][:fc.Out], s.pooled)
		}
	}
}

// stage returns the blocks of one stage.
func (v *Evaluator) stage(i int) []*inferBlock {
	per := len(v.blocks) / 3
	return v.blocks[i*per : (i+1)*per]
}
