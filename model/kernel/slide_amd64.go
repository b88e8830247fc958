package kernel

import (
	"math"
	"unsafe"
)

// slideArgs are the arguments of general convolutions in assembly; the stubs say
// what each computes. Distances are in bytes. The pixels of a tile form two
// runs. The second run begins second further in the source and dstSecond further
// in the destination.
type slideArgs struct {
	dst, src, weights        unsafe.Pointer
	bias, residual, sums     unsafe.Pointer // or nil
	rows, cols, outs, groups int
	dstCol, dstRow, dstPlane int // dstRow and srcRow lead from one row of tiles to the next
	srcCol, srcRow           int
	second, dstSecond        int
	tapRows, tapCols         int
	tapCol, tapRow           int
	tapRowNext, srcPlaneNext int // from behind a row of taps to the next row, and from behind the last one to the next block
	blocks, channels, last   int
	wOut, wChannel, wCol     int
	wRowNext, wBlockNext     int
	residualNext             int
	clip                     int // 1: outputs are at least 0 and at most high
	high                     float32
	_                        float32
	scale, shift             unsafe.Pointer // of codes: factors and terms for each channel
	zero, low, top           int32          // of codes: the output's zero point and bounds
	_                        int32
	arg                      unsafe.Pointer // of a max pool: the places of maxima, 16 bytes for each pixel
	argRow                   int

	//lint:ignore U1000 the assembly reads and writes these
	blocksLeft, tapSrc, rowSrc, rowDst int
}

// slideAsm is one instruction set's assembly for slides.
type slideAsm struct {
	outs          int                    // blocks of outputs that a forward kernel and a gradient can take at a time
	pixels        int                    // in the largest tile
	lanes         int                    // of the depthwise gradient
	forward       [3][15]func(slideArgs) // by blocks of outputs and pixels
	depthwise     [15]func(slideArgs)
	grad          [3][17]func(slideArgs) // by blocks of outputs and channels in a group
	depthwiseGrad [8]func(slideArgs)     // by columns of the kernel
}

func (k *slideAsm) funcs() slideFuncs {
	return slideFuncs{
		forward:       k.runForward,
		weightGrad:    k.runWeightGrad,
		depthwise:     k.runDepthwise,
		depthwiseGrad: k.runDepthwiseGrad,
	}
}

// callWork is about how many vector products one call may have: 100 µs at two a
// nanosecond.
const callWork = 100_000

// args returns the arguments that all kernels need, for values of so many bytes.
func (s slide) args(size int) slideArgs {
	return slideArgs{
		dstCol: size * s.dstCol, dstRow: size * s.dstRow, dstPlane: size * s.dstPlane,
		srcCol: size * s.srcCol, srcRow: size * s.srcRow,
		tapRows: s.tapRows, tapCols: s.tapCols, tapCol: size * s.tapCol, tapRow: size * s.tapRow,
		tapRowNext:   size * (s.tapRow - s.tapCols*s.tapCol),
		srcPlaneNext: size * (s.srcPlane - s.tapRows*s.tapRow),
		blocks:       s.blocks, channels: s.channels, last: s.last,
		wOut: size * s.wOut, wChannel: size * s.wChannel, wCol: size * s.wCol,
		wRowNext:   size * (s.wRow - s.tapCols*s.wCol),
		wBlockNext: size * (s.wBlock - s.tapRows*s.wRow),
	}
}

// epilogue sets the arguments of the epilogue.
func (a *slideArgs) epilogue(e Epilogue) {
	a.high = float32(math.Inf(1))
	if e.ReLU {
		a.clip = 1
	}
	if e.Max > 0 {
		a.high = e.Max
	}
}

// A tile is a column of equal tiles that one call computes: each is pixels wide
// or, with two rows, pixels/2.
type tile struct {
	x, pixels  int
	y, rows    int // rows of tiles
	high       int // rows in a tile: 1 or 2
	second     int // distances to the second run
	dstSecond  int
	srcRow     int
	dstRow     int
	offset, at int // in src and dst
}

// tiles cuts the outputs into columns of tiles of at most so many pixels, all
// about equally large. Narrow maps have tiles of two rows.
func (s slide) tiles(most int, run func(t tile)) {
	if s.rows < 1 {
		return
	}
	if s.cols <= most/2 {
		if s.rows > 1 {
			run(s.tile(0, 2*s.cols, 0, s.rows/2, 2))
		}
		if s.rows%2 == 1 {
			run(s.tile(0, s.cols, s.rows-1, 1, 1))
		}
		return
	}
	s.columns(most, run)
}

// columns is tiles with tiles of one row only.
func (s slide) columns(most int, run func(t tile)) {
	n := (s.cols + most - 1) / most
	x := 0
	for i := range n {
		width := (s.cols - x) / (n - i)
		run(s.tile(x, width, 0, s.rows, 1))
		x += width
	}
}

func (s slide) tile(x, pixels, y, rows, high int) tile {
	t := tile{x: x, pixels: pixels, y: y, rows: rows, high: high}
	first := (pixels + 1) / 2
	t.second, t.dstSecond = first*s.srcCol, first*s.dstCol
	if high == 2 {
		t.second, t.dstSecond = s.srcRow, s.dstRow
	}
	t.srcRow, t.dstRow = high*s.srcRow, high*s.dstRow
	t.offset = s.src + y*s.srcRow + x*s.srcCol
	t.at = s.dst + y*s.dstRow + x*s.dstCol
	return t
}

// set sets the arguments that depend on the tile, for values of so many bytes.
func (a *slideArgs) set(t tile, size int) {
	a.second, a.dstSecond, a.srcRow, a.dstRow = size*t.second, size*t.dstSecond, size*t.srcRow, size*t.dstRow
}

// runForward calls the assembly once per column of tiles and group of blocks of
// outputs, or more often if a call would take long.
func (k *slideAsm) runForward(s slide, y, x, w []float32, e Epilogue) {
	s, e = s.shared(e)
	if e.Max > 0 && !e.ReLU {
		slideForwardGo(s, y, x, w, e)
		return
	}
	block := s.channels * s.tapRows * s.tapCols * k.pixels * 2
	if most := max(1, 2*callWork/block); s.blocks > most {
		k.inParts(s, y, x, w, e, most)
		return
	}
	a := s.args(4)
	a.epilogue(e)
	s.tiles(k.pixels, func(t tile) {
		a.set(t, 4)
		rows := max(1, 2*callWork/(block*s.blocks))
		for o := 0; o < s.outs; o += a.outs {
			a.outs = min(k.outs, s.outs-o)
			a.weights = unsafe.Pointer(&w[s.weight+o*s.wOut])
			if e.Bias != nil {
				a.bias = unsafe.Pointer(&e.Bias[o*Lanes])
			}
			if e.Sums != nil {
				a.sums = unsafe.Pointer(&e.Sums[o*2*Lanes])
			}
			for r := 0; r < t.rows; r += rows {
				a.rows = min(rows, t.rows-r)
				at := t.at + o*s.dstPlane + r*t.dstRow
				a.dst = unsafe.Pointer(&y[at])
				a.src = unsafe.Pointer(&x[t.offset+r*t.srcRow])
				if e.Residual != nil {
					a.residual = unsafe.Pointer(&e.Residual[at])
				}
				k.forward[a.outs][t.pixels](a)
			}
		}
	})
}

// inParts adds up so many blocks of input channels at a time. Later parts add
// to the sums in y, and only the last part clips.
func (k *slideAsm) inParts(s slide, y, x, w []float32, e Epilogue, most int) {
	for from := 0; from < s.blocks; from += most {
		part, end := s, e
		part.blocks = min(most, s.blocks-from)
		part.src += from * s.srcPlane
		part.weight += from * s.wBlock
		if from > 0 {
			end.Bias, end.Residual = nil, y
		}
		if from+part.blocks < s.blocks {
			part.last = s.channels
			end.ReLU, end.Max, end.Sums = false, 0, nil
		}
		k.runForward(part, y, x, w, end)
	}
}

// runDepthwise calls the assembly once per column of tiles, or more often where
// a call would take long.
func (k *slideAsm) runDepthwise(s slide, y, x, w []float32, e Epilogue) {
	s, e = s.shared(e)
	if e.Max > 0 && !e.ReLU {
		slideDepthwiseGo(s, y, x, w, e)
		return
	}
	a := s.args(4)
	a.epilogue(e)
	a.srcPlaneNext = 4 * s.srcPlane
	s.tiles(k.pixels, func(t tile) {
		a.set(t, 4)
		most := max(1, callWork/2/(t.rows*t.pixels*s.tapRows*s.tapCols))
		// After a block, the residual's pointer has moved on by all rows.
		a.residualNext = 4 * (s.dstPlane - t.rows*t.dstRow)
		for o := 0; o < s.outs; o += most {
			a.outs, a.rows = min(most, s.outs-o), t.rows
			a.dst = unsafe.Pointer(&y[t.at+o*s.dstPlane])
			a.src = unsafe.Pointer(&x[t.offset+o*s.srcPlane])
			a.weights = unsafe.Pointer(&w[s.weight+o*s.wOut])
			if e.Bias != nil {
				a.bias = unsafe.Pointer(&e.Bias[o*Lanes])
			}
			if e.Sums != nil {
				a.sums = unsafe.Pointer(&e.Sums[o*2*Lanes])
			}
			if e.Residual != nil {
				a.residual = unsafe.Pointer(&e.Residual[t.at+o*s.dstPlane])
			}
			k.depthwise[t.pixels](a)
		}
	})
}

// runWeightGrad calls the assembly once per group of blocks of outputs, block of
// inputs and rows that stay in the first-level cache meanwhile.
func (k *slideAsm) runWeightGrad(s slide, dw, x, dy []float32) {
	a := s.args(4)
	a.cols = s.cols
	most := max(1, cached/(s.srcRow+2*s.dstRow))
	most = max(1, min(most, callWork/(s.cols*s.tapRows*s.tapCols*Lanes)))
	for r := 0; r < s.rows; r += most {
		a.rows = min(most, s.rows-r)
		for o := 0; o < s.outs; o += a.outs {
			a.outs = min(k.outs, s.outs-o)
			a.dst = unsafe.Pointer(&dy[s.dst+o*s.dstPlane+r*s.dstRow])
			for b := range s.blocks {
				from := s.src + b*s.srcPlane + r*s.srcRow
				k.blockGrad(s, a, dw[s.weight+o*s.wOut+b*s.wBlock:], x[from:], s.inBlock(b))
			}
		}
	}
}

// blockGrad adds the gradients of one block's channels, in groups as large as
// there are kernels for.
func (k *slideAsm) blockGrad(s slide, a slideArgs, dw, x []float32, channels int) {
	kernels := &k.grad[a.outs]
	for group := len(kernels) - 1; channels > 0; group-- {
		if kernels[group] == nil || group > channels {
			continue
		}
		a.groups = channels / group
		a.src, a.weights = unsafe.Pointer(&x[0]), unsafe.Pointer(&dw[0])
		kernels[group](a)
		n := a.groups * group
		channels -= n
		if channels > 0 {
			x, dw = x[n:], dw[n*s.wChannel:]
		}
	}
}

// runDepthwiseGrad calls the assembly once for some blocks of channels.
func (k *slideAsm) runDepthwiseGrad(s slide, dw, x, dy []float32) {
	if s.tapCols >= len(k.depthwiseGrad) || s.tapCol != Lanes {
		slideDepthwiseGradGo(s, dw, x, dy)
		return
	}
	a := s.args(4)
	a.rows, a.cols = s.rows, s.cols
	a.srcPlaneNext = 4 * s.srcPlane
	most := max(1, callWork/2/(s.rows*s.cols*s.tapRows*s.tapCols))
	for o := 0; o < s.outs; o += most {
		a.outs = min(most, s.outs-o)
		for lane := 0; lane < Lanes; lane += k.lanes {
			a.dst = unsafe.Pointer(&dy[s.dst+o*s.dstPlane+lane])
			a.src = unsafe.Pointer(&x[s.src+o*s.srcPlane+lane])
			a.weights = unsafe.Pointer(&dw[s.weight+o*s.wOut+lane])
			k.depthwiseGrad[s.tapCols](a)
		}
	}
}
