package main

import "fmt"

// Elementwise operations, from one text for both instruction sets. Arguments
// are passed by value: a pointer to them, handed to a function value, would
// move them to the heap. Offsets within elementwiseArgs:
const (
	ewDst    = 0  // the map, or vector, that is written
	ewA      = 8  // further maps, or vectors, that are read
	ewB      = 16 //
	ewC      = 24 //
	ewP      = 32 // per channel: coefficients, sums or means
	ewQ      = 40 //
	ewR      = 48 //
	ewBlocks = 56 // blocks of 16 channels; of a vector: groups of 4 registers
	ewRows   = 64 //
	ewFours  = 72 // groups of 4 pixels in a row
	ewRest   = 80 // pixels beyond them
	ewBorder = 88 // bytes of the border's two rows between two blocks
	ewF0     = 96 // float32
	ewF1     = 100
	ewF2     = 104
	ewSize   = 112
)

// Registers: maps share one layout, so a single offset walks all of them.
const (
	mapDst, mapA, mapB, mapC = "DI", "SI", "DX", "R8"
	perP, perQ, perR         = "R10", "R11", "R12"
	mapOffset                = "BX"
)

func elementwiseAVX512(f *file) { elementwise{f, "AVX512", "Z", 64}.all() }

func elementwiseAVX2(f *file) {
	elementwise{f, "AVX2", "Y", 32}.all()
	packImage(f)
}

// prefetchAhead is how many bytes ahead of their use pixels are fetched.
const prefetchAhead = 2048

// elementwise writes the kernels of one instruction set.
type elementwise struct {
	*file
	set   string
	class string // of registers
	bytes int    // in a register
}

// v names vector register i.
func (e elementwise) v(i int) string { return fmt.Sprintf("%s%d", e.class, i) }

// zero clears vector registers.
func (e elementwise) zero(regs ...int) {
	for _, i := range regs {
		e.p("\tVXORPS %s, %s, %s", e.v(i), e.v(i), e.v(i))
	}
}

// at addresses a map at the offset, so many bytes further.
func (e elementwise) at(base string, bytes int) string {
	return fmt.Sprintf("%d(%s)(%s*1)", bytes, base, mapOffset)
}

func (e elementwise) begin(name, does string) {
	e.p("\n// func %s%s(a elementwiseArgs)", name, e.set)
	e.p("// %s", does)
	e.p("TEXT ·%s%s(SB), NOSPLIT, $0-%d", name, e.set, ewSize)
	e.p("\tLEAQ a+0(FP), AX")
	for i, reg := range []string{mapDst, mapA, mapB, mapC, perP, perQ, perR} {
		e.p("\tMOVQ %d(AX), %s", 8*i, reg)
	}
	e.p("\tXORQ %s, %s", mapOffset, mapOffset)
	e.p("\tMOVQ %d(AX), R9", ewBlocks)
}

func (e elementwise) end() {
	e.p("\tVZEROUPPER")
	e.p("\tRET")
}

// plane walks one block of channels. body computes one vector of the pixel that
// is i pixels from the offset; i is also the pixel's number modulo 4.
// The pixels some way ahead in the maps named by streams are fetched meanwhile,
// because the hardware's own prefetching stops at the end of every page.
func (e elementwise) plane(streams []string, body func(i int)) {
	e.p("\tMOVQ %d(AX), R13", ewRows)
	e.p("row:")
	e.p("\tMOVQ %d(AX), CX", ewFours)
	e.p("\tTESTQ CX, CX")
	e.p("\tJZ rest")
	e.p("four:")
	for _, base := range streams {
		for i := range 4 {
			e.p("\tPREFETCHT0 %s", e.at(base, prefetchAhead+64*i))
		}
	}
	for i := range 4 {
		body(i)
	}
	e.p("\tADDQ $256, %s", mapOffset)
	e.p("\tDECQ CX")
	e.p("\tJNZ four")
	e.p("rest:")
	e.p("\tMOVQ %d(AX), CX", ewRest)
	for i := range 3 {
		e.p("\tTESTQ CX, CX")
		e.p("\tJZ next")
		body(i)
		e.p("\tDECQ CX")
	}
	e.p("next:")
	e.p("\tMOVQ %d(AX), CX", ewRest)
	e.p("\tSHLQ $6, CX")
	e.p("\tLEAQ 128(%s)(CX*1), %s", mapOffset, mapOffset)
	e.p("\tDECQ R13")
	e.p("\tJNZ row")
	e.p("\tADDQ %d(AX), %s", ewBorder, mapOffset)
}

// mapped writes a kernel that computes every pixel from the pixels at its
// place. Per vector of a block's channels, load brings up to three coefficients
// into the registers 8+3·vector and following; body computes the vector at a
// number of bytes from the offset with t as its own register.
func (e elementwise) mapped(name, does string, streams []string, once func(), load func(k, bytes int), body func(k, bytes, t int)) {
	e.begin(name, does)
	once()
	vectors := 64 / e.bytes
	e.p("block:")
	for v := range vectors {
		load(8+3*v, v*e.bytes)
	}
	for _, reg := range []string{perP, perQ, perR} {
		e.p("\tADDQ $64, %s", reg)
	}
	e.plane(streams, func(i int) {
		for v := range vectors {
			body(8+3*v, 64*i+v*e.bytes, (i*vectors+v)%8)
		}
	})
	e.p("\tDECQ R9")
	e.p("\tJNZ block")
	e.end()
}

// The registers of a summing kernel: its two partial sums of two values, for
// every vector of a pixel, the vector's mean, and zero.
func sumP(v, part int) int { return 8 + 2*v + part }
func sumQ(v, part int) int { return 12 + 2*v + part }
func mean(v int) int       { return 5 + v }

const sumZero = 7

// summed writes a kernel that adds up a map's pixels, block by block. start and
// finish are called before and after each block for every vector of a pixel;
// body computes vector v of pixel i with t and t+1 as its own registers.
func (e elementwise) summed(name, does string, streams []string, start func(v int), body func(i, v, t int), finish func(v int)) {
	e.begin(name, does)
	vectors := 64 / e.bytes
	e.zero(sumZero)
	e.p("block:")
	for v := range vectors {
		e.zero(sumP(v, 0), sumP(v, 1), sumQ(v, 0), sumQ(v, 1))
		start(v)
	}
	e.plane(streams, func(i int) {
		for v := range vectors {
			body(i, v, 2*((i*vectors+v)%2))
		}
	})
	for v := range vectors {
		e.p("\tVADDPS %s, %s, %s", e.v(sumP(v, 1)), e.v(sumP(v, 0)), e.v(sumP(v, 0)))
		e.p("\tVADDPS %s, %s, %s", e.v(sumQ(v, 1)), e.v(sumQ(v, 0)), e.v(sumQ(v, 0)))
		finish(v)
	}
	e.p("\tADDQ $128, %s // the sums of a block are two pixels", perP)
	e.p("\tADDQ $64, %s", perQ)
	e.p("\tDECQ R9")
	e.p("\tJNZ block")
	e.end()
}

// collect adds the registers p and q to the sums of pixel i, vector v.
func (e elementwise) collect(i, v, p, q int) {
	e.p("\tVADDPS %s, %s, %s", e.v(p), e.v(sumP(v, i%2)), e.v(sumP(v, i%2)))
	e.p("\tVADDPS %s, %s, %s", e.v(q), e.v(sumQ(v, i%2)), e.v(sumQ(v, i%2)))
}

// addSums adds the sums of vector v to those in memory.
func (e elementwise) addSums(v int) {
	for i, sum := range []int{sumP(v, 0), sumQ(v, 0)} {
		at := fmt.Sprintf("%d(%s)", 64*i+v*e.bytes, perP)
		e.p("\tVADDPS %s, %s, %s", at, e.v(sum), e.v(sum))
		e.p("\tVMOVUPS %s, %s", e.v(sum), at)
	}
}

func (e elementwise) all() {
	e.mappedKernels()
	e.summedKernels()
	e.vectorKernels()
}

func none() {}

func (e elementwise) mappedKernels() {
	noCoefficients := func(k, bytes int) {}
	coefficients := func(bases ...string) func(k, bytes int) {
		return func(k, bytes int) {
			for i, base := range bases {
				e.p("\tVMOVUPS %d(%s), %s", bytes, base, e.v(k+i))
			}
		}
	}
	for _, residual := range []bool{false, true} {
		name, does, streams := "normApply", "dst = max(p·a + q, F0)", []string{mapDst, mapA}
		if residual {
			name, does, streams = "normApplyAdd", "dst = max(p·a + q + b, F0)", []string{mapDst, mapA, mapB}
		}
		e.mapped(name, does, streams,
			func() { e.p("\tVBROADCASTSS %d(AX), %s", ewF0, e.v(14)) },
			coefficients(perP, perQ),
			func(k, bytes, t int) {
				e.p("\tVMULPS %s, %s, %s", e.at(mapA, bytes), e.v(k), e.v(t))
				e.p("\tVADDPS %s, %s, %s", e.v(k+1), e.v(t), e.v(t))
				if residual {
					e.p("\tVADDPS %s, %s, %s", e.at(mapB, bytes), e.v(t), e.v(t))
				}
				// Of two zeros, and where one is NaN, VMAXPS takes its first operand here.
				e.p("\tVMAXPS %s, %s, %s", e.v(t), e.v(14), e.v(t))
				e.p("\tVMOVUPS %s, %s", e.v(t), e.at(mapDst, bytes))
			})
	}
	e.mapped("normBackward", "dst = (q·b + r) + p·a", []string{mapDst, mapA, mapB}, none, coefficients(perP, perQ, perR),
		func(k, bytes, t int) {
			u := (t + 4) % 8
			e.p("\tVMULPS %s, %s, %s", e.at(mapB, bytes), e.v(k+1), e.v(t))
			e.p("\tVMULPS %s, %s, %s", e.at(mapA, bytes), e.v(k), e.v(u))
			e.p("\tVADDPS %s, %s, %s", e.v(k+2), e.v(t), e.v(t))
			e.p("\tVADDPS %s, %s, %s", e.v(u), e.v(t), e.v(t))
			e.p("\tVMOVUPS %s, %s", e.v(t), e.at(mapDst, bytes))
		})
	e.mapped("addInto", "dst += a", []string{mapDst, mapA}, none, noCoefficients,
		func(k, bytes, t int) {
			e.p("\tVMOVUPS %s, %s", e.at(mapDst, bytes), e.v(t))
			e.p("\tVADDPS %s, %s, %s", e.at(mapA, bytes), e.v(t), e.v(t))
			e.p("\tVMOVUPS %s, %s", e.v(t), e.at(mapDst, bytes))
		})
	e.mapped("averagePoolGrad", "dst = p / F0", []string{mapDst},
		func() { e.p("\tVBROADCASTSS %d(AX), %s", ewF0, e.v(14)) },
		func(k, bytes int) {
			e.p("\tVMOVUPS %d(%s), %s", bytes, perP, e.v(k))
			e.p("\tVDIVPS %s, %s, %s", e.v(14), e.v(k), e.v(k))
		},
		func(k, bytes, t int) { e.p("\tVMOVUPS %s, %s", e.v(k), e.at(mapDst, bytes)) })
}

func (e elementwise) summedKernels() {
	noStart := func(v int) {}
	e.summed("normSums", "p += Σ a, Σ a²", []string{mapA}, noStart,
		func(i, v, t int) {
			e.p("\tVMOVUPS %s, %s", e.at(mapA, 64*i+v*e.bytes), e.v(t))
			e.p("\tVMULPS %s, %s, %s", e.v(t), e.v(t), e.v(t+1))
			e.collect(i, v, t, t+1)
		},
		e.addSums)
	for _, masked := range []bool{false, true} {
		name, does, streams := "normBackwardSums", "p += Σ dst, Σ dst·(b − q)", []string{mapDst, mapB}
		if masked {
			name, does = "normBackwardSumsMasked", "dst = a > 0 ? dst : 0; p += Σ dst, Σ dst·(b − q)"
			streams = append(streams, mapA)
		}
		e.summed(name, does, streams,
			func(v int) { e.p("\tVMOVUPS %d(%s), %s", v*e.bytes, perQ, e.v(mean(v))) },
			func(i, v, t int) {
				bytes := 64*i + v*e.bytes
				if masked {
					e.mask(bytes, t)
				} else {
					e.p("\tVMOVUPS %s, %s", e.at(mapDst, bytes), e.v(t))
				}
				e.p("\tVMOVUPS %s, %s", e.at(mapB, bytes), e.v(t+1))
				e.p("\tVSUBPS %s, %s, %s", e.v(mean(v)), e.v(t+1), e.v(t+1))
				e.p("\tVMULPS %s, %s, %s", e.v(t), e.v(t+1), e.v(t+1))
				e.collect(i, v, t, t+1)
			},
			e.addSums)
	}
	e.summed("averagePool", "q = Σ a / F0", []string{mapA}, noStart,
		func(i, v, t int) {
			sum := e.v(sumP(v, i%2))
			e.p("\tVADDPS %s, %s, %s", e.at(mapA, 64*i+v*e.bytes), sum, sum)
		},
		func(v int) {
			e.p("\tVBROADCASTSS %d(AX), %s", ewF0, e.v(0))
			e.p("\tVDIVPS %s, %s, %s", e.v(0), e.v(sumP(v, 0)), e.v(0))
			e.p("\tVMOVUPS %s, %d(%s)", e.v(0), v*e.bytes, perQ)
		})
}

func (e elementwise) vectorKernels() {
	e.vector("add", "dst += a", none, func(bytes, t int) {
		e.p("\tVMOVUPS %s, %s", e.at(mapDst, bytes), e.v(t))
		e.p("\tVADDPS %s, %s, %s", e.at(mapA, bytes), e.v(t), e.v(t))
		e.p("\tVMOVUPS %s, %s", e.v(t), e.at(mapDst, bytes))
	})
	for _, update := range []struct {
		name, does       string
		nesterov, masked bool
	}{
		{"sgd", "b = F1·b + (a + F2·dst); dst = dst − F0·b", false, false},
		{"sgdMasked", "b = F1·b + (a + F2·dst); dst = (dst − F0·b)·c", false, true},
		{"sgdNesterov", "g = a + F2·dst; b = F1·b + g; dst = dst − F0·(F1·b + g)", true, false},
		{"sgdNesterovMasked", "g = a + F2·dst; b = F1·b + g; dst = (dst − F0·(F1·b + g))·c", true, true},
	} {
		e.vector(update.name, update.does,
			func() {
				for i := range 3 {
					e.p("\tVBROADCASTSS %d(AX), %s", ewF0+4*i, e.v(13+i))
				}
			},
			func(bytes, t int) {
				w, g, v := e.v(t), e.v(t+4), e.v(t+8)
				e.p("\tVMOVUPS %s, %s", e.at(mapDst, bytes), w)
				e.p("\tVMULPS %s, %s, %s", w, e.v(15), g)
				e.p("\tVADDPS %s, %s, %s", e.at(mapA, bytes), g, g)
				e.p("\tVMULPS %s, %s, %s", e.at(mapB, bytes), e.v(14), v)
				e.p("\tVADDPS %s, %s, %s", g, v, v)
				e.p("\tVMOVUPS %s, %s", v, e.at(mapB, bytes))
				if update.nesterov {
					e.p("\tVMULPS %s, %s, %s", v, e.v(14), v)
					e.p("\tVADDPS %s, %s, %s", g, v, v)
				}
				e.p("\tVMULPS %s, %s, %s", v, e.v(13), v)
				e.p("\tVSUBPS %s, %s, %s", v, w, w)
				if update.masked {
					e.p("\tVMULPS %s, %s, %s", e.at(mapC, bytes), w, w)
				}
				e.p("\tVMOVUPS %s, %s", w, e.at(mapDst, bytes))
			})
	}
}

// mask computes t = dst = a > 0 ? dst : 0, which stops at NaN.
func (e elementwise) mask(bytes, t int) {
	e.p("\tVMOVUPS %s, %s", e.at(mapA, bytes), e.v(t))
	if e.class == "Z" {
		e.p("\tVCMPPS $30, %s, %s, K1 // greater, false for NaN", e.v(sumZero), e.v(t))
		e.p("\tVMOVUPS.Z %s, K1, %s", e.at(mapDst, bytes), e.v(t))
	} else {
		e.p("\tVCMPPS $30, %s, %s, %s // greater, false for NaN", e.v(sumZero), e.v(t), e.v(t))
		e.p("\tVANDPS %s, %s, %s", e.at(mapDst, bytes), e.v(t), e.v(t))
	}
	e.p("\tVMOVUPS %s, %s", e.v(t), e.at(mapDst, bytes))
}

// vector writes a kernel for plain vectors, four registers at a time.
func (e elementwise) vector(name, does string, once func(), body func(bytes, t int)) {
	e.begin(name, does)
	once()
	e.p("loop:")
	for i := range 4 {
		body(i*e.bytes, i)
	}
	e.p("\tADDQ $%d, %s", 4*e.bytes, mapOffset)
	e.p("\tDECQ R9")
	e.p("\tJNZ loop")
	e.end()
}

// packImage lays out a square image, 4 pixels at a time: red, green and blue
// from a, b and c. The fourth lane becomes 0.
func packImage(f *file) {
	e := elementwise{f, "AVX2", "X", 16}
	e.begin("packImage", "dst = (a, b, c, 0), pixel by pixel")
	e.zero(7)
	e.p("\tMOVQ %d(AX), R13", ewRows)
	e.p("row:")
	e.p("\tMOVQ %d(AX), CX", ewFours)
	e.p("four:")
	e.p("\tVMOVUPS %s, X0", e.at(mapA, 0))
	e.p("\tVMOVUPS %s, X1", e.at(mapB, 0))
	e.p("\tVMOVUPS %s, X2", e.at(mapC, 0))
	e.p("\tVUNPCKLPS X1, X0, X3 // r0 g0 r1 g1")
	e.p("\tVUNPCKHPS X1, X0, X4 // r2 g2 r3 g3")
	e.p("\tVUNPCKLPS X7, X2, X5 // b0 0 b1 0")
	e.p("\tVUNPCKHPS X7, X2, X6 // b2 0 b3 0")
	for i, half := range []string{"L", "H", "L", "H"} {
		e.p("\tVUNPCK%sPD X%d, X%d, X0", half, 5+i/2, 3+i/2)
		e.p("\tVMOVUPS X0, %d(%s)", 16*i, mapDst)
	}
	e.p("\tADDQ $64, %s", mapDst)
	e.p("\tADDQ $16, %s", mapOffset)
	e.p("\tDECQ CX")
	e.p("\tJNZ four")
	e.p("\tADDQ $32, %s // the border", mapDst)
	e.p("\tDECQ R13")
	e.p("\tJNZ row")
	e.end()
}
