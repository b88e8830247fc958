package model

import "espalier/model/kernel"

// An inferConv is a convolution in inference.
type inferConv struct {
	*conv
	sparse *kernel.Sparse // nil where it is dense; see planarConv
}

// groupOf returns how many images the convolutions of a stage take at a time.
func (v *Evaluator) groupOf(stage int) int {
	group := 1
	for _, b := range v.stage(stage) {
		group = max(group, b.conv2.group)
	}
	return group
}

// through takes n images, from the batch's image first on and at most a group of
// the stage, through all stages up to one, into the stage's map 0.
//
// The stage before works on smaller groups, and what one of them leaves in the
// cache is taken from there at once.
func (v *Evaluator) through(s *inferSpace, stage, first, n int) {
	blocks := v.stage(stage)
	if stage == 0 {
		v.input(s, first, n)
	} else {
		before := v.groupOf(stage - 1)
		for a := 0; a < n; a += before {
			m := min(before, n-a)
			v.through(s, stage-1, first+a, m)
			v.enter(blocks[0], s, a, m)
		}
		v.leave(blocks[0], s, n)
		blocks = blocks[1:]
	}
	for _, b := range blocks {
		maps := s.maps[stage]
		v.apply(b.conv1, maps[1], maps[0], n, kernel.Epilogue{Bias: b.conv1.layer.Bias, ReLU: true}, s)
		v.leave(b, s, n)
	}
}

// input computes the stem's output for n images from the batch's image first
// on, into map 0 of stage 0.
func (v *Evaluator) input(s *inferSpace, first, n int) {
	e := kernel.Epilogue{Bias: v.stem.layer.Bias, ReLU: true}
	for i := range n {
		v.engine.Kernels.PackImage(s.image, images(v.x, pixels, first+i, 1))
		v.stem.run(images(s.maps[0][0], v.stem.geometry.Out.Len(), i, 1), s.image, 1, e, s.winograd, nil)
	}
}

// enter computes the shortcut and the first convolution of a stage's first
// block, whose input, n images of the stage before, has another size. They
// become images a and up of maps 0 and 1.
func (v *Evaluator) enter(b *inferBlock, s *inferSpace, a, n int) {
	maps, in, size := s.maps[b.stage], b.conv1.geometry.In.Len(), b.conv2.geometry.Out.Len()
	e := kernel.Epilogue{Bias: b.conv1.layer.Bias, ReLU: true}
	for i := range n {
		x := images(s.maps[b.stage-1][0], in, i, 1)
		v.shortcut(b, images(maps[0], size, a+i, 1), x, s)
		v.apply(b.conv1, images(maps[1], size, a+i, 1), x, 1, e, s)
	}
}

// leave computes a block's second convolution for n images, which adds what is
// in map 1 to the shortcut in map 0.
func (v *Evaluator) leave(b *inferBlock, s *inferSpace, n int) {
	y := s.maps[b.stage][0]
	v.apply(b.conv2, y, s.maps[b.stage][1], n, kernel.Epilogue{Bias: b.conv2.layer.Bias, Residual: y, ReLU: true}, s)
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
