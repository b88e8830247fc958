package model

import (
	"fmt"

	"espalier/model/kernel"
)

// An Evaluator computes logits with batch norm folded into the convolutions.
// It works on a copy of the weights, taken by NewEvaluator and by Reload.
//
// Each part of a batch is computed by one worker from the first layer to the
// last, stage by stage in groups of images small enough for the cache.
type Evaluator struct {
	net     *Network
	fused   *Network
	engine  *Engine
	batch   int
	stem    *conv
	blocks  []*inferBlock
	convs   []*conv
	workers []*inferSpace

	n      int // of the call in progress
	x      []float32
	logits []float32
	run    func(worker, part int)
}

// An inferBlock is a residual block in inference.
type inferBlock struct {
	conv1, conv2, down *conv
	name               string
	stage              int
}

// An inferSpace is one worker's memory: activations of the images in work.
type inferSpace struct {
	image    []float32
	winograd []float32
	maps     [3][3][]float32 // by stage: three maps of a part's images, used in turn
	pooled   []float32
}

// NewEvaluator plans evaluation of n in batches of at most batch images.
func NewEvaluator(n *Network, e *Engine, batch int) *Evaluator {
	v := &Evaluator{net: n, engine: e, batch: batch, fused: n.Fuse()}
	v.stem = v.conv(v.fused.Stem)
	for _, b := range v.fused.Blocks {
		out := &inferBlock{conv1: v.conv(b.Conv1), conv2: v.conv(b.Conv2), name: b.Conv1.Name[:len(b.Conv1.Name)-len(".conv1")]}
		if b.Downsample != nil {
			out.down = v.conv(b.Downsample)
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

func (v *Evaluator) conv(l *Layer) *conv {
	c := newConv(l, v.engine, false)
	v.convs = append(v.convs, c)
	return c
}

// pack takes the weights of v.fused into the kernels' layouts.
func (v *Evaluator) pack() {
	v.engine.Each(len(v.convs), func(_, i int) { v.convs[i].pack() })
}

func (v *Evaluator) space() *inferSpace {
	s := &inferSpace{image: kernel.Floats(imageLen), pooled: make([]float32, v.fused.Classifier.In)}
	var winograd int
	for _, c := range v.convs {
		winograd = max(winograd, c.scratchLen())
	}
	s.winograd = kernel.Floats(winograd)
	for _, b := range v.blocks {
		for i := range s.maps[b.stage] {
			if s.maps[b.stage][i] == nil {
				s.maps[b.stage][i] = kernel.Floats(partSize(v.batch) * b.conv2.geometry.Out.Len())
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
	n := end - first
	at := 0 // which of a stage's maps holds the input
	for stage := range s.maps {
		blocks := v.stage(stage)
		group := 1
		for _, b := range blocks {
			group = max(group, b.conv2.group)
		}
		out := 0
		for a := 0; a < n; a += group {
			m := min(group, n-a)
			if stage == 0 {
				v.input(s, first+a, m, a)
			}
			in := at
			for _, b := range blocks {
				in = v.block(b, s, in, a, m)
			}
			out = in
		}
		at = out
	}
	last := v.blocks[len(v.blocks)-1]
	m := last.conv2.geometry.Out
	fc := v.fused.Classifier
	for i := range n {
		v.engine.Kernels.AveragePool(m, s.pooled, images(s.maps[last.stage][at], m.Len(), i, 1))
		fc.forward(v.logits[(first+i)*fc.Out:][:fc.Out], s.pooled)
	}
}

// stage returns the blocks of one stage.
func (v *Evaluator) stage(i int) []*inferBlock {
	per := len(v.blocks) / 3
	return v.blocks[i*per : (i+1)*per]
}

// input computes the stem's output for n images from the batch's image first
// on, into the first map of stage 0 at image a.
func (v *Evaluator) input(s *inferSpace, first, n, a int) {
	size := v.stem.geometry.Out.Len()
	for i := range n {
		v.engine.Kernels.PackImage(s.image, images(v.x, pixels, first+i, 1))
		v.stem.run(images(s.maps[0][0], size, a+i, 1), s.image, 1,
			kernel.Epilogue{Bias: v.stem.layer.Bias, ReLU: true}, s.winograd, nil)
	}
}

// block computes one block for n images from image a on. Its input is in map
// at of its stage, or of the stage before where the size changes; it returns
// the map that holds the output.
func (v *Evaluator) block(b *inferBlock, s *inferSpace, at, a, n int) int {
	maps := &s.maps[b.stage]
	in, out := b.conv1.geometry.In, b.conv1.geometry.Out
	middle, to := (at+1)%3, (at+2)%3
	x, shortcut := maps[at], maps[at]
	if in != out {
		x, middle, to, shortcut = s.maps[b.stage-1][at], 0, 1, maps[2]
		for i := a; i < a+n; i++ {
			v.shortcut(b, images(shortcut, out.Len(), i, 1), images(x, in.Len(), i, 1), s)
		}
	}
	v.apply(b.conv1, maps[middle], x, a, n, kernel.Epilogue{Bias: b.conv1.layer.Bias, ReLU: true}, s)
	residual := images(shortcut, out.Len(), a, n)
	v.apply(b.conv2, maps[to], maps[middle], a, n, kernel.Epilogue{Bias: b.conv2.layer.Bias, Residual: residual, ReLU: true}, s)
	return to
}

// shortcut computes y, one image of a block's shortcut where the size changes.
func (v *Evaluator) shortcut(b *inferBlock, y, x []float32, s *inferSpace) {
	if b.down == nil {
		padShortcut(b.conv2.geometry.Out, y, b.conv1.geometry.In, x)
		return
	}
	b.down.run(y, x, 1, kernel.Epilogue{Bias: b.down.layer.Bias}, s.winograd, nil)
}

// apply runs c for n images from image a on, in groups.
func (v *Evaluator) apply(c *conv, y, x []float32, a, n int, e kernel.Epilogue, s *inferSpace) {
	size, residual := c.geometry.Out.Len(), e.Residual
	for i := 0; i < n; i += c.group {
		m := min(c.group, n-i)
		if residual != nil {
			e.Residual = images(residual, size, i, m)
		}
		c.run(images(y, size, a+i, m), images(x, c.geometry.In.Len(), a+i, m), m, e, s.winograd, nil)
	}
}
