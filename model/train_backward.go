package model

import (
	"fmt"

	"espalier/model/kernel"
)

// Gradients. A value's gradient is the sum of what its readers add to one buffer.
// When all have, finish takes it through the activation, and takes the sums that
// batch norm needs; passOn then computes the gradients of the unit's weights and
// adds to those of its inputs.

// finish emits what ends the gradient of v in region r.
func (c *scheduler) finish(v *trainValue, r int) {
	k, m, g, norm, act := c.t.engine.Kernels, v.m, v.g, v.norm, v.act
	what := "gradient of " + v.name()
	switch {
	case v.masked || act == nil && norm == nil:
	case act == nil:
		c.sumGradients(v, r, nil)
	case v.relu && norm != nil:
		c.sumGradients(v, r, c.need(v, r))
	case v.relu && c.sharedNorm(v) != nil:
		x := c.sharedNorm(v)
		c.share(x, g)
		c.sumGradients(x, r, c.need(v, r))
		x.masked = true
	case norm != nil && act.NeedsInput():
		y, z := c.before(v, r), c.buffer("input of "+v.unit.Output().Name, v)
		c.emit(r, 1, what, func(s *trainSpan) {
			for i := range s.n {
				x, dx := z.of(s, i, 1), g.of(s, i, 1)
				k.NormApply(m, x, y.of(s, i, 1), nil, norm.scale, norm.shift, false)
				k.ActivationGrad(m, *act, dx, dx, x)
			}
		}, g, y, z)
		c.sumGradients(v, r, nil)
	default:
		of := c.need
		if act.NeedsInput() {
			of = c.before
		}
		x := of(v, r)
		c.emit(r, 1, what, func(s *trainSpan) {
			for i := range s.n {
				k.ActivationGrad(m, *act, g.of(s, i, 1), g.of(s, i, 1), x.of(s, i, 1))
			}
		}, g, x)
		if norm != nil {
			c.sumGradients(v, r, nil)
		}
	}
	v.masked = true
}

// sumGradients emits the sums that the gradient of v's batch norm needs. With a,
// what a ReLU gave, v's gradient first becomes that before the ReLU.
func (c *scheduler) sumGradients(v *trainValue, r int, a *trainBuffer) {
	k, m, g, norm := c.t.engine.Kernels, v.m, v.g, v.norm
	y := c.before(v, r)
	uses := []*trainBuffer{g, y}
	if a != nil {
		uses = append(uses, a)
	}
	c.emit(r, 1, "sums of the gradient of "+v.name(), func(s *trainSpan) {
		sums := s.w.sums[:2*m.C]
		for i := range s.n {
			var behind []float32
			if a != nil {
				behind = a.of(s, i, 1)
			}
			k.NormBackwardSums(m, g.of(s, i, 1), behind, y.of(s, i, 1), norm.mean, sums)
			norm.add(s.part, sums)
		}
	}, uses...)
	c.regions[r].gradients = append(c.regions[r].gradients, norm)
}

// shares reports whether v's gradient is that of the sum which alone reads it: it
// only reads it.
func (v *trainValue) shares() bool {
	if len(v.readers) != 1 || v.act != nil || !v.learns {
		return false
	}
	_, isSum := v.unit.Node.Op.(Add)
	return !isSum
}

// sharedNorm returns the first summand with a batch norm that shares the sum's
// gradient, or nil.
func (c *scheduler) sharedNorm(v *trainValue) *trainValue {
	if _, ok := v.unit.Node.Op.(Add); !ok {
		return nil
	}
	for _, x := range v.in {
		if x.shares() && x.norm != nil {
			return x
		}
	}
	return nil
}

// share makes g the gradient of x.
func (c *scheduler) share(x *trainValue, g *trainBuffer) { x.g, x.begun = g, true }

// heir returns the summand of v that may add up its gradient where the sum's is:
// whoever else reads that has done so before a further reader of the summand adds
// to it. It returns nil where there is none.
func (c *scheduler) heir(v *trainValue) *trainValue {
	shared, busy := false, v.back // busy: the last region that reads the sum's gradient
	for _, x := range v.in {
		if x.shares() {
			shared, busy = true, max(busy, x.back)
		}
	}
	for _, x := range v.in {
		if !x.learns || x.begun || x.shares() {
			continue
		}
		own, free := 0, len(x.readers) > 1 || !shared
		for _, r := range x.readers {
			if r == v {
				own++
			} else {
				free = free && r.back > busy
			}
		}
		if free && own == 1 {
			return x
		}
	}
	return nil
}

// into returns the buffer in which x's gradient is added up, and whether it holds
// something that must be added to.
func (c *scheduler) into(x *trainValue) (g *trainBuffer, add bool) {
	if x.g == nil {
		x.g = c.buffer("gradient", x)
	}
	add, x.begun = x.begun, true
	return x.g, add
}

// done tells that one reader has added all that it has to x's gradient, in region
// r.
func (c *scheduler) done(x *trainValue, r int) {
	if x.owed--; x.owed == 0 {
		c.finish(x, r)
	}
}

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
		return
	case Concat:
		c.passConcat(v)
		return
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

// sumWeights reserves n floats in which a part's gradient of weights is summed in
// region r. When the part is done, finish takes the sum.
func (c *scheduler) sumWeights(r, n int, finish func(part int, sum []float32)) (at int) {
	region := c.regions[r]
	for _, s := range region.sums {
		at += s.n
	}
	region.sums = append(region.sums, weightSum{at, n, finish})
	c.moved = max(c.moved, at+n)
	return at
}

// biasSum reserves the sum of a convolution's bias gradient, and returns what adds
// n images of dy from a span's image i on; nil where there is no bias.
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
			k.NormSums(m, dy.of(s, j, 1), s.w.moved[at:][:2*m.C]) // and squares, which nobody wants
		}
	}
}

// passLinear emits a linear layer's gradients.
func (c *scheduler) passLinear(v *trainValue) {
	r, k, l, g := v.back, c.t.engine.Kernels, v.linear, v.g
	in, out := kernel.Round(l.shape.In), kernel.Round(l.shape.Out)
	x := c.need(v.in[0], r)
	at := c.sumWeights(r, l.gradLen(), func(part int, sum []float32) { l.weightGradDone(v.weight.slot(part), sum) })
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

// passSum emits what a sum does with its gradient: nothing where a summand shares
// or takes over its buffer, else copies.
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
	for _, x := range v.in {
		if x.learns {
			c.done(x, r)
		}
	}
}

// passConcat emits how a concatenation's gradient is taken apart.
func (c *scheduler) passConcat(v *trainValue) {
	r, k, g := v.back, c.t.engine.Kernels, v.g
	at := 0
	for _, x := range v.in {
		n, from := x.unit.Shape().C, at
		at += n
		if !x.learns {
			continue
		}
		dx, add := c.into(x)
		c.emit(r, 1, "gradient of "+x.name()+" from "+v.name(), func(s *trainSpan) {
			for i := range s.n {
				to := dx.of(s, i, 1)
				if add {
					k.AddChannels(x.m, to, 0, v.m, g.of(s, i, 1), from, n)
					continue
				}
				clearTail(x, to)
				k.CopyChannels(x.m, to, 0, v.m, g.of(s, i, 1), from, n)
			}
		}, dx, g)
	}
	for _, x := range v.in {
		if x.learns {
			c.done(x, r)
		}
	}
}

// passProduct emits the gradients of both factors.
func (c *scheduler) passProduct(v *trainValue) {
	r, k, m, g := v.back, c.t.engine.Kernels, v.m, v.g
	x, gate := v.in[0], v.in[1]
	a, b := c.need(x, r), c.need(gate, r)
	c.wantScratch(m.C + m.Len())
	if !v.isGate() {
		for i, to := range v.in {
			other := []*trainBuffer{b, a}[i]
			if !to.learns {
				continue
			}
			dx, add := c.into(to)
			c.emit(r, 1, "gradient of "+to.name()+" from "+v.name(), func(s *trainSpan) {
				for i := range s.n {
					k.Multiply(m, dx.of(s, i, 1), g.of(s, i, 1), other.of(s, i, 1), add)
				}
			}, dx, g, other)
		}
		return
	}
	if x.learns {
		c.write(x, g, r, "gradient of "+x.name()+" from "+v.name(), func(s *trainSpan, i int, dx []float32) {
			scale := s.w.scratch[:m.C]
			gather(scale, m.C, b.of(s, i, 1), b.size)
			k.ScaleChannels(m, dx, g.of(s, i, 1), scale)
		}, m.C, b)
	}
	if gate.learns {
		dGate, add := c.into(gate)
		c.emit(r, 1, "gradient of "+gate.name()+" from "+v.name(), func(s *trainSpan) {
			for i := range s.n {
				sums := s.w.scratch[:m.C]
				clear(sums)
				if add {
					gather(sums, m.C, dGate.of(s, i, 1), dGate.size)
				}
				k.ScaleChannelsGrad(m, sums, g.of(s, i, 1), a.of(s, i, 1))
				scatter(dGate.of(s, i, 1), dGate.size, sums, m.C)
			}
		}, dGate, g, a)
	}
}

// write emits a step that computes an addition to x's gradient, dx, for image i of
// a span. Compute overwrites dx; it may use the first floats of the scratch.
func (c *scheduler) write(x *trainValue, g *trainBuffer, r int, what string, compute func(s *trainSpan, i int, dx []float32), floats int, more ...*trainBuffer) {
	k, m := c.t.engine.Kernels, x.m
	dx, add := c.into(x)
	c.wantScratch(floats + m.Len())
	c.emit(r, 1, what, func(s *trainSpan) {
		for i := range s.n {
			if !add {
				compute(s, i, dx.of(s, i, 1))
				continue
			}
			part := s.w.scratch[floats:][:m.Len()]
			compute(s, i, part)
			k.AddInto(m, dx.of(s, i, 1), part)
		}
	}, append(more, dx, g)...)
}

// passSimple emits the gradient of a unit with one input and no weights but batch
// norm's.
func (c *scheduler) passSimple(v *trainValue, op Op) {
	r, k, m, g, x := v.back, c.t.engine.Kernels, v.m, v.g, v.in[0]
	what := fmt.Sprintf("gradient of %s from %s", x.name(), v.name())
	switch op := op.(type) {
	case BatchNorm:
		y, norm := c.before(v, r), v.norm
		c.write(x, g, r, what, func(s *trainSpan, i int, dx []float32) {
			k.NormBackward(m, dx, g.of(s, i, 1), y.of(s, i, 1), norm.c0, norm.c1, norm.c2)
		}, 0, y)
	case MaxPool:
		p := poolOf(v)
		dx, add := c.into(x)
		c.emit(r, 1, what, func(s *trainSpan) {
			for i := range s.n {
				k.MaxPoolGrad(p, dx.of(s, i, 1), g.of(s, i, 1), v.placesOf(s, i, p), add)
			}
		}, dx, g)
	case AvgPool:
		p := poolOf(v)
		dx, add := c.into(x)
		c.emit(r, 1, what, func(s *trainSpan) {
			for i := range s.n {
				k.AveragePoolWindowGrad(p, dx.of(s, i, 1), g.of(s, i, 1), s.w.scratch, op.CountPadding, add)
			}
		}, dx, g)
	case GlobalAvgPool:
		c.write(x, g, r, what, func(s *trainSpan, i int, dx []float32) {
			means := s.w.scratch[:m.C]
			gather(means, m.C, g.of(s, i, 1), g.size)
			k.AveragePoolGrad(x.m, dx, means)
		}, m.C)
	case Flatten:
		c.write(x, g, r, what, func(s *trainSpan, i int, dx []float32) {
			dense := s.w.scratch[:m.C]
			gather(dense, m.C, g.of(s, i, 1), g.size)
			k.PackChannels(x.m, x.unit.Shape().C, dx, dense)
		}, m.C)
	case PadShortcut:
		dx, add := c.into(x)
		c.emit(r, 1, what, func(s *trainSpan) {
			for i := range s.n {
				to := dx.of(s, i, 1)
				if !add {
					clear(to)
				}
				shortcutGrad(op, x, v, to, g.of(s, i, 1))
			}
		}, dx, g)
	case Dropout:
		dx, add := c.into(x)
		node := c.number(v)
		c.emit(r, 1, what, func(s *trainSpan) {
			for i := range s.n {
				c.t.drop(s, node, i, op.P, v, dx.of(s, i, 1), g.of(s, i, 1), add)
			}
		}, dx, g)
	default: // an activation, whose gradient finish has taken
		c.write(x, g, r, what, func(s *trainSpan, i int, dx []float32) { copy(dx, g.of(s, i, 1)) }, 0)
	}
}
