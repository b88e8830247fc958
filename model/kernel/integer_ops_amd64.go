package kernel

import "unsafe"

// addCodesArgs are the arguments of AddCodes in assembly. Offsets of the first
// four and of the numbers are known to the generator.
type addCodesArgs struct {
	dst, a, b                    unsafe.Pointer // first pixel
	blocks, rows, cols, border   int            // border: bytes between the last row of a block and the first of the next
	scaleA, scaleB, inverse      float32
	zeroA, zeroB, zero, low, top int32
}

//go:noescape
func addCodesAVX512(a addCodesArgs)

//go:noescape
func addCodesAVX2(a addCodesArgs)

func codesAVX512() codeFuncs { return assembledCodes(addCodesAVX512) }

func codesAVX2() codeFuncs { return assembledCodes(addCodesAVX2) }

func assembledCodes(add func(addCodesArgs)) codeFuncs {
	f := codesGo()
	f.maxPool = runMaxPoolCodes
	f.add = func(dst, a, b []uint8, m Map, q *IntegerAdd, bounds Output) {
		if !q.fits() {
			addCodesGo(dst, a, b, m, q, bounds)
			return
		}
		args := addCodesArgs{
			blocks: 1, rows: m.H, cols: m.W, border: 2 * m.Row(),
			scaleA: q.A.Scale, scaleB: q.B.Scale, inverse: 1 / q.Out.Scale,
			zeroA: int32(q.A.Zero), zeroB: int32(q.B.Zero),
			zero: int32(bounds.Zero), low: int32(bounds.Low), top: int32(bounds.High),
		}
		for c := 0; c < m.C; c += Lanes { // one call for each block, so that no call takes long
			at := m.At(c, 0, 0)
			args.dst, args.a, args.b = unsafe.Pointer(&dst[at]), unsafe.Pointer(&a[at]), unsafe.Pointer(&b[at])
			add(args)
		}
	}
	return f
}
