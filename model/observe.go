package model

import (
	"fmt"
	"iter"

	"espalier/model/kernel"
)

// Rows are runs of an activation's values: together each value of the batch
// once, in an order that is always the same.
type Rows = iter.Seq[[]float32]

// Observe computes x [n][3][32][32] in fp32 with batch norm folded and shows
// the values at every point where an integer network quantizes: "input"; each
// convolution by its layer's name, after the ReLU where one follows at once;
// each block's sum after its ReLU, as "layer2.0"; "pool"; and the logits as
// "fc". Points come in forward order. The rows are only valid during the call
// of see.
func (v *Evaluator) Observe(x []float32, see func(point string, rows Rows)) {
	n := len(x) / pixels
	if n > v.batch || len(x) != n*pixels {
		panic(fmt.Sprintf("model: observing %d values in batches of %d", len(x), v.batch))
	}
	see("input", func(yield func([]float32) bool) { yield(x) })
	o := &observer{v: v, n: n, see: see}
	image := kernel.Floats(n * imageLen)
	for i := range n {
		v.engine.Kernels.PackImage(images(image, imageLen, i, 1), images(x, pixels, i, 1))
	}
	a := o.conv(v.stem.conv, image, true)
	for _, b := range v.blocks {
		shortcut := a
		if m := b.conv2.geometry.Out; b.down == nil && m != b.conv1.geometry.In {
			shortcut = kernel.Floats(n * m.Len())
			for i := range n {
				padShortcut(m, images(shortcut, m.Len(), i, 1), b.conv1.geometry.In, images(a, b.conv1.geometry.In.Len(), i, 1))
			}
		}
		sum := o.conv(b.conv2.conv, o.conv(b.conv1.conv, a, true), false)
		if b.down != nil {
			shortcut = o.conv(b.down.conv, a, false)
		}
		a = o.add(b, sum, shortcut)
	}
	o.classify(a)
}

// An observer is one pass of Observe.
type observer struct {
	v   *Evaluator
	n   int
	see func(string, Rows)
}

// conv computes a convolution and shows it. A 1×1 kernel adds up in PyTorch's
// order anyway; for 3×3 see orderedConv.
func (o *observer) conv(c *conv, x []float32, relu bool) []float32 {
	m := c.geometry.Out
	y := kernel.Floats(o.n * m.Len())
	if c.layer.Kernel == 1 {
		o.v.engine.Each(o.n, func(_, i int) {
			c.run(images(y, m.Len(), i, 1), images(x, c.inLen(), i, 1), 1, kernel.Epilogue{Bias: c.layer.Bias, ReLU: relu}, nil, nil)
		})
	} else {
		ordered := newOrderedConv(c)
		spaces := make([]*orderedSpace, o.v.engine.Threads())
		o.v.engine.Each(o.n, func(worker, i int) {
			if spaces[worker] == nil {
				spaces[worker] = ordered.space()
			}
			ordered.run(images(y, m.Len(), i, 1), images(x, c.inLen(), i, 1), relu, spaces[worker])
		})
	}
	o.see(c.layer.Name, mapRows(m, y))
	return y
}

// add computes relu(sum + shortcut) in sum's place.
func (o *observer) add(b *inferBlock, sum, shortcut []float32) []float32 {
	m := b.conv2.geometry.Out
	for i := range sum {
		if s := sum[i] + shortcut[i]; s < 0 {
			sum[i] = 0
		} else {
			sum[i] = s
		}
	}
	o.see(b.name, mapRows(m, sum))
	return sum
}

func (o *observer) classify(a []float32) {
	fc, m := o.v.fused.Classifier, o.v.blocks[len(o.v.blocks)-1].conv2.geometry.Out
	pooled, logits := make([]float32, o.n*fc.In), make([]float32, o.n*fc.Out)
	for i := range o.n {
		o.v.engine.Kernels.AveragePool(m, images(pooled, fc.In, i, 1), images(a, m.Len(), i, 1))
		fc.forward(images(logits, fc.Out, i, 1), images(pooled, fc.In, i, 1))
	}
	o.see("pool", func(yield func([]float32) bool) { yield(pooled) })
	o.see("fc", func(yield func([]float32) bool) { yield(logits) })
}

// mapRows yields the rows of consecutive images of m without their borders.
func mapRows(m kernel.Map, all []float32) Rows {
	return func(yield func([]float32) bool) {
		for plane := 0; plane < len(all); plane += m.Plane() {
			for y := range m.H {
				at := plane + m.At(0, y, 0)
				if !yield(all[at : at+m.W*kernel.Lanes]) {
					return
				}
			}
		}
	}
}
