package model

import "espalier/model/kernel"

// operate computes a step that is neither a convolution nor a linear layer for
// one image: from image from of its inputs, as image to of its output.
func (v *Evaluator) operate(step *inferStep, s *inferSpace, from, to int) {
	k, y := v.engine.Kernels, step.output
	out := s.at(y, to, 1)
	in := func(i int) []float32 { return s.at(step.inputs[i], from, 1) }
	x := step.inputs[0]
	switch op := step.unit.Node.Op.(type) {
	case BatchNorm:
		b := step.norm
		if x.vector {
			for c, v := range in(0)[:x.shape.C] {
				out[c] = v*b.scale[c] + b.shift[c]
			}
			return
		}
		k.NormApply(x.m, out, in(0), nil, b.scale, b.shift, step.act.relu)
	case Add:
		copy(out, in(0))
		for i := range step.inputs[1:] {
			k.Add(out, in(i + 1)[:len(out)])
		}
	case Mul:
		v.multiply(step, out, in(0), in(1))
	case Concat:
		v.concat(step, s, out, from)
	case MaxPool, AvgPool:
		v.pool(step, s, out, in(0))
	case GlobalAvgPool, Flatten:
		if x.vector {
			copy(out, in(0))
		} else if _, ok := op.(Flatten); ok {
			k.UnpackChannels(x.m, x.shape.C, out, in(0))
		} else {
			k.AveragePool(x.m, out, in(0))
		}
	case PadShortcut:
		v.padShortcut(op, step, s, out, in(0))
	default: // activations
		copy(out, in(0))
	}
}

// multiply computes a product, or scales channels by a gate.
func (v *Evaluator) multiply(step *inferStep, out, a, b []float32) {
	x, gate := step.inputs[0], step.inputs[1]
	switch {
	case x.vector:
		for i := range x.shape.C {
			out[i] = a[i] * b[i]
		}
	case gate.vector:
		v.engine.Kernels.ScaleChannels(x.m, out, a, b)
	default:
		v.engine.Kernels.Multiply(x.m, out, a, b, false)
	}
}

// concat joins channels. It zeroes the rest of the last block.
func (v *Evaluator) concat(step *inferStep, s *inferSpace, out []float32, from int) {
	y, at := step.output, 0
	if y.vector {
		for _, x := range step.inputs {
			at += copy(out[at:], s.at(x, from, 1)[:x.shape.C])
		}
		return
	}
	if y.shape.C != y.m.C {
		clear(out[y.m.Len()-y.m.Plane():])
	}
	for _, x := range step.inputs {
		v.engine.Kernels.CopyChannels(y.m, out, at, x.m, s.at(x, from, 1), 0, x.shape.C)
		at += x.shape.C
	}
}

// needsOne reports whether a pool or shortcut reads or writes a map of one
// pixel, which elsewhere is laid out as a vector.
func (s *inferStep) needsOne() bool {
	switch s.unit.Node.Op.(type) {
	case MaxPool, AvgPool, PadShortcut:
		return s.output.vector || s.inputs[0].vector
	}
	return false
}

// pool computes a max or average pool.
func (v *Evaluator) pool(step *inferStep, s *inferSpace, out, in []float32) {
	k, x, y := v.engine.Kernels, step.inputs[0], step.output
	p := poolOf(step.unit.Node, x.m)
	if a, ok := step.unit.Node.Op.(AvgPool); ok && y.vector && !x.vector && a.Padding == (Padding{}) && a.Kernel == x.shape.H && a.Kernel == x.shape.W {
		k.AveragePool(x.m, out, in)
		return
	}
	to := out
	if x.vector {
		k.PackChannels(x.m, x.shape.C, s.one[0], in)
		in = s.one[0]
	}
	if y.vector {
		to = s.one[1]
	}
	if a, ok := step.unit.Node.Op.(AvgPool); ok {
		k.AveragePoolWindow(p, to, in, s.scratch, a.CountPadding)
	} else {
		k.MaxPool(p, to, nil, in, s.scratch)
	}
	if y.vector {
		k.UnpackChannels(y.m, y.shape.C, out, to)
	}
}

// scratchLen returns the floats that the step's kernel needs beside its values.
func (s *inferStep) scratchLen() int {
	if s.conv != nil {
		return s.conv.scratchLen()
	}
	switch s.unit.Node.Op.(type) {
	case MaxPool, AvgPool:
		p := poolOf(s.unit.Node, s.inputs[0].m)
		return p.Scratch()
	}
	return 0
}

// padShortcut takes every Stride-th pixel of x and adds zero channels before and
// behind.
func (v *Evaluator) padShortcut(op PadShortcut, step *inferStep, s *inferSpace, out, in []float32) {
	x, y, k := step.inputs[0], step.output, v.engine.Kernels
	to := out
	if x.vector {
		k.PackChannels(x.m, x.shape.C, s.one[0], in)
		in = s.one[0]
	}
	if y.vector {
		to = s.one[1]
	}
	shortcutPixels(op, x.shape, x.m, y.m, to, in)
	if y.vector {
		k.UnpackChannels(y.m, y.shape.C, out, to)
	}
}

// shortcutPixels computes y, whose border it leaves zero.
func shortcutPixels(op PadShortcut, shape Shape, in, out kernel.Map, y, x []float32) {
	clear(y[:out.Len()])
	for c := range shape.C {
		for h := range out.H {
			to, from := out.At(c+op.Before, h, 0), in.At(c, op.Stride*h, 0)
			for w := range out.W {
				y[to+w*kernel.Lanes] = x[from+op.Stride*w*kernel.Lanes]
			}
		}
	}
}
