package model

import "espalier/model/kernel"

// An inferConv is a convolution in inference.
type inferConv struct {
	*conv
	sparse *kernel.Sparse // nil where it is dense; see planarConv
}

// input computes the stem's output for n images from the batch's image first
// on, into the first map of stage 0 at image a.
func (v *Evaluator) input(s *inferSpace, first, n, a int) {
	size := v.stem.geometry.Out.Len()
	e := kernel.Epilogue{Bias: v.stem.layer.Bias, ReLU: true}
	for i := range n {
		x, y := images(v.x, pixels, first+i, 1), images(s.maps[0][0], size, a+i, 1)
		v.engine.Kernels.PackImage(s.image, x)
		v.stem.run(y, s.image, 1, e, s.winograd, nil)
	}
}

// block computes one block for n images from image a on. Its input is in map
// at of its stage, or of the stage before where the size changes; it returns
// the map that holds the output.
func (v *Evaluator) block(b *inferBlock, s *inferSpace, at, a, n int) int {
	maps := &s.maps[b.stage]
	size := b.conv2.geometry.Out.Len()
	middle, to, shortcut := (at+1)%3, (at+2)%3, maps[at]
	e := kernel.Epilogue{Bias: b.conv1.layer.Bias, ReLU: true}
	if in := b.conv1.geometry.In; in != b.conv2.geometry.In {
		x := s.maps[b.stage-1][at]
		middle, to, shortcut = 0, 1, maps[2]
		for i := a; i < a+n; i++ {
			from := images(x, in.Len(), i, 1)
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
	if b.down == nil {
		padShortcut(b.conv1.geometry.Out, y, b.conv1.geometry.In, x)
		return
	}
	v.apply(b.down, y, x, 1, kernel.Epilogue{Bias: b.down.layer.Bias}, s)
}

// apply runs c for n images.
func (v *Evaluator) apply(c *inferConv, y, x []float32, n int, e kernel.Epilogue, s *inferSpace) {
	out, in, residual := c.geometry.Out.Len(), c.geometry.In.Len(), e.Residual
	for i := 0; i < n; i += c.group {
		m := min(c.group, n-i)
		if residual != nil {
			e.Residual = images(residual, out, i, m)
		}
		c.run(images(y, out, i, m), images(x, in, i, m), m, e, s.winograd, nil)
	}
}
