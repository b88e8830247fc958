package kernel

import "fmt"

// Winograd convolution F(4×4, 3×3): four times fewer multiplications than the
// definition, for 3×3 convolutions with stride 1 (Lavin and Gray, "Fast
// Algorithms for Convolutional Neural Networks", 2015, section 4; interpolation
// points 0, 1, −1, 2, −2, ∞).
//
// An image is cut into tiles of 4×4 outputs, each of which needs 6×6 inputs.
// With d a tile of inputs, g the taps of one pair of channels and e a tile of
// the output's gradient,
//
//	V = Bᵀ·d·B   U = G·g·Gᵀ   y  = Aᵀ·(Σ over input channels of U∘V)·A
//	             E = A·e·Aᵀ   dg = Gᵀ·(Σ over tiles of V∘E)·G
//
// where ∘ multiplies the 36 positions of two tiles one by one. The sums are a
// matrix product per position, and take nearly all of the time. The data
// gradient is a forward convolution with transposed and flipped weights.
//
// Tiles and transformed weights are laid out as
//
//	V         [C/16][36][T][16]      T tiles of one chunk, one line of padding behind them
//	M, E      [K/16][36][T][16]      likewise
//	U, dU     [36][K/32][C][2][16]   the last two being output channels; [36][16][16] if C and K are 16
//
// with one line of padding behind each position of U and dU: at a distance of a
// power of two, all positions would compete for the same lines of the cache. Unless
// C and K are 16, K is rounded up to a multiple of 32 here; what the channels behind
// the last one hold means nothing.
//
// Where a map is no whole number of tiles, the outermost ones pass through a buffer
// of one tile, with zeros behind the map.
//
// Rounding errors are about ten times those of the definition, 1e-6 relative. A
// NaN may spread over its tile of outputs, and an infinity may become NaN.

// winogradPositions is the number of values in a transformed tile.
const winogradPositions = 6 * 6

// A Winograd is the plan of a convolution by F(4×4, 3×3).
type Winograd struct {
	in, out   Map
	group     int // images
	chunkRows int // rows of tiles that are transformed together
	plane     int // floats between two positions in V, M and E
}

// WinogradOK reports whether Winograd's algorithm computes c: 3×3 with stride 1, on
// maps that fill at least 9 of the 16 pixels of their tiles.
func WinogradOK(c Conv) bool {
	m := c.In
	return c.Kernel == 3 && c.Stride == 1 && m.C > 0 && m.C%Lanes == 0 && c.Out.C > 0 && c.Out.C%Lanes == 0 &&
		m.H == c.Out.H && m.W == c.Out.W && m.H > 0 && m.W > 0 && m.H*m.W >= 9*m.tileRows()*m.tileCols()
}

// tileRows and tileCols return how many tiles cover a map.
func (m Map) tileRows() int { return (m.H + 3) / 4 }
func (m Map) tileCols() int { return (m.W + 3) / 4 }

// The number of channels times tiles that a plan transforms together. A chunk of
// V and M stays in a second-level cache of 1 MB, beside U and, if the chunk is
// small, beside the maps of its images.
const (
	LargeChunk = 2048
	SmallChunk = 1024
)

// Where U is larger than a second-level cache it is read anew for every chunk: from
// largeU floats on, a chunk has at least largeTiles tiles, so that products take
// longer than that.
const (
	largeU     = 1 << 20
	largeTiles = 32
)

// NewWinograd plans c, which must be WinogradOK, in chunks of so many channels
// times tiles.
func NewWinograd(c Conv, chunk int) Winograd {
	if !WinogradOK(c) {
		panic("kernel: Winograd does not apply to " + c.String())
	}
	p := Winograd{in: c.In, out: c.Out}
	tiles, least := 64, 8
	if p.WeightsLen() >= largeU {
		least = largeTiles
	}
	for tiles > least && max(c.In.C, c.Out.C)*tiles > chunk {
		tiles /= 2
	}
	rows, cols := c.In.tileRows(), c.In.tileCols()
	p.chunkRows = max(1, tiles/cols)
	p.group = max(1, p.chunkRows/rows)
	p.chunkRows = min(p.chunkRows, p.group*rows)
	// Products work on up to 8 tiles at a time. The odd line keeps the positions of
	// a tile out of each other's cache sets.
	p.plane = ((p.chunkRows*cols+7)/8*8 + 1) * Lanes
	return p
}

// Transposed returns the plan of the data gradient, in which input and output have
// changed places.
func (p Winograd) Transposed() Winograd {
	p.in, p.out = p.out, p.in
	return p
}

// Limit returns the plan for groups of at most so many images.
func (p Winograd) Limit(images int) Winograd {
	p.group = min(p.group, max(1, images))
	p.chunkRows = min(p.chunkRows, p.group*p.in.tileRows())
	return p
}

// Group returns the best number of images to process together; fewer work as
// well.
func (p Winograd) Group() int { return p.group }

// ScratchLen returns the length of the scratch memory of one worker, in floats,
// for p and for its Transposed plan. It need not be cleared, nor kept from call to
// call.
func (p Winograd) ScratchLen() int {
	q := p.Transposed()
	return max(p.tilesLen(), q.tilesLen()) + edgeLen
}

// tilesLen returns the floats of V and M.
func (p Winograd) tilesLen() int { return (p.in.C/Lanes + p.outputs()/Lanes) * p.block() }

// WeightsLen returns the length of the transformed weights, or of their
// gradient's sums, in floats.
func (p Winograd) WeightsLen() int { return winogradPositions * weightPosition(p.in.C, p.outputs()) }

// outputs returns the number of output channels in U and M.
func (p Winograd) outputs() int { return weightOutputs(p.in.C, p.out.C) }

// block returns the distance between two blocks of channels in V, M and E.
func (p Winograd) block() int { return winogradPositions * p.plane }

// winogradFuncs are the steps of the algorithm in one instruction set.
// Arguments have been checked.
type winogradFuncs struct {
	weights    func(u, oihw []float32, in, out int, transposed bool) // U = G·g·Gᵀ
	input      func(a winogradTiles)                                 // V = Bᵀ·d·B
	multiply   func(a winogradProduct)                               // M = Σ U∘V
	output     func(a winogradTiles)                                 // y = Aᵀ·M·A, and the epilogue
	gradient   func(a winogradTiles)                                 // E = A·e·Aᵀ
	accumulate func(a winogradProduct)                               // dU += Σ V∘E
	taps       func(oihw, du []float32, in, out int)                 // dg = Gᵀ·dU·G
}

// winogradTiles are the arguments of a transform: rows × cols tiles of one block
// of channels of one image, from or to consecutive tiles of every position.
type winogradTiles struct {
	tiles      []float32 // the first tile's lanes at the first position
	image      []float32 // the first tile's first pixel; for input, the pixel left above it
	plane, row int       // distances between positions in tiles, and between rows in image
	rows, cols int

	// What output's epilogue takes, for this block of channels.
	bias     []float32 // [16], or nil
	residual []float32 // as image, or nil
	sums     []float32 // [2][16], or nil
	relu     bool
}

// winogradProduct are the arguments of a product over some of the positions.
type winogradProduct struct {
	v, m         []float32 // tiles at the first position; m is M or E
	u            []float32 // weights at the first position, or their gradient
	in, out      int       // channels; out is 16 only if in is, else a multiple of 32
	tiles        int       // a multiple of 8 in multiply with 16 channels, of 4 with more, of 2 in accumulate
	positions    int
	plane, block int       // of v and m: distances between positions and between blocks of channels
	next         []float32 // memory to fetch for reading meanwhile
	own          []float32 // memory to fetch for writing meanwhile
}

// WinogradWeights transforms the weights oihw [K][C][3][3] into u. For the data
// gradient of a convolution, p is the Transposed plan and transposed is set: oihw is
// that of the convolution.
func (s *Set) WinogradWeights(p Winograd, u, oihw []float32, transposed bool) {
	need("u", u, p.WeightsLen())
	need("oihw", oihw, 9*p.in.C*p.out.C)
	s.winograd.weights(u, oihw, p.in.C, p.out.C, transposed)
	if p.outputs() == p.out.C {
		return
	}
	for pos := range winogradPositions {
		for i := range p.in.C {
			clear(u[pos*weightPosition(p.in.C, p.outputs())+weightAt(i, p.out.C, p.in.C, p.outputs()):][:Lanes])
		}
	}
}

// WinogradForward computes y = relu(conv2d(x, w) + bias + residual) of
// consecutive images, Group of them or fewer.
//
//	x, y   [images] as the plan's Maps
//	u      from WinogradWeights
//	next   the input of the next call, prefetched into the cache, or nil
//
// The data gradient is the same with dy for x, dx for y, the Transposed plan and
// transposed weights.
func (s *Set) WinogradForward(p Winograd, y, x []float32, images int, u []float32, e Epilogue, scratch, next []float32) {
	p.check(images, scratch)
	need("y", y, images*p.out.Len())
	need("x", x, images*p.in.Len())
	need("u", u, p.WeightsLen())
	if e.Bias != nil {
		need("bias", e.Bias, p.out.C)
	}
	if e.Residual != nil {
		need("residual", e.Residual, images*p.out.Len())
	}
	if e.Sums != nil {
		need("sums", e.Sums, 2*p.out.C)
	}
	e.checkUnbounded()
	edge, scratch := scratch[:edgeLen], scratch[edgeLen:]
	v, m := scratch[:p.in.C/Lanes*p.block()], scratch[p.in.C/Lanes*p.block():]
	rows := images * p.in.tileRows()
	block, endBlock, row, endRow := p.split(rows, e.Share)
	for first := row; first < endRow; first += p.chunkRows {
		end := min(first+p.chunkRows, endRow)
		s.inputTiles(p, v, x, first, end, edge)
		a := p.product(v, m, u[block*Lanes*p.in.C:], (end-first)*p.in.tileCols())
		a.out = (endBlock - block) * Lanes
		a.tiles = a.whole()
		a.next, a.own = share(next, first, end, rows), share(y[:images*p.out.Len()], first, end, rows)
		a.eachPosition(weightPosition(p.in.C, p.outputs()), s.winograd.multiply)
		s.outputTiles(p, y, m, first, end, block, min(endBlock, p.out.C/Lanes), e, edge)
	}
}

// split returns which blocks of output channels, in pairs, and which rows of tiles
// belong to a share. Products work on eight tiles at a time: where a share of the
// rows has fewer, channels are shared.
func (p Winograd) split(rows int, s Share) (block, endBlock, row, endRow int) {
	pairs := (p.outputs()/Lanes + 1) / 2
	if s.Of > 1 && pairs >= s.Of && (rows*p.in.tileCols() < 8*s.Of || p.WeightsLen() >= largeU) {
		block, endBlock = s.of(p.outputs()/Lanes, 2)
		return block, endBlock, 0, rows
	}
	row, endRow = s.of(rows, 1)
	return 0, p.outputs() / Lanes, row, endRow
}

// WinogradWeightGrad adds the gradient of the transformed weights to du, for
// consecutive images, Group of them or fewer.
//
//	x, dy   [images] as the plan's Maps
//	du      WeightsLen sums, cleared by the caller before the first images
//	next    the memory of the next call, prefetched into the cache, or nil
func (s *Set) WinogradWeightGrad(p Winograd, du, x, dy []float32, images int, scratch, next []float32) {
	p.check(images, scratch)
	need("du", du, p.WeightsLen())
	need("x", x, images*p.in.Len())
	need("dy", dy, images*p.out.Len())
	edge, scratch := scratch[:edgeLen], scratch[edgeLen:]
	v, e := scratch[:p.in.C/Lanes*p.block()], scratch[p.in.C/Lanes*p.block():]
	rows := images * p.in.tileRows()
	for first := 0; first < rows; first += p.chunkRows {
		end := min(first+p.chunkRows, rows)
		s.inputTiles(p, v, x, first, end, edge)
		s.gradientTiles(p, e, dy, first, end, edge)
		a := p.product(v, e, du, (end-first)*p.in.tileCols())
		if a.tiles%2 == 1 {
			p.clearTile(v[:p.in.C/Lanes*p.block()], a.tiles)
			p.clearTile(e[:p.outputs()/Lanes*p.block()], a.tiles)
			a.tiles++
		}
		a.next = share(next, first, end, rows)
		a.eachPosition(weightPosition(p.in.C, p.outputs()), s.winograd.accumulate)
	}
}

// WinogradWeightGradDone turns the sums du into the gradient of the weights
// oihw [K][C][3][3], which it overwrites.
func (s *Set) WinogradWeightGradDone(p Winograd, oihw, du []float32) {
	need("oihw", oihw, 9*p.in.C*p.out.C)
	need("du", du, p.WeightsLen())
	s.winograd.taps(oihw, du, p.in.C, p.out.C)
}

// check panics if p cannot work on that many images in that scratch memory.
func (p Winograd) check(images int, scratch []float32) {
	if images < 1 || images > p.group {
		panic(fmt.Sprintf("kernel: %d images in a group of %d", images, p.group))
	}
	need("scratch", scratch, p.ScratchLen())
}

// product returns the arguments of a product over all positions.
func (p Winograd) product(v, m, u []float32, tiles int) winogradProduct {
	return winogradProduct{
		v: v, m: m, u: u,
		in: p.in.C, out: p.outputs(), tiles: tiles, positions: winogradPositions,
		plane: p.plane, block: p.block(),
	}
}

// winogradCall is the most products in one call, which keeps it well below 100 µs
// on a slow core.
const winogradCall = 1 << 20

// eachPosition calls f for all of a's positions, as many at a time as one call takes;
// of large layers for some output channels of one position. Position is the distance
// between two of U, at least what a's output channels take.
func (a winogradProduct) eachPosition(position int, f func(winogradProduct)) {
	step := max(1, winogradCall/(a.in*a.out*a.tiles))
	if position != weightPosition(a.in, a.out) {
		step = 1
	}
	for pos := 0; pos < winogradPositions; pos += step {
		end := min(pos+step, winogradPositions)
		part := a
		part.positions = end - pos
		part.v, part.m = a.v[pos*a.plane:], a.m[pos*a.plane:]
		part.u = a.u[pos*position:]
		part.next = share(a.next, pos, end, winogradPositions)
		part.own = share(a.own, pos, end, winogradPositions)
		if a.in*a.out*a.tiles > winogradCall {
			part.eachOutput(f)
		} else {
			f(part)
		}
	}
}

// eachOutput calls f for some of a's output channels at a time, a having one
// position.
func (a winogradProduct) eachOutput(f func(winogradProduct)) {
	step := max(1, winogradCall/(a.in*a.tiles)/(2*Lanes)) * 2 * Lanes
	for out := 0; out < a.out; out += step {
		end := min(out+step, a.out)
		part := a
		part.out = end - out
		part.m = a.m[out/Lanes*a.block:]
		part.u = a.u[out*a.in:]
		part.next = share(a.next, out, end, a.out)
		part.own = share(a.own, out, end, a.out)
		f(part)
	}
}

// whole returns the number of tiles rounded up to one that multiply takes. What the
// further tiles hold does not matter.
func (a winogradProduct) whole() int {
	unit := 4
	if a.out == Lanes {
		unit = 8
	}
	return (a.tiles + unit - 1) / unit * unit
}

// clearTile writes zeros to one tile of every position.
func (p Winograd) clearTile(tiles []float32, t int) {
	for at := t * Lanes; at < len(tiles); at += p.plane {
		clear(tiles[at:][:Lanes])
	}
}

// share returns the part of s that belongs to [first, end) of total equal steps.
func share(s []float32, first, end, total int) []float32 {
	return s[len(s)*first/total : len(s)*end/total]
}
