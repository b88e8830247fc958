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
//	V, M, E   [C/16][36][T][16]      T tiles of one chunk, one line of padding behind them
//	U, dU     [36][C/32][C][2][16]   the last two being output channels; [36][16][16] if C is 16
//
// with one line of padding behind each position of U and dU: at a distance of a
// power of two, all positions would compete for the same lines of the cache.
//
// Rounding errors are about ten times those of the definition, 1e-6 relative. A
// NaN may spread over its tile of outputs, and an infinity may become NaN.

// winogradPositions is the number of values in a transformed tile.
const winogradPositions = 6 * 6

// A Winograd is the plan of a convolution by F(4×4, 3×3).
type Winograd struct {
	image     Map
	group     int // images
	chunkRows int // rows of tiles that are transformed together
	plane     int // floats between two positions in V, M and E
}

// WinogradOK reports whether Winograd's algorithm computes c: 3×3 with stride 1,
// as many channels out as in, 16 or a multiple of 32, and whole tiles.
func WinogradOK(c Conv) bool {
	return c.Kernel == 3 && c.Stride == 1 && c.In == c.Out &&
		(c.In.C == 16 || c.In.C > 0 && c.In.C%32 == 0) &&
		c.In.H > 0 && c.In.H%4 == 0 && c.In.W > 0 && c.In.W%4 == 0
}

// The number of channels times tiles that a plan transforms together. A chunk of
// V and M stays in a second-level cache of 1 MB, beside U and, if the chunk is
// small, beside the maps of its images.
const (
	LargeChunk = 2048
	SmallChunk = 1024
)

// NewWinograd plans c, which must be WinogradOK, in chunks of so many channels
// times tiles. Output and input have the same shape, so one plan serves the
// convolution and its data gradient.
func NewWinograd(c Conv, chunk int) Winograd {
	if !WinogradOK(c) {
		panic("kernel: Winograd does not apply to " + c.String())
	}
	tiles := 64
	for tiles > 8 && c.In.C*tiles > chunk {
		tiles /= 2
	}
	p := Winograd{image: c.In}
	p.chunkRows = max(1, tiles/(c.In.W/4))
	p.group = max(1, p.chunkRows/(c.In.H/4))
	p.chunkRows = min(p.chunkRows, p.group*c.In.H/4)
	// Products work on up to 8 tiles at a time. The odd line keeps the positions of
	// a tile out of each other's cache sets.
	p.plane = ((p.chunkRows*c.In.W/4+7)/8*8 + 1) * Lanes
	return p
}

// Group returns the best number of images to process together; fewer work as
// well.
func (p Winograd) Group() int { return p.group }

// ScratchLen returns the length of the scratch memory of one worker, in floats.
// It need not be cleared or kept between calls.
func (p Winograd) ScratchLen() int { return 2 * p.blocks() * p.block() }

// WeightsLen returns the length of the transformed weights, or of their
// gradient's sums, in floats.
func (p Winograd) WeightsLen() int {
	return winogradPositions * weightPosition(p.image.C)
}

// blocks returns the number of blocks of 16 channels.
func (p Winograd) blocks() int { return p.image.C / Lanes }

// block returns the distance between two blocks of channels in V, M and E.
func (p Winograd) block() int { return winogradPositions * p.plane }

// winogradFuncs are the steps of the algorithm in one instruction set.
// Arguments have been checked.
type winogradFuncs struct {
	weights    func(u, oihw []float32, channels int, transposed bool) // U = G·g·Gᵀ
	input      func(a winogradTiles)                                  // V = Bᵀ·d·B
	multiply   func(a winogradProduct)                                // M = Σ U∘V
	output     func(a winogradTiles)                                  // y = Aᵀ·M·A, and the epilogue
	gradient   func(a winogradTiles)                                  // E = A·e·Aᵀ
	accumulate func(a winogradProduct)                                // dU += Σ V∘E
	taps       func(oihw, du []float32, channels int)                 // dg = Gᵀ·dU·G
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
	channels     int
	tiles        int // a multiple of 8 in multiply with 16 channels, of 4 with more, of 2 in accumulate
	positions    int
	plane, block int       // of v and m: distances between positions and between blocks of channels
	next         []float32 // memory to fetch for reading meanwhile
	own          []float32 // memory to fetch for writing meanwhile
}

// WinogradWeights transforms the weights oihw [C][C][3][3] into u, for the
// convolution or, transposed, for its data gradient.
func (s *Set) WinogradWeights(p Winograd, u, oihw []float32, transposed bool) {
	need("u", u, p.WeightsLen())
	need("oihw", oihw, 9*p.image.C*p.image.C)
	s.winograd.weights(u, oihw, p.image.C, transposed)
}

// WinogradForward computes y = relu(conv2d(x, w) + bias + residual) of
// consecutive images, Group of them or fewer.
//
//	x, y   [images] as the plan's Map
//	u      from WinogradWeights
//	next   the input of the next call, prefetched into the cache, or nil
//
// The data gradient is the same with dy for x, dx for y and transposed weights.
func (s *Set) WinogradForward(p Winograd, y, x []float32, images int, u []float32, e Epilogue, scratch, next []float32) {
	p.check(images, scratch)
	need("y", y, images*p.image.Len())
	need("x", x, images*p.image.Len())
	need("u", u, p.WeightsLen())
	if e.Bias != nil {
		need("bias", e.Bias, p.image.C)
	}
	if e.Residual != nil {
		need("residual", e.Residual, images*p.image.Len())
	}
	if e.Sums != nil {
		need("sums", e.Sums, 2*p.image.C)
	}
	e.checkUnbounded()
	v, m := scratch[:p.blocks()*p.block()], scratch[p.blocks()*p.block():]
	rows := images * p.image.H / 4
	for first := 0; first < rows; first += p.chunkRows {
		end := min(first+p.chunkRows, rows)
		p.eachPart(first, end, func(at, b, img, row, n int) {
			a := p.tiles(v[b*p.block()+at:], n)
			a.image = x[img*p.image.Len()+b*p.image.Plane()+4*row*p.image.Row():]
			s.winograd.input(a)
		})
		a := p.product(v, m, u, (end-first)*p.image.W/4)
		a.tiles = p.whole(a.tiles)
		a.next, a.own = share(next, first, end, rows), share(y[:images*p.image.Len()], first, end, rows)
		p.eachPosition(a, s.winograd.multiply)
		p.eachPart(first, end, func(at, b, img, row, n int) {
			a := p.tiles(m[b*p.block()+at:], n)
			pixel := img*p.image.Len() + p.image.At(b*Lanes, 4*row, 0)
			a.image = y[pixel:]
			a.relu = e.ReLU
			if e.Bias != nil {
				a.bias = e.Bias[b*Lanes:][:Lanes]
			}
			if e.Residual != nil {
				a.residual = e.Residual[pixel:]
			}
			if e.Sums != nil {
				a.sums = e.Sums[b*2*Lanes:][:2*Lanes]
			}
			s.winograd.output(a)
		})
	}
}

// WinogradWeightGrad adds the gradient of the transformed weights to du, for
// consecutive images, Group of them or fewer.
//
//	x, dy   [images] as the plan's Map
//	du      WeightsLen sums, cleared by the caller before the first images
//	next    the memory of the next call, prefetched into the cache, or nil
func (s *Set) WinogradWeightGrad(p Winograd, du, x, dy []float32, images int, scratch, next []float32) {
	p.check(images, scratch)
	need("du", du, p.WeightsLen())
	need("x", x, images*p.image.Len())
	need("dy", dy, images*p.image.Len())
	v, e := scratch[:p.blocks()*p.block()], scratch[p.blocks()*p.block():]
	rows := images * p.image.H / 4
	for first := 0; first < rows; first += p.chunkRows {
		end := min(first+p.chunkRows, rows)
		p.eachPart(first, end, func(at, b, img, row, n int) {
			a := p.tiles(v[b*p.block()+at:], n)
			a.image = x[img*p.image.Len()+b*p.image.Plane()+4*row*p.image.Row():]
			s.winograd.input(a)
			a = p.tiles(e[b*p.block()+at:], n)
			a.image = dy[img*p.image.Len()+p.image.At(b*Lanes, 4*row, 0):]
			s.winograd.gradient(a)
		})
		a := p.product(v, e, du, (end-first)*p.image.W/4)
		if a.tiles%2 == 1 {
			p.clearTile(v, a.tiles)
			p.clearTile(e, a.tiles)
			a.tiles++
		}
		a.next = share(next, first, end, rows)
		p.eachPosition(a, s.winograd.accumulate)
	}
}

// WinogradWeightGradDone turns the sums du into the gradient of the weights
// oihw [C][C][3][3], which it overwrites.
func (s *Set) WinogradWeightGradDone(p Winograd, oihw, du []float32) {
	need("oihw", oihw, 9*p.image.C*p.image.C)
	need("du", du, p.WeightsLen())
	s.winograd.taps(oihw, du, p.image.C)
}

// check panics if p cannot work on that many images in that scratch memory.
func (p Winograd) check(images int, scratch []float32) {
	if images < 1 || images > p.group {
		panic(fmt.Sprintf("kernel: %d images in a group of %d", images, p.group))
	}
	need("scratch", scratch, p.ScratchLen())
}

// eachPart calls f for every block of channels b of every image img that rows
// [first, end) of tiles touch, in the order of memory, rows being counted through
// all images: n rows from the image's row on, whose tiles begin at float at of
// each plane.
func (p Winograd) eachPart(first, end int, f func(at, b, img, row, n int)) {
	perImage, perRow := p.image.H/4, p.image.W/4*Lanes
	for r := first; r < end; {
		n := min(perImage-r%perImage, end-r)
		for b := range p.blocks() {
			f((r-first)*perRow, b, r/perImage, r%perImage, n)
		}
		r += n
	}
}

// tiles returns the arguments of a transform of rows of tiles.
func (p Winograd) tiles(tiles []float32, rows int) winogradTiles {
	return winogradTiles{tiles: tiles, plane: p.plane, row: p.image.Row(), rows: rows, cols: p.image.W / 4}
}

// product returns the arguments of a product over all positions.
func (p Winograd) product(v, m, u []float32, tiles int) winogradProduct {
	return winogradProduct{
		v: v, m: m, u: u,
		channels: p.image.C, tiles: tiles, positions: winogradPositions,
		plane: p.plane, block: p.block(),
	}
}

// eachPosition calls f for all of a's positions, as many at a time as keep one
// call well below 100 µs on a slow core: a million products.
func (p Winograd) eachPosition(a winogradProduct, f func(winogradProduct)) {
	step := max(1, 1<<20/(a.channels*a.channels*a.tiles))
	for pos := 0; pos < winogradPositions; pos += step {
		end := min(pos+step, winogradPositions)
		part := a
		part.positions = end - pos
		part.v, part.m = a.v[pos*a.plane:], a.m[pos*a.plane:]
		part.u = a.u[pos*weightPosition(a.channels):]
		part.next = share(a.next, pos, end, winogradPositions)
		part.own = share(a.own, pos, end, winogradPositions)
		f(part)
	}
}

// whole rounds a number of tiles up to one that multiply accepts. The content
// of the added tiles does not matter.
func (p Winograd) whole(tiles int) int {
	unit := 4
	if p.image.C == Lanes {
		unit = 8
	}
	return (tiles + unit - 1) / unit * unit
}

// clearTile writes zeros to one tile of every position.
func (p Winograd) clearTile(tiles []float32, t int) {
	for i := range p.blocks() * winogradPositions {
		clear(tiles[i*p.plane+t*Lanes:][:Lanes])
	}
}

// share returns the part of s that belongs to [first, end) of total equal steps.
func share(s []float32, first, end, total int) []float32 {
	return s[len(s)*first/total : len(s)*end/total]
}
