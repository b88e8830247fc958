package reference

import (
	"sync"

	"espalier/model"
)

// A window says how the kernel of a convolution or a pool moves over maps x
// [h][w] to give maps y [oh][ow].
type window struct {
	h, w, oh, ow   int
	kernel, stride int
	padding        model.Padding
}

func poolOf(m *node, kernel, stride int, p model.Padding) pool {
	in := m.Inputs[0].Shape
	return pool{window{in.H, in.W, m.Shape.H, m.Shape.W, kernel, stride, p}, in.C}
}

// A conv is the geometry of a convolution of x [n][in][h][w] with the weight
// [out][in/groups][kernel][kernel] to y [n][out][oh][ow].
type conv struct {
	window
	in, out, groups int
}

func convOf(m *node, op model.Conv) conv {
	return conv{poolOf(m, op.Kernel, op.Stride, op.Padding).window, m.In(), op.Out, op.Groups}
}

// each calls do for every i below n, concurrently.
func each(n int, do func(i int)) {
	var wait sync.WaitGroup
	for i := range n {
		wait.Go(func() { do(i) })
	}
	wait.Wait()
}

// convForward returns y = conv2d(x, w) + b, b [out].
func convForward(c conv, n int, x, w, b []float64) []float64 {
	size := c.oh * c.ow
	y := make([]float64, n*c.out*size)
	each(n, func(i int) {
		x, y := x[i*c.in*c.h*c.w:], y[i*c.out*size:][:c.out*size]
		for j := range y {
			y[j] = b[j/size]
		}
		c.taps(func(tap, yAt, xAt, count int) {
			f, to, from := w[tap], y[yAt:yAt+count], x[xAt:]
			for j := range to {
				to[j] += f * from[j*c.stride]
			}
		})
	})
	return y
}

// convBackward returns the gradient of x and sets those of w and b.
func convBackward(c conv, n int, x, w, dy, dw, db []float64) (dx []float64) {
	size := c.oh * c.ow
	dx = make([]float64, len(x))
	parts := make([][]float64, n) // of each image: dw
	each(n, func(i int) {
		part := make([]float64, len(w))
		x, dx, dy := x[i*c.in*c.h*c.w:], dx[i*c.in*c.h*c.w:], dy[i*c.out*size:]
		c.taps(func(tap, yAt, xAt, count int) {
			f, sum := w[tap], 0.0
			from, to := x[xAt:], dx[xAt:]
			for j, d := range dy[yAt : yAt+count] {
				to[j*c.stride] += f * d
				sum += from[j*c.stride] * d
			}
			part[tap] += sum
		})
		parts[i] = part
	})
	clear(dw)
	clear(db)
	for _, part := range parts {
		addTo(dw, part)
	}
	for j, d := range dy {
		db[j/size%c.out] += d
	}
	return dx
}

// taps visits, for one image, each weight with each output row that it
// contributes to: count outputs from yAt on, whose inputs start at xAt and are
// stride apart.
func (c conv) taps(visit func(tap, yAt, xAt, count int)) {
	in, out := c.in/c.groups, c.out/c.groups // of one group
	for plane := range c.out * in {
		o := plane / in
		channel := o/out*in + plane%in
		for ky := range c.kernel {
			top, bottom := c.inside(ky, c.padding.Top, c.h, c.oh)
			for kx := range c.kernel {
				left, right := c.inside(kx, c.padding.Left, c.w, c.ow)
				if left >= right {
					continue
				}
				tap := (plane*c.kernel+ky)*c.kernel + kx
				for y := top; y < bottom; y++ {
					row := y*c.stride + ky - c.padding.Top
					visit(tap, (o*c.oh+y)*c.ow+left, (channel*c.h+row)*c.w+left*c.stride+kx-c.padding.Left, right-left)
				}
			}
		}
	}
}

// inside returns the outputs [first, end) whose input under tap k lies within
// 0 to in−1 rather than in the padding.
func (w window) inside(k, before, in, out int) (first, end int) {
	for first*w.stride+k < before {
		first++
	}
	end = out
	for end > first && (end-1)*w.stride+k-before >= in {
		end--
	}
	return first, end
}
