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
		s.taps(func(o, c, tap int, yAt, xAt, count int) {
			f, row := w[tap], y[yAt:yAt+count]
			for j := range row {
				row[j] += f * x[xAt+j*s.Stride]
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
		s.taps(func(o, c, tap int, yAt, xAt, count int) {
			f, row, sum := w[tap], dy[yAt:yAt+count], 0.0
			for j, d := range row {
				dx[xAt+j*s.Stride] += f * d
				sum += x[xAt+j*s.Stride] * d
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
func (s Shape) taps(visit func(o, c, tap, yAt, xAt, count int)) {
	oh, ow := s.OutSize()
	pad := s.Kernel / 2
	for o := range s.Out {
		for c := range s.In {
			for ky := range s.Kernel {
				for kx := range s.Kernel {
					tap := ((o*s.In+c)*s.Kernel+ky)*s.Kernel + kx
					first := 0
					for first*s.Stride+kx < pad {
						first++
					}
					last := ow
					for (last-1)*s.Stride+kx-pad >= s.W {
						last--
					}
					for y := range oh {
						row := y*s.Stride + ky - pad
						if row < 0 || row >= s.H || last <= first {
							continue
						}
						visit(o, c, tap, (o*oh+y)*ow+first, (c*s.H+row)*s.W+first*s.Stride+kx-pad, last-first)
					}
				}
			}
		}
	}
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
