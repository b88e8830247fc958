package kernel

import "unsafe"

// integerArgs are the arguments of all integer kernels. The generator in _asm
// says how each kernel uses them.
type integerArgs struct {
	dst, src, weight    unsafe.Pointer
	scale, bias, offset unsafe.Pointer
	rows, tiles, blocks int
	srcRow, srcStep     int // bytes
	dstRow              int // bytes
	limit               float32
	zero, low           int32
	residual            unsafe.Pointer
	sum                 *integerSum
}

// integerSum are the constants of a convolution that adds another map. Each is
// repeated to fill a register of AVX2.
type integerSum struct {
	low, high             [8]float32 // codes of the convolution without their zero point
	scale, other, inverse [8]float32 // of its output, of the other map, and 1 / scale of the sum
	zero                  [8]int32   // of the other map
}

// integerKernels says how one instruction set's assembly cuts its work.
type integerKernels struct {
	tileRows, tileWidth int  // output pixels that a convolution computes at a time
	vector              int  // floats in a register
	wide                bool // weights of 16 bits
}

// An integerOp names one assembly function of a set.
type integerOp int

const (
	noOp integerOp = iota
	opConv3x3
	opConv3x3Add
	opConv3x3s2
	opConv1x1
	opConv1x1s2
	opImage3x3
	opLinear
	opAdd
	opImage
	opPool
	opExtent
)

func integerAVX512() integerFuncs {
	return (&integerKernels{tileRows: 2, tileWidth: 8, vector: 16}).funcs()
}

func integerAVX2() integerFuncs {
	return (&integerKernels{tileRows: 1, tileWidth: 2, vector: 8, wide: true}).funcs()
}

// call runs op. A function value would do in place of the switch but for the
// arguments, which would then move to the heap.
func (k *integerKernels) call(op integerOp, a *integerArgs) {
	if k.wide {
		switch op {
		case opConv3x3:
			intConv3x3AVX2(a)
		case opConv3x3Add:
			intConv3x3AddAVX2(a)
		case opConv3x3s2:
			intConv3x3s2AVX2(a)
		case opConv1x1:
			intConv1x1AVX2(a)
		case opConv1x1s2:
			intConv1x1s2AVX2(a)
		case opImage3x3:
			intImage3x3AVX2(a)
		case opLinear:
			intLinearAVX2(a)
		case opAdd:
			intAddAVX2(a)
		case opImage:
			intImageAVX2(a)
		case opPool:
			intPoolAVX2(a)
		case opExtent:
			intExtentAVX2(a)
		}
		return
	}
	switch op {
	case opConv3x3:
		intConv3x3AVX512(a)
	case opConv3x3Add:
		intConv3x3AddAVX512(a)
	case opConv3x3s2:
		intConv3x3s2AVX512(a)
	case opConv1x1:
		intConv1x1AVX512(a)
	case opConv1x1s2:
		intConv1x1s2AVX512(a)
	case opImage3x3:
		intImage3x3AVX512(a)
	case opLinear:
		intLinearAVX512(a)
	case opAdd:
		intAddAVX512(a)
	case opImage:
		intImageAVX512(a)
	case opPool:
		intPoolAVX512(a)
	case opExtent:
		intExtentAVX512(a)
	}
}

func (k *integerKernels) funcs() integerFuncs {
	return integerFuncs{
		packConv:   k.packConv,
		packLinear: k.pack,
		conv:       k.runConv,
		direct:     func(c Conv) bool { return k.shape(c) != noOp },
		convAdd:    k.runConvAdd,
		add:        k.runAdd,
		quantize:   k.runQuantize,
		pool:       k.runPool,
		linear:     k.runLinear,
		extent:     k.runExtent,
	}
}

// choose returns the assembly for a convolution. It returns noOp if the shape
// has none, the map is smaller than one tile, or real values may not fit int32.
func (k *integerKernels) choose(c *IntegerConv) integerOp {
	if !c.fits {
		return noOp
	}
	return k.shape(c.Conv)
}

// shape is choose for a convolution whose real values fit.
func (k *integerKernels) shape(c Conv) integerOp {
	if c.Out.H < k.tileRows || c.Out.W < k.tileWidth {
		return noOp
	}
	type shape struct{ lanes, kernel, stride int }
	switch (shape{c.lanes(), c.Kernel, c.Stride}) {
	case shape{16, 3, 1}:
		return opConv3x3
	case shape{16, 3, 2}:
		return opConv3x3s2
	case shape{16, 1, 1}:
		return opConv1x1
	case shape{16, 1, 2}:
		return opConv1x1s2
	case shape{4, 3, 1}:
		return opImage3x3
	}
	return noOp
}

// packConv packs for the kernel that runConv will choose.
func (k *integerKernels) packConv(c *IntegerConv, weight []int8) packed {
	if k.choose(c) == noOp {
		return packByTap(c.Conv, weight)
	}
	return k.pack(c.Conv, weight)
}

func (k *integerKernels) pack(c Conv, weight []int8) packed {
	if k.wide {
		return packWords(c, weight)
	}
	return packBytes(c, weight)
}

// block returns the weights of the 16 output channels from ch on.
func (p packed) block(c Conv, ch int) unsafe.Pointer {
	at := ch / Lanes * (packedLen(c) / (c.Out.C / Lanes))
	if p.words != nil {
		return unsafe.Pointer(&p.words[at])
	}
	return unsafe.Pointer(&p.bytes[at])
}

// A span is a run of tiles along one axis of a map.
type span struct{ start, tiles int }

// spans covers n pixels with tiles: as many as fit and, if pixels remain, one
// more that overlaps the last. Writing a pixel twice writes the same value.
func spans(n, tile int) [2]span {
	all := [2]span{{0, n / tile}}
	if n%tile != 0 {
		all[1] = span{n - tile, 1}
	}
	return all
}

func (k *integerKernels) runConv(dst, src []uint8, c *IntegerConv, share Share) {
	op := k.choose(c)
	if op != noOp {
		k.runTiles(op, dst, src, nil, c, &integerArgs{zero: int32(c.Zero), low: c.low()}, share)
	} else if share.Part == 0 {
		convIntegerGo(dst, src, c)
	}
}

func (k *integerKernels) runConvAdd(dst, src, other []uint8, c *IntegerConv, q *IntegerAdd, share Share) {
	if k.choose(c) != opConv3x3 || !q.fits() {
		if share.Part == 0 {
			k.runConv(dst, src, c, Share{})
			k.runAdd(dst, dst, other, c.Out, q)
		}
		return
	}
	var sum integerSum
	for i := range sum.low {
		sum.low[i], sum.high[i] = float32(c.low()-int32(c.Zero)), float32(255-int32(c.Zero))
		sum.scale[i], sum.other[i], sum.inverse[i] = q.A.Scale, q.B.Scale, 1/q.Out.Scale
		sum.zero[i] = int32(q.B.Zero)
	}
	zero := int32(q.Out.Zero)
	k.runTiles(opConv3x3Add, dst, src, other, c, &integerArgs{sum: &sum, zero: zero, low: zero}, share)
}

// runTiles calls op for a share's blocks of output channels and tiles. other is
// nil unless op adds it.
func (k *integerKernels) runTiles(op integerOp, dst, src, other []uint8, c *IntegerConv, args *integerArgs, share Share) {
	lanes, row := c.lanes(), (c.In.W+2)*c.lanes()
	edge := 1 - c.Kernel/2
	args.blocks = c.inputBlocks()
	args.srcRow, args.srcStep, args.dstRow = row, (c.In.H+2-c.Kernel)*row, c.Out.Row()
	block, endBlock, first, end := share.split(c.Out.C/Lanes, c.Out.H/k.tileRows*k.tileRows, k.tileRows)
	if first == end {
		return
	}
	if end == c.Out.H/k.tileRows*k.tileRows {
		end = c.Out.H // the last share has the rows that are no whole tile
	}
	for ch := block * Lanes; ch < endBlock*Lanes; ch += Lanes {
		args.weight = c.weight.block(c.Conv, ch)
		args.scale, args.bias, args.offset = unsafe.Pointer(&c.Scale[ch]), unsafe.Pointer(&c.Bias[ch]), unsafe.Pointer(&c.Offset[ch])
		for _, ys := range spans(end-first, k.tileRows) {
			ys.start += first
			for _, xs := range spans(c.Out.W, k.tileWidth) {
				if ys.tiles == 0 || xs.tiles == 0 {
					continue
				}
				args.rows, args.tiles = ys.tiles, xs.tiles
				args.src = unsafe.Pointer(&src[(ys.start*c.Stride+edge)*row+(xs.start*c.Stride+edge)*lanes])
				at := c.Out.At(ch, ys.start, xs.start)
				args.dst = unsafe.Pointer(&dst[at])
				if other != nil {
					args.residual = unsafe.Pointer(&other[at])
				}
				k.call(op, args)
			}
		}
	}
}

func (k *integerKernels) runAdd(dst, a, b []uint8, m Map, q *IntegerAdd) {
	scales := [3]float32{q.A.Scale, q.B.Scale, 1 / q.Out.Scale}
	zeros := [2]int32{int32(q.A.Zero), int32(q.B.Zero)}
	for c := 0; c < m.C; c += Lanes {
		at := m.At(c, 0, 0)
		k.call(opAdd, &integerArgs{
			dst: unsafe.Pointer(&dst[at]), src: unsafe.Pointer(&a[at]), weight: unsafe.Pointer(&b[at]),
			scale: unsafe.Pointer(&scales), offset: unsafe.Pointer(&zeros),
			rows: m.H, tiles: m.W, dstRow: m.Row(),
			limit: 255, zero: int32(q.Out.Zero), low: int32(q.Out.Zero),
		})
	}
}

func (k *integerKernels) runQuantize(dst []uint8, src []float32, h, w int, q Affine) {
	if w%k.vector != 0 {
		quantizeImageGo(dst, src, h, w, q)
		return
	}
	inverse := 1 / q.Scale
	k.call(opImage, &integerArgs{
		dst: unsafe.Pointer(&dst[(w+3)*4]), src: unsafe.Pointer(&src[0]), scale: unsafe.Pointer(&inverse),
		rows: h, tiles: w / k.vector, srcStep: h * w * 4, dstRow: (w + 2) * 4,
		limit: 255, zero: int32(q.Zero),
	})
}

func (k *integerKernels) runPool(sums []int32, src []uint8, m Map) {
	for c := 0; c < m.C; c += Lanes {
		k.call(opPool, &integerArgs{
			dst: unsafe.Pointer(&sums[c]), src: unsafe.Pointer(&src[m.At(c, 0, 0)]),
			rows: m.H, tiles: m.W, srcRow: m.Row(),
		})
	}
}

func (k *integerKernels) runLinear(sums []int32, src []uint8, l *IntegerLinear) {
	k.call(opLinear, &integerArgs{
		dst: unsafe.Pointer(&sums[0]), src: unsafe.Pointer(&src[0]), weight: l.weight.block(l.conv, 0),
		rows: l.Sums() / Lanes, blocks: l.In / 4,
	})
}

func (k *integerKernels) runExtent(x []float32) (lo, hi float32, nan bool) {
	tile := 4 * k.vector
	body := len(x) / tile * tile
	if body == 0 {
		return extentGo(x)
	}
	var both [32]float32
	args := integerArgs{dst: unsafe.Pointer(&both), src: unsafe.Pointer(&x[0]), tiles: body / tile}
	k.call(opExtent, &args)
	lo, _, _ = extentGo(both[:k.vector])
	_, hi, _ = extentGo(both[k.vector : 2*k.vector])
	if body < len(x) {
		l, h, n := extentGo(x[body:])
		lo, hi, nan = min(lo, l), max(hi, h), n
	}
	return lo, hi, nan || args.tiles != 0
}
