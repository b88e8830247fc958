package kernel

import "fmt"

// Direct convolution: every product of the definition is computed, in an order
// that keeps a strip of outputs in registers.
//
// Weights are packed, with as many floats as in PyTorch's [K][C][k][k], so that
// the innermost 16 are those of one block of output channels:
//
//	[K/16][C/16][ky][16 c][kx][16 k]    forward, and gradient of the weights
//	[C/16][K/16][ky][16 k][kx][16 c]    data gradient, stride 1: in and out swapped, taps flipped
//	[C/16][K/16][16 k][ky][kx][16 c]    data gradient, stride 2
//
// with a single block of 3 channels if the input is the image. Borders are
// multiplied like any other pixel, so that a weight of NaN or Inf reaches every
// output, also at the border.

// directFuncs are the convolutions of one instruction set. Arguments have been
// checked.
type directFuncs struct {
	forward    func(c Conv, y, x, w []float32, e Epilogue)
	dataGrad   func(c Conv, dx, dy, wT []float32, add bool) // stride 2 only: stride 1 is a forward convolution
	weightGrad func(c Conv, dw, x, dy []float32)
}

// ConvForward computes y = relu(conv2d(x, w) + bias + residual) for one image;
// e says which of these steps there are and whether the sums of y are wanted.
//
//	x, y   laid out as c.In (or as the image) and c.Out
//	w      from PackWeights
//
// Accuracy: |y − exact| ≤ γ(n)·Σ|terms|, n being the number of terms added up,
// products and others. It panics if a slice is shorter than its shape.
func (s *Set) ConvForward(c Conv, y, x, w []float32, e Epilogue) {
	c.check()
	need("y", y, c.Out.Len())
	need("x", x, c.source().len())
	need("w", w, c.PackedLen())
	e.check(c.Out)
	if e.Max != 0 {
		c.forwardBy(s.slide, y, x, w, e)
		return
	}
	s.direct.forward(c, y, x, w, e)
}

// ConvDataGrad computes the gradient of the input from the gradient of the
// output, for one image, and adds it to dx if add is set.
//
//	dx, dy   laid out as c.In and c.Out, dy's border being zeros
//	wT       from PackWeightsTransposed
//
// There is no gradient of the image: c.In must be a Map.
func (s *Set) ConvDataGrad(c Conv, dx, dy, wT []float32, add bool) {
	c.check()
	if c.ofImage() {
		panic("kernel: no gradient of the image: " + c.String())
	}
	need("dx", dx, c.In.Len())
	need("dy", dy, c.Out.Len())
	need("wT", wT, c.PackedLen())
	if c.Stride != 1 {
		s.direct.dataGrad(c, dx, dy, wT, add)
		return
	}
	// With stride 1 this is a convolution of dy with the transposed and flipped
	// weights.
	var e Epilogue
	if add {
		e.Residual = dx
	}
	s.direct.forward(Conv{In: c.Out, Out: c.In, Kernel: c.Kernel, Stride: 1}, dx, dy, wT, e)
}

// ConvWeightGrad adds one image's gradient of the weights to dw, which is laid
// out as PackWeights does.
//
//	x, dy   laid out as c.In (or as the image) and c.Out
func (s *Set) ConvWeightGrad(c Conv, dw, x, dy []float32) {
	c.check()
	need("dw", dw, c.PackedLen())
	need("x", x, c.source().len())
	need("dy", dy, c.Out.Len())
	s.direct.weightGrad(c, dw, x, dy)
}

// checkUnbounded panics if e has an upper bound, which Winograd's algorithm and
// sparse convolution cannot apply.
func (e Epilogue) checkUnbounded() {
	if e.Max != 0 {
		panic("kernel: this convolution knows no upper bound; use ConvForward or GeneralForward")
	}
}

// String returns a text such as "3×3/2 16×32×32→32×16×16".
func (c Conv) String() string {
	return fmt.Sprintf("%d×%d/%d %v→%v", c.Kernel, c.Kernel, c.Stride, c.In, c.Out)
}

// ofImage reports whether the input is the image rather than a Map.
func (c Conv) ofImage() bool { return c.In.C == 3 }

// check panics if c is not a geometry that the kernels know.
func (c Conv) check() {
	in, out := c.In, c.Out
	if c.Kernel != 1 && c.Kernel != 3 || c.Stride != 1 && c.Stride != 2 ||
		in.C%Lanes != 0 && !c.ofImage() || out.C%Lanes != 0 || in.C < 1 || out.C < 1 || in.H < 1 || in.W < 1 ||
		out.H != (in.H-1)/c.Stride+1 || out.W != (in.W-1)/c.Stride+1 {
		panic("kernel: not a convolution: " + c.String())
	}
}

// need panics if the slice of that name is shorter than its shape.
func need[T any](name string, s []T, n int) {
	if len(s) < n {
		panic(fmt.Sprintf("kernel: %s has %d values, its shape needs %d", name, len(s), n))
	}
}

// A source says where a convolution finds its input in memory. Map and image,
// 3×3 and 1×1, differ only in these numbers. Distances are in floats.
type source struct {
	blocks, channels  int // blocks of channels, and channels in each
	pixel, row, plane int // distances between pixels, rows and blocks
	first             int // offset of the first tap of output (0, 0)
}

// source returns the layout of c's input.
func (c Conv) source() source {
	s := source{blocks: c.In.C / Lanes, channels: Lanes, pixel: Lanes, row: c.In.Row(), plane: c.In.Plane()}
	if c.ofImage() {
		s = source{blocks: 1, channels: 3, pixel: 4, row: (c.In.W + 2) * 4, plane: (c.In.H + 2) * (c.In.W + 2) * 4}
	}
	if c.Kernel == 1 {
		s.first = s.row + s.pixel // the map's first pixel; a 3×3 kernel begins on the border
	}
	return s
}

// len returns the length of one input.
func (s source) len() int { return s.blocks * s.plane }
