package main

// Conversions of planes, in AVX2 for both instruction sets. Offsets within
// planesArgs, the same for all: dst 0, src 8, channels or rows 16, and the
// distances as said below.
const planesSize = 64

func planesBegin(f *file, name, does string) {
	f.p("\n// func %sAVX2(a planesArgs)", name)
	f.p("// %s", does)
	f.p("TEXT ·%sAVX2(SB), NOSPLIT, $0-%d", name, planesSize)
	f.p("\tLEAQ a+0(FP), AX")
	f.p("\tMOVQ 0(AX), DI")
	f.p("\tMOVQ 8(AX), SI")
}

func planesEnd(f *file) {
	f.p("\tVZEROUPPER")
	f.p("\tRET")
}

// splitPlanes sorts channels by parity, two rows at a time. DI is the current
// row of the plane of odd rows' above, even columns: [1][0].
//
//	16 channels
//	24 pairs of rows
//	32 groups of 16 pixels in a row
//	40 bytes between two planes of dst
//	48 bytes from the end of a channel's rows in src to the next channel's
//	56 bytes from row 0 of dst's plane [1][0] to the same of the next channel
func splitPlanes(f *file) {
	planesBegin(f, "splitPlanes", "sorts src's pixels by the parity of row and column")
	f.p("\tMOVQ 16(AX), R8")
	f.p("\tMOVQ 40(AX), R10 // plane")
	f.p("\tMOVQ 32(AX), R11")
	f.p("\tSHLQ $5, R11 // row of dst")
	f.p("\tVXORPS Y7, Y7, Y7")
	f.p("channel:")
	f.p("\tMOVQ DI, R13")
	f.p("\tSUBQ R10, R13")
	f.p("\tSUBQ R10, R13 // plane [0][0]")
	f.p("\tMOVQ R13, R15")
	f.p("\tMOVQ 32(AX), CX")
	f.p("above:")
	f.p("\tVMOVUPS Y7, (R15)")
	f.p("\tVMOVUPS Y7, (R15)(R10*1)")
	f.p("\tADDQ $32, R15")
	f.p("\tDECQ CX")
	f.p("\tJNZ above")
	f.p("\tADDQ R11, R13 // row 1")
	f.p("\tMOVQ DI, R12")
	f.p("\tMOVQ 24(AX), R9")
	f.p("pair:")
	for _, row := range []struct{ name, dst string }{{"even", "R12"}, {"odd", "R13"}} {
		f.p("\tMOVQ 32(AX), CX")
		f.p("%s:", row.name)
		f.p("\tVMOVUPS 0(SI), Y0")
		f.p("\tVMOVUPS 32(SI), Y1")
		f.p("\tVSHUFPS $0x88, Y1, Y0, Y2 // 0 2 8 10 | 4 6 12 14")
		f.p("\tVSHUFPS $0xdd, Y1, Y0, Y3")
		f.p("\tVPERMPD $0xd8, Y2, Y2")
		f.p("\tVPERMPD $0xd8, Y3, Y3")
		f.p("\tVMOVUPS Y2, (%s)", row.dst)
		f.p("\tVMOVUPS Y3, (%s)(R10*1)", row.dst)
		f.p("\tADDQ $64, SI")
		f.p("\tADDQ $32, %s", row.dst)
		f.p("\tDECQ CX")
		f.p("\tJNZ %s", row.name)
	}
	f.p("\tDECQ R9")
	f.p("\tJNZ pair")
	f.p("\tADDQ 48(AX), SI")
	f.p("\tADDQ 56(AX), DI")
	f.p("\tDECQ R8")
	f.p("\tJNZ channel")
	planesEnd(f)
}

// transpose8 transposes Y0 … Y7 as a matrix; the rows end up in Y8 … Y15.
func transpose8(f *file) {
	for i := 0; i < 8; i += 2 { // pairs of rows: a0 b0 a1 b1 | a4 b4 a5 b5, and the same of 2, 3, 6, 7
		f.p("\tVUNPCKLPS Y%d, Y%d, Y%d", i+1, i, 8+i)
		f.p("\tVUNPCKHPS Y%d, Y%d, Y%d", i+1, i, 9+i)
	}
	for i := 0; i < 8; i += 4 { // fours of rows: column 0 | 4, 1 | 5, 2 | 6, 3 | 7
		f.p("\tVUNPCKLPD Y%d, Y%d, Y%d", 10+i, 8+i, i)
		f.p("\tVUNPCKHPD Y%d, Y%d, Y%d", 10+i, 8+i, i+1)
		f.p("\tVUNPCKLPD Y%d, Y%d, Y%d", 11+i, 9+i, i+2)
		f.p("\tVUNPCKHPD Y%d, Y%d, Y%d", 11+i, 9+i, i+3)
	}
	for i := range 4 {
		f.p("\tVPERM2F128 $0x20, Y%d, Y%d, Y%d", i+4, i, 8+i)
		f.p("\tVPERM2F128 $0x31, Y%d, Y%d, Y%d", i+4, i, 12+i)
	}
}

// eightPlanes addresses the same pixel of 8 planes at a distance of R10, from
// base on; base4 is base + 4·R10, and R11 is 3·R10.
func eightPlanes(base, base4 string) [8]string {
	var all [8]string
	for i := range all {
		from := base
		if i >= 4 {
			from = base4
		}
		all[i] = "(" + from + ")" + []string{"", "(R10*1)", "(R10*2)", "(R11*1)"}[i%4]
	}
	return all
}

// convert writes a conversion of half a block of channels between a map and
// planes, 8 pixels at a time, planes being in register planes and the map in
// register pixels.
//
//	16 rows
//	24 groups of 8 pixels in a row
//	32 bytes between two planes
func convert(f *file, planes string, body func(at [8]string)) {
	other := map[string]string{"DI": "SI", "SI": "DI"}[planes]
	f.p("\tMOVQ 16(AX), R9")
	f.p("\tMOVQ 32(AX), R10")
	f.p("\tLEAQ (R10)(R10*2), R11")
	f.p("row:")
	f.p("\tMOVQ 24(AX), CX")
	f.p("eight:")
	f.p("\tLEAQ (%s)(R10*4), R12", planes)
	body(eightPlanes(planes, "R12"))
	f.p("\tADDQ $32, %s", planes)
	f.p("\tADDQ $512, %s", other)
	f.p("\tDECQ CX")
	f.p("\tJNZ eight")
	f.p("\tADDQ $128, %s // the border", other)
	f.p("\tDECQ R9")
	f.p("\tJNZ row")
	planesEnd(f)
}

func mapToPlanes(f *file) {
	planesBegin(f, "mapToPlanes", "converts 8 channels of src, a map, to dst, planes")
	convert(f, "DI", func(at [8]string) {
		for i := range 8 {
			f.p("\tVMOVUPS %d(SI), Y%d", 64*i, i)
		}
		transpose8(f)
		for i := range 8 {
			f.p("\tVMOVUPS Y%d, %s", 8+i, at[i])
		}
	})
}

func planesToMap(f *file) {
	planesBegin(f, "planesToMap", "converts 8 channels of src, planes, to dst, a map")
	convert(f, "SI", func(at [8]string) {
		for i := range 8 {
			f.p("\tVMOVUPS %s, Y%d", at[i], i)
		}
		transpose8(f)
		for i := range 8 {
			f.p("\tVMOVUPS Y%d, %d(DI)", 8+i, 64*i)
		}
	})
}

// poolPlanes computes the mean of every plane.
//
//	16 channels
//	24 groups of 8 pixels in a plane
//	32 bytes from the end of a channel's rows to the next channel's
//	40 float32: pixels in a plane
func poolPlanes(f *file) {
	planesBegin(f, "poolPlanes", "dst[c] = Σ src[c] / pixels")
	f.p("\tMOVQ 16(AX), R8")
	f.p("channel:")
	f.p("\tVXORPS Y0, Y0, Y0")
	f.p("\tMOVQ 24(AX), CX")
	f.p("eight:")
	f.p("\tVADDPS (SI), Y0, Y0")
	f.p("\tADDQ $32, SI")
	f.p("\tDECQ CX")
	f.p("\tJNZ eight")
	f.p("\tVHADDPS Y0, Y0, Y0")
	f.p("\tVHADDPS Y0, Y0, Y0")
	f.p("\tVEXTRACTF128 $1, Y0, X1")
	f.p("\tVADDSS X1, X0, X0")
	f.p("\tVDIVSS 40(AX), X0, X0")
	f.p("\tVMOVSS X0, (DI)")
	f.p("\tADDQ $4, DI")
	f.p("\tADDQ 32(AX), SI")
	f.p("\tDECQ R8")
	f.p("\tJNZ channel")
	planesEnd(f)
}
