package main

import "fmt"

// directAVX512 and directAVX2 write the same kernels for two register files.
// With 32 registers a tile is two rows high, and a multiplication may take its
// pixel straight from memory.
func directAVX512(f *file) {
	directKernels(f, vectors{set: "AVX512", name: 'Z', count: 32, embedded: true}, 2)
}

func directAVX2(f *file) {
	directKernels(f, vectors{set: "AVX2", name: 'Y', count: 16}, 1)
}

func directKernels(f *file, v vectors, rows int) {
	f.p("#include \"go_asm.h\"")
	for _, c := range directConvs {
		forward(f, v, c, rows)
	}
	// The data gradient of a 1×1 convolution with stride 2 goes to every second
	// pixel of every second row.
	forward(f, v, directConv{"Scatter1x1", 1, 1, 16, 2}, rows)
	dataGradStride2(f, v)
	for _, c := range directConvs {
		weightGrad(f, v, c)
	}
}

// Registers that all kernels share. AX points to the arguments, a directArgs;
// BX and CX are free for what a kernel does inside a tile.
const (
	dst     = "DI"  // first row of the tiles at work
	src     = "SI"  // its source
	dstRow  = "R12" // distances between rows, in bytes
	srcRow  = "R11"
	dstTile = "R13" // the tile at work
	srcTile = "R14" // its source
	tiles   = "R9"  // tiles left in the row
	blocks  = "R10" // blocks of input channels left
	weights = "DX"
	pixel   = "BX"  // first pixel of the tile's source, of one channel in one kernel row
	plane   = "R15" // first pixel of the tile's source, of one block of channels
)

// vectors is a file of vector registers.
type vectors struct {
	set      string // suffix of function names
	name     byte   // Z or Y
	lanes    int    // floats in a register
	count    int
	embedded bool // an operand may be one float in memory, broadcast
}

func (v vectors) reg(i int) string { return fmt.Sprintf("%c%d", v.name, i) }

// regs returns n registers from number first on.
func (v vectors) regs(first, n int) []string {
	r := make([]string, n)
	for i := range r {
		r[i] = v.reg(first + i)
	}
	return r
}

// A rotation hands registers out in turn, so that a value lives until the
// others have been used.
type rotation struct {
	regs []string
	n    int
}

func (r *rotation) next() string {
	r.n++
	return r.regs[(r.n-1)%len(r.regs)]
}

// fma adds the product of the float at addr and each of ws to the accumulator
// beside it. A float that is wanted once need not pass through a register.
func (v vectors) fma(f *file, addr string, broadcasts *rotation, ws, accs []string) {
	switch {
	case len(ws) == 0:
	case len(ws) == 1 && v.embedded:
		f.p("\tVFMADD231PS.BCST %s, %s, %s", addr, ws[0], accs[0])
	default:
		b := broadcasts.next()
		f.p("\tVBROADCASTSS %s, %s", addr, b)
		for i, w := range ws {
			f.p("\tVFMADD231PS %s, %s, %s", b, w, accs[i])
		}
	}
}

// row returns the address of byte at in row r of those that base begins.
func row(base, distance string, r, at int) string {
	if r == 0 {
		return fmt.Sprintf("%d(%s)", at, base)
	}
	return fmt.Sprintf("%d(%s)(%s*%d)", at, base, distance, r) // r is 1 or 2
}

// A directConv is a shape of convolution that has its own kernels.
type directConv struct {
	name           string
	kernel, stride int
	channels       int // in a block of the input: 16, or 3 for the image
	spread         int // distance between two outputs, in pixels
}

var directConvs = []directConv{
	{"3x3", 3, 1, 16, 1},
	{"3x3s2", 3, 2, 16, 1},
	{"1x1", 1, 1, 16, 1},
	{"1x1s2", 1, 2, 16, 1},
	{"Image", 3, 1, 3, 1},
}

// pixel returns the distance between two input pixels, in bytes.
func (c directConv) pixel() int {
	if c.channels == 3 {
		return 16
	}
	return 64
}

// reads returns the number of neighbouring pixels that n outputs read.
func (c directConv) reads(n int) int { return (n-1)*c.stride + c.kernel }

// uses lists how n neighbouring outputs use pixel i: as tap k of output t.
func (c directConv) uses(i, n int) (ts, ks []int) {
	for k := range c.kernel {
		if t := i - k; t >= 0 && t%c.stride == 0 && t/c.stride < n {
			ts, ks = append(ts, t/c.stride), append(ks, k)
		}
	}
	return ts, ks
}

// forward writes a convolution for one block of output channels, as many as a
// register has lanes. Tiles of rows × 8 outputs stay in registers while all
// input channels pass. Per channel and kernel row, each pixel is broadcast once
// and serves all outputs that it is a tap of: up to three with stride 1, two or
// one with stride 2.
func forward(f *file, v vectors, c directConv, rows int) {
	const width = 8
	k := tileKernel{
		vectors:  v,
		name:     "directForward" + c.name + v.set,
		dstBytes: width * c.spread * 64, srcBytes: width * c.stride * c.pixel(),
		dstRows: rows, srcRows: rows * c.stride,
	}
	for r := range rows {
		for t := range width {
			k.outputs = append(k.outputs, output{r, t * c.spread * 64})
		}
	}
	n := len(k.outputs)
	acc, w := v.regs(0, n), v.regs(n, c.kernel)
	broadcasts := &rotation{regs: v.regs(n+c.kernel, min(v.count-n-c.kernel, 5))}
	k.write(f, func() {
		for ky := range c.kernel {
			f.p("\tMOVQ %s, %s", plane, pixel)
			for range ky {
				f.p("\tADDQ %s, %s", srcRow, pixel)
			}
			f.p("\tMOVQ $%d, CX", c.channels)
			f.p("channel%d:", ky)
			for kx := range c.kernel {
				f.p("\tVMOVUPS %d(%s), %s", kx*64, weights, w[kx])
			}
			for r := range rows {
				for i := range c.reads(width) {
					ts, ks := c.uses(i, width)
					var ws, accs []string
					for u, t := range ts {
						ws, accs = append(ws, w[ks[u]]), append(accs, acc[r*width+t])
					}
					v.fma(f, row(pixel, srcRow, r*c.stride, i*c.pixel()), broadcasts, ws, accs)
				}
			}
			f.p("\tADDQ $%d, %s", c.kernel*64, weights)
			f.p("\tADDQ $4, %s", pixel)
			f.p("\tDECQ CX")
			f.p("\tJNZ channel%d", ky)
		}
	})
}

// A tileKernel computes a map tile by tile: the outputs of a tile stay in
// registers, one each from number 0 on, while all blocks of input channels are
// added up.
type tileKernel struct {
	vectors
	name               string
	outputs            []output
	second             int // the last outputs, this many, have second accumulators behind all first ones
	dstBytes, srcBytes int // from one tile to the next in a row
	dstRows, srcRows   int // from one row of tiles to the next
}

// An output is a place in a tile: a row, and a byte in it.
type output struct{ row, at int }

// address returns o's address where base begins the tile.
func (o output) address(base string) string { return row(base, dstRow, o.row, o.at) }

// write writes the kernel around block, which adds one block of input channels,
// from plane and weights on, and leaves weights behind those it has used.
func (k tileKernel) write(f *file, block func()) {
	f.fn(k.name, 0)
	f.p("\tMOVQ directArgs_dst(AX), %s", dst)
	f.p("\tMOVQ directArgs_src(AX), %s", src)
	f.p("\tMOVQ directArgs_rows(AX), R8")
	f.p("\tMOVQ directArgs_srcRow(AX), %s", srcRow)
	f.p("\tMOVQ directArgs_dstRow(AX), %s", dstRow)
	f.p("row:")
	f.p("\tMOVQ %s, %s", dst, dstTile)
	f.p("\tMOVQ %s, %s", src, srcTile)
	f.p("\tMOVQ directArgs_tiles(AX), %s", tiles)
	f.p("tile:")
	k.begin(f)
	f.p("\tMOVQ directArgs_weights(AX), %s", weights)
	f.p("\tMOVQ directArgs_blocks(AX), %s", blocks)
	f.p("\tMOVQ %s, %s", srcTile, plane)
	f.p("block:")
	block()
	f.p("\tADDQ directArgs_srcPlane(AX), %s", plane)
	f.p("\tDECQ %s", blocks)
	f.p("\tJNZ block")
	k.finish(f)
	f.p("\tADDQ $%d, %s", k.dstBytes, dstTile)
	f.p("\tADDQ $%d, %s", k.srcBytes, srcTile)
	f.p("\tDECQ %s", tiles)
	f.p("\tJNZ tile")
	for range k.srcRows {
		f.p("\tADDQ %s, %s", srcRow, src)
	}
	for range k.dstRows {
		f.p("\tADDQ %s, %s", dstRow, dst)
	}
	f.p("\tDECQ R8")
	f.p("\tJNZ row")
	f.p("\tVZEROUPPER")
	f.p("\tRET")
}

// begin sets the accumulators to the bias, or to zero.
func (k tileKernel) begin(f *file) {
	acc := k.regs(0, len(k.outputs))
	for _, a := range append(k.regs(len(acc), k.second), acc[0]) {
		f.p("\tVXORPS %s, %s, %s", a, a, a)
	}
	f.p("\tMOVQ directArgs_bias(AX), CX")
	f.p("\tTESTQ CX, CX")
	f.p("\tJZ unbiased")
	f.p("\tVMOVUPS (CX), %s", acc[0])
	f.p("unbiased:")
	for _, a := range acc[1:] {
		f.p("\tVMOVAPS %s, %s", acc[0], a)
	}
}

// finish is the Epilogue: it adds the residual, clips, adds to the sums and
// stores.
func (k tileKernel) finish(f *file) {
	acc := k.regs(0, len(k.outputs))
	free := len(acc) // the first register that holds nothing
	for i, a := range k.regs(len(acc), k.second) {
		to := acc[len(acc)-k.second+i]
		f.p("\tVADDPS %s, %s, %s", a, to, to)
	}

	// The residual is laid out like the destination: CX is to its tile what
	// dstTile is to the destination's.
	f.p("\tMOVQ directArgs_residual(AX), CX")
	f.p("\tTESTQ CX, CX")
	f.p("\tJZ alone")
	f.p("\tADDQ %s, CX", dstTile)
	f.p("\tSUBQ directArgs_dst(AX), CX")
	for i, a := range acc {
		f.p("\tVADDPS %s, %s, %s", k.outputs[i].address("CX"), a, a)
	}
	f.p("alone:")

	// The maximum of zero and NaN is its second operand, here the accumulator.
	zero := k.reg(free)
	f.p("\tCMPQ directArgs_relu(AX), $0")
	f.p("\tJEQ signed")
	f.p("\tVXORPS %s, %s, %s", zero, zero, zero)
	for _, a := range acc {
		f.p("\tVMAXPS %s, %s, %s", a, zero, a)
	}
	f.p("signed:")

	// Every other output has sums of its own: half as long a wait for the last.
	sum, square := k.regs(free, 2), k.regs(free+2, 2)
	f.p("\tMOVQ directArgs_sums(AX), CX")
	f.p("\tTESTQ CX, CX")
	f.p("\tJZ unsummed")
	f.p("\tVMOVUPS (CX), %s", sum[0])
	f.p("\tVMOVUPS 64(CX), %s", square[0])
	f.p("\tVXORPS %s, %s, %s", sum[1], sum[1], sum[1])
	f.p("\tVXORPS %s, %s, %s", square[1], square[1], square[1])
	for i, a := range acc {
		f.p("\tVADDPS %s, %s, %s", a, sum[i%2], sum[i%2])
		f.p("\tVFMADD231PS %s, %s, %s", a, a, square[i%2])
	}
	f.p("\tVADDPS %s, %s, %s", sum[1], sum[0], sum[0])
	f.p("\tVADDPS %s, %s, %s", square[1], square[0], square[0])
	f.p("\tVMOVUPS %s, (CX)", sum[0])
	f.p("\tVMOVUPS %s, 64(CX)", square[0])
	f.p("unsummed:")

	for i, a := range acc {
		f.p("\tVMOVUPS %s, %s", a, k.outputs[i].address(dstTile))
	}
}
