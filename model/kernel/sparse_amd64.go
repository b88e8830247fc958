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

// A sparseStrip is a kernel for outputs of one width and one stride, so many
// rows at a time. It takes its arguments by value, since a pointer would be
// allocated.
type sparseStrip struct {
	stride, width, rows int
	run                 func(sparseArgs)
}

type sparseStrips []sparseStrip

func sparseAVX512() sparseFuncs {
	return sparseStrips{
		{1, 32, 8, sparse32x8AVX512}, {1, 16, 8, sparse16x8AVX512}, {1, 8, 8, sparse8x8AVX512},
		{2, 16, 8, sparse16x8Stride2AVX512}, {2, 8, 8, sparse8x8Stride2AVX512},
	}.funcs()
}

func sparseAVX2() sparseFuncs {
	return sparseStrips{
		{1, 32, 2, sparse32x2AVX2}, {1, 16, 4, sparse16x4AVX2}, {1, 8, 8, sparse8x8AVX2},
		{2, 16, 4, sparse16x4Stride2AVX2}, {2, 8, 8, sparse8x8Stride2AVX2},
	}.funcs()
}

func (s sparseStrips) funcs() sparseFuncs {
	return sparseFuncs{
		forward: s.forward,
		pack:    runPackPlanes,
		fromMap: runMapToPlanes,
		toMap:   runPlanesToMap,
		pool:    runPoolPlanes,
	}
}

// forward computes one image, in Go if no kernel fits.
func (s sparseStrips) forward(p *Sparse, y, x []float32, e Epilogue) {
	for _, strip := range s {
		if strip.fits(p) {
			strip.forward(p, y, x, e)
			return
		}
	}
	sparseForwardGo(p, y, x, e)
}

func (s sparseStrip) fits(p *Sparse) bool {
	return p.conv.Stride == s.stride && p.out.W == s.width && p.in.W == s.width*s.stride && p.out.H%s.rows == 0 && len(p.entries) > 0
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
		at := p.out.row(0, row)
		args.dst, args.src = unsafe.Pointer(&y[at]), unsafe.Pointer(&x[row*s.stride*p.in.W])
		if e.Residual != nil {
			args.residual = unsafe.Pointer(&e.Residual[at])
		}
		s.run(args)
	}
}
