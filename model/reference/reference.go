// Package reference trains and evaluates a model.Network in float64 with the
// loops that the formulas suggest. It is the definition that the engine in
// package model is tested against, itself tested against finite differences
// and against PyTorch in float64; nothing else uses it.
//
// Tensors are [n][channels][height][width], flat.
package reference

import "sync"

// A Shape is the geometry of a convolution with padding Kernel/2.
type Shape struct {
	In, Out        int // channels
	H, W           int // of the input
	Kernel, Stride int
}

// OutSize returns the height and width of the output.
func (s Shape) OutSize() (h, w int) { return (s.H-1)/s.Stride + 1, (s.W-1)/s.Stride + 1 }

// each calls do for every i below n, some at the same time.
func each(n int, do func(i int)) {
	var wait sync.WaitGroup
	for i := range n {
		wait.Go(func() { do(i) })
	}
	wait.Wait()
}

// ConvForward returns y [n][Out][OH][OW] = conv2d(x, w) for x [n][In][H][W] and
// w [Out][In][Kernel][Kernel].
func ConvForward(s Shape, n int, x, w []float64) []float64 {
	oh, ow := s.OutSize()
	y := make([]float64, n*s.Out*oh*ow)
	each(n, func(i int) {
		x, y := x[i*s.In*s.H*s.W:], y[i*s.Out*oh*ow:]
		s.taps(func(tap, yAt, xAt, count int) {
			f, to, from := w[tap], y[yAt:yAt+count], x[xAt:]
			for j := range to {
				to[j] += f * from[j*s.Stride]
			}
		})
	})
	return y
}

// ConvBackward returns the gradients of x and w for the gradient dy of y.
func ConvBackward(s Shape, n int, x, w, dy []float64) (dx, dw []float64) {
	oh, ow := s.OutSize()
	dx, dw = make([]float64, len(x)), make([]float64, len(w))
	parts := make([][]float64, n)
	each(n, func(i int) {
		part := make([]float64, len(w))
		x, dx, dy := x[i*s.In*s.H*s.W:], dx[i*s.In*s.H*s.W:], dy[i*s.Out*oh*ow:]
		s.taps(func(tap, yAt, xAt, count int) {
			f, sum := w[tap], 0.0
			from, to := x[xAt:], dx[xAt:]
			for j, d := range dy[yAt : yAt+count] {
				to[j*s.Stride] += f * d
				sum += from[j*s.Stride] * d
			}
			part[tap] += sum
		})
		parts[i] = part
	})
	for _, part := range parts {
		for j, v := range part {
			dw[j] += v
		}
	}
	return dx, dw
}

// taps visits, for one image, each weight with each output row that it
// contributes to: count outputs from yAt on, whose inputs start at xAt and are
// Stride apart.
func (s Shape) taps(visit func(tap, yAt, xAt, count int)) {
	oh, ow := s.OutSize()
	for plane := range s.Out * s.In {
		o, c := plane/s.In, plane%s.In
		for ky := range s.Kernel {
			top, bottom := s.inside(ky, s.H, oh)
			for kx := range s.Kernel {
				left, right := s.inside(kx, s.W, ow)
				if left >= right {
					continue
				}
				tap := (plane*s.Kernel+ky)*s.Kernel + kx
				for y := top; y < bottom; y++ {
					row := y*s.Stride + ky - s.Kernel/2
					visit(tap, (o*oh+y)*ow+left, (c*s.H+row)*s.W+left*s.Stride+kx-s.Kernel/2, right-left)
				}
			}
		}
	}
}

// inside returns the outputs [first, end) whose input under tap k lies within
// 0 to in−1 rather than in the padding.
func (s Shape) inside(k, in, out int) (first, end int) {
	for first*s.Stride+k < s.Kernel/2 {
		first++
	}
	end = out
	for end > first && (end-1)*s.Stride+k-s.Kernel/2 >= in {
		end--
	}
	return first, end
}

// LinearForward returns y [n][out] = x·wᵀ + b for x [n][in] and w [out][in].
func LinearForward(n int, x, w, b []float64) []float64 {
	in, out := len(x)/n, len(b)
	y := make([]float64, n*out)
	for i := range n {
		for o := range out {
			y[i*out+o] = b[o]
			for j := range in {
				y[i*out+o] += w[o*in+j] * x[i*in+j]
			}
		}
	}
	return y
}

// LinearBackward returns the gradients of x, w and b.
func LinearBackward(n int, x, w, dy []float64) (dx, dw, db []float64) {
	in, out := len(x)/n, len(dy)/n
	dx, dw, db = make([]float64, len(x)), make([]float64, len(w)), make([]float64, out)
	for i := range n {
		for o := range out {
			d := dy[i*out+o]
			db[o] += d
			for j := range in {
				dx[i*in+j] += d * w[o*in+j]
				dw[o*in+j] += d * x[i*in+j]
			}
		}
	}
	return dx, dw, db
}
