package main

import "fmt"

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

// packPlanes sorts the pixels of every row.
//
//	16 channels
//	24 rows
//	32 groups of 16 pixels in a row
//	40 bytes of half a row
//	48 bytes from the end of a channel's rows to the next channel's, in dst
func packPlanes(f *file) {
	planesBegin(f, "packPlanes", "brings the even columns of every row before the odd ones")
	f.p("\tMOVQ 16(AX), R8")
	f.p("\tMOVQ 40(AX), R10")
	f.p("channel:")
	f.p("\tMOVQ 24(AX), R9")
	f.p("row:")
	f.p("\tMOVQ 32(AX), CX")
	f.p("sixteen:")
	f.p("\tVMOVUPS 0(SI), Y0")
	f.p("\tVMOVUPS 32(SI), Y1")
	f.p("\tVSHUFPS $0x88, Y1, Y0, Y2 // 0 2 8 10 | 4 6 12 14")
	f.p("\tVSHUFPS $0xdd, Y1, Y0, Y3")
	f.p("\tVPERMPD $0xd8, Y2, Y2")
	f.p("\tVPERMPD $0xd8, Y3, Y3")
	f.p("\tVMOVUPS Y2, (DI)")
	f.p("\tVMOVUPS Y3, (DI)(R10*1)")
	f.p("\tADDQ $64, SI")
	f.p("\tADDQ $32, DI")
	f.p("\tDECQ CX")
	f.p("\tJNZ sixteen")
	f.p("\tADDQ R10, DI")
	f.p("\tDECQ R9")
	f.p("\tJNZ row")
	f.p("\tADDQ 48(AX), DI")
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

// convert writes two conversions of half a block of channels between a map and
// planes, 8 floats of a plane at a time, planes being in register planes and the
// map in register pixels: for rows of 16 pixels and its multiples, and for rows
// of 8. The body is given the bytes from the map's pixel to that of each float.
//
//	16 rows
//	24 groups of 8 columns of the same parity in a row; 1 for rows of 8
//	32 bytes between two planes
func convert(f *file, name, does, planes string, body func(at [8]string, pixel [8]int)) {
	const pixel = 64
	other := map[string]string{"DI": "SI", "SI": "DI"}[planes]
	for _, width := range []int{16, 8} {
		planesBegin(f, fmt.Sprintf("%s%d", name, width), does)
		f.p("\tMOVQ 16(AX), R9")
		f.p("\tMOVQ 32(AX), R10")
		f.p("\tLEAQ (R10)(R10*2), R11")
		f.p("row:")
		eight := func(label string, columns [8]int) {
			for i := range columns {
				columns[i] *= pixel
			}
			f.p("\tMOVQ 24(AX), CX")
			f.p("%s:", label)
			f.p("\tLEAQ (%s)(R10*4), R12", planes)
			body(eightPlanes(planes, "R12"), columns)
			f.p("\tADDQ $32, %s", planes)
			f.p("\tADDQ $%d, %s", 16*pixel, other)
			f.p("\tDECQ CX")
			f.p("\tJNZ %s", label)
		}
		if width == 8 {
			eight("eight", [8]int{0, 2, 4, 6, 1, 3, 5, 7})
			f.p("\tSUBQ $%d, %s // a border of 2 pixels", (16-8-2)*pixel, other)
		} else {
			f.p("\tMOVQ %s, R13", other)
			eight("even", [8]int{0, 2, 4, 6, 8, 10, 12, 14})
			f.p("\tXCHGQ R13, %s", other)
			eight("odd", [8]int{1, 3, 5, 7, 9, 11, 13, 15})
			f.p("\tADDQ $%d, %s // the border", 2*pixel, other)
		}
		f.p("\tDECQ R9")
		f.p("\tJNZ row")
		planesEnd(f)
	}
}

func mapToPlanes(f *file) {
	convert(f, "mapToPlanes", "converts 8 channels of src, a map, to dst, planes", "DI", func(at [8]string, pixel [8]int) {
		for i := range 8 {
			f.p("\tVMOVUPS %d(SI), Y%d", pixel[i], i)
		}
		transpose8(f)
		for i := range 8 {
			f.p("\tVMOVUPS Y%d, %s", 8+i, at[i])
		}
	})
}

func planesToMap(f *file) {
	convert(f, "planesToMap", "converts 8 channels of src, planes, to dst, a map", "SI", func(at [8]string, pixel [8]int) {
		for i := range 8 {
			f.p("\tVMOVUPS %s, Y%d", at[i], i)
		}
		transpose8(f)
		for i := range 8 {
			f.p("\tVMOVUPS Y%d, %d(DI)", 8+i, pixel[i])
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
