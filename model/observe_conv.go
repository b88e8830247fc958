package model

import "espalier/model/kernel"

// An orderedConv is a 3×3 convolution that adds up in the order of PyTorch's
// (oneDNN's forward convolution on x86), so that observers see the same values
// as PyTorch's to the last bit: the ranges of histograms depend on single
// counts.
//
// Every 16 input channels have one chain of fused multiply-adds over rows,
// columns and channels of the kernel, which begins with 0. The bias is added to
// the result of the first chain, and then the results of the others, one by
// one.
//
// A chain is computed as a 1×1 convolution of a map that holds the pixels of
// the nine taps as channels.
type orderedConv struct {
	conv    *inferConv
	k, c    int // output and input channels
	kernels *kernel.Set
	in      kernel.Map
	taps    kernel.Conv // of one chain
	lanes   int         // input channels of a chain: 16, or an image's 3
	weights [][]float32 // by chain
}

// ordered reports whether a step's convolution is one whose order of sums is
// known: 3×3 of whole blocks of channels. A 1×1 kernel adds up in PyTorch's order
// anyway.
func (s *inferStep) ordered() bool {
	c := s.conv
	return c.direct != nil && c.direct.Kernel == 3 && !s.inputs[0].vector && !s.output.vector && s.act.after == nil
}

// ordered computes a convolution for the batch.
func (o *observer) ordered(s *inferStep, y []float32) {
	x := o.values[s.unit.Inputs[0]]
	ordered := newOrderedConv(s.conv)
	spaces := make([]*orderedSpace, o.v.engine.Threads())
	o.v.engine.Each(o.n, func(worker, i int) {
		if spaces[worker] == nil {
			spaces[worker] = ordered.space()
		}
		ordered.run(images(y, s.output.stride(), i, 1), images(x, s.inputs[0].stride(), i, 1), s.act.relu, spaces[worker])
	})
}

func newOrderedConv(c *inferConv) *orderedConv {
	n := c.node
	o := &orderedConv{conv: c, k: n.Out(), c: n.In(), kernels: c.kernels, in: c.in, lanes: min(n.In(), kernel.Lanes)}
	o.taps = kernel.Conv{
		In:  kernel.Map{C: kernel.Round(9 * o.lanes), H: o.in.H, W: o.in.W},
		Out: c.out, Kernel: 1, Stride: c.direct.Stride,
	}
	for first := 0; first < o.c; first += o.lanes {
		oihw := make([]float32, o.taps.PackedLen())
		for k := range o.k {
			for i := range o.lanes {
				for tap := range 9 {
					oihw[k*o.taps.In.C+tap*o.lanes+i] = n.Weight[(k*o.c+first+i)*9+tap]
				}
			}
		}
		packed := kernel.Floats(len(oihw))
		o.kernels.PackWeights(o.taps, packed, oihw)
		o.weights = append(o.weights, packed)
	}
	return o
}

// An orderedSpace is the memory for one image.
type orderedSpace struct{ taps, chain []float32 }

func (o *orderedConv) space() *orderedSpace {
	return &orderedSpace{kernel.Floats(o.taps.In.Len()), kernel.Floats(o.taps.Out.Len())}
}

// run computes y = conv(x) + bias for one image, after a ReLU if relu is set.
func (o *orderedConv) run(y, x []float32, relu bool, s *orderedSpace) {
	for i, weight := range o.weights {
		o.gather(s.taps, x, i)
		o.kernels.ConvForward(o.taps, s.chain, s.taps, weight, kernel.Epilogue{})
		o.add(y, s.chain, i == 0, relu && i == len(o.weights)-1)
	}
}

// add adds a chain's results to y; the first chain's results get the bias instead.
func (o *orderedConv) add(y, chain []float32, first, relu bool) {
	m := o.taps.Out
	for c := 0; c < m.C; c += kernel.Lanes {
		var bias [kernel.Lanes]float32
		if o.conv.bias != nil {
			copy(bias[:], o.conv.bias[c:])
		}
		for h := range m.H {
			at := m.At(c, h, 0)
			sum := y[at : at+m.W*kernel.Lanes]
			for i, v := range chain[at : at+m.W*kernel.Lanes] {
				if first {
					v += bias[i%kernel.Lanes]
				} else {
					v += sum[i]
				}
				if relu {
					v = max(v, 0)
				}
				sum[i] = v
			}
		}
	}
}

// gather fills the map of a chain's taps.
func (o *orderedConv) gather(taps, x []float32, chain int) {
	m := o.taps.In
	for tap := range 9 {
		ky, kx := tap/3, tap%3
		for h := range m.H {
			if o.lanes < kernel.Lanes { // an image [H+2][W+2][4]
				for w := range m.W {
					for c := range o.lanes {
						taps[m.At(tap*o.lanes+c, h, w)] = x[((h+ky)*(o.in.W+2)+w+kx)*4+c]
					}
				}
				continue
			}
			from := chain*o.in.Plane() + (h+ky)*o.in.Row() + kx*kernel.Lanes
			copy(taps[m.At(tap*o.lanes, h, 0):][:m.W*kernel.Lanes], x[from:])
		}
	}
}
