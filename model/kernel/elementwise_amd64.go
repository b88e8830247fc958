package kernel

import (
	"math"
	"unsafe"
)

// elementwiseArgs are the arguments of all elementwise kernels in assembly; the
// stubs say what each of them computes. Offsets are known to the generator.
type elementwiseArgs struct {
	dst, a, b, c unsafe.Pointer // first pixel of a map, or a vector
	p, q, r      unsafe.Pointer // per channel
	blocks       int            // of 16 channels; of a vector: groups of 4 registers
	rows         int
	fours, rest  int // pixels of a row: 4·fours + rest
	border       int // bytes between the last row of a block and the first of the next
	f0, f1, f2   float32
}

// elementwiseKernels is one instruction set's assembly. A kernel takes its
// arguments by value: with a pointer they would be allocated, since kernels are
// called through function values.
type elementwiseKernels struct {
	normApply, normApplyAdd                  func(elementwiseArgs)
	normSums                                 func(elementwiseArgs)
	normBackwardSums, normBackwardSumsMasked func(elementwiseArgs)
	normBackward                             func(elementwiseArgs)
	addInto                                  func(elementwiseArgs)
	averagePool, averagePoolGrad             func(elementwiseArgs)
	add                                      func(elementwiseArgs)
	sgd, sgdMasked                           func(elementwiseArgs)
	sgdNesterov, sgdNesterovMasked           func(elementwiseArgs)
	group                                    int // floats in 4 registers
}

func elementwiseAVX512() elementwiseFuncs {
	return (&elementwiseKernels{
		normApply: normApplyAVX512, normApplyAdd: normApplyAddAVX512,
		normSums:         normSumsAVX512,
		normBackwardSums: normBackwardSumsAVX512, normBackwardSumsMasked: normBackwardSumsMaskedAVX512,
		normBackward: normBackwardAVX512,
		addInto:      addIntoAVX512,
		averagePool:  averagePoolAVX512, averagePoolGrad: averagePoolGradAVX512,
		add: addAVX512,
		sgd: sgdAVX512, sgdMasked: sgdMaskedAVX512,
		sgdNesterov: sgdNesterovAVX512, sgdNesterovMasked: sgdNesterovMaskedAVX512,
		group: 64,
	}).funcs()
}

func elementwiseAVX2() elementwiseFuncs {
	return (&elementwiseKernels{
		normApply: normApplyAVX2, normApplyAdd: normApplyAddAVX2,
		normSums:         normSumsAVX2,
		normBackwardSums: normBackwardSumsAVX2, normBackwardSumsMasked: normBackwardSumsMaskedAVX2,
		normBackward: normBackwardAVX2,
		addInto:      addIntoAVX2,
		averagePool:  averagePoolAVX2, averagePoolGrad: averagePoolGradAVX2,
		add: addAVX2,
		sgd: sgdAVX2, sgdMasked: sgdMaskedAVX2,
		sgdNesterov: sgdNesterovAVX2, sgdNesterovMasked: sgdNesterovMaskedAVX2,
		group: 32,
	}).funcs()
}

func (k *elementwiseKernels) funcs() elementwiseFuncs {
	return elementwiseFuncs{
		normApply:        k.runNormApply,
		normSums:         k.runNormSums,
		normBackwardSums: k.runNormBackwardSums,
		normBackward:     k.runNormBackward,
		addInto:          k.runAddInto,
		averagePool:      k.runAveragePool,
		averagePoolGrad:  k.runAveragePoolGrad,
		add:              k.runAdd,
		sgd:              k.runSGD,
		packImage:        runPackImage,
	}
}

// elementwiseOf returns arguments that walk all pixels of m.
func elementwiseOf(m Map) elementwiseArgs {
	return elementwiseArgs{
		blocks: m.C / Lanes, rows: m.H, fours: m.W / 4, rest: m.W % 4,
		border: 2 * m.Row() * 4,
	}
}

// inside returns where m's first pixel is in s.
func (m Map) inside(s []float32) unsafe.Pointer { return unsafe.Pointer(&s[m.At(0, 0, 0)]) }

func (k *elementwiseKernels) runNormApply(m Map, a, y, residual, scale, shift []float32, relu bool) {
	args := elementwiseOf(m)
	args.dst, args.a = m.inside(a), m.inside(y)
	args.p, args.q = unsafe.Pointer(&scale[0]), unsafe.Pointer(&shift[0])
	args.f0 = float32(math.Inf(-1))
	if relu {
		args.f0 = 0
	}
	if residual == nil {
		k.normApply(args)
		return
	}
	args.b = m.inside(residual)
	k.normApplyAdd(args)
}

func (k *elementwiseKernels) runNormSums(m Map, y, sums []float32) {
	args := elementwiseOf(m)
	args.a, args.p = m.inside(y), unsafe.Pointer(&sums[0])
	k.normSums(args)
}

func (k *elementwiseKernels) runNormBackwardSums(m Map, g, a, y, mean, sums []float32) {
	args := elementwiseOf(m)
	args.dst, args.b = m.inside(g), m.inside(y)
	args.p, args.q = unsafe.Pointer(&sums[0]), unsafe.Pointer(&mean[0])
	if a == nil {
		k.normBackwardSums(args)
		return
	}
	args.a = m.inside(a)
	k.normBackwardSumsMasked(args)
}

func (k *elementwiseKernels) runNormBackward(m Map, dy, g, y, c0, c1, c2 []float32) {
	args := elementwiseOf(m)
	args.dst, args.a, args.b = m.inside(dy), m.inside(g), m.inside(y)
	args.p, args.q, args.r = unsafe.Pointer(&c0[0]), unsafe.Pointer(&c1[0]), unsafe.Pointer(&c2[0])
	k.normBackward(args)
}

func (k *elementwiseKernels) runAddInto(m Map, dst, src []float32) {
	args := elementwiseOf(m)
	args.dst, args.a = m.inside(dst), m.inside(src)
	k.addInto(args)
}

func (k *elementwiseKernels) runAveragePool(m Map, dst, a []float32) {
	args := elementwiseOf(m)
	args.a, args.q, args.f0 = m.inside(a), unsafe.Pointer(&dst[0]), float32(m.H*m.W)
	k.averagePool(args)
}

func (k *elementwiseKernels) runAveragePoolGrad(m Map, g, dst []float32) {
	args := elementwiseOf(m)
	args.dst, args.p, args.f0 = m.inside(g), unsafe.Pointer(&dst[0]), float32(m.H*m.W)
	k.averagePoolGrad(args)
}

func (k *elementwiseKernels) runAdd(dst, src []float32) {
	n := len(dst) / k.group
	if n > 0 {
		k.add(elementwiseArgs{dst: unsafe.Pointer(&dst[0]), a: unsafe.Pointer(&src[0]), blocks: n})
	}
	addGo(dst[n*k.group:], src[n*k.group:])
}

func (k *elementwiseKernels) runSGD(w, g, v, mask []float32, lr, momentum, decay float32, nesterov bool) {
	n := len(w) / k.group
	if n > 0 {
		args := elementwiseArgs{
			dst: unsafe.Pointer(&w[0]), a: unsafe.Pointer(&g[0]), b: unsafe.Pointer(&v[0]),
			blocks: n, f0: lr, f1: momentum, f2: decay,
		}
		free, masked := k.sgd, k.sgdMasked
		if nesterov {
			free, masked = k.sgdNesterov, k.sgdNesterovMasked
		}
		if mask == nil {
			free(args)
		} else {
			args.c = unsafe.Pointer(&mask[0])
			masked(args)
		}
	}
	n *= k.group
	if mask != nil {
		mask = mask[n:]
	}
	sgdGo(w[n:], g[n:], v[n:], mask, lr, momentum, decay, nesterov)
}

func runPackImage(side int, dst, src []float32) {
	if side%4 != 0 || side == 0 {
		packImageGo(side, dst, src)
		return
	}
	plane := side * side
	packImageAVX2(elementwiseArgs{
		dst: unsafe.Pointer(&dst[(side+3)*4]),
		a:   unsafe.Pointer(&src[0]), b: unsafe.Pointer(&src[plane]), c: unsafe.Pointer(&src[2*plane]),
		rows: side, fours: side / 4,
	})
}
