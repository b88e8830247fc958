package main

// convMADD writes a convolution that computes a tile of 2 pixels × 16 output
// channels. A vector of 16 weights holds 4 output channels × 4 inputs; every
// input pixel's group of 4 is repeated 4 times. An accumulator therefore holds
// two partial sums for each of 4 output channels, and VPHADDD brings them
// together at the end. The rest is as in convCodes.
func convMADD(f *file, c intConv) {
	const width, quarters = 2, 4
	acc := func(t, q int) int { return t*quarters + q }

	f.fn("int"+c.name+"AVX2", 0)
	f.p("\tMOVQ %s, DI", intDst)
	if c.add {
		f.p("\tSUBQ DI, %s // distance from the output", intResidual)
	}
	f.p("\tMOVQ %s, SI", intSrc)
	f.p("\tMOVQ %s, R8", intRows)
	f.p("\tMOVQ %s, R11", intSrcRow)
	f.p("\tMOVQ %s, R12", intDstRow)
	f.p("row:")
	f.p("\tMOVQ DI, R13")
	f.p("\tMOVQ SI, R9")
	f.p("\tMOVQ %s, R14", intTiles)
	f.p("tile:")
	for i := range width * quarters {
		f.p("\tVPXOR Y%d, Y%d, Y%d", i, i, i)
	}
	f.p("\tMOVQ %s, BX", intWeight)
	f.p("\tMOVQ R9, CX")
	f.p("\tMOVQ %s, DX", intBlocks)
	f.p("block:")
	f.p("\tMOVQ $%d, R15", c.kernel)
	f.p("kernelrow:")
	n := 0
	for g := range c.groups {
		for i := range c.reads(width) {
			if !c.used(i, width) {
				continue
			}
			x := 8 + i%2
			f.p("\tVPBROADCASTD %d(CX), X%d", i*c.pixel()+g*4, x)
			f.p("\tVPMOVZXBW X%d, Y%d", x, x)
			c.taps(i, width, func(t, k int) {
				for q := range quarters {
					product := 10 + n%6
					n++
					f.p("\tVPMADDWD %d(BX), Y%d, Y%d", ((g*c.kernel+k)*quarters+q)*32, x, product)
					f.p("\tVPADDD Y%d, Y%d, Y%d", product, acc(t, q), acc(t, q))
				}
			})
		}
	}
	f.p("\tADDQ $%d, BX", c.groups*c.kernel*quarters*32)
	f.p("\tADDQ R11, CX")
	f.p("\tDECQ R15")
	f.p("\tJNZ kernelrow")
	f.p("\tADDQ %s, CX", intSrcStep)
	f.p("\tDECQ DX")
	f.p("\tJNZ block")
	f.p("\tVPBROADCASTW %s, Y8", intZero)
	f.p("\tVPBROADCASTB %s, X9", intLow)
	f.p("\tMOVQ %s, BX", intOffset)
	f.p("\tMOVQ %s, CX", intScale)
	f.p("\tMOVQ %s, DX", intBias)
	if c.add {
		f.p("\tMOVQ %s, R10", intResidual)
		f.p("\tADDQ R13, R10")
		f.p("\tMOVQ %s, R15", intSum)
	}
	for t := range width {
		for half := range 2 {
			y := acc(t, 2*half)
			joinSums(f, y)
			f.p("\tVPADDD %d(BX), Y%d, Y%d", half*32, y, y)
			f.p("\tVCVTDQ2PS Y%d, Y%d", y, y)
			f.p("\tVMULPS %d(CX), Y%d, Y%d", half*32, y, y)
			f.p("\tVADDPS %d(DX), Y%d, Y%d", half*32, y, y)
			if c.add {
				addOther(f, y, 10+half, t*16+half*8)
			}
			f.p("\tVCVTPS2DQ Y%d, Y%d", y, y)
		}
		low, high := acc(t, 0), acc(t, 2)
		f.p("\tVPACKSSDW Y%d, Y%d, Y%d", high, low, low)
		f.p("\tVPERMQ $0xD8, Y%d, Y%d", low, low)
		f.p("\tVPADDSW Y8, Y%d, Y%d", low, low)
		f.p("\tVEXTRACTI128 $1, Y%d, X%d", low, high)
		f.p("\tVPACKUSWB X%d, X%d, X%d", high, low, low)
		f.p("\tVPMAXUB X9, X%d, X%d", low, low)
		f.p("\tVMOVDQU X%d, %d(R13)", low, t*16)
	}
	f.p("\tADDQ $%d, R13", width*16)
	f.p("\tADDQ $%d, R9", width*c.stride*c.pixel())
	f.p("\tDECQ R14")
	f.p("\tJNZ tile")
	f.p("\tADDQ R12, DI")
	for range c.stride {
		f.p("\tADDQ R11, SI")
	}
	f.p("\tDECQ R8")
	f.p("\tJNZ row")
	f.p("\tVZEROUPPER")
	f.p("\tRET")
}

// addOther adds to the real values of 8 channels in Yy, which it rounds to
// codes first, the other term's at bytes behind R10. It overwrites Yt.
func addOther(f *file, y, t, at int) {
	f.p("\tVPMOVZXBD %d(R10), Y%d", at, t)
	f.p("\tVROUNDPS $8, Y%d, Y%d // to even", y, y)
	f.p("\tVPSUBD %d(R15), Y%d, Y%d", otherZero, t, t)
	f.p("\tVMAXPS %d(R15), Y%d, Y%d", sumLow, y, y)
	f.p("\tVCVTDQ2PS Y%d, Y%d", t, t)
	f.p("\tVMINPS %d(R15), Y%d, Y%d", sumHigh, y, y)
	f.p("\tVMULPS %d(R15), Y%d, Y%d", otherScale, t, t)
	f.p("\tVMULPS %d(R15), Y%d, Y%d", sumScale, y, y)
	f.p("\tVADDPS Y%d, Y%d, Y%d", t, y, y)
	f.p("\tVMULPS %d(R15), Y%d, Y%d", sumInverse, y, y)
}
