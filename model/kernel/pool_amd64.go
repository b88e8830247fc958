package kernel

import (
	"math"
	"unsafe"
)

// poolAsm is one instruction set's assembly for max pools, by pixels in a tile.
type poolAsm struct {
	pixels, withPlaces int // in the largest tiles
	max, places        [15]func(slideArgs)
}

func (k *poolAsm) funcs() poolFuncs { return poolFuncs{max: k.runMax, maxGrad: maxPoolGradGo} }

// lowest is what a maximum begins with.
var lowest = func() (p pixel) {
	for i := range p {
		p[i] = float32(math.Inf(-1))
	}
	return p
}()

// slide returns the pool of one block as a slide over source v. It needs no
// weights.
func (p Pool) slide(v view) slide {
	out := p.Out.view()
	return slide{
		rows: p.Out.H, cols: p.Out.W,
		dst: out.origin, dstPlane: out.plane, dstRow: out.row, dstCol: out.pixel,
		src: v.at(-p.Top, -p.Left), srcPlane: v.plane, srcRow: p.Stride * v.row, srcCol: p.Stride * v.pixel,
		tapRows: p.Kernel, tapCols: p.Kernel, tapRow: v.row, tapCol: v.pixel,
	}
}

// runMax calls the assembly once per block and column of tiles. If windows
// reach out of the map, it works on a copy with a frame of −Inf.
func (k *poolAsm) runMax(p Pool, y []float32, arg []uint8, x, scratch []float32) {
	one, g := Map{Lanes, p.In.H, p.In.W}, p.margins(p.In, p.Out)
	from, to := one.view(), one.framed(g.atLeast(0))
	kernels, most := &k.max, k.pixels
	if arg != nil {
		kernels, most = &k.places, k.withPlaces
	}
	for block := range p.In.C / Lanes {
		src, v := x[block*from.plane:], from
		if !g.within(0) {
			v = to
			frame(scratch[:to.plane], to, src, from, lowest[0])
			src = scratch
		}
		s := p.slide(v)
		s.dst += block * s.dstPlane
		a := s.args(4)
		a.outs, a.zero = 1, 1
		s.columns(most, func(t tile) {
			a.set(t, 4)
			a.rows = t.rows
			a.dst, a.src = unsafe.Pointer(&y[t.at]), unsafe.Pointer(&src[t.offset])
			a.bias = unsafe.Pointer(&lowest)
			if arg != nil {
				a.arg = unsafe.Pointer(&arg[(block*p.Out.H*p.Out.W+t.x)*Lanes])
				a.argRow = p.Out.W * Lanes
			}
			kernels[t.pixels](a)
		})
	}
}

// maxCodesTile is the largest tile of codes.
const maxCodesTile = 14

// runMaxPoolCodes leaves windows that reach out of the map to Go.
func runMaxPoolCodes(p Pool, y, x []uint8) {
	s := p.slide(p.In.view())
	// The outputs from (top, left) to before (bottom, right) have whole windows.
	whole := func(size, outs, before int) (first, end int) {
		first = (before + p.Stride - 1) / p.Stride
		if size+before < p.Kernel {
			return 0, 0
		}
		return min(first, outs), min(outs, (size+before-p.Kernel)/p.Stride+1)
	}
	top, bottom := whole(p.In.H, p.Out.H, p.Top)
	left, right := whole(p.In.W, p.Out.W, p.Left)
	if bottom <= top || right <= left {
		maxPoolCodesGo(p, y, x)
		return
	}
	if top > 0 || left > 0 || bottom < p.Out.H || right < p.Out.W {
		maxPoolCodesEdges(p, y, x, top, left, bottom, right)
	}
	s.rows, s.cols = bottom-top, right-left
	s.src += top*s.srcRow + left*s.srcCol
	s.dst += top*s.dstRow + left*s.dstCol
	a := s.args(1)
	a.srcPlaneNext = s.srcPlane
	s.tiles(maxCodesTile, func(t tile) {
		a.set(t, 1)
		a.outs, a.rows = p.Out.C/Lanes, t.rows
		a.dst, a.src = unsafe.Pointer(&y[t.at]), unsafe.Pointer(&x[t.offset])
		maxPoolCodesKernels[t.pixels](a)
	})
}

func poolAVX512() poolFuncs {
	k := &poolAsm{pixels: 14, withPlaces: 14}
	k.max = [15]func(slideArgs){
		1: slideMaxPool1AVX512, 2: slideMaxPool2AVX512, 3: slideMaxPool3AVX512, 4: slideMaxPool4AVX512,
		5: slideMaxPool5AVX512, 6: slideMaxPool6AVX512, 7: slideMaxPool7AVX512, 8: slideMaxPool8AVX512,
		9: slideMaxPool9AVX512, 10: slideMaxPool10AVX512, 11: slideMaxPool11AVX512, 12: slideMaxPool12AVX512,
		13: slideMaxPool13AVX512, 14: slideMaxPool14AVX512,
	}
	k.places = [15]func(slideArgs){
		1: slideMaxPoolPlaces1AVX512, 2: slideMaxPoolPlaces2AVX512, 3: slideMaxPoolPlaces3AVX512, 4: slideMaxPoolPlaces4AVX512,
		5: slideMaxPoolPlaces5AVX512, 6: slideMaxPoolPlaces6AVX512, 7: slideMaxPoolPlaces7AVX512, 8: slideMaxPoolPlaces8AVX512,
		9: slideMaxPoolPlaces9AVX512, 10: slideMaxPoolPlaces10AVX512, 11: slideMaxPoolPlaces11AVX512, 12: slideMaxPoolPlaces12AVX512,
		13: slideMaxPoolPlaces13AVX512, 14: slideMaxPoolPlaces14AVX512,
	}
	return k.funcs()
}

func poolAVX2() poolFuncs {
	k := &poolAsm{pixels: 6, withPlaces: 3}
	k.max = [15]func(slideArgs){
		1: slideMaxPool1AVX2, 2: slideMaxPool2AVX2, 3: slideMaxPool3AVX2, 4: slideMaxPool4AVX2,
		5: slideMaxPool5AVX2, 6: slideMaxPool6AVX2,
	}
	k.places = [15]func(slideArgs){
		1: slideMaxPoolPlaces1AVX2, 2: slideMaxPoolPlaces2AVX2, 3: slideMaxPoolPlaces3AVX2,
	}
	return k.funcs()
}

var maxPoolCodesKernels = [15]func(slideArgs){
	1: slideMaxPoolCodes1AVX2, 2: slideMaxPoolCodes2AVX2, 3: slideMaxPoolCodes3AVX2, 4: slideMaxPoolCodes4AVX2,
	5: slideMaxPoolCodes5AVX2, 6: slideMaxPoolCodes6AVX2, 7: slideMaxPoolCodes7AVX2, 8: slideMaxPoolCodes8AVX2,
	9: slideMaxPoolCodes9AVX2, 10: slideMaxPoolCodes10AVX2, 11: slideMaxPoolCodes11AVX2, 12: slideMaxPoolCodes12AVX2,
	13: slideMaxPoolCodes13AVX2, 14: slideMaxPoolCodes14AVX2,
}
