package kernel

import (
	"math"
	"unsafe"
)

// sparseArgs are the arguments of sparse convolution in assembly: one strip of
// rows, in all output channels. Offsets are known to the generator.
type sparseArgs struct {
	dst, src       unsafe.Pointer
	entries        unsafe.Pointer
	columns        unsafe.Pointer
	bias, residual unsafe.Pointer
	channels       int
	plane          int     // bytes between dst's channels
	floor          float32 // 0, or −∞
}

// A sparseStrip is a kernel for maps of one width, so many rows at a time. As
// behind every function value, a pointer to its arguments would be allocated.
type sparseStrip struct {
	width, rows int
	run         func(sparseArgs)
}

type sparseStrips []sparseStrip

func sparseAVX512() sparseFuncs {
	return sparseStrips{{32, 8, sparse32x8AVX512}, {16, 8, sparse16x8AVX512}, {8, 8, sparse8x8AVX512}}.funcs()
}

func sparseAVX2() sparseFuncs {
	return sparseStrips{{32, 2, sparse32x2AVX2}, {16, 4, sparse16x4AVX2}, {8, 8, sparse8x8AVX2}}.funcs()
}

func (s sparseStrips) funcs() sparseFuncs {
	return sparseFuncs{
		forward: s.forward,
		split:   runSplitPlanes,
		fromMap: runMapToPlanes,
		toMap:   runPlanesToMap,
		pool:    runPoolPlanes,
	}
}

// forward computes one image, in Go if no kernel fits.
func (s sparseStrips) forward(p *Sparse, y, x []float32, e Epilogue) {
	for _, strip := range s {
		if p.out.W == strip.width && p.out.H%strip.rows == 0 && len(p.entries) > 0 {
			strip.forward(p, y, x, e)
			return
		}
	}
	sparseForwardGo(p, y, x, e)
}

func (s sparseStrip) forward(p *Sparse, y, x []float32, e Epilogue) {
	args := sparseArgs{
		entries: unsafe.Pointer(&p.entries[0]), columns: unsafe.Pointer(&p.columns[0]),
		channels: p.out.C, plane: p.out.Plane() * 4,
		floor: float32(math.Inf(-1)),
	}
	if e.ReLU {
		args.floor = 0
	}
	if e.Bias != nil {
		args.bias = unsafe.Pointer(&e.Bias[0])
	}
	for row := 0; row < p.out.H; row += s.rows {
		at := p.out.At(0, row, 0)
		args.dst, args.src = unsafe.Pointer(&y[at]), unsafe.Pointer(&x[row*p.in.W])
		if e.Residual != nil {
			args.residual = unsafe.Pointer(&e.Residual[at])
		}
		s.run(args)
	}
}
