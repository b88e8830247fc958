package model

import (
	"time"

	"espalier/model/kernel"
)

// through computes all segments up to one for n images of the batch, starting at
// image first. n is at most the segment's group.
func (v *Evaluator) through(s *inferSpace, segment, first, n int) {
	g := v.segments[segment]
	if segment > 0 {
		before := v.segments[segment-1].group
		for a := 0; a < n; a += before {
			m := min(before, n-a)
			v.through(s, segment-1, first+a, m)
			for i := range m {
				for _, step := range g.entry {
					if !step.batched() {
						v.apply(step, s, i, a+i, 1)
					}
				}
			}
			for _, step := range g.entry {
				if step.batched() {
					v.apply(step, s, 0, a, m)
				}
			}
		}
	}
	for _, step := range g.inner {
		if _, ok := step.unit.Node.Op.(Input); ok {
			v.input(step, s, first, n)
			continue
		}
		v.apply(step, s, 0, 0, n)
	}
}

// batched reports whether a step at a segment's entry takes all images at once
// rather than one after the other. Its residual is not one of those that do not.
func (s *inferStep) batched() bool { return s.conv != nil && s.conv.batch != nil }

// input lays out n images of the batch, starting at image first.
func (v *Evaluator) input(step *inferStep, s *inferSpace, first, n int) {
	if v.spent != nil {
		defer v.note(step, time.Now())
	}
	y, k := step.output, v.engine.Kernels
	for i := range n {
		x, to := images(v.x, v.pixels(), first+i, 1), s.at(y, i, 1)
		switch {
		case y.vector:
			copy(to, x)
		case y.image && y.shape.C == 3 && y.shape.H == y.shape.W:
			k.PackImage(to, x)
		default:
			k.PackChannels(y.m, y.shape.C, to, x)
		}
	}
}

// apply computes a step for n images: from image from on of its inputs, to
// image to on of its output.
func (v *Evaluator) apply(step *inferStep, s *inferSpace, from, to, n int) {
	if v.spent != nil {
		defer v.note(step, time.Now())
	}
	if step.conv != nil {
		v.convolve(step, s, from, to, n)
	} else if step.linear != nil {
		step.linear.run(s.at(step.output, to, n), s.at(step.inputs[0], from, n), n, step.act.relu)
	} else {
		for i := range n {
			v.operate(step, s, from+i, to+i)
		}
	}
	if a := step.act.after; a != nil {
		for i := range n {
			v.activate(*a, step.output, s.at(step.output, to+i, 1))
		}
	}
}

// activate applies an activation to one image's value, in place.
func (v *Evaluator) activate(a kernel.Activation, y *inferValue, data []float32) {
	if y.vector {
		data = data[:y.shape.C]
		v.engine.Kernels.ActivateVector(a, data, data)
		return
	}
	v.engine.Kernels.Activate(y.m, y.shape.C, a, data, data)
}

// convolve runs a convolution and the sum that follows it.
func (v *Evaluator) convolve(step *inferStep, s *inferSpace, from, to, n int) {
	c, x, y := step.conv, step.inputs[0], step.output
	e := kernel.Epilogue{Bias: c.bias, ReLU: step.act.relu, Max: step.act.max}
	for i := 0; i < n; i += c.group {
		m := min(c.group, n-i)
		if step.residual != nil {
			e.Residual = s.at(step.residual, from+i, m)
		}
		in, out := s.at(x, from+i, m), s.at(y, to+i, m)
		if x.vector { // m is 1: such maps are too small for Winograd's algorithm
			v.engine.Kernels.PackChannels(x.m, x.shape.C, s.one[0], in)
			in = s.one[0]
		}
		if !y.vector && v.together {
			v.shared = sharedConv{c, out, in, m, e}
			v.engine.Each(v.engine.Threads(), v.runShare)
			continue
		}
		if !y.vector {
			c.run(out, in, m, e, s.scratch)
			continue
		}
		c.run(s.one[1], in, m, e, s.scratch)
		v.engine.Kernels.UnpackChannels(y.m, y.shape.C, out, s.one[1])
	}
}

// A sharedConv is a convolution that all workers compute together.
type sharedConv struct {
	conv *inferConv
	y, x []float32
	n    int // images
	e    kernel.Epilogue
}

// share computes one share of v.shared.
func (v *Evaluator) share(worker, share int) {
	c := v.shared
	c.e.Share = kernel.Share{Part: share, Of: v.engine.Threads()}
	c.conv.run(c.y, c.x, c.n, c.e, v.workers[worker].scratch)
}
