package model

import (
	"time"

	"espalier/model/kernel"
)

// Pruned networks are evaluated on planes instead of blocks of channels. On
// planes, convolutions run over lists of their nonzero weights. A layer that is
// too dense for that is computed on blocks, between two conversions.
//
// Sparse convolution works on one image at a time: an image goes through the
// whole network before the next one, and all of its activations stay in a
// second-level cache of 1 MB, beside the lists. If there are dense layers, they
// want a group of images at a time, and so the whole network works on groups.

// planable reports whether a step can be computed on planes.
func (s *inferStep) planable() bool {
	if s.act.after != nil || s.act.max != 0 {
		return false
	}
	switch op := s.unit.Node.Op.(type) {
	case Input:
		return s.output.image
	case Conv:
		return s.conv != nil && s.conv.direct != nil && !s.output.vector
	case Linear:
		return true
	case GlobalAvgPool:
		return !s.inputs[0].vector && s.inputs[0].shape.C%kernel.Lanes == 0
	case PadShortcut:
		return !s.output.vector && op.Stride <= 2 && s.output.shape.C%kernel.Lanes == 0 && s.inputs[0].shape.C%kernel.Lanes == 0
	}
	return false
}

// choosePath decides from the present weights whether activations are planes, and
// which layers are then sparse, by the kernels' typical times. With direct
// convolution instead of Winograd's, all layers are sparse.
func (v *Evaluator) choosePath() {
	if !v.planable {
		return
	}
	var onBlocks, onPlanes float64
	v.group = 1
	t := v.engine.Kernels.Times()
	for _, s := range v.steps {
		c := s.conv
		if c == nil {
			continue
		}
		blocks, planes := 1.0, t.Sparse*density(c.node.Weight)
		c.dense = false
		if c.winograd != nil {
			blocks = t.Winograd
			if c.dense = t.Winograd+t.Convert < planes; c.dense {
				planes = t.Winograd + t.Convert
				v.group = max(v.group, c.group)
			}
		}
		onBlocks += blocks * float64(c.node.MACs())
		onPlanes += planes * float64(c.node.MACs())
	}
	if planar := onPlanes < onBlocks; planar != v.planar {
		v.planar = planar
		for _, s := range v.workers {
			clear(s.arena) // the two layouts have their zero borders in different places
		}
	}
	v.engine.Each(len(v.steps), func(_, i int) {
		if c := v.steps[i].conv; c != nil {
			c.sparse = nil
			if v.planar && !c.dense {
				c.sparse = kernel.NewSparse(*c.direct, c.node.Weight)
			}
		}
	})
}

func density(weight []float32) float64 {
	n := 0
	for _, w := range weight {
		if w != 0 {
			n++
		}
	}
	return float64(n) / float64(len(weight))
}

// padPlanes is a padding shortcut as a 1×1 convolution: the identity, and zeros.
// It is nil for strides that sparse convolution does not know.
func padPlanes(op PadShortcut, in, out Shape) *kernel.Sparse {
	if op.Stride > 2 {
		return nil
	}
	w := make([]float32, out.C*in.C)
	for c := range in.C {
		w[(c+op.Before)*in.C+c] = 1
	}
	return kernel.NewSparse(kernel.Conv{In: kernel.Map(in), Out: kernel.Map(out), Kernel: 1, Stride: op.Stride}, w)
}

// planes returns a value of the group's first n images.
func (s *inferSpace) planes(v *inferValue, n int) []float32 {
	return s.slots[v.segment][v.slot][:n*v.planes()]
}

// planes returns the floats of one image's value on planes.
func (v *inferValue) planes() int {
	if v.vector {
		return v.stride()
	}
	return kernel.Planes{C: v.shape.C, H: v.shape.H, W: v.shape.W}.Len()
}

// throughPlanes computes the network for n images of the batch, starting at
// image first. n is at most a group.
func (v *Evaluator) throughPlanes(s *inferSpace, first, n int) {
	for _, g := range v.segments {
		for _, step := range g.entry {
			v.applyPlanes(step, s, first, n)
		}
		for _, step := range g.inner {
			v.applyPlanes(step, s, first, n)
		}
	}
}

func (v *Evaluator) applyPlanes(step *inferStep, s *inferSpace, first, n int) {
	if v.spent != nil {
		defer v.note(step, time.Now())
	}
	k, y := v.engine.Kernels, s.planes(step.output, n)
	if _, ok := step.unit.Node.Op.(Input); ok {
		p := kernel.Planes{C: step.output.shape.C, H: step.output.shape.H, W: step.output.shape.W}
		for i := range n {
			k.PackPlanes(p, images(y, p.Len(), i, 1), images(v.x, v.pixels(), first+i, 1))
		}
		return
	}
	x := s.planes(step.inputs[0], n)
	switch {
	case step.conv != nil:
		e := kernel.Epilogue{Bias: step.conv.bias, ReLU: step.act.relu}
		if step.residual != nil {
			e.Residual = s.planes(step.residual, n)
		}
		if step.conv.sparse != nil {
			k.SparseForward(step.conv.sparse, y, x, n, e)
			return
		}
		for i := 0; i < n; i += step.conv.group {
			v.planarDense(step.conv, y, x, i, min(step.conv.group, n-i), e, s)
		}
	case step.linear != nil:
		step.linear.run(y, x, n, step.act.relu)
	case step.pad != nil:
		k.SparseForward(step.pad, y, x, n, kernel.Epilogue{})
	default: // the global average pool
		p := step.inputs[0].m.Planes()
		for i := range n {
			k.AveragePoolPlanes(p, images(y, step.output.stride(), i, 1), images(x, p.Len(), i, 1))
		}
	}
}

// planarDense computes a dense convolution of stride 1 from planes to planes,
// for n images from image a on, at most a group.
func (v *Evaluator) planarDense(c *inferConv, y, x []float32, a, n int, e kernel.Epilogue, s *inferSpace) {
	k, in, out := v.engine.Kernels, c.in, c.out // of one size, but perhaps not of as many channels
	from, to := s.dense[0][:n*in.Len()], s.dense[1][:n*out.Len()]
	clear(from) // layers of other sizes left values where the border is
	for i := range n {
		k.PlanesToMap(in, images(from, in.Len(), i, 1), images(x, in.Planes().Len(), a+i, 1))
		if e.Residual != nil {
			k.PlanesToMap(out, images(to, out.Len(), i, 1), images(e.Residual, out.Planes().Len(), a+i, 1))
		}
	}
	if e.Residual != nil {
		e.Residual = to
	}
	c.run(to, from, n, e, s.scratch)
	for i := range n {
		k.MapToPlanes(out, images(y, out.Planes().Len(), a+i, 1), images(to, out.Len(), i, 1))
	}
}
