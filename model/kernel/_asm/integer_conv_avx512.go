package main

import "strings"

// A convVNNI writes a convolution that computes tiles of 2 rows × 8 pixels × 16
// output channels, a row in 8 accumulators. Per group of 4 input channels it
// loads one weight vector for each kernel column and broadcasts every input
// pixel once, for all the columns that read it.
//
// What turns the sums of one row into codes waits for long and would keep the
// multiplications of the next row waiting behind it. So it is woven into them,
// and the last row of a tile is stored during the next tile.
type convVNNI struct {
	*file
	intConv
}

const (
	vnniWidth  = 8  // pixels of a tile: the first row's are in Z0 to Z7, the second's in Z8 to Z15
	vnniWeight = 16 // the weights of up to 3 kernel columns
	vnniInput  = 19 // 4 input pixels, used in turn
	vnniOther  = 28 // 4 terms to add
)

// vnniEpilogue are the constants of codes.
const (
	vnniScale = 23 + iota
	vnniBias
	vnniZero  // words
	vnniLow   // bytes
	vnniOrder // integerTransposition
)

func (c convVNNI) write() {
	c.fn("int"+c.name+"AVX512", 0)
	c.p("\tMOVQ %s, DI // output tile", intDst)
	c.p("\tMOVQ DI, R13 // the tile to store: at first this one, whatever is in the registers")
	if c.add {
		c.p("\tSUBQ DI, %s // distance from the output", intResidual)
	}
	c.p("\tMOVQ %s, SI // input rows above it", intSrc)
	c.p("\tMOVQ %s, R8", intRows)
	c.p("\tMOVQ %s, R11", intSrcRow)
	c.p("\tMOVQ %s, R12", intDstRow)
	c.p("\tMOVQ %s, CX", intScale)
	c.p("\tVMOVUPS (CX), Z%d", vnniScale)
	c.p("\tMOVQ %s, CX", intBias)
	c.p("\tVMOVUPS (CX), Z%d", vnniBias)
	c.p("\tVPBROADCASTW %s, Z%d", intZero, vnniZero)
	c.p("\tVPBROADCASTB %s, Z%d", intLow, vnniLow)
	c.p("\tVMOVDQU32 integerTransposition<>(SB), Z%d", vnniOrder)
	c.p("row:")
	c.p("\tMOVQ SI, R9")
	c.p("\tMOVQ %s, R14", intTiles)
	c.p("tile:")
	c.tileRow(0)
	c.tileRow(1)
	c.p("\tADDQ $%d, DI", vnniWidth*16)
	c.p("\tADDQ $%d, R9", vnniWidth*c.stride*c.pixel())
	c.p("\tDECQ R14")
	c.p("\tJNZ tile")
	c.p("\tMOVQ %s, DI", intDst)
	c.p("\tLEAQ (DI)(R12*2), DI")
	c.p("\tMOVQ DI, %s", intDst)
	for range c.stride {
		c.p("\tLEAQ (SI)(R11*2), SI")
	}
	c.p("\tDECQ R8")
	c.p("\tJNZ row")
	c.terms(1)
	c.codes(1)
	c.p("\tVZEROUPPER")
	c.p("\tRET")
}

// tileRow computes one row of a tile and, meanwhile, stores the row before it.
func (c convVNNI) tileRow(r int) {
	name := string(rune('a' + r))
	first := r * vnniWidth
	c.p("\tMOVQ %s, CX", intOffset)
	c.p("\tVMOVDQU32 (CX), Z%d", first)
	for t := 1; t < vnniWidth; t++ {
		c.p("\tVMOVDQA32 Z%d, Z%d", first, first+t)
	}
	c.p("\tMOVQ %s, BX", intWeight)
	c.p("\tMOVQ R9, CX")
	if r == 1 {
		for range c.stride {
			c.p("\tADDQ R11, CX")
		}
	}
	c.terms(1 - r)
	c.weave(c.lines(func(c convVNNI) { c.kernelRow(r) }), c.lines(func(c convVNNI) { c.codes(1 - r) }))
	if r == 0 {
		c.p("\tMOVQ DI, R13")
	}
	c.p("\tMOVQ %s, DX", intBlocks)
	if c.kernel > 1 {
		c.p("\tMOVQ $%d, R15", c.kernel-1)
	} else {
		c.p("\tJMP %s_end", name)
	}
	c.p("%s_row:", name)
	c.kernelRow(r)
	c.p("\tDECQ R15")
	c.p("\tJNZ %s_row", name)
	c.p("%s_end:", name)
	c.p("\tADDQ %s, CX", intSrcStep)
	c.p("\tMOVQ $%d, R15", c.kernel)
	c.p("\tDECQ DX")
	c.p("\tJNZ %s_row", name)
}

// kernelRow adds up the products of one kernel row and block of input channels
// for row r of the tile, and moves on to the next.
func (c convVNNI) kernelRow(r int) {
	n := 0
	for g := range c.groups {
		for k := range c.kernel {
			c.p("\tVMOVDQU32 %d(BX), Z%d", (g*c.kernel+k)*64, vnniWeight+k)
		}
		for i := range c.reads(vnniWidth) {
			if !c.used(i, vnniWidth) {
				continue
			}
			x := vnniInput + n%4
			n++
			c.p("\tVPBROADCASTD %d(CX), Z%d", i*c.pixel()+g*4, x)
			c.taps(i, vnniWidth, func(t, k int) {
				c.p("\tVPDPBUSD Z%d, Z%d, Z%d", vnniWeight+k, x, r*vnniWidth+t)
			})
		}
	}
	c.p("\tADDQ $%d, BX", c.groups*c.kernel*64)
	c.p("\tADDQ R11, CX")
}

// terms points R15 at the terms that codes of row r adds, DX at integerSum.
func (c convVNNI) terms(r int) {
	if !c.add {
		return
	}
	c.p("\tMOVQ %s, R15", intResidual)
	c.p("\tADDQ R13, R15")
	if r == 1 {
		c.p("\tADDQ R12, R15")
	}
	c.p("\tMOVQ %s, DX", intSum)
}

// codes turns the sums of row r into codes and stores them, four pixels at a
// time. Real values are known to fit int32, and packing saturates at both ends.
func (c convVNNI) codes(r int) {
	for first := 0; first < vnniWidth; first += 4 {
		z := [4]int{}
		for i := range z {
			z[i] = r*vnniWidth + first + i
		}
		each := func(do func(i, z int)) {
			for i, z := range z {
				do(i, z)
			}
		}
		each(func(_, z int) { c.p("\tVCVTDQ2PS Z%d, Z%d", z, z) })
		each(func(_, z int) { c.p("\tVMULPS Z%d, Z%d, Z%d", vnniScale, z, z) })
		each(func(_, z int) { c.p("\tVADDPS Z%d, Z%d, Z%d", vnniBias, z, z) })
		if c.add {
			each(func(i, _ int) { c.p("\tVPMOVZXBD %d(R15), Z%d", (first+i)*16, vnniOther+i) })
			each(func(_, z int) { c.p("\tVRNDSCALEPS $8, Z%d, Z%d // to even", z, z) })
			each(func(i, _ int) { c.p("\tVPSUBD.BCST %d(DX), Z%d, Z%d", otherZero, vnniOther+i, vnniOther+i) })
			each(func(_, z int) { c.p("\tVMAXPS.BCST %d(DX), Z%d, Z%d", sumLow, z, z) })
			each(func(i, _ int) { c.p("\tVCVTDQ2PS Z%d, Z%d", vnniOther+i, vnniOther+i) })
			each(func(_, z int) { c.p("\tVMINPS.BCST %d(DX), Z%d, Z%d", sumHigh, z, z) })
			each(func(i, _ int) { c.p("\tVMULPS.BCST %d(DX), Z%d, Z%d", otherScale, vnniOther+i, vnniOther+i) })
			each(func(_, z int) { c.p("\tVMULPS.BCST %d(DX), Z%d, Z%d", sumScale, z, z) })
			each(func(i, z int) { c.p("\tVADDPS Z%d, Z%d, Z%d", vnniOther+i, z, z) })
			each(func(_, z int) { c.p("\tVMULPS.BCST %d(DX), Z%d, Z%d", sumInverse, z, z) })
		}
		each(func(_, z int) { c.p("\tVCVTPS2DQ Z%d, Z%d", z, z) })
		for i := 0; i < 4; i += 2 {
			c.p("\tVPACKSSDW Z%d, Z%d, Z%d", z[i+1], z[i], z[i])
			c.p("\tVPADDSW Z%d, Z%d, Z%d", vnniZero, z[i], z[i])
		}
		c.p("\tVPACKUSWB Z%d, Z%d, Z%d", z[2], z[0], z[0])
		c.p("\tVPMAXUB Z%d, Z%d, Z%d", vnniLow, z[0], z[0])
		c.p("\tVPERMD Z%d, Z%d, Z%d", z[0], vnniOrder, z[0])
		c.p("\tVMOVDQU32 Z%d, %d(R13)%s", z[0], first*16, []string{"", "(R12*1)"}[r])
	}
}

// lines returns the lines that write writes.
func (c convVNNI) lines(write func(convVNNI)) []string {
	c.file = &file{}
	write(c)
	return strings.SplitAfter(strings.TrimSuffix(c.String(), "\n"), "\n")
}

// weave writes two independent sequences of instructions, a spread over b.
func (f *file) weave(b, a []string) {
	done := 0
	for i, line := range b {
		f.p("%s", strings.TrimSuffix(line, "\n"))
		for ; done < len(a)*(i+1)/len(b); done++ {
			f.p("%s", strings.TrimSuffix(a[done], "\n"))
		}
	}
}

// transposition writes the order of dwords that takes what packing leaves, the
// four pixels of channels 0 to 3, then of 4 to 7 and so on, to pixel after
// pixel.
func transposition(f *file) {
	f.p("")
	for i := range 16 {
		f.p("DATA integerTransposition<>+%d(SB)/4, $%d", 4*i, i%4*4+i/4)
	}
	f.p("GLOBL integerTransposition<>(SB), RODATA|NOPTR, $64")
}
