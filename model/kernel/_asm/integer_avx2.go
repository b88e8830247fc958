package main

// integerAVX2 writes integer inference for processors without VPDPBUSD.
// VPMADDUBSW would be the obvious instruction but saturates at 16 bits:
// 2·255·127 does not fit. So activations and weights are widened to 16 bits
// and multiplied by VPMADDWD, whose int32 sums of two products are exact.
func integerAVX2(f *file) {
	for _, c := range intConvs {
		convMADD(f, c)
	}
	linearMADD(f)
	addAVX2(f)
	imageAVX2(f)
	poolAVX2(f)
	extentAVX2(f)
}

// joinSums adds up the partial sums in Yy and Y(y+1) into 8 consecutive output
// channels in Yy.
func joinSums(f *file, y int) {
	f.p("\tVPHADDD Y%d, Y%d, Y%d", y+1, y, y)
	f.p("\tVPERMQ $0xD8, Y%d, Y%d // lanes hold 0 1 4 5 and 2 3 6 7", y, y)
}

// round turns 8 real values in Yy into int32 codes; Y8 holds 255, Y9 the zero
// point, Y10 the smallest code. See storeCodes for NaN and saturation.
func round(f *file, y int) {
	f.p("\tVMINPS Y%d, Y8, Y%d", y, y)
	f.p("\tVCVTPS2DQ Y%d, Y%d", y, y)
	f.p("\tVPADDD Y9, Y%d, Y%d", y, y)
	f.p("\tVPMAXSD Y10, Y%d, Y%d", y, y)
}

// storeBytes stores the int32 codes of Yl and Yh, none negative, as 16 bytes.
func storeBytes(f *file, l, h, at int, base, index string) {
	f.p("\tVPACKUSDW Y%d, Y%d, Y%d", h, l, l)
	f.p("\tVPERMQ $0xD8, Y%d, Y%d", l, l)
	f.p("\tVEXTRACTI128 $1, Y%d, X%d", l, h)
	f.p("\tVPACKUSWB X%d, X%d, X%d", h, l, l)
	f.p("\tVMOVDQU X%d, %d(%s)%s", l, at, base, index)
}

// linearMADD: blocks counts groups of 4 inputs, rows blocks of 16 outputs.
func linearMADD(f *file) {
	f.fn("intLinearAVX2", 0)
	f.p("\tMOVQ %s, DI", intDst)
	f.p("\tMOVQ %s, BX", intWeight)
	f.p("\tMOVQ %s, R8", intRows)
	f.p("outputs:")
	for q := range 4 {
		f.p("\tVPXOR Y%d, Y%d, Y%d", q, q, q)
	}
	f.p("\tMOVQ %s, SI", intSrc)
	f.p("\tMOVQ %s, DX", intBlocks)
	f.p("inputs:")
	f.p("\tVPBROADCASTD (SI), X8")
	f.p("\tVPMOVZXBW X8, Y8")
	for q := range 4 {
		f.p("\tVPMADDWD %d(BX), Y8, Y%d", q*32, 10+q)
		f.p("\tVPADDD Y%d, Y%d, Y%d", 10+q, q, q)
	}
	f.p("\tADDQ $4, SI")
	f.p("\tADDQ $128, BX")
	f.p("\tDECQ DX")
	f.p("\tJNZ inputs")
	for half := range 2 {
		joinSums(f, 2*half)
		f.p("\tVMOVDQU Y%d, %d(DI)", 2*half, half*32)
	}
	f.p("\tADDQ $64, DI")
	f.p("\tDECQ R8")
	f.p("\tJNZ outputs")
	f.p("\tVZEROUPPER")
	f.p("\tRET")
}

// addAVX2 takes the arguments of addAVX512.
func addAVX2(f *file) {
	f.fn("intAddAVX2", 0)
	f.p("\tMOVQ %s, CX", intScale)
	f.p("\tVBROADCASTSS (CX), Y12")
	f.p("\tVBROADCASTSS 4(CX), Y13")
	f.p("\tVBROADCASTSS 8(CX), Y14")
	f.p("\tMOVQ %s, CX", intOffset)
	f.p("\tVPBROADCASTD (CX), Y6")
	f.p("\tVPBROADCASTD 4(CX), Y7")
	f.p("\tVBROADCASTSS %s, Y8", intLimit)
	f.p("\tVPBROADCASTD %s, Y9", intZero)
	f.p("\tVPBROADCASTD %s, Y10", intLow)
	f.p("\tMOVQ %s, DI", intDst)
	f.p("\tMOVQ %s, SI", intSrc)
	f.p("\tMOVQ %s, BX", intWeight)
	f.p("\tMOVQ %s, R8", intRows)
	f.p("\tMOVQ %s, R11", intDstRow)
	f.p("row:")
	f.p("\tXORQ R9, R9")
	f.p("\tMOVQ %s, DX", intTiles)
	f.p("pixel:")
	for half := range 2 {
		for i, base := range []string{"SI", "BX"} {
			y := half + 2*i
			f.p("\tVPMOVZXBD %d(%s)(R9*1), Y%d", half*8, base, y)
			f.p("\tVPSUBD Y%d, Y%d, Y%d", 6+i, y, y)
			f.p("\tVCVTDQ2PS Y%d, Y%d", y, y)
			f.p("\tVMULPS Y%d, Y%d, Y%d", 12+i, y, y)
		}
		f.p("\tVADDPS Y%d, Y%d, Y%d", half+2, half, half)
		f.p("\tVMULPS Y14, Y%d, Y%d", half, half)
		round(f, half)
	}
	storeBytes(f, 0, 1, 0, "DI", "(R9*1)")
	f.p("\tADDQ $16, R9")
	f.p("\tDECQ DX")
	f.p("\tJNZ pixel")
	f.p("\tADDQ R11, DI")
	f.p("\tADDQ R11, SI")
	f.p("\tADDQ R11, BX")
	f.p("\tDECQ R8")
	f.p("\tJNZ row")
	f.p("\tVZEROUPPER")
	f.p("\tRET")
}

// imageAVX2 quantizes 8 pixels at a time, otherwise as imageAVX512.
func imageAVX2(f *file) {
	f.fn("intImageAVX2", 0)
	f.p("\tMOVQ %s, CX", intScale)
	f.p("\tVBROADCASTSS (CX), Y11")
	f.p("\tVBROADCASTSS %s, Y8", intLimit)
	f.p("\tVPBROADCASTD %s, Y9", intZero)
	f.p("\tVPXOR Y10, Y10, Y10")
	f.p("\tMOVL $255, CX")
	f.p("\tVMOVD CX, X12")
	f.p("\tVPBROADCASTD X12, Y12")
	f.p("\tMOVQ %s, DI", intDst)
	f.p("\tMOVQ %s, SI", intSrc)
	f.p("\tMOVQ %s, R8", intRows)
	f.p("\tMOVQ %s, R10 // from one colour to the next", intSrcStep)
	f.p("\tMOVQ %s, R11", intDstRow)
	f.p("row:")
	f.p("\tMOVQ DI, R13")
	f.p("\tMOVQ %s, DX", intTiles)
	f.p("pixels:")
	for c, from := range []string{"(SI)", "(SI)(R10*1)", "(SI)(R10*2)"} {
		f.p("\tVMULPS %s, Y11, Y%d", from, c)
		round(f, c)
		f.p("\tVPMINSD Y12, Y%d, Y%d", c, c)
	}
	f.p("\tVPSLLD $8, Y1, Y1")
	f.p("\tVPSLLD $16, Y2, Y2")
	f.p("\tVPOR Y1, Y0, Y0")
	f.p("\tVPOR Y2, Y0, Y0")
	f.p("\tVMOVDQU Y0, (R13)")
	f.p("\tADDQ $32, SI")
	f.p("\tADDQ $32, R13")
	f.p("\tDECQ DX")
	f.p("\tJNZ pixels")
	f.p("\tADDQ R11, DI")
	f.p("\tDECQ R8")
	f.p("\tJNZ row")
	f.p("\tVZEROUPPER")
	f.p("\tRET")
}

// poolAVX2 adds up one block of 16 channels.
func poolAVX2(f *file) {
	f.fn("intPoolAVX2", 0)
	f.p("\tMOVQ %s, SI", intSrc)
	f.p("\tMOVQ %s, DI", intDst)
	f.p("\tMOVQ %s, R8", intRows)
	f.p("\tMOVQ %s, R11", intSrcRow)
	f.p("\tVPXOR Y0, Y0, Y0")
	f.p("\tVPXOR Y1, Y1, Y1")
	f.p("row:")
	f.p("\tMOVQ SI, R9")
	f.p("\tMOVQ %s, DX", intTiles)
	f.p("pixel:")
	for half := range 2 {
		f.p("\tVPMOVZXBD %d(R9), Y%d", half*8, 2+half)
		f.p("\tVPADDD Y%d, Y%d, Y%d", 2+half, half, half)
	}
	f.p("\tADDQ $16, R9")
	f.p("\tDECQ DX")
	f.p("\tJNZ pixel")
	f.p("\tADDQ R11, SI")
	f.p("\tDECQ R8")
	f.p("\tJNZ row")
	f.p("\tVMOVDQU Y0, (DI)")
	f.p("\tVMOVDQU Y1, 32(DI)")
	f.p("\tVZEROUPPER")
	f.p("\tRET")
}

// extentAVX2 walks tiles of 32 values and leaves 8 minima at dst, 8 maxima
// behind them, and in tiles whether there was a NaN.
func extentAVX2(f *file) {
	f.fn("intExtentAVX2", 0)
	f.p("\tMOVQ %s, SI", intSrc)
	f.p("\tMOVQ %s, DI", intDst)
	f.p("\tMOVQ %s, DX", intTiles)
	for i := range 8 {
		f.p("\tVBROADCASTSS (SI), Y%d", i)
	}
	f.p("\tVXORPS Y15, Y15, Y15")
	f.p("values:")
	for i := range 4 {
		f.p("\tVMOVUPS %d(SI), Y%d", i*32, 8+i)
		f.p("\tVMINPS Y%d, Y%d, Y%d", 8+i, i, i)
		f.p("\tVMAXPS Y%d, Y%d, Y%d", 8+i, 4+i, 4+i)
	}
	for i := range 2 {
		f.p("\tVCMPPS $3, Y%d, Y%d, Y14", 8+2*i, 9+2*i) // unordered: either is NaN
		f.p("\tVORPS Y14, Y15, Y15")
	}
	f.p("\tADDQ $128, SI")
	f.p("\tDECQ DX")
	f.p("\tJNZ values")
	for _, i := range []int{1, 2, 3} {
		f.p("\tVMINPS Y%d, Y0, Y0", i)
		f.p("\tVMAXPS Y%d, Y4, Y4", 4+i)
	}
	f.p("\tVMOVUPS Y0, (DI)")
	f.p("\tVMOVUPS Y4, 32(DI)")
	f.p("\tVMOVMSKPS Y15, CX")
	f.p("\tMOVQ CX, %s", intTiles)
	f.p("\tVZEROUPPER")
	f.p("\tRET")
}
