package model

import "espalier/model/kernel"

// Pruned networks are evaluated on planes instead of blocks of channels, where
// convolutions run on the lists of their weights; only where a layer is too
// dense for that it runs as in other networks, between two conversions.
//
// Sparse convolution works on one image at a time, so an image goes through the
// whole network before the next one begins, and all of its activations stay in
// a second-level cache of 1 MB, beside the lists. Dense layers take a group of
// images at a time, and then the whole network does.

// choosePath decides, from the present weights, whether activations are planes,
// and which layers then are sparse, by the times that are typical of the kernels.
// With direct convolution instead of Winograd's, all of them are.
func (v *Evaluator) choosePath() {
	var onBlocks, onPlanes float64
	dense := make([]bool, len(v.convs)) // on planes
	v.group = 1
	t := v.engine.Kernels.Times()
	for i, c := range v.convs {
		blocks, planes := 1.0, t.Sparse*density(c.layer.Weight)
		if c.winograd != nil {
			blocks = t.Winograd
			if dense[i] = t.Winograd+t.Convert < planes; dense[i] {
				planes = t.Winograd + t.Convert
				v.group = max(v.group, c.group)
			}
		}
		onBlocks += blocks * float64(c.layer.MACs())
		onPlanes += planes * float64(c.layer.MACs())
	}
	if planar := onPlanes < onBlocks; planar != v.planar {
		v.planar = planar
		for _, s := range v.workers {
			s.clear() // the layouts keep their zeros in different places
		}
	}
	v.engine.Each(len(v.convs), func(_, i int) {
		c := v.convs[i]
		c.sparse = nil
		if v.planar && !dense[i] {
			c.sparse = kernel.NewSparse(c.geometry, c.layer.Weight)
		}
	})
}

func (s *inferSpace) clear() {
	clear(s.image)
	for _, stage := range s.maps {
		for _, m := range stage {
			clear(m)
		}
	}
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

// padPlanes is padShortcut as a 1×1 convolution of the block's first
// convolution's geometry: the identity, and zeros.
func padPlanes(g kernel.Conv) *kernel.Sparse {
	w := make([]float32, g.Out.C*g.In.C)
	before := (g.Out.C - g.In.C) / 2
	for c := range g.In.C {
		w[(c+before)*g.In.C+c] = 1
	}
	g.Kernel = 1
	return kernel.NewSparse(g, w)
}

// planarPart computes the logits of images [first, end) of the batch.
func (v *Evaluator) planarPart(s *inferSpace, first, end int) {
	k, fc := v.engine.Kernels, v.fused.Classifier
	for a := first; a < end; a += v.group {
		n := min(v.group, end-a)
		in, out := v.stem.geometry.In.Planes(), v.stem.geometry.Out.Planes()
		for i := range n {
			k.PackPlanes(in, s.image, images(v.x, pixels, a+i, 1))
			y := images(s.maps[0][0], out.Len(), i, 1)
			k.SparseForward(v.stem.sparse, y, s.image, 1, kernel.Epilogue{Bias: v.stem.layer.Bias, ReLU: true})
		}
		for _, b := range v.blocks {
			v.planarBlock(b, s, n)
		}
		last := v.blocks[len(v.blocks)-1]
		out = last.conv2.geometry.Out.Planes()
		for i := range n {
			k.AveragePoolPlanes(out, s.pooled, images(s.maps[last.stage][0], out.Len(), i, 1))
			fc.forward(v.logits[(a+i)*fc.Out:][:fc.Out], s.pooled)
		}
	}
}

// planarBlock computes one block for n images. Its input is in map 0 of its
// stage, or of the stage before where the size changes, and so is its output;
// what is between its convolutions is in map 1.
func (v *Evaluator) planarBlock(b *inferBlock, s *inferSpace, n int) {
	out, middle := s.maps[b.stage][0], s.maps[b.stage][1]
	x := out
	if b.conv1.geometry.In != b.conv2.geometry.In {
		x = s.maps[b.stage-1][0]
		if b.down != nil {
			v.planarConv(b.down, out, x, n, kernel.Epilogue{Bias: b.down.layer.Bias}, s)
		} else {
			v.engine.Kernels.SparseForward(b.pad, out, x, n, kernel.Epilogue{})
		}
	}
	v.planarConv(b.conv1, middle, x, n, kernel.Epilogue{Bias: b.conv1.layer.Bias, ReLU: true}, s)
	v.planarConv(b.conv2, out, middle, n, kernel.Epilogue{Bias: b.conv2.layer.Bias, Residual: out, ReLU: true}, s)
}

// planarConv computes one convolution for n images.
func (v *Evaluator) planarConv(c *inferConv, y, x []float32, n int, e kernel.Epilogue, s *inferSpace) {
	if c.sparse != nil {
		v.engine.Kernels.SparseForward(c.sparse, y, x, n, e)
		return
	}
	for i := 0; i < n; i += c.group {
		v.planarDense(c, y, x, i, min(c.group, n-i), e, s)
	}
}

// planarDense computes a dense convolution of stride 1 from planes to planes,
// for n images from image a on, at most a group.
func (v *Evaluator) planarDense(c *inferConv, y, x []float32, a, n int, e kernel.Epilogue, s *inferSpace) {
	m := c.geometry.Out
	k, planes, size := v.engine.Kernels, m.Planes().Len(), m.Len()
	from, to := s.dense[0][:n*size], s.dense[1][:n*size]
	clear(from) // layers of other sizes leave values where the border is
	for i := range n {
		k.PlanesToMap(m, images(from, size, i, 1), images(x, planes, a+i, 1))
		if e.Residual != nil {
			k.PlanesToMap(m, images(to, size, i, 1), images(e.Residual, planes, a+i, 1))
		}
	}
	if e.Residual != nil {
		e.Residual = to
	}
	c.run(to, from, n, e, s.winograd, nil)
	for i := range n {
		k.MapToPlanes(m, images(y, planes, a+i, 1), images(to, size, i, 1))
	}
}
