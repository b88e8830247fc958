package main

// addCodes writes the sum of two maps of codes: out(a + b). Arguments are an
// addCodesArgs, by value:
//
//	dst, a, b, blocks, rows, cols   pixels have 16 codes
//	border                          bytes between the last row of a block and the first of the next
//	scaleA, scaleB, inverse         of the output's scale
//	zeroA, zeroB, zero, low, top
const addCodesSize = 88

func addCodes(f *file, v vectors) {
	f.p("\n// func addCodes%s(a addCodesArgs)", v.set)
	f.p("// dst = out(a + b)")
	f.p("TEXT ·addCodes%s(SB), NOSPLIT, $0-%d", v.set, addCodesSize)
	f.p("\tLEAQ a+0(FP), AX")
	for i, reg := range []string{"DI", "SI", "DX", "R8"} {
		f.p("\tMOVQ %d(AX), %s", 8*i, reg)
	}
	constants := v.regs(v.count-8, 8)
	for i, c := range constants {
		f.p("\tVPBROADCASTD %d(AX), %s", 56+4*i, c)
	}
	scaleA, scaleB, inverse := constants[0], constants[1], constants[2]
	zeroA, zeroB, zero, low, top := constants[3], constants[4], constants[5], constants[6], constants[7]
	halves := 64 / v.bytes()
	f.p("block:")
	f.p("\tMOVQ addCodesArgs_rows(AX), R9")
	f.p("row:")
	f.p("\tMOVQ addCodesArgs_cols(AX), R10")
	f.p("pixel:")
	for h := range halves {
		x, y, at := v.reg(h), v.reg(2+h), h*v.bytes()/4
		f.p("\tVPMOVZXBD %d(SI), %s", at, x)
		f.p("\tVPMOVZXBD %d(DX), %s", at, y)
		f.p("\tVPSUBD %s, %s, %s", zeroA, x, x)
		f.p("\tVPSUBD %s, %s, %s", zeroB, y, y)
		f.p("\tVCVTDQ2PS %s, %s", x, x)
		f.p("\tVCVTDQ2PS %s, %s", y, y)
		f.p("\tVMULPS %s, %s, %s", scaleA, x, x)
		f.p("\tVMULPS %s, %s, %s", scaleB, y, y)
		f.p("\tVADDPS %s, %s, %s", y, x, x)
		f.p("\tVMULPS %s, %s, %s", inverse, x, x)
		f.p("\tVCVTPS2DQ %s, %s", x, x)
		f.p("\tVPADDD %s, %s, %s", zero, x, x)
		f.p("\tVPMAXSD %s, %s, %s", low, x, x)
		f.p("\tVPMINSD %s, %s, %s", top, x, x)
	}
	if halves == 1 {
		f.p("\tVPMOVDB %s, (DI)", v.reg(0))
	} else {
		storeHalves(f, 0, 1, 4, "(DI)")
	}
	for _, reg := range []string{"DI", "SI", "DX"} {
		f.p("\tADDQ $16, %s", reg)
	}
	f.p("\tDECQ R10")
	f.p("\tJNZ pixel")
	for _, reg := range []string{"DI", "SI", "DX"} {
		f.p("\tADDQ $32, %s // the border", reg)
	}
	f.p("\tDECQ R9")
	f.p("\tJNZ row")
	for _, reg := range []string{"DI", "SI", "DX"} {
		f.p("\tADDQ addCodesArgs_border(AX), %s", reg)
	}
	f.p("\tDECQ R8")
	f.p("\tJNZ block")
	f.p("\tVZEROUPPER")
	f.p("\tRET")
}
