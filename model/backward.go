package model

// maskBlock ends the gradient of b's output for image i: it passes the ReLU,
// and the sums that the gradients of the norms before it need are taken.
func (t *Trainer) maskBlock(b *block, w *workspace, part, i int) {
	t.mask(b.conv2, b.g, images(b.a, b.conv2.out.Len(), i, 1), w, part, i)
	if b.down != nil {
		t.mask(b.down, b.g, nil, w, part, i)
	}
}

// mask zeroes image i of the gradient g where that image's activation a is not
// positive, unless a is nil, and adds to the sums of c's norm.
func (t *Trainer) mask(c *trained, g, a []float32, w *workspace, part, i int) {
	size, sums := c.out.Len(), w.sums[:2*c.out.C]
	t.engine.Kernels.NormBackwardSums(c.out, images(g, size, i, 1), a, images(c.y, size, i, 1), c.norm.mean, sums)
	c.norm.add(part, sums)
}

// gradients ends maskBlock's pass over the batch.
func (b *block) gradients(t *Trainer) {
	b.conv2.norm.gradients(t.count(b.conv2))
	if b.down != nil {
		b.down.norm.gradients(t.count(b.down))
	}
}

// differentiate takes the gradient g of norm(y), for n images from the first
// on, through c, whose inputs were x: it adds to the weight gradient sum, and
// computes the inputs' gradient dx unless dx is nil, added to what is there if
// add is set. The
// next images will be wanted soon after.
func (t *Trainer) differentiate(c *trained, g, x, dx []float32, add bool, w *workspace, sum []float32, first, n, next int) {
	size := c.out.Len()
	dy := w.dy[c.out.H][:n*size]
	for i := range n {
		t.engine.Kernels.NormBackward(c.out, images(dy, size, i, 1), images(g, size, first+i, 1),
			images(c.y, size, first+i, 1), c.norm.c0, c.norm.c1, c.norm.c2)
	}
	c.weightGrad(sum, x, dy, n, w.winograd, images(g, size, first+n, next))
	if dx != nil {
		c.dataGrad(images(dx, c.inLen(), first, n), dy, n, add, w.winograd, images(c.y, size, first+n, next))
	}
}

func (t *Trainer) backwardConv2(b *block, w *workspace, part int) {
	c := b.conv2
	sum := w.gradient[:c.gradLen()]
	clear(sum)
	t.groups(part, c.group, func(first, n, next int) {
		a := t.middle(b, w, first, n)
		t.differentiate(c, b.g, a, b.g1, false, w, sum, first, n, next)
		for i := range n {
			t.mask(b.conv1, b.g1, images(a, b.conv1.out.Len(), i, 1), w, part, first+i)
		}
	})
	c.weightGradDone(c.weight.slot(part), sum)
}

// backwardConv1 computes the gradient of the block's input, the shortcut's
// share included. An identity shortcut's share is there already: the input's
// gradient takes the output gradient's place.
func (t *Trainer) backwardConv1(b *block, w *workspace, part int) {
	c, d := b.conv1, b.down
	sum := w.gradient[:c.gradLen()]
	clear(sum)
	var sumDown []float32
	if d != nil {
		sumDown = w.gradient[c.gradLen():][:d.gradLen()]
		clear(sumDown)
	}
	identity := d == nil && !b.pad
	t.groups(part, c.group, func(first, n, next int) {
		t.differentiate(c, b.g1, images(b.x, b.in.Len(), first, n), b.dx, identity, w, sum, first, n, next)
		for i := first; i < first+n; i++ {
			if d != nil {
				t.differentiate(d, b.g, images(b.x, b.in.Len(), i, 1), b.dx, true, w, sumDown, i, 1, 0)
			}
			if b.pad {
				m := b.conv2.out
				padShortcutGrad(b.in, images(b.dx, b.in.Len(), i, 1), m, images(b.g, m.Len(), i, 1))
			}
			if b.before != nil {
				t.maskBlock(b.before, w, part, i)
			} else {
				t.mask(t.stem.trained, b.dx, images(t.stem.a, t.stem.out.Len(), i, 1), w, part, i)
			}
		}
	})
	c.weightGradDone(c.weight.slot(part), sum)
	if d != nil {
		d.weightGradDone(d.weight.slot(part), sumDown)
	}
}

func (t *Trainer) backwardStem(worker, part int) {
	w, s := t.workers[worker], t.stem
	sum := w.gradient[:s.gradLen()]
	clear(sum)
	t.groups(part, 1, func(i, n, next int) {
		t.differentiate(s.trained, t.blocks[0].dx, images(s.image, imageLen, i, n), nil, false, w, sum, i, n, next)
	})
	s.weightGradDone(s.weight.slot(part), sum)
}
