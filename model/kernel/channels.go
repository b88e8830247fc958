package kernel

import "fmt"

// Operations on the channels of maps: gates, products, concatenation.

// ScaleChannels multiplies every channel of one image by its gate: y = x·gate.
// With dy for x it is also the gradient of x. A gate is computed as a depthwise
// convolution with one tap.
//
//	y, x   laid out as m; y may be x
//	gate   [m.C]
func (s *Set) ScaleChannels(m Map, y, x, gate []float32) {
	m.check()
	need("y", y, m.Len())
	need("x", x, m.Len())
	need("gate", gate, m.C)
	m.pointwise().slides(x, nil, func(sl slide, _ int, x []float32) { s.slide.depthwise(sl, y, x, gate, Epilogue{}) })
}

// ScaleChannelsGrad adds the gradient of the gate, Σ dy·x over one image's
// pixels, to dgate [m.C].
//
//	dy, x   laid out as m
func (s *Set) ScaleChannelsGrad(m Map, dgate, dy, x []float32) {
	m.check()
	need("dgate", dgate, m.C)
	need("dy", dy, m.Len())
	need("x", x, m.Len())
	m.pointwise().slides(x, nil, func(sl slide, _ int, x []float32) { s.slide.depthwiseGrad(sl, dgate, x, dy) })
}

// pointwise returns the depthwise convolution with one tap for each channel.
func (m Map) pointwise() Depthwise {
	return Depthwise{In: m, Out: m, Channels: m.C, Window: Square(1, 1, 0)}
}

// Multiply computes y = a·b, pixel by pixel; add adds the product to y.
//
//	y, a, b   laid out as m; y may be a or b
func (s *Set) Multiply(m Map, y, a, b []float32, add bool) {
	m.check()
	need("y", y, m.Len())
	need("a", a, m.Len())
	need("b", b, m.Len())
	m.rows(func(_, from, to int) {
		y, a, b := y[from:to], a[from:to], b[from:to]
		if add {
			for i := range y {
				y[i] += float32(a[i] * b[i])
			}
			return
		}
		for i := range y {
			y[i] = a[i] * b[i]
		}
	})
}

// CopyChannels copies n channels of one image, starting at channel from of src
// and channel to of dst: a part of a concatenation, or of its gradient. Other
// channels and the borders stay as they are.
//
//	dst, src   laid out as d and m, which have the same height and width
func (s *Set) CopyChannels(d Map, dst []float32, to int, m Map, src []float32, from, n int) {
	need("dst", dst, d.Len())
	need("src", src, m.Len())
	eachRun(d, to, m, from, n, func(at, of, lanes, pixels int) {
		if lanes == Lanes {
			copy(dst[at:at+pixels*Lanes], src[of:])
			return
		}
		for end := at + pixels*Lanes; at < end; at, of = at+Lanes, of+Lanes {
			copy(dst[at:at+lanes], src[of:])
		}
	})
}

// AddChannels is CopyChannels with a sum: it adds n channels of src to those of
// dst.
func (s *Set) AddChannels(d Map, dst []float32, to int, m Map, src []float32, from, n int) {
	need("dst", dst, d.Len())
	need("src", src, m.Len())
	eachRun(d, to, m, from, n, func(at, of, lanes, pixels int) {
		for end := at + pixels*Lanes; at < end; at, of = at+Lanes, of+Lanes {
			out, in := dst[at:at+lanes], src[of:of+lanes]
			for i, v := range in {
				out[i] += v
			}
		}
	})
}

// eachRun cuts n channels into runs that lie within one block of dst and of
// src. It calls move for every row of each run, with the offsets of the first
// pixel in dst and src, the number of channels and the number of pixels.
func eachRun(d Map, to int, m Map, from, n int, move func(at, of, lanes, pixels int)) {
	d.check()
	m.check()
	if d.H != m.H || d.W != m.W || n < 0 || to < 0 || from < 0 || to+n > d.C || from+n > m.C {
		panic(fmt.Sprintf("kernel: %d channels from %d of %v to %d of %v", n, from, m, to, d))
	}
	for n > 0 {
		lanes := min(n, Lanes-to%Lanes, Lanes-from%Lanes)
		for y := range m.H {
			move(d.At(to, y, 0), m.At(from, y, 0), lanes, m.W)
		}
		to, from, n = to+lanes, from+lanes, n-lanes
	}
}
