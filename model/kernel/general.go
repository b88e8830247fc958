package kernel

import "fmt"

// General convolution: any kernel, stride, padding, number of groups and size
// of map. If a Conv can compute it, GeneralConv.Conv returns that, with the
// same packed weights. Everything else runs here.
//
// Weights are packed with zeros for the channels that fill up a block:
//
//	[K/16][C/16][ky][16 c][kx][16 k]   forward, and gradient of the weights
//	[C/16][K/16][ky][16 k][kx][16 c]   data gradient, stride 1: taps flipped
//	[C/16][K/16][16 k][ky][kx][16 c]   data gradient, other strides
//
// with a single block of c channels if the input is the image. With groups, a
// block of output channels has only the blocks of input channels that its
// groups touch, first to last, and zeros between channels of different groups.
// A NaN or Inf in a channel therefore reaches all groups that share a block
// with it. Padding is multiplied like any other zero.

// A GeneralConv is the geometry of a convolution from C to K channels in Groups
// groups. In and Out are the maps in memory, with C and K rounded up to
// multiples of 16 and zeros in the channels behind. An input of up to 4 channels
// is the image itself: In.C is C, and the layout [H+2][W+2][4] as PackChannels
// writes it.
type GeneralConv struct {
	In, Out Map
	C, K    int
	Groups  int // divides C and K
	Window
}

// NewGeneralConv returns the convolution from c channels of h × w pixels to k
// channels. The input is the image if it has up to 4 channels and image is set,
// and otherwise a Map.
func NewGeneralConv(c, h, w, k, groups int, window Window, image bool) GeneralConv {
	oh, ow := window.Outputs(h, w)
	g := GeneralConv{In: Map{Round(c), h, w}, Out: Map{Round(k), oh, ow}, C: c, K: k, Groups: groups, Window: window}
	if image && c <= 4 {
		g.In.C = c
	}
	g.check()
	return g
}

// Round returns n rounded up to a multiple of 16.
func Round(n int) int { return (n + Lanes - 1) / Lanes * Lanes }

// Conv returns the same convolution as a Conv, if there is one. A Conv has
// faster kernels for some sizes and can use Winograd's algorithm. The layouts
// of activations and packed weights are the same.
func (c GeneralConv) Conv() (Conv, bool) {
	conv := Conv{In: c.In, Out: c.Out, Kernel: c.Kernel, Stride: c.Stride}
	ok := c.Groups == 1 && c.C == c.In.C && c.K == c.Out.C && c.C != 1 && c.C != 2 && c.C != 4 &&
		(c.Kernel == 1 || c.Kernel == 3) && (c.Stride == 1 || c.Stride == 2) && c.Top == c.Kernel/2 && c.Left == c.Kernel/2 &&
		c.Out.H == (c.In.H-1)/c.Stride+1 && c.Out.W == (c.In.W-1)/c.Stride+1
	return conv, ok
}

// general is GeneralConv.Conv's inverse.
func (c Conv) general() GeneralConv {
	return GeneralConv{In: c.In, Out: c.Out, C: c.In.C, K: c.Out.C, Groups: 1, Window: Square(c.Kernel, c.Stride, c.Kernel/2)}
}

// forwardBy, dataGradBy and weightGradBy compute a Conv, whose border holds all
// padding, with the functions of general convolutions.
func (c Conv) forwardBy(f slideFuncs, y, x, w []float32, e Epilogue) {
	c.general().slides(c.In.view(), func(sl slide, _ int) { f.forward(sl, y, x, w, e) })
}

func (c Conv) dataGradBy(f slideFuncs, dx, dy, wT []float32, add bool) {
	c.general().dataGradBy(f, dx, dy, wT, add, c.Out.view())
}

func (c Conv) weightGradBy(f slideFuncs, dw, x, dy []float32) {
	c.general().slides(c.In.view(), func(sl slide, _ int) { f.weightGrad(sl, dw, x, dy) })
}

// Scratch returns the length of the scratch that the convolution's functions
// need, in floats: 0 if the maps' borders hold all padding.
func (c GeneralConv) Scratch() int {
	n := c.In.scratch(c.margins(c.In, c.Out))
	if !c.In.isImage() {
		n = max(n, c.Out.scratch(c.gradMargins(c.In, c.Out)))
	}
	return n
}

// GeneralForward computes y = relu(conv2d(x, w) + bias + residual) for one
// image; e says which of these steps there are, and its slices have c.Out.C
// channels.
//
//	x, y      laid out as c.In and c.Out, x's border being zeros
//	w         [c.PackedLen()] from PackGeneral
//	scratch   [c.Scratch()]
//
// Accuracy is ConvForward's.
func (s *Set) GeneralForward(c GeneralConv, y, x, w []float32, e Epilogue, scratch []float32) {
	c.check()
	need("y", y, c.Out.Len())
	need("x", x, c.In.view().len())
	need("w", w, c.PackedLen())
	e.check(c.Out)
	x, v := reach(c.In, x, scratch, c.margins(c.In, c.Out), 0)
	c.slides(v, func(sl slide, block int) { s.slide.forward(sl, y, x, w, e.from(block)) })
}

// GeneralDataGrad computes the gradient of the input from the gradient of the
// output, for one image, and adds it to dx if add is set. There is no gradient
// of the image.
//
//	dx, dy    laid out as c.In and c.Out, dy's border being zeros
//	wT        [c.TransposedLen()] from PackGeneralTransposed
//	scratch   [c.Scratch()]
func (s *Set) GeneralDataGrad(c GeneralConv, dx, dy, wT []float32, add bool, scratch []float32) {
	c.check()
	c.mustHaveDataGrad()
	need("dx", dx, c.In.Len())
	need("dy", dy, c.Out.Len())
	need("wT", wT, c.TransposedLen())
	dy, v := reach(c.Out, dy, scratch, c.gradMargins(c.In, c.Out), 0)
	c.dataGradBy(s.slide, dx, dy, wT, add, v)
}

// dataGradBy computes the data gradient from dy, laid out as v.
func (c GeneralConv) dataGradBy(f slideFuncs, dx, dy, wT []float32, add bool, v view) {
	var e Epilogue
	if add {
		e.Residual = dx
	}
	c.gradSlides(c.In, v, func(sl slide, ky, kx int) {
		if sl.empty() {
			sl.outs = c.In.C / Lanes
			if !add {
				sl.clear(dx)
			}
			return
		}
		c.transposed(sl, ky, kx, func(sl slide, _ int) { f.forward(sl, dx, dy, wT, e) })
	})
}

// GeneralWeightGrad adds one image's gradient of the weights to dw, which is
// laid out as PackGeneral does. Values between channels of different groups,
// and in channels that fill up a block, are meaningless.
//
//	dw        [c.PackedLen()]
//	x, dy     laid out as c.In and c.Out, x's border being zeros
//	scratch   [c.Scratch()]
func (s *Set) GeneralWeightGrad(c GeneralConv, dw, x, dy, scratch []float32) {
	c.check()
	need("dw", dw, c.PackedLen())
	need("x", x, c.In.view().len())
	need("dy", dy, c.Out.Len())
	x, v := reach(c.In, x, scratch, c.margins(c.In, c.Out), 0)
	c.slides(v, func(sl slide, _ int) { s.slide.weightGrad(sl, dw, x, dy) })
}

// slides calls run for the whole convolution, or with groups for each block of
// output channels. Run is told the first block that it computes.
func (c GeneralConv) slides(v view, run func(s slide, block int)) {
	n := c.inBlock()
	sl := c.slide(c.Out, v)
	sl.outs = c.Out.C / Lanes
	sl.wRow, sl.wCol, sl.wChannel = n*c.Kernel*Lanes, Lanes, c.Kernel*Lanes
	sl.wBlock = c.Kernel * sl.wRow
	c.bands(c.Out.C, c.K, c.C, sl, n, run)
}

// transposed does the same for one phase of the data gradient, whose first taps
// are ky and kx.
func (c GeneralConv) transposed(sl slide, ky, kx int, run func(s slide, block int)) {
	sl.outs = c.In.C / Lanes
	if c.Stride == 1 { // taps are flipped, and the first one is the last
		sl.wRow, sl.wCol, sl.wChannel = Lanes*c.Kernel*Lanes, Lanes, c.Kernel*Lanes
	} else {
		sl.weight = (ky*c.Kernel + kx) * Lanes
		sl.wRow, sl.wCol, sl.wChannel = -c.Stride*c.Kernel*Lanes, -c.Stride*Lanes, c.Kernel*c.Kernel*Lanes
	}
	sl.wBlock = c.Kernel * c.Kernel * Lanes * Lanes
	c.bands(c.In.C, c.C, c.K, sl, Lanes, run)
}

// bands completes sl for outs output channels, of which to are real, and from
// input channels in blocks of n.
func (c GeneralConv) bands(outs, to, from int, sl slide, n int, run func(s slide, block int)) {
	sl.channels = n
	if c.Groups == 1 {
		sl.blocks = (from + n - 1) / n
		sl.last = from - (sl.blocks-1)*n
		sl.wOut = sl.blocks * sl.wBlock
		run(sl, 0)
		return
	}
	dst, src := sl.dst, sl.src
	sl.outs = 1
	for block := range outs / Lanes {
		first, end := band(block, to/c.Groups, from/c.Groups, to, n)
		sl.dst, sl.src = dst+block*sl.dstPlane, src+first*sl.srcPlane
		sl.blocks = end - first
		sl.last = min(n, from-(end-1)*n)
		run(sl, block)
		sl.weight += sl.blocks * sl.wBlock
	}
}

// band returns the blocks of n input channels, first to end−1, that the groups
// of one block of output channels touch. A group has out output and in input
// channels; to is the number of all output channels.
func band(block, out, in, to, n int) (first, end int) {
	low := block * Lanes / out
	high := (min(to, (block+1)*Lanes)-1)/out + 1
	return low * in / n, (high*in + n - 1) / n
}

// inBlock returns the number of channels in a block of the input.
func (c GeneralConv) inBlock() int {
	if c.In.isImage() {
		return c.C
	}
	return Lanes
}

func (c GeneralConv) mustHaveDataGrad() {
	if c.In.isImage() {
		panic("kernel: no gradient of the image: " + c.String())
	}
}

// String returns a text such as "5×5/2+2 24×32×32→40×16×16", followed by " in 4
// groups" if there are several.
func (c GeneralConv) String() string {
	s := fmt.Sprintf("%v %d×%d×%d→%d×%d×%d", c.Window, c.C, c.In.H, c.In.W, c.K, c.Out.H, c.Out.W)
	if c.Groups > 1 {
		s += fmt.Sprintf(" in %d groups", c.Groups)
	}
	return s
}

// check panics if c is not a convolution.
func (c GeneralConv) check() {
	ok := c.valid() && c.C >= 1 && c.K >= 1 && c.Groups >= 1 && c.C%c.Groups == 0 && c.K%c.Groups == 0 &&
		(c.In.C == Round(c.C) || c.In.isImage() && c.In.C == c.C) && c.Out.C == Round(c.K) &&
		c.In.H >= 1 && c.In.W >= 1 && c.Out.H >= 1 && c.Out.W >= 1
	if ok {
		h, w := c.Outputs(c.In.H, c.In.W)
		ok = c.Out.H == h && c.Out.W == w
	}
	if !ok {
		panic("kernel: not a convolution: " + c.String())
	}
}

// check panics if a slice of e is too short for the output.
func (e Epilogue) check(out Map) {
	if e.Bias != nil {
		need("bias", e.Bias, out.C)
	}
	if e.Residual != nil {
		need("residual", e.Residual, out.Len())
	}
	if e.Sums != nil {
		need("sums", e.Sums, 2*out.C)
	}
}

// from returns e for the blocks of output channels from block on. The residual
// stays as it is, laid out like the output.
func (e Epilogue) from(block int) Epilogue {
	if e.Bias != nil {
		e.Bias = e.Bias[block*Lanes:]
	}
	if e.Sums != nil {
		e.Sums = e.Sums[block*2*Lanes:]
	}
	return e
}
