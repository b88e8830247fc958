package model

import "espalier/model/kernel"

// Backward steps of convolutions, linear layers and sums.

// passOn emits the gradients of a unit's weights and inputs.
func (c *scheduler) passOn(v *trainValue) {
	r := v.back
	switch op := v.unit.Node.Op.(type) {
	case Conv:
		c.passConv(v)
	case Linear:
		c.passLinear(v)
	case Add:
		c.passSum(v)
	case Concat:
		c.passConcat(v)
	case Mul:
		c.passProduct(v)
	default:
		if v.in[0].learns {
			c.passSimple(v, op)
		}
	}
	for _, x := range v.in {
		if x.learns {
			c.done(x, r)
		}
	}
}

// passConv emits a convolution's gradients, and those of the batch norm behind it.
func (c *scheduler) passConv(v *trainValue) {
	r, k, conv, norm, m, g := v.back, c.t.engine.Kernels, v.conv, v.norm, v.m, v.g
	x := c.need(v.in[0], r)
	at := c.sumWeights(r, conv.gradLen(), func(part int, sum []float32) {
		conv.weightGradDone(v.weight.slot(part), sum)
		v.grid.differentiate(v.weight, part)
	})
	uses := []*trainBuffer{x, g}
	dy := g
	if norm != nil {
		dy = c.buffer("gradient of the sums", v)
		uses = append(uses, v.y, dy)
	}
	var dx *trainBuffer
	var add bool
	if v.in[0].learns {
		dx, add = c.into(v.in[0])
		uses = append(uses, dx)
	}
	sumBias := c.biasSum(v, r, dy)
	c.emit(r, conv.group, "gradients of "+conv.String()+" "+v.name(), func(s *trainSpan) {
		w := s.w
		for i := 0; i < s.n; i += conv.group {
			n := min(conv.group, s.n-i)
			if norm != nil {
				for j := i; j < i+n; j++ {
					k.NormBackward(m, dy.of(s, j, 1), g.of(s, j, 1), v.y.of(s, j, 1), norm.c0, norm.c1, norm.c2)
				}
			}
			conv.weightGrad(w.moved[at:][:conv.gradLen()], x.of(s, i, n), dy.of(s, i, n), n, w.scratch, g.ahead(s, i+n, conv.group))
			if sumBias != nil {
				sumBias(s, i, n)
			}
			if dx != nil {
				var next []float32
				if norm != nil {
					next = v.y.ahead(s, i+n, conv.group)
				}
				conv.dataGrad(dx.of(s, i, n), dy.of(s, i, n), n, add, w.scratch, next)
			}
		}
	}, uses...)
}

// sumWeights reserves n floats in which a part's weight gradient is summed in
// region r. finish is called with the sum when the part is done.
func (c *scheduler) sumWeights(r, n int, finish func(part int, sum []float32)) (at int) {
	region := c.regions[r]
	for _, s := range region.sums {
		at += s.n
	}
	region.sums = append(region.sums, weightSum{at, n, finish})
	c.moved = max(c.moved, at+n)
	return at
}

// biasSum reserves the sum of a convolution's bias gradient. It returns a function
// that adds n images of dy, starting at a span's image i, or nil if there is no
// bias.
func (c *scheduler) biasSum(v *trainValue, r int, dy *trainBuffer) func(s *trainSpan, i, n int) {
	if v.bias == nil {
		return nil
	}
	k, m := c.t.engine.Kernels, v.m
	at := c.sumWeights(r, 2*m.C, func(part int, sum []float32) {
		db := v.bias.slot(part)
		for j := range db {
			db[j] = sum[j/kernel.Lanes*2*kernel.Lanes+j%kernel.Lanes]
		}
	})
	return func(s *trainSpan, i, n int) {
		for j := i; j < i+n; j++ {
			k.NormSums(m, dy.of(s, j, 1), s.w.moved[at:][:2*m.C]) // and the sums of squares, which are not used
		}
	}
}

// passLinear emits a linear layer's gradients.
func (c *scheduler) passLinear(v *trainValue) {
	r, k, l, g := v.back, c.t.engine.Kernels, v.linear, v.g
	in, out := kernel.Round(l.shape.In), kernel.Round(l.shape.Out)
	x := c.need(v.in[0], r)
	at := c.sumWeights(r, l.gradLen(), func(part int, sum []float32) {
		l.weightGradDone(v.weight.slot(part), sum)
		v.grid.differentiate(v.weight, part)
	})
	bias := c.sumWeights(r, out, func(part int, sum []float32) {
		if v.bias != nil {
			copy(v.bias.slot(part), sum)
		}
	})
	uses := []*trainBuffer{x, g}
	var dx *trainBuffer
	var add bool
	if v.in[0].learns {
		dx, add = c.into(v.in[0])
		uses = append(uses, dx)
	}
	c.emit(r, l.group, "gradients of linear "+v.name(), func(s *trainSpan) {
		for i := 0; i < s.n; i += l.group {
			n := min(l.group, s.n-i)
			scratch := s.w.scratch
			take := func(floats int) []float32 {
				part := scratch[:floats:floats]
				scratch = scratch[floats:]
				return part
			}
			dense, dy := take(n*in), take(n*out)
			gather(dense, in, x.of(s, i, n), x.size)
			gather(dy, out, g.of(s, i, n), g.size)
			var d []float32
			if dx != nil {
				d = take(n * in)
			}
			l.differentiate(d, s.w.moved[at:][:l.gradLen()], s.w.moved[bias:][:out], dense, dy, n)
			if dx != nil {
				if add {
					gather(dense, in, dx.of(s, i, n), dx.size)
					k.Add(d, dense)
				}
				scatter(dx.of(s, i, n), dx.size, d, in)
			}
		}
	}, uses...)
}

// passSum emits the copies of a sum's gradient to its summands. A summand that
// shares or takes over the buffer needs none.
func (c *scheduler) passSum(v *trainValue) {
	r, k, m, g := v.back, c.t.engine.Kernels, v.m, v.g
	heir := c.heir(v)
	for _, x := range v.in {
		switch {
		case !x.learns || x.shares() && x.g == g:
		case x.shares() || x == heir:
			c.share(x, g)
		default:
			dx, add := c.into(x)
			c.emit(r, 1, "gradient of "+x.name()+" from "+v.name(), func(s *trainSpan) {
				for i := range s.n {
					if add {
						k.AddInto(m, dx.of(s, i, 1), g.of(s, i, 1))
					} else {
						copy(dx.of(s, i, 1), g.of(s, i, 1))
					}
				}
			}, dx, g)
		}
	}
}
