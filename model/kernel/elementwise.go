package kernel

import "fmt"

// Elementwise operations: batch norm's passes over a map, the average pool,
// sums of vectors and the optimizer's update. All are bound by memory, so it
// costs nothing to round every product and every sum separately, without fusing
// them. All Sets return the same bits.
//
// Sums over a map always follow the same order: even pixels of a row go into
// one partial sum, odd ones into another, rows from top to bottom. At the end
// the two are added.

// elementwiseFuncs are the inner functions of elementwise operations. Arguments
// have been checked.
type elementwiseFuncs struct {
	normApply        func(m Map, a, y, residual, scale, shift []float32, relu bool)
	normSums         func(m Map, y, sums []float32)
	normBackwardSums func(m Map, g, a, y, mean, sums []float32)
	normBackward     func(m Map, dy, g, y, c0, c1, c2 []float32)
	addInto          func(m Map, dst, src []float32)
	averagePool      func(m Map, dst, a []float32)
	averagePoolGrad  func(m Map, g, dst []float32)
	add              func(dst, src []float32)
	sgd              func(w, g, v, mask []float32, lr, momentum, decay float32, nesterov bool)
	packImage        func(side int, dst, src []float32)
}

func elementwiseGo() elementwiseFuncs {
	return elementwiseFuncs{
		normApply:        normApplyGo,
		normSums:         normSumsGo,
		normBackwardSums: normBackwardSumsGo,
		normBackward:     normBackwardGo,
		addInto:          addIntoGo,
		averagePool:      averagePoolGo,
		averagePoolGrad:  averagePoolGradGo,
		add:              addGo,
		sgd:              sgdGo,
		packImage:        packImageGo,
	}
}

// NormApply computes a = relu(y·scale + shift + residual) for one image: batch
// norm, residual sum and ReLU in one pass. As in PyTorch, the ReLU keeps NaN.
//
//	a, y, residual   laid out as m; residual may be nil, a may be y or residual
//	scale, shift     [C]
func (s *Set) NormApply(m Map, a, y, residual, scale, shift []float32, relu bool) {
	m.check()
	need("a", a, m.Len())
	need("y", y, m.Len())
	if residual != nil {
		need("residual", residual, m.Len())
	}
	need("scale", scale, m.C)
	need("shift", shift, m.C)
	s.elementwise.normApply(m, a, y, residual, scale, shift, relu)
}

// NormSums adds one image's Σ y and Σ y² per channel to sums [C/16][2][16], as
// Epilogue.Sums does for convolutions.
func (s *Set) NormSums(m Map, y, sums []float32) {
	m.check()
	need("y", y, m.Len())
	need("sums", sums, 2*m.C)
	s.elementwise.normSums(m, y, sums)
}

// NormBackwardSums is the first pass of batch norm's gradient over one image.
// If a is not nil, it is a ReLU's output, and g is first taken through the
// ReLU: it becomes zero except where a > 0. Then Σ g and Σ g·(y − mean) per
// channel are added to sums.
//
//	g, a, y   laid out as m
//	mean      [C]
//	sums      [C/16][2][16]
func (s *Set) NormBackwardSums(m Map, g, a, y, mean, sums []float32) {
	m.check()
	need("g", g, m.Len())
	if a != nil {
		need("a", a, m.Len())
	}
	need("y", y, m.Len())
	need("mean", mean, m.C)
	need("sums", sums, 2*m.C)
	s.elementwise.normBackwardSums(m, g, a, y, mean, sums)
}

// NormBackward is the second pass: dy = (c1·y + c2) + c0·g for one image. With
// n pixels in the batch, the sums of the first pass and σ² = variance + ε,
//
//	c0 = gamma/σ
//	c1 = −c0·Σg(y − mean)/(n·σ²)
//	c2 = −c0·Σg/n − c1·mean
//
// it is the gradient of batch norm's input (Ioffe and Szegedy 2015, section 3).
//
//	dy, g, y     laid out as m; dy may be g or y
//	c0, c1, c2   [C]
func (s *Set) NormBackward(m Map, dy, g, y, c0, c1, c2 []float32) {
	m.check()
	need("dy", dy, m.Len())
	need("g", g, m.Len())
	need("y", y, m.Len())
	need("c0", c0, m.C)
	need("c1", c1, m.C)
	need("c2", c2, m.C)
	s.elementwise.normBackward(m, dy, g, y, c0, c1, c2)
}

// AddInto computes dst += src for one image. It does not touch dst's border.
func (s *Set) AddInto(m Map, dst, src []float32) {
	m.check()
	need("dst", dst, m.Len())
	need("src", src, m.Len())
	s.elementwise.addInto(m, dst, src)
}

// AveragePool computes the mean of every channel of one image, dst [C].
func (s *Set) AveragePool(m Map, dst, a []float32) {
	m.check()
	need("dst", dst, m.C)
	need("a", a, m.Len())
	s.elementwise.averagePool(m, dst, a)
}

// AveragePoolGrad spreads the pool's gradient dst [C] over the pixels of one
// image: g = dst/(H·W).
func (s *Set) AveragePoolGrad(m Map, g, dst []float32) {
	m.check()
	need("g", g, m.Len())
	need("dst", dst, m.C)
	s.elementwise.averagePoolGrad(m, g, dst)
}

// Add computes dst += src.
func (s *Set) Add(dst, src []float32) {
	need("src", src, len(dst))
	s.elementwise.add(dst, src)
}

// SGD takes one step of gradient descent with momentum as torch.optim.SGD does,
// with dampening 0:
//
//	d = g + decay·w
//	v = momentum·v + d
//	w = (w − lr·v)·mask
//
// With Nesterov's change the last line is w = (w − lr·(d + momentum·v))·mask.
// All slices are as long as w; mask holds 0 or 1, or is nil.
func (s *Set) SGD(w, g, v, mask []float32, lr, momentum, decay float32, nesterov bool) {
	need("g", g, len(w))
	need("v", v, len(w))
	if mask != nil {
		need("mask", mask, len(w))
	}
	s.elementwise.sgd(w, g, v, mask, lr, momentum, decay, nesterov)
}

// PackImage lays out a square image for a convolution that reads the image,
// src [3][H][H] as dst [H+2][H+2][4]. It writes 0 into the unused lane and
// leaves the border as it is.
func (s *Set) PackImage(dst, src []float32) {
	side := 0
	for 3*side*side < len(src) {
		side++
	}
	if 3*side*side != len(src) {
		panic(fmt.Sprintf("kernel: %d floats are no square image of 3 channels", len(src)))
	}
	need("dst", dst, (side+2)*(side+2)*4)
	s.elementwise.packImage(side, dst, src)
}

// check panics if m is not a geometry that the kernels know.
func (m Map) check() {
	if m.C < 1 || m.C%Lanes != 0 || m.H < 1 || m.W < 1 {
		panic("kernel: not a map: " + m.String())
	}
}
