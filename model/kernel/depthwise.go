package kernel

import "fmt"

// A Depthwise is the geometry of a depthwise convolution: channel c of the
// output comes from channel c of the input. In and Out are the maps in memory,
// with Channels rounded up to a multiple of 16 and zeros in the added channels.
//
// Weights are packed as [C/16][ky][kx][16], for all three operations, with zeros
// for the added channels.
type Depthwise struct {
	In, Out  Map
	Channels int
	Window
}

// NewDepthwise returns the depthwise convolution of c channels of h × w pixels.
func NewDepthwise(c, h, w int, window Window) Depthwise {
	oh, ow := window.Outputs(h, w)
	d := Depthwise{In: Map{Round(c), h, w}, Out: Map{Round(c), oh, ow}, Channels: c, Window: window}
	d.check()
	return d
}

// PackedLen returns the length of d's packed weights, in floats.
func (d Depthwise) PackedLen() int { return d.In.C * d.Kernel * d.Kernel }

// Scratch returns the length of the scratch that the convolution's functions
// need, in floats.
func (d Depthwise) Scratch() int {
	in, out := Map{Lanes, d.In.H, d.In.W}, Map{Lanes, d.Out.H, d.Out.W}
	return max(in.scratch(d.margins(d.In, d.Out)), out.scratch(d.gradMargins(d.In, d.Out)))
}

// DepthwiseForward computes y = relu(conv2d(x, w) + bias + residual) for one
// image; e says which of these steps there are.
//
//	x, y      laid out as d.In and d.Out, x's border being zeros
//	w         [d.PackedLen()] from PackDepthwise
//	scratch   [d.Scratch()]
//
// Accuracy is ConvForward's.
func (s *Set) DepthwiseForward(d Depthwise, y, x, w []float32, e Epilogue, scratch []float32) {
	d.check()
	need("y", y, d.Out.Len())
	need("x", x, d.In.Len())
	need("w", w, d.PackedLen())
	e.check(d.Out)
	d.slides(x, scratch, func(sl slide, block int, x []float32) { s.slide.depthwise(sl, y, x, w, e.from(block)) })
}

// DepthwiseDataGrad computes the gradient of the input from the gradient of the
// output, for one image, and adds it to dx if add is set.
//
//	dx, dy    laid out as d.In and d.Out, dy's border being zeros
//	w         [d.PackedLen()] from PackDepthwise
//	scratch   [d.Scratch()]
func (s *Set) DepthwiseDataGrad(d Depthwise, dx, dy, w []float32, add bool, scratch []float32) {
	d.check()
	need("dx", dx, d.In.Len())
	need("dy", dy, d.Out.Len())
	need("w", w, d.PackedLen())
	var e Epilogue
	if add {
		e.Residual = dx
	}
	eachReach(d.Out, dy, scratch, d.gradMargins(d.In, d.Out), 0, func(dy []float32, v view, blocks, block int) {
		d.gradSlides(d.In, v, func(sl slide, ky, kx int) {
			sl.outs = blocks
			sl.dst += block * sl.dstPlane
			if sl.empty() {
				if !add {
					sl.clear(dx)
				}
				return
			}
			sl.wOut = d.Kernel * d.Kernel * Lanes
			sl.weight = block*sl.wOut + (ky*d.Kernel+kx)*Lanes
			sl.wRow, sl.wCol = -d.Stride*d.Kernel*Lanes, -d.Stride*Lanes
			s.slide.depthwise(sl, dx, dy, w, e)
		})
	})
}

// DepthwiseWeightGrad adds one image's gradient of the weights to dw, which is
// laid out as PackDepthwise does.
//
//	dw        [d.PackedLen()]
//	x, dy     laid out as d.In and d.Out, x's border being zeros
//	scratch   [d.Scratch()]
func (s *Set) DepthwiseWeightGrad(d Depthwise, dw, x, dy, scratch []float32) {
	d.check()
	need("dw", dw, d.PackedLen())
	need("x", x, d.In.Len())
	need("dy", dy, d.Out.Len())
	d.slides(x, scratch, func(sl slide, _ int, x []float32) { s.slide.depthwiseGrad(sl, dw, x, dy) })
}

// slides calls run for the whole convolution, or for each block of channels if
// x must be copied.
func (d Depthwise) slides(x, scratch []float32, run func(s slide, block int, x []float32)) {
	eachReach(d.In, x, scratch, d.margins(d.In, d.Out), 0, func(x []float32, v view, blocks, block int) {
		sl := d.slide(v, blocks)
		sl.dst += block * sl.dstPlane
		sl.weight = block * sl.wOut
		run(sl, block, x)
	})
}

// slide returns the convolution of the first blocks, over a source laid out as
// v, as a slide.
func (d Depthwise) slide(v view, blocks int) slide {
	sl := d.Window.slide(d.Out, v)
	sl.outs = blocks
	sl.wOut, sl.wRow, sl.wCol = d.Kernel*d.Kernel*Lanes, d.Kernel*Lanes, Lanes
	return sl
}

// eachReach calls run once for all of x, laid out as m, if its border holds the
// margins. Otherwise it calls run for a copy of each block, with margins filled
// with fill.
func eachReach[T any](m Map, x, scratch []T, g margins, fill T, run func(x []T, v view, blocks, block int)) {
	if g.within(1) {
		run(x, m.view(), m.C/Lanes, 0)
		return
	}
	one := Map{Lanes, m.H, m.W}
	for block := range m.C / Lanes {
		copied, v := reach(one, x[block*m.Plane():], scratch, g, fill)
		run(copied, v, 1, block)
	}
}

// PackDepthwise lays PyTorch's weights [Channels][1][k][k] out.
func (s *Set) PackDepthwise(d Depthwise, dst, oihw []float32) {
	d.checkWeights(dst, oihw)
	clear(dst[:d.PackedLen()])
	taps := d.Kernel * d.Kernel
	for c := range d.Channels {
		for tap, v := range oihw[c*taps:][:taps] {
			dst[(c/Lanes*taps+tap)*Lanes+c%Lanes] = v
		}
	}
}

// UnpackDepthwiseGrad is PackDepthwise's inverse.
func (s *Set) UnpackDepthwiseGrad(d Depthwise, oihw, packed []float32) {
	d.checkWeights(packed, oihw)
	taps := d.Kernel * d.Kernel
	for c := range d.Channels {
		for tap := range taps {
			oihw[c*taps+tap] = packed[(c/Lanes*taps+tap)*Lanes+c%Lanes]
		}
	}
}

func (d Depthwise) checkWeights(packed, oihw []float32) {
	d.check()
	need("packed", packed, d.PackedLen())
	need("oihw", oihw, d.Channels*d.Kernel*d.Kernel)
}

// String returns a text such as "3×3/1+1 depthwise 32×16×16".
func (d Depthwise) String() string {
	return fmt.Sprintf("%v depthwise %d×%d×%d", d.Window, d.Channels, d.In.H, d.In.W)
}

// check panics if d is not a convolution.
func (d Depthwise) check() {
	ok := d.valid() && d.Channels >= 1 && d.In.C == Round(d.Channels) && d.Out.C == d.In.C &&
		d.In.H >= 1 && d.In.W >= 1 && d.Out.H >= 1 && d.Out.W >= 1
	if ok {
		h, w := d.Outputs(d.In.H, d.In.W)
		ok = d.Out.H == h && d.Out.W == w
	}
	if !ok {
		panic("kernel: not a depthwise convolution: " + d.String())
	}
}
