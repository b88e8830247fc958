package kernel

import (
	"math"
	"unsafe"
)

// planesArgs are the arguments of the conversions in assembly. The generator in
// _asm says how each uses them.
type planesArgs struct {
	dst, src unsafe.Pointer
	n        [6]int
}

func runPackPlanes(p Planes, dst, src []float32) {
	if p.W%16 != 0 {
		packPlanesGo(p, dst, src)
		return
	}
	packPlanesAVX2(planesArgs{
		dst: unsafe.Pointer(&dst[p.row(0, 0)]), src: unsafe.Pointer(&src[0]),
		n: [6]int{p.C, p.H, p.W / 16, 4 * p.W / 2, 4 * (p.Plane() - p.H*p.W)},
	})
}

func runMapToPlanes(m Map, dst, src []float32) {
	run := mapToPlanes16AVX2
	if m.W == 8 {
		run = mapToPlanes8AVX2
	} else if m.W%16 != 0 {
		mapToPlanesGo(m, dst, src)
		return
	}
	p := m.Planes()
	for c := 0; c < m.C; c += 8 {
		run(planesArgs{
			dst: unsafe.Pointer(&dst[p.row(c, 0)]), src: unsafe.Pointer(&src[m.At(c, 0, 0)]),
			n: [6]int{m.H, (m.W + 8) / 16, 4 * p.Plane()},
		})
	}
}

func runPlanesToMap(m Map, dst, src []float32) {
	run := planesToMap16AVX2
	if m.W == 8 {
		run = planesToMap8AVX2
	} else if m.W%16 != 0 {
		planesToMapGo(m, dst, src)
		return
	}
	p := m.Planes()
	for c := 0; c < m.C; c += 8 {
		run(planesArgs{
			dst: unsafe.Pointer(&dst[m.At(c, 0, 0)]), src: unsafe.Pointer(&src[p.row(c, 0)]),
			n: [6]int{m.H, (m.W + 8) / 16, 4 * p.Plane()},
		})
	}
}

func runPoolPlanes(p Planes, dst, a []float32) {
	n := p.H * p.W
	if n%8 != 0 {
		averagePoolPlanesGo(p, dst, a)
		return
	}
	poolPlanesAVX2(planesArgs{
		dst: unsafe.Pointer(&dst[0]), src: unsafe.Pointer(&a[p.row(0, 0)]),
		n: [6]int{p.C, n / 8, 4 * (p.Plane() - n), int(math.Float32bits(float32(n)))},
	})
}
