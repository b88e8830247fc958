package model

import "fmt"

// Backward steps of the other operators.

// passConcat emits the split of a concatenation's gradient into those of its
// inputs.
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

// passSimple emits the input gradient of a unit with one input and no weights
// except batch norm's.
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
		p := poolOf(v.unit.Node, x.m)
		dx, add := c.into(x)
		c.emit(r, 1, what, func(s *trainSpan) {
			for i := range s.n {
				k.MaxPoolGrad(p, dx.of(s, i, 1), g.of(s, i, 1), v.placesOf(s, i, p), add)
			}
		}, dx, g)
	case AvgPool:
		p := poolOf(v.unit.Node, x.m)
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
	default: // an activation: finish has applied its gradient
		c.write(x, g, r, what, func(s *trainSpan, i int, dx []float32) { copy(dx, g.of(s, i, 1)) }, 0)
	}
}
