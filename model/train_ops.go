package model

import (
	"fmt"

	"espalier/model/kernel"
)

// Forward steps of operators that are neither convolutions nor linear layers,
// and what they share with the backward pass.

// layOut writes the images of a span in the kernels' layout.
func (t *Trainer) layOut(s *trainSpan, v *trainValue) {
	shape := v.unit.Shape()
	for i := range s.n {
		x := images(t.input, shape.Len(), s.first+i, 1)
		if v.image && shape.C == 3 && shape.H == shape.W {
			t.engine.Kernels.PackImage(v.a.of(s, i, 1), x)
		} else {
			t.engine.Kernels.PackChannels(v.m, shape.C, v.a.of(s, i, 1), x)
		}
	}
}

// Vectors are maps of one pixel. Linear layers and pools need them without the
// border: gather copies n floats from every map of x, size floats each, to dst;
// scatter copies them back.

func gather(dst []float32, n int, x []float32, size int) {
	m := kernel.Map{C: n, H: 1, W: 1}
	for ; len(dst) > 0; dst, x = dst[n:], x[size:] {
		for c := 0; c < n; c += kernel.Lanes {
			copy(dst[c:c+kernel.Lanes], x[m.At(c, 0, 0):])
		}
	}
}

func scatter(x []float32, size int, src []float32, n int) {
	m := kernel.Map{C: n, H: 1, W: 1}
	for ; len(src) > 0; src, x = src[n:], x[size:] {
		for c := 0; c < n; c += kernel.Lanes {
			copy(x[m.At(c, 0, 0):][:kernel.Lanes], src[c:])
		}
	}
}

func (c *scheduler) wantScratch(floats int) { c.scratch = max(c.scratch, floats) }

// isGate reports whether Mul's second input has one value for each channel.
func (v *trainValue) isGate() bool { return v.in[1].m != v.in[0].m }

// multiply emits a product.
func (c *scheduler) multiply(v *trainValue) {
	r, k, m := v.region, c.t.engine.Kernels, v.m
	x, by := c.need(v.in[0], r), c.need(v.in[1], r)
	y := c.result(v)
	if !v.isGate() {
		c.emit(r, 1, "product "+v.name(), func(s *trainSpan) {
			for i := range s.n {
				k.Multiply(m, y.of(s, i, 1), x.of(s, i, 1), by.of(s, i, 1), false)
			}
		}, x, by, y)
		return
	}
	c.wantScratch(m.C)
	c.emit(r, 1, "gate "+v.name(), func(s *trainSpan) {
		for i := range s.n {
			gate := s.w.scratch[:m.C]
			gather(gate, m.C, by.of(s, i, 1), by.size)
			k.ScaleChannels(m, y.of(s, i, 1), x.of(s, i, 1), gate)
		}
	}, x, by, y)
}

// concat emits a concatenation.
func (c *scheduler) concat(v *trainValue) {
	r, k := v.region, c.t.engine.Kernels
	var uses []*trainBuffer
	for _, x := range v.in {
		uses = append(uses, c.need(x, r))
	}
	y := c.result(v)
	uses = append(uses, y)
	c.emit(r, 1, fmt.Sprintf("concat %s of %d", v.name(), len(v.in)), func(s *trainSpan) {
		for i := range s.n {
			out, at := y.of(s, i, 1), 0
			clearTail(v, out)
			for j, x := range v.in {
				n := x.unit.Shape().C
				k.CopyChannels(v.m, out, at, x.m, uses[j].of(s, i, 1), 0, n)
				at += n
			}
		}
	}, uses...)
}

// clearTail zeroes the last block of channels if some of them are padding.
func clearTail(v *trainValue, x []float32) {
	if v.unit.Shape().C%kernel.Lanes != 0 {
		clear(x[len(x)-v.m.Plane():])
	}
}

// pool emits a pool. A max pool stores the place of every maximum.
func (c *scheduler) pool(v *trainValue) {
	r, k, m := v.region, c.t.engine.Kernels, v.m
	x := c.need(v.in[0], r)
	y := c.result(v)
	what := OpName(v.unit.Node.Op) + " " + v.name()
	if _, ok := v.unit.Node.Op.(GlobalAvgPool); ok {
		c.wantScratch(m.C)
		c.emit(r, 1, what, func(s *trainSpan) {
			for i := range s.n {
				means := s.w.scratch[:m.C]
				k.AveragePool(x.m, means, x.of(s, i, 1))
				scatter(y.of(s, i, 1), y.size, means, m.C)
			}
		}, x, y)
		return
	}
	p := poolOf(v.unit.Node, v.in[0].m)
	c.wantScratch(p.Scratch())
	if op, ok := v.unit.Node.Op.(AvgPool); ok {
		c.emit(r, 1, what, func(s *trainSpan) {
			for i := range s.n {
				k.AveragePoolWindow(p, y.of(s, i, 1), x.of(s, i, 1), s.w.scratch, op.CountPadding)
			}
		}, x, y)
		return
	}
	if v.learns {
		v.places = make([]uint8, c.t.batch*p.ArgLen())
	}
	c.emit(r, 1, what, func(s *trainSpan) {
		for i := range s.n {
			k.MaxPool(p, y.of(s, i, 1), v.placesOf(s, i, p), x.of(s, i, 1), s.w.scratch)
		}
	}, x, y)
}

// placesOf returns where image i of a span had its maxima.
func (v *trainValue) placesOf(s *trainSpan, i int, p kernel.Pool) []uint8 {
	if v.places == nil {
		return nil
	}
	return v.places[(s.first+i)*p.ArgLen():][:p.ArgLen()]
}

// shortcutGrad adds the gradient of shortcutPixels' x to dx.
func shortcutGrad(op PadShortcut, in, out *trainValue, dx, dy []float32) {
	for c := range in.unit.Shape().C {
		for h := range out.m.H {
			from, to := out.m.At(c+op.Before, h, 0), in.m.At(c, op.Stride*h, 0)
			for w := range out.m.W {
				dx[to+op.Stride*w*kernel.Lanes] += dy[from+w*kernel.Lanes]
			}
		}
	}
}

// number returns a value's index in the graph, which selects its stream of
// random numbers.
func (c *scheduler) number(v *trainValue) int {
	for i, x := range c.values {
		if x == v {
			return i
		}
	}
	panic("model: a value of another graph")
}

// drop computes dst = x·keep/(1−p) for image i of a span, or adds it to dst. Keep
// is 1 with probability 1−p, else 0. It depends only on the seed, the step, the
// node and the image, so that the backward pass and a resumed run draw the same.
func (t *Trainer) drop(s *trainSpan, node, i int, p float64, v *trainValue, dst, x []float32, add bool) {
	s.w.random.Seed(t.Seed, uint64(t.Steps)<<40^uint64(node)<<24^uint64(s.first+i))
	limit := uint64(p * (1 << 32))
	scale := float32(1 / (1 - p))
	if !add {
		clearTail(v, dst)
	}
	var bits uint64
	count := 0
	for c := range v.unit.Shape().C {
		for h := range v.m.H {
			at := v.m.At(c, h, 0)
			for range v.m.W {
				if count%2 == 0 {
					bits = s.w.random.Uint64()
				}
				var kept float32
				if bits&(1<<32-1) >= limit {
					kept = x[at] * scale
				}
				if add {
					kept += dst[at]
				}
				dst[at] = kept
				bits >>= 32
				count++
				at += kernel.Lanes
			}
		}
	}
}
