package model

import "espalier/model/kernel"

// An inferConv is a convolution in inference. Where most of a network's work
// lies in layers that are sparse enough, activations are planes instead of
// blocks of channels, and every convolution but those whose weights are too
// dense for it runs on the list of its weights.
type inferConv struct {
	*conv
	sparse *kernel.Sparse // nil: dense
}

// sparseBelow is the density at which sparse convolution and Winograd take
// about the same time on maps of 32, 16 and 8 pixels; see BenchmarkSparse and
// BenchmarkWinograd in package kernel.
const sparseBelow = 0.28

// chooseLayout decides, from the present weights, which layers run sparse.
func (v *Evaluator) chooseLayout() {
	var sparse, total int64
	for _, c := range v.convs {
		total += c.layer.MACs()
		if density(c.layer.Weight) < sparseBelow {
			sparse += c.layer.MACs()
		}
	}
	planar := 2*sparse > total
	if planar != v.planar {
		v.planar = planar
		for _, s := range v.workers {
			s.clear() // the layouts keep their zeros in different places
		}
	}
	v.engine.Each(len(v.convs), func(_, i int) {
		c := v.convs[i]
		c.sparse = nil
		// Only Winograd beats the list of a denser layer.
		if planar && (c.winograd == nil || density(c.layer.Weight) < sparseBelow) {
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

// size returns the floats of one image of a map in the present layout.
func (v *Evaluator) size(m kernel.Map) int {
	if v.planar {
		return m.Planes().Len()
	}
	return m.Len()
}

// input computes the stem's output for n images from the batch's image first
// on, into the first map of stage 0 at image a.
func (v *Evaluator) input(s *inferSpace, first, n, a int) {
	size := v.size(v.stem.geometry.Out)
	e := kernel.Epilogue{Bias: v.stem.layer.Bias, ReLU: true}
	for i := range n {
		x, y := images(v.x, pixels, first+i, 1), images(s.maps[0][0], size, a+i, 1)
		if v.planar {
			v.engine.Kernels.PackPlanes(v.stem.geometry.In.Planes(), s.image, x)
			v.engine.Kernels.SparseForward(v.stem.sparse, y, s.image, 1, e)
			continue
		}
		v.engine.Kernels.PackImage(s.image, x)
		v.stem.run(y, s.image, 1, e, s.winograd, nil)
	}
}

// block computes one block for n images from image a on. Its input is in map
// at of its stage, or of the stage before where the size changes; it returns
// the map that holds the output.
func (v *Evaluator) block(b *inferBlock, s *inferSpace, at, a, n int) int {
	maps := &s.maps[b.stage]
	size := v.size(b.conv2.geometry.Out)
	middle, to, shortcut := (at+1)%3, (at+2)%3, maps[at]
	e := kernel.Epilogue{Bias: b.conv1.layer.Bias, ReLU: true}
	if in := b.conv1.geometry.In; in != b.conv2.geometry.In {
		x := s.maps[b.stage-1][at]
		middle, to, shortcut = 0, 1, maps[2]
		for i := a; i < a+n; i++ {
			from := images(x, v.size(in), i, 1)
			v.shortcut(b, images(shortcut, size, i, 1), from, s)
			v.apply(b.conv1, images(maps[middle], size, i, 1), from, 1, e, s)
		}
	} else {
		v.apply(b.conv1, images(maps[middle], size, a, n), images(maps[at], size, a, n), n, e, s)
	}
	e = kernel.Epilogue{Bias: b.conv2.layer.Bias, Residual: images(shortcut, size, a, n), ReLU: true}
	v.apply(b.conv2, images(maps[to], size, a, n), images(maps[middle], size, a, n), n, e, s)
	return to
}

// shortcut computes y, one image of a block's shortcut where the size changes.
func (v *Evaluator) shortcut(b *inferBlock, y, x []float32, s *inferSpace) {
	switch {
	case b.down != nil:
		v.apply(b.down, y, x, 1, kernel.Epilogue{Bias: b.down.layer.Bias}, s)
	case v.planar:
		v.engine.Kernels.SparseForward(b.pad, y, x, 1, kernel.Epilogue{})
	default:
		padShortcut(b.conv1.geometry.Out, y, b.conv1.geometry.In, x)
	}
}

// apply runs c for n images.
func (v *Evaluator) apply(c *inferConv, y, x []float32, n int, e kernel.Epilogue, s *inferSpace) {
	if c.sparse != nil {
		v.engine.Kernels.SparseForward(c.sparse, y, x, n, e)
		return
	}
	out, in, residual := v.size(c.geometry.Out), v.size(c.geometry.In), e.Residual
	for i := 0; i < n; i += c.group {
		m := min(c.group, n-i)
		if residual != nil {
			e.Residual = images(residual, out, i, m)
		}
		if v.planar {
			v.applyDense(c, images(y, out, i, m), images(x, in, i, m), m, e, s)
			continue
		}
		c.run(images(y, out, i, m), images(x, in, i, m), m, e, s.winograd, nil)
	}
}

// applyDense runs a dense convolution of stride 1 among sparse ones: from
// planes to planes, n images at most a group.
func (v *Evaluator) applyDense(c *inferConv, y, x []float32, n int, e kernel.Epilogue, s *inferSpace) {
	m := c.geometry.Out
	k, planes, size := v.engine.Kernels, m.Planes().Len(), m.Len()
	from, to := s.dense[0][:n*size], s.dense[1][:n*size]
	clear(from) // layers of other sizes leave values where the border is
	for i := range n {
		k.PlanesToMap(m, images(from, size, i, 1), images(x, planes, i, 1))
		if e.Residual != nil {
			k.PlanesToMap(m, images(to, size, i, 1), images(e.Residual, planes, i, 1))
		}
	}
	if e.Residual != nil {
		e.Residual = to
	}
	c.run(to, from, n, e, s.winograd, nil)
	for i := range n {
		k.MapToPlanes(m, images(y, planes, i, 1), images(to, size, i, 1))
	}
}

// pool computes the channels' means of the last block's output a.
func (v *Evaluator) pool(last *inferBlock, s *inferSpace, a []float32) {
	m := last.conv2.geometry.Out
	if v.planar {
		v.engine.Kernels.AveragePoolPlanes(m.Planes(), s.pooled, a)
		return
	}
	v.engine.Kernels.AveragePool(m, s.pooled, a)
}
