package main

// integerAVX512 writes integer inference with VPDPBUSD, which adds four
// products u8 × s8 to an int32, exactly.
func integerAVX512(f *file) {
	transposition(f)
	for _, c := range intConvs {
		convVNNI{f, c}.write()
	}
	linearVNNI(f)
	addAVX512(f)
	imageAVX512(f)
	poolAVX512(f)
	extentAVX512(f)
}

// storeCodes rounds the real values of Zz and stores 16 codes. Z26 holds 255,
// Z27 the zero point, Z28 the smallest code. VMINPS returns its last operand,
// here written first, when one is NaN; the conversion makes NaN and what is
// too small the smallest int32, and VPMOVUSDB saturates above.
func storeCodes(f *file, z, at int, base, index string) {
	f.p("\tVMINPS Z%d, Z26, Z%d", z, z)
	f.p("\tVCVTPS2DQ Z%d, Z%d", z, z)
	f.p("\tVPADDD Z27, Z%d, Z%d", z, z)
	f.p("\tVPMAXSD Z28, Z%d, Z%d", z, z)
	f.p("\tVPMOVUSDB Z%d, %d(%s)%s", z, at, base, index)
}

// linearVNNI: blocks counts groups of 4 inputs, rows blocks of 16 outputs.
func linearVNNI(f *file) {
	f.fn("intLinearAVX512", 0)
	f.p("\tMOVQ %s, DI", intDst)
	f.p("\tMOVQ %s, BX", intWeight)
	f.p("\tMOVQ %s, R8", intRows)
	f.p("outputs:")
	f.p("\tVPXORD Z0, Z0, Z0")
	f.p("\tMOVQ %s, SI", intSrc)
	f.p("\tMOVQ %s, DX", intBlocks)
	f.p("inputs:")
	f.p("\tVPBROADCASTD (SI), Z1")
	f.p("\tVPDPBUSD (BX), Z1, Z0")
	f.p("\tADDQ $4, SI")
	f.p("\tADDQ $64, BX")
	f.p("\tDECQ DX")
	f.p("\tJNZ inputs")
	f.p("\tVMOVDQU32 Z0, (DI)")
	f.p("\tADDQ $64, DI")
	f.p("\tDECQ R8")
	f.p("\tJNZ outputs")
	f.p("\tVZEROUPPER")
	f.p("\tRET")
}

// addAVX512: src and weight are the two terms. Their scales and the output's
// reciprocal stand one after the other at scale, the terms' zero points at
// offset.
func addAVX512(f *file) {
	f.fn("intAddAVX512", 0)
	f.p("\tMOVQ %s, CX", intScale)
	f.p("\tVBROADCASTSS (CX), Z22")
	f.p("\tVBROADCASTSS 4(CX), Z23")
	f.p("\tVBROADCASTSS 8(CX), Z24")
	f.p("\tMOVQ %s, CX", intOffset)
	f.p("\tVPBROADCASTD (CX), Z20")
	f.p("\tVPBROADCASTD 4(CX), Z21")
	f.p("\tVBROADCASTSS %s, Z26", intLimit)
	f.p("\tVPBROADCASTD %s, Z27", intZero)
	f.p("\tVPBROADCASTD %s, Z28", intLow)
	f.p("\tMOVQ %s, DI", intDst)
	f.p("\tMOVQ %s, SI", intSrc)
	f.p("\tMOVQ %s, BX", intWeight)
	f.p("\tMOVQ %s, R8", intRows)
	f.p("\tMOVQ %s, R11", intDstRow)
	f.p("row:")
	f.p("\tXORQ R9, R9")
	f.p("\tMOVQ %s, DX", intTiles)
	f.p("pixel:")
	f.p("\tVPMOVZXBD (SI)(R9*1), Z0")
	f.p("\tVPMOVZXBD (BX)(R9*1), Z1")
	for i := range 2 {
		f.p("\tVPSUBD Z%d, Z%d, Z%d", 20+i, i, i)
		f.p("\tVCVTDQ2PS Z%d, Z%d", i, i)
		f.p("\tVMULPS Z%d, Z%d, Z%d", 22+i, i, i)
	}
	f.p("\tVADDPS Z1, Z0, Z0")
	f.p("\tVMULPS Z24, Z0, Z0")
	storeCodes(f, 0, 0, "DI", "(R9*1)")
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

// imageAVX512 quantizes 16 pixels at a time: each colour in the low byte of a
// dword, then shifted to its place. scale points to the reciprocal.
func imageAVX512(f *file) {
	f.fn("intImageAVX512", 0)
	f.p("\tMOVQ %s, CX", intScale)
	f.p("\tVBROADCASTSS (CX), Z24")
	f.p("\tVBROADCASTSS %s, Z26", intLimit)
	f.p("\tVPBROADCASTD %s, Z27", intZero)
	f.p("\tVPXORD Z28, Z28, Z28")
	f.p("\tMOVL $255, CX")
	f.p("\tVPBROADCASTD CX, Z29")
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
		f.p("\tVMULPS %s, Z24, Z%d", from, c)
		f.p("\tVMINPS Z%d, Z26, Z%d", c, c)
		f.p("\tVCVTPS2DQ Z%d, Z%d", c, c)
		f.p("\tVPADDD Z27, Z%d, Z%d", c, c)
		f.p("\tVPMAXSD Z28, Z%d, Z%d", c, c)
		f.p("\tVPMINSD Z29, Z%d, Z%d", c, c)
	}
	f.p("\tVPSLLD $8, Z1, Z1")
	f.p("\tVPSLLD $16, Z2, Z2")
	f.p("\tVPORD Z1, Z0, Z0")
	f.p("\tVPORD Z2, Z0, Z0")
	f.p("\tVMOVDQU32 Z0, (R13)")
	f.p("\tADDQ $64, SI")
	f.p("\tADDQ $64, R13")
	f.p("\tDECQ DX")
	f.p("\tJNZ pixels")
	f.p("\tADDQ R11, DI")
	f.p("\tDECQ R8")
	f.p("\tJNZ row")
	f.p("\tVZEROUPPER")
	f.p("\tRET")
}

// poolAVX512 adds up one block of 16 channels.
func poolAVX512(f *file) {
	f.fn("intPoolAVX512", 0)
	f.p("\tMOVQ %s, SI", intSrc)
	f.p("\tMOVQ %s, DI", intDst)
	f.p("\tMOVQ %s, R8", intRows)
	f.p("\tMOVQ %s, R11", intSrcRow)
	f.p("\tVPXORD Z0, Z0, Z0")
	f.p("row:")
	f.p("\tMOVQ SI, R9")
	f.p("\tMOVQ %s, DX", intTiles)
	f.p("pixel:")
	f.p("\tVPMOVZXBD (R9), Z1")
	f.p("\tVPADDD Z1, Z0, Z0")
	f.p("\tADDQ $16, R9")
	f.p("\tDECQ DX")
	f.p("\tJNZ pixel")
	f.p("\tADDQ R11, SI")
	f.p("\tDECQ R8")
	f.p("\tJNZ row")
	f.p("\tVMOVDQU32 Z0, (DI)")
	f.p("\tVZEROUPPER")
	f.p("\tRET")
}

// extentAVX512 walks tiles of 64 values and leaves 16 minima at dst, 16 maxima
// behind them, and in tiles, its own argument, non-zero if there was a NaN.
func extentAVX512(f *file) {
	f.fn("intExtentAVX512", 0)
	f.p("\tMOVQ %s, SI", intSrc)
	f.p("\tMOVQ %s, DI", intDst)
	f.p("\tMOVQ %s, DX", intTiles)
	for i := range 8 {
		f.p("\tVBROADCASTSS (SI), Z%d", i)
	}
	f.p("\tKXORW K1, K1, K1")
	f.p("values:")
	for i := range 4 {
		f.p("\tVMOVUPS %d(SI), Z%d", i*64, 8+i)
		f.p("\tVMINPS Z%d, Z%d, Z%d", 8+i, i, i)
		f.p("\tVMAXPS Z%d, Z%d, Z%d", 8+i, 4+i, 4+i)
	}
	for i := range 2 {
		f.p("\tVCMPPS $3, Z%d, Z%d, K2", 8+2*i, 9+2*i) // unordered: either is NaN
		f.p("\tKORW K2, K1, K1")
	}
	f.p("\tADDQ $256, SI")
	f.p("\tDECQ DX")
	f.p("\tJNZ values")
	for _, i := range []int{1, 2, 3} {
		f.p("\tVMINPS Z%d, Z0, Z0", i)
		f.p("\tVMAXPS Z%d, Z4, Z4", 4+i)
	}
	f.p("\tVMOVUPS Z0, (DI)")
	f.p("\tVMOVUPS Z4, 64(DI)")
	f.p("\tKMOVW K1, CX")
	f.p("\tMOVQ CX, %s", intTiles)
	f.p("\tVZEROUPPER")
	f.p("\tRET")
}
