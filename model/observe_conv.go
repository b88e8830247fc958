package model

import "espalier/model/kernel"

// An orderedConv is a 3×3 convolution that adds up in the order of PyTorch's
// (oneDNN's forward convolution on x86), so that observers see the very values
// that PyTorch's see, to the last bit: histograms' ranges hang on single counts.
//
// For every 16 input channels there is one chain of fused multiply-adds, over
// rows, columns and channels of the kernel, that begins with 0. The bias is
// added to the first chain's end, and then one chain after the other.
//
// A chain is a 1×1 convolution of a map that has each of the nine taps' pixels
// as channels of its own.
type orderedConv struct {
	layer   *Layer
	kernels *kernel.Set
	in      kernel.Map
	taps    kernel.Conv // of one chain
	lanes   int         // input channels of a chain: 16, or an image's 3
	weights [][]float32 // by chain
}

func newOrderedConv(c *conv) *orderedConv {
	o := &orderedConv{layer: c.layer, kernels: c.kernels, in: c.geometry.In, lanes: min(c.layer.In, kernel.Lanes)}
	o.taps = kernel.Conv{
		In:  kernel.Map{C: (9*o.lanes + kernel.Lanes - 1) / kernel.Lanes * kernel.Lanes, H: o.in.H, W: o.in.W},
		Out: c.geometry.Out, Kernel: 1, Stride: c.geometry.Stride,
	}
	for first := 0; first < c.layer.In; first += o.lanes {
		oihw := make([]float32, o.taps.PackedLen())
		for k := range c.layer.Out {
			for i := range o.lanes {
				for tap := range 9 {
					oihw[k*o.taps.In.C+tap*o.lanes+i] = c.layer.Weight[(k*c.layer.In+first+i)*9+tap]
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

// add adds a chain's ends to y, or, the first ones, the bias to them.
func (o *orderedConv) add(y, chain []float32, first, relu bool) {
	m := o.taps.Out
	for c := 0; c < m.C; c += kernel.Lanes {
		bias := o.layer.Bias[c : c+kernel.Lanes]
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
			if o.lanes < kernel.Lanes { // an image [34][34][4]
				for w := range m.W {
					for c := range o.lanes {
						taps[m.At(tap*o.lanes+c, h, w)] = x[((h+ky)*(imageSize+2)+w+kx)*4+c]
					}
				}
				continue
			}
			from := chain*o.in.Plane() + (h+ky)*o.in.Row() + kx*kernel.Lanes
			copy(taps[m.At(tap*o.lanes, h, 0):][:m.W*kernel.Lanes], x[from:])
		}
	}
}
