package model

// Gradients. All readers of a value add to one gradient buffer. When all have,
// finish applies the activation's gradient and computes the sums that batch norm
// needs. Then passOn computes the gradients of the unit's weights and adds to
// those of its inputs.

// finish emits the steps that complete the gradient of v in region r.
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
		c.scaleGradient(v, r)
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

// sumGradients emits the sums that the gradient of v's batch norm needs. If a is
// not nil, it is a ReLU's output, and v's gradient is first taken through the
// ReLU.
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

// shares reports whether v uses the gradient buffer of the sum that is its only
// reader. It only reads that buffer.
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

// heir returns the summand of v that may take over the sum's gradient buffer, or
// nil. Every other reader of that buffer must have read it before another reader
// of the summand adds to it.
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

// into returns the buffer of x's gradient, and whether it already holds a part of
// the sum.
func (c *scheduler) into(x *trainValue) (g *trainBuffer, add bool) {
	if x.g == nil {
		x.g = c.buffer("gradient", x)
	}
	add, x.begun = x.begun, true
	return x.g, add
}

// done notes that one reader has added its share to x's gradient in region r.
func (c *scheduler) done(x *trainValue, r int) {
	if x.owed--; x.owed == 0 {
		c.finish(x, r)
	}
}
