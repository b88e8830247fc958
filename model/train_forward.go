package model

import (
	"fmt"

	"espalier/model/kernel"
)

// forward emits the steps that compute a unit. Lazy values are computed when
// they are needed: see derive.
func (c *scheduler) forward(v *trainValue) {
	r, k, m := v.region, c.t.engine.Kernels, v.m
	switch op := v.unit.Node.Op.(type) {
	case Input:
		v.a = c.buffer("value", v)
		c.emit(r, 1, "lay out the images", func(s *trainSpan) { c.t.layOut(s, v) }, v.a)
		return
	case Conv:
		c.convolve(v)
		return
	case BatchNorm:
		x := c.need(v.in[0], r)
		c.emit(r, 1, "sums of "+v.name(), func(s *trainSpan) {
			for i := range s.n {
				sums := s.w.sums[:2*m.C]
				k.NormSums(m, x.of(s, i, 1), sums)
				v.norm.add(s.part, sums)
			}
		}, x)
		c.regions[r].statistics = append(c.regions[r].statistics, v.norm)
		return
	case Add:
		c.add(v)
		return
	case Linear:
		x := c.need(v.in[0], r)
		y := c.result(v)
		l := v.linear
		in, out := kernel.Round(l.shape.In), kernel.Round(l.shape.Out)
		c.emit(r, l.group, fmt.Sprintf("linear %s %d→%d", v.name(), l.shape.In, l.shape.Out), func(s *trainSpan) {
			for i := 0; i < s.n; i += l.group {
				n := min(l.group, s.n-i)
				dense, sums := s.w.scratch[:n*in], s.w.scratch[n*in:][:n*out]
				gather(dense, in, x.of(s, i, n), x.size)
				l.run(sums, dense, n)
				scatter(y.of(s, i, n), y.size, sums, out)
			}
		}, x, y)
	case Mul:
		c.multiply(v)
	case Concat:
		c.concat(v)
	case MaxPool, AvgPool, GlobalAvgPool:
		c.pool(v)
	case Flatten:
		x, shape := c.need(v.in[0], r), v.in[0].unit.Shape()
		y := c.result(v)
		c.wantScratch(m.C)
		c.emit(r, 1, "flatten "+v.name(), func(s *trainSpan) {
			for i := range s.n {
				dense := s.w.scratch[:m.C]
				clear(dense[shape.Len():])
				k.UnpackChannels(x.m, shape.C, dense, x.of(s, i, 1))
				scatter(y.of(s, i, 1), y.size, dense, m.C)
			}
		}, x, y)
	case Dropout:
		x := c.need(v.in[0], r)
		y := c.result(v)
		node := c.number(v)
		c.emit(r, 1, "dropout "+v.name(), func(s *trainSpan) {
			for i := range s.n {
				c.t.drop(s, node, i, op.P, v, y.of(s, i, 1), x.of(s, i, 1), false)
			}
		}, x, y)
	default: // activations and padding shortcuts
		return
	}
	c.activate(v)
}

// result makes the buffer for a unit's output before its activation. The
// activated value uses it too, unless the gradient needs both.
func (c *scheduler) result(v *trainValue) *trainBuffer {
	b := c.buffer("value", v)
	if v.keepsY() {
		b.what = "input of " + v.unit.Output().Name
		v.y = b
	} else {
		v.a = b
	}
	return b
}

// activate emits the in-place activation of a unit without batch norm.
func (c *scheduler) activate(v *trainValue) {
	if v.act == nil || v.keepsY() || v.unit.Act == nil {
		return
	}
	k, a, act, m, channels := c.t.engine.Kernels, v.a, *v.act, v.m, v.unit.Shape().C
	c.emit(v.region, 1, OpName(v.unit.Act.Op)+" "+v.unit.Act.Name, func(s *trainSpan) {
		for i := range s.n {
			k.Activate(m, channels, act, a.of(s, i, 1), a.of(s, i, 1))
		}
	}, a)
}

// convolve emits a convolution, and the sums that its batch norm needs.
func (c *scheduler) convolve(v *trainValue) {
	r, conv, norm := v.region, v.conv, v.norm
	x := c.need(v.in[0], r)
	y := c.result(v)
	source := x // what the worker reads next
	if in := v.in[0]; in.y != nil {
		source = in.y
	} else if sum := c.fusedNorm(in); sum != nil {
		source = sum.y
	}
	relu := norm == nil && v.relu
	c.emit(r, conv.group, conv.String()+" "+v.name(), func(s *trainSpan) {
		for i := 0; i < s.n; i += conv.group {
			n := min(conv.group, s.n-i)
			e := kernel.Epilogue{Bias: conv.bias, ReLU: relu}
			if norm != nil {
				e.Sums = s.w.sums[:2*conv.out.C]
			}
			conv.forward(y.of(s, i, n), x.of(s, i, n), n, conv.weights, e, s.w.scratch, source.ahead(s, i+n, conv.group))
			if norm != nil {
				norm.add(s.part, e.Sums)
			}
		}
	}, x, y)
	if norm != nil {
		c.regions[r].statistics = append(c.regions[r].statistics, norm)
	} else if !relu {
		c.activate(v)
	}
}

// derive emits the step that computes v's value b from the input of its batch
// norm, activation or shortcut.
func (c *scheduler) derive(v *trainValue, r int, b, from *trainBuffer) {
	k, m, act, norm, channels := c.t.engine.Kernels, v.m, v.act, v.norm, v.unit.Shape().C
	if op, ok := v.unit.Node.Op.(PadShortcut); ok {
		c.emit(r, 1, "padding shortcut "+v.name(), func(s *trainSpan) {
			for i := range s.n {
				shortcutPixels(op, v.in[0].unit.Shape(), v.in[0].m, m, b.of(s, i, 1), from.of(s, i, 1))
			}
		}, from, b)
		return
	}
	what := "value of " + v.name()
	if norm == nil {
		c.emit(r, 1, what, func(s *trainSpan) {
			for i := range s.n {
				k.Activate(m, channels, *act, b.of(s, i, 1), from.of(s, i, 1))
			}
		}, from, b)
		return
	}
	c.emit(r, 1, what, func(s *trainSpan) {
		for i := range s.n {
			a := b.of(s, i, 1)
			k.NormApply(m, a, from.of(s, i, 1), nil, norm.scale, norm.shift, v.relu)
			if act != nil && !v.relu {
				k.Activate(m, channels, *act, a, a)
			}
		}
	}, from, b)
}

// fusedNorm returns the summand whose batch norm is computed in the same pass as
// the sum, or nil.
func (c *scheduler) fusedNorm(v *trainValue) *trainValue {
	if _, ok := v.unit.Node.Op.(Add); !ok || len(v.in) < 2 {
		return nil
	}
	for _, x := range v.in {
		if x.norm != nil && x.act == nil && x.again && x.y != nil {
			return x
		}
	}
	return nil
}

// add emits a sum.
func (c *scheduler) add(v *trainValue) {
	r, k, m := v.region, c.t.engine.Kernels, v.m
	fused := c.fusedNorm(v)
	var buffers []*trainBuffer
	for _, x := range v.in {
		if x != fused {
			buffers = append(buffers, c.need(x, r))
		}
	}
	y := c.result(v)
	others := len(buffers)
	uses := append(buffers, y)
	relu := false
	if fused != nil {
		uses = append(uses, fused.y)
		relu = v.relu
	}
	c.emit(r, 1, fmt.Sprintf("sum %s of %d", v.name(), len(v.in)), func(s *trainSpan) {
		for i := range s.n {
			sum := y.of(s, i, 1)
			if fused == nil || others > 1 {
				copy(sum, uses[0].of(s, i, 1))
				for _, x := range uses[1:others] {
					k.AddInto(m, sum, x.of(s, i, 1))
				}
			}
			if fused != nil {
				residual := sum
				if others == 1 {
					residual = uses[0].of(s, i, 1)
				}
				k.NormApply(m, sum, fused.y.of(s, i, 1), residual, fused.norm.scale, fused.norm.shift, relu)
			}
		}
	}, uses...)
	if !relu {
		c.activate(v)
	}
}
