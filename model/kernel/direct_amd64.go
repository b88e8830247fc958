package kernel

import "unsafe"

// directArgs are the arguments of all direct kernels. Distances are in bytes.
type directArgs struct {
	dst, src, weights    unsafe.Pointer // dst is dy, and weights are dw, in a weight gradient
	bias, residual, sums unsafe.Pointer // or nil
	rows, tiles, blocks  int            // rows of tiles, tiles in a row, blocks of input channels
	srcRow, srcPlane     int
	dstRow               int
	relu                 int // 0 or 1
}

// directAsm says how one instruction set's assembly cuts the work into calls.
type directAsm struct {
	avx512       bool
	lanes        int        // output channels that one call computes
	rows, width  int        // tile of outputs of a forward convolution
	pixels       int        // tile of dy in the gradients, a row high
	gradChannels int        // input channels whose gradients of 3×3 weights fit the registers; of 1×1 weights: lanes
	slide        slideFuncs // for maps that do not divide into whole tiles
}

func directAVX512() directFuncs {
	return (&directAsm{avx512: true, lanes: 16, rows: 2, width: 8, pixels: 4, gradChannels: 8, slide: slideAVX512()}).funcs()
}

func directAVX2() directFuncs {
	return (&directAsm{lanes: 8, rows: 1, width: 8, pixels: 2, gradChannels: 4, slide: slideAVX2()}).funcs()
}

func (d *directAsm) funcs() directFuncs {
	return directFuncs{forward: d.forward, dataGrad: d.dataGrad, weightGrad: d.weightGrad}
}

// A directOp names one assembly function of a set.
type directOp int

const (
	opNone directOp = iota
	opForward3x3
	opForward3x3s2
	opForward1x1
	opForward1x1s2
	opForwardImage
	opScatter1x1
	opDataGrad3x3s2
	opGrad3x3
	opGrad3x3s2
	opGrad1x1
	opGrad1x1s2
	opGradImage
)

// ops returns the assembly for c's shape, or opNone where there is none.
func (c Conv) ops() (forward, weightGrad directOp) {
	switch {
	case c.ofImage() && c.Kernel == 3 && c.Stride == 1:
		return opForwardImage, opGradImage
	case c.ofImage():
		return opNone, opNone
	case c.Kernel == 3 && c.Stride == 1:
		return opForward3x3, opGrad3x3
	case c.Kernel == 3:
		return opForward3x3s2, opGrad3x3s2
	case c.Stride == 1:
		return opForward1x1, opGrad1x1
	default:
		return opForward1x1s2, opGrad1x1s2
	}
}

// forward calls the assembly once per block of output channels.
func (d *directAsm) forward(c Conv, y, x, w []float32, e Epilogue) {
	op, _ := c.ops()
	if op == opNone || c.Out.H%d.rows != 0 || c.Out.W%d.width != 0 {
		c.forwardBy(d.slide, y, x, w, e)
		return
	}
	src := c.source()
	firstBlock, endBlock, row, endRow := e.Share.split(c.Out.C/Lanes, c.Out.H, d.rows)
	if row == endRow {
		return
	}
	a := directArgs{
		src:  unsafe.Pointer(&x[src.first+row*c.Stride*src.row]),
		rows: (endRow - row) / d.rows, tiles: c.Out.W / d.width, blocks: src.blocks,
		srcRow: 4 * src.row, srcPlane: 4 * src.plane,
		dstRow: 4 * c.Out.Row(),
	}
	if e.ReLU {
		a.relu = 1
	}
	for k := firstBlock * Lanes; k < endBlock*Lanes; k += d.lanes {
		at := c.Out.At(k, row, 0)
		a.dst = unsafe.Pointer(&y[at])
		a.weights = unsafe.Pointer(&w[weightsOf(k, src.blocks*src.channels, c.Kernel)])
		if e.Bias != nil {
			a.bias = unsafe.Pointer(&e.Bias[k])
		}
		if e.Residual != nil {
			a.residual = unsafe.Pointer(&e.Residual[at])
		}
		if e.Sums != nil {
			a.sums = unsafe.Pointer(&e.Sums[k/Lanes*2*Lanes+k%Lanes])
		}
		d.call(op, &a)
	}
}

// weightsOf returns where the packed weights of output channel k begin, with
// the given number of input channels.
func weightsOf(k, channels, kernel int) int {
	return k/Lanes*channels*kernel*kernel*Lanes + k%Lanes
}

// dataGrad calls the assembly once per pair of blocks of channels, the output's
// two at a time: their 3×3 weights stay in the first-level cache.
func (d *directAsm) dataGrad(c Conv, dx, dy, wT []float32, add bool) {
	a := directArgs{
		srcRow: 4 * c.Out.Row(), srcPlane: 4 * c.Out.Plane(),
		dstRow: 4 * c.In.Row(),
	}
	var op directOp
	switch {
	case c.Kernel == 3 && c.In.H == 2*c.Out.H && c.In.W == 2*c.Out.W && c.Out.W%d.pixels == 0:
		op = opDataGrad3x3s2
		a.rows, a.tiles = c.Out.H, c.Out.W/d.pixels
	case c.Kernel == 1 && c.Out.H%d.rows == 0 && c.Out.W%d.width == 0:
		// Only pixels with even coordinates took part.
		op = opScatter1x1
		a.rows, a.tiles = c.Out.H/d.rows, c.Out.W/d.width
		a.dstRow *= 2
		if !add {
			c.In.clear(dx)
			add = true
		}
	default:
		c.dataGradBy(d.slide, dx, dy, wT, add)
		return
	}
	for ch := 0; ch < c.In.C; ch += d.lanes {
		a.dst = unsafe.Pointer(&dx[c.In.At(ch, 0, 0)])
		a.residual = nil
		if add {
			a.residual = a.dst
		}
		for k := 0; k < c.Out.C; k += 2 * Lanes {
			a.blocks = min(2, (c.Out.C-k)/Lanes)
			a.src = unsafe.Pointer(&dy[c.Out.At(k, 0, 0)])
			a.weights = unsafe.Pointer(&wT[weightsOf(ch, c.Out.C, c.Kernel)+k*c.Kernel*c.Kernel*Lanes])
			d.call(op, &a)
			a.residual = a.dst // the next output channels add to what these left
		}
	}
}

// cached is the number of floats of the input and of dy that weightGrad works
// on at a time. They stay in the first-level cache, of at least 32 KiB, for all
// kernel rows and channels.
const cached = 6 << 10

// weightGrad calls the assembly once per pair of blocks, group of rows and kernel
// row.
func (d *directAsm) weightGrad(c Conv, dw, x, dy []float32) {
	_, op := c.ops()
	if op == opNone || c.Out.W%d.pixels != 0 {
		c.weightGradBy(d.slide, dw, x, dy)
		return
	}
	group := d.gradChannels
	switch {
	case c.ofImage():
		group = 3
	case c.Kernel == 1:
		group = d.lanes
	}
	src := c.source()
	a := directArgs{
		tiles: c.Out.W / d.pixels, blocks: src.channels / group,
		srcRow: 4 * src.row, dstRow: 4 * c.Out.Row(),
	}
	rows := max(1, cached/(c.Stride*src.row+c.Out.Row()))
	for k := 0; k < c.Out.C; k += d.lanes {
		at := weightsOf(k, c.In.C, c.Kernel)
		for b := range src.blocks {
			for oy := 0; oy < c.Out.H; oy += rows {
				a.rows = min(rows, c.Out.H-oy)
				a.dst = unsafe.Pointer(&dy[c.Out.At(k, oy, 0)])
				from := src.first + b*src.plane + oy*c.Stride*src.row
				for ky := range c.Kernel {
					a.src = unsafe.Pointer(&x[from+ky*src.row])
					a.weights = unsafe.Pointer(&dw[at+ky*src.channels*c.Kernel*Lanes])
					d.call(op, &a)
				}
			}
			at += src.channels * c.Kernel * c.Kernel * Lanes
		}
	}
}

// call runs op. With a function value in place of the switch, the arguments
// would move to the heap.
func (d *directAsm) call(op directOp, a *directArgs) {
	if d.avx512 {
		switch op {
		case opForward3x3:
			directForward3x3AVX512(a)
		case opForward3x3s2:
			directForward3x3s2AVX512(a)
		case opForward1x1:
			directForward1x1AVX512(a)
		case opForward1x1s2:
			directForward1x1s2AVX512(a)
		case opForwardImage:
			directForwardImageAVX512(a)
		case opScatter1x1:
			directForwardScatter1x1AVX512(a)
		case opDataGrad3x3s2:
			directDataGrad3x3s2AVX512(a)
		case opGrad3x3:
			directGrad3x3AVX512(a)
		case opGrad3x3s2:
			directGrad3x3s2AVX512(a)
		case opGrad1x1:
			directGrad1x1AVX512(a)
		case opGrad1x1s2:
			directGrad1x1s2AVX512(a)
		case opGradImage:
			directGradImageAVX512(a)
		}
		return
	}
	switch op {
	case opForward3x3:
		directForward3x3AVX2(a)
	case opForward3x3s2:
		directForward3x3s2AVX2(a)
	case opForward1x1:
		directForward1x1AVX2(a)
	case opForward1x1s2:
		directForward1x1s2AVX2(a)
	case opForwardImage:
		directForwardImageAVX2(a)
	case opScatter1x1:
		directForwardScatter1x1AVX2(a)
	case opDataGrad3x3s2:
		directDataGrad3x3s2AVX2(a)
	case opGrad3x3:
		directGrad3x3AVX2(a)
	case opGrad3x3s2:
		directGrad3x3s2AVX2(a)
	case opGrad1x1:
		directGrad1x1AVX2(a)
	case opGrad1x1s2:
		directGrad1x1s2AVX2(a)
	case opGradImage:
		directGradImageAVX2(a)
	}
}
