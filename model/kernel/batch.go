package kernel

// Convolution of many small maps at a time. An image of few pixels cannot keep a
// processor's registers busy, and its weights are read from far away for it alone.
// Here the pixels of a tile are one pixel of several images, so that weights serve
// all of them; and as each pixel is computed by itself, the padding around it need
// not be multiplied: on maps of 4×4 pixels that saves a third, on 2×2 more than
// half. A weight of NaN or Inf reaches only pixels that it meets inside the map.

// BatchForward computes y = relu(conv2d(x, w) + bias + residual) for consecutive
// images of a convolution without groups.
//
//	x, y   [images] as c.In and c.Out, Maps
//	w      [c.PackedLen()] from PackGeneral
//
// Accuracy is ConvForward's.
func (s *Set) BatchForward(c GeneralConv, y, x []float32, images int, w []float32, e Epilogue) {
	c.checkBatch(images)
	need("y", y, images*c.Out.Len())
	need("x", x, images*c.In.Len())
	need("w", w, c.PackedLen())
	e.checkBatch(c.Out, images)
	sl := c.imageSlide(images)
	for o := 0; o < c.Out.C/Lanes; o += 2 { // these channels' weights stay in the second-level cache
		c.eachPixel(sl, o, min(2, c.Out.C/Lanes-o), func(sl slide) { s.slide.forward(sl, y, x, w, e.from(o)) })
	}
}

func (c GeneralConv) checkBatch(images int) {
	c.check()
	if c.Groups != 1 || c.In.isImage() || images < 1 {
		panic("kernel: no convolution of batches: " + c.String())
	}
}

// imageSlide returns a slide whose columns are images, all but the pixel.
func (c GeneralConv) imageSlide(images int) slide {
	x, y := c.In.view(), c.Out.view()
	blocks := c.In.C / Lanes
	return slide{
		rows: 1, cols: images,
		dst: y.origin, dstPlane: y.plane, dstCol: c.Out.Len(),
		src: x.origin, srcPlane: x.plane, srcCol: c.In.Len(),
		tapRow: x.row, tapCol: x.pixel,
		blocks: blocks, channels: Lanes, last: c.C - (blocks-1)*Lanes,
		wOut: blocks * c.Kernel * c.Kernel * Lanes * Lanes, wBlock: c.Kernel * c.Kernel * Lanes * Lanes,
		wRow: c.Kernel * Lanes * Lanes, wCol: Lanes, wChannel: c.Kernel * Lanes,
	}
}

// eachPixel calls run with the slide of each pixel of outs blocks of output channels
// from block o on, with the taps that meet the map.
func (c GeneralConv) eachPixel(sl slide, o, outs int, run func(sl slide)) {
	x, y := c.In.view(), c.Out.view()
	for oy := range c.Out.H {
		top, rows := c.within(oy, c.Top, c.In.H)
		for ox := range c.Out.W {
			left, cols := c.within(ox, c.Left, c.In.W)
			at := sl
			at.outs = outs
			at.dst += o*sl.dstPlane + oy*y.row + ox*y.pixel
			at.weight = o*sl.wOut + top*sl.wRow + left*sl.wCol
			at.tapRows, at.tapCols = rows, cols
			if at.empty() { // a window beside the map: a tap on the border, which is zero
				at.src, at.weight, at.tapRows, at.tapCols = 0, o*sl.wOut, 1, 1
			} else {
				at.src += (oy*c.Stride+top-c.Top)*x.row + (ox*c.Stride+left-c.Left)*x.pixel
			}
			run(at)
		}
	}
}

// within returns the first tap of a window's position that meets one of n pixels,
// with so much padding before them, and how many do.
func (w Window) within(position, before, n int) (first, count int) {
	start := position*w.Stride - before
	first = max(0, -start)
	return first, max(0, min(w.Kernel, n-start)-first)
}

// checkBatch panics if a slice of e is shorter than images maps of the output need.
func (e Epilogue) checkBatch(out Map, images int) {
	residual := e.Residual
	e.Residual = nil
	e.check(out)
	if residual != nil {
		need("residual", residual, images*out.Len())
	}
}
