package model

import (
	"math"

	"espalier/model/kernel"
)

// schedule lists the regions of a step.
func (t *Trainer) schedule() {
	convs := t.convolutions()
	t.add(region{
		items: func() int { return len(convs) },
		run:   func(_, i int) { convs[i].pack() },
	})
	t.addParts(t.forwardStem, func() { t.stem.norm.statistics(t.count(t.stem.trained)) })
	for _, b := range t.blocks {
		t.addParts(
			func(worker, part int) { t.forwardConv1(b, t.workers[worker], part) },
			func() {
				b.conv1.norm.statistics(t.count(b.conv1))
				if b.down != nil {
					b.down.norm.statistics(t.count(b.down))
				}
			})
		t.addParts(
			func(worker, part int) { t.forwardConv2(b, t.workers[worker], part) },
			func() { b.conv2.norm.statistics(t.count(b.conv2)) })
	}
	last := t.blocks[len(t.blocks)-1]
	t.addParts(
		func(worker, part int) { t.loss(last, t.workers[worker], part) },
		func() {
			t.head.sum(parts(t.n))
			last.gradients(t)
		})
	for i := len(t.blocks) - 1; i >= 0; i-- {
		b := t.blocks[i]
		t.addParts(
			func(worker, part int) { t.backwardConv2(b, t.workers[worker], part) },
			func() { b.conv1.norm.gradients(t.count(b.conv1)) })
		t.addParts(
			func(worker, part int) { t.backwardConv1(b, t.workers[worker], part) },
			func() {
				if b.before != nil {
					b.before.gradients(t)
				} else {
					t.stem.norm.gradients(t.count(t.stem.trained))
				}
			})
	}
	t.addParts(t.backwardStem, nil)
	t.add(region{
		items: func() int { return len(t.pieces) },
		run:   func(_, i int) { t.pieces[i].update(t.engine.Kernels, parts(t.n), t.lr, t.sgd) },
	})
}

func (t *Trainer) add(r region) { t.regions = append(t.regions, r) }

func (t *Trainer) addParts(run func(worker, part int), then func()) {
	t.add(region{items: func() int { return parts(t.n) }, run: run, then: then})
}

// count returns the values that a channel's statistics are over.
func (t *Trainer) count(c *trained) int { return t.n * c.out.H * c.out.W }

// convolve computes c's outputs and their sums for n images from the first on,
// whose inputs are x. ahead is memory that will be read next.
func (t *Trainer) convolve(c *trained, x []float32, w *workspace, part, first, n int, ahead []float32) {
	sums := w.sums[:2*c.out.C]
	c.run(images(c.y, c.out.Len(), first, n), x, n,
		kernel.Epilogue{Sums: sums}, w.winograd, ahead)
	c.norm.add(part, sums)
}

func (t *Trainer) forwardStem(worker, part int) {
	w, s := t.workers[worker], t.stem
	t.groups(part, 1, func(i, n, _ int) {
		image := images(s.image, imageLen, i, n)
		t.engine.Kernels.PackImage(image, images(t.input, pixels, i, n))
		t.convolve(s.trained, image, w, part, i, n, nil)
	})
}

// forwardConv1 makes the block's input from what came before it and convolves
// it, for the shortcut's projection too.
func (t *Trainer) forwardConv1(b *block, w *workspace, part int) {
	t.groups(part, b.conv1.group, func(first, n, next int) {
		for i := first; i < first+n; i++ {
			if b.before == nil {
				t.normalise(t.stem.trained, images(t.stem.a, t.stem.out.Len(), i, 1), nil, i)
			} else {
				t.output(b.before, w, i)
			}
		}
		t.convolve(b.conv1, images(b.x, b.in.Len(), first, n), w, part, first, n, images(b.source, b.in.Len(), first+n, next))
		if b.down != nil {
			for i := first; i < first+n; i++ {
				t.convolve(b.down, images(b.x, b.in.Len(), i, 1), w, part, i, 1, nil)
			}
		}
	})
}

func (t *Trainer) forwardConv2(b *block, w *workspace, part int) {
	t.groups(part, b.conv2.group, func(first, n, next int) {
		t.convolve(b.conv2, t.middle(b, w, first, n), w, part, first, n, images(b.conv1.y, b.conv1.out.Len(), first+n, next))
	})
}

// middle computes relu(norm(conv1)) of n images from the first on, in the
// worker's memory. The backward pass computes it again: from the cache that is
// faster than a way through memory and back.
func (t *Trainer) middle(b *block, w *workspace, first, n int) []float32 {
	size := b.conv1.out.Len()
	a := w.middle[b.conv1.out.H][:n*size]
	for i := range n {
		t.normalise(b.conv1, images(a, size, i, 1), nil, first+i)
	}
	return a
}

// normalise computes a = relu(norm(y) + residual) from image i of y; a is one
// image, residual one or nil.
func (t *Trainer) normalise(c *trained, a, residual []float32, i int) {
	size := c.out.Len()
	t.engine.Kernels.NormApply(c.out, a, images(c.y, size, i, 1), residual, c.norm.scale, c.norm.shift, true)
}

// output computes the block's output for image i.
func (t *Trainer) output(b *block, w *workspace, i int) {
	residual := images(b.x, b.in.Len(), i, 1)
	switch {
	case b.down != nil:
		d := b.down
		size := d.out.Len()
		t.engine.Kernels.NormApply(d.out, w.shortcut[:size], images(d.y, size, i, 1), nil, d.norm.scale, d.norm.shift, false)
		residual = w.shortcut[:size]
	case b.pad:
		m := b.conv2.out
		padShortcut(m, w.shortcut[:m.Len()], b.in, residual)
		residual = w.shortcut[:m.Len()]
	}
	t.normalise(b.conv2, images(b.a, b.conv2.out.Len(), i, 1), residual, i)
}

// loss computes the network's output, its loss, and the gradient of the last
// block's output.
func (t *Trainer) loss(b *block, w *workspace, part int) {
	h, m := t.head, b.conv2.out
	fc := h.layer
	scratch := h.scratch[part*(2*fc.In+2*fc.Out):]
	pooled, dPooled, logits, dLogits := scratch[:fc.In], scratch[fc.In:2*fc.In], scratch[2*fc.In:][:fc.Out], scratch[2*fc.In+fc.Out:][:fc.Out]
	dw, db := h.weight.slot(part), h.bias.slot(part)
	clear(dw)
	clear(db)
	h.losses[part], h.corrects[part] = 0, 0
	first, end := t.part(part)
	for i := first; i < end; i++ {
		t.output(b, w, i)
		t.engine.Kernels.AveragePool(m, pooled, images(b.a, m.Len(), i, 1))
		fc.forward(logits, pooled)
		label := int(t.labels[i])
		var teacher []float32
		if t.Loss.Distill > 0 {
			teacher = t.Teacher[i*fc.Out:][:fc.Out]
		}
		loss, best := t.Loss.of(dLogits, logits, teacher, label)
		h.losses[part] += loss
		if best == label {
			h.corrects[part]++
		}
		for k := range dLogits {
			dLogits[k] /= float32(t.n)
		}
		fc.backward(dPooled, dw, db, pooled, dLogits)
		t.engine.Kernels.AveragePoolGrad(m, images(b.g, m.Len(), i, 1), dPooled)
		t.maskBlock(b, w, part, i)
	}
}

// sum adds up the parts' losses in order.
func (h *head) sum(parts int) {
	h.loss, h.correct = 0, 0
	for i := range parts {
		h.loss += h.losses[i]
		h.correct += h.corrects[i]
	}
	h.finite = !math.IsNaN(h.loss) && !math.IsInf(h.loss, 0)
}
