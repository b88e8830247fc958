package main

import "fmt"

// Weights are transformed in units of 16 input × 16 output channels. Between
// PyTorch's order and U's, where 16 output channels are the lanes of a register,
// a unit lies on the stack as [16 in][9 taps][16 out].

const (
	unitSize = 16 * 9 * 64 // bytes

	fWeights  = "SI"  // oihw
	fU        = "DI"  // u
	fPosition = "R8"  // distance between positions of U; times 3 and 6
	fStep     = "R10" // distance between input channels of U
	fRow      = "R11" // distance between output channels of oihw
	fUnit     = "R13" // the unit on the stack
	fCount    = "CX"
)

// filter opens a function for one unit.
func (w winograd) filter(name string) {
	w.p("\n// func winograd%s%s(a winogradFilter)", name, w.set)
	w.p("TEXT ·winograd%s%s(SB), 0, $%d-%d", name, w.set, unitSize+64, winogradFilterSize)
	w.p("\tLEAQ a+0(FP), AX")
	w.p("\tLEAQ unit-%d(SP), %s", unitSize+64, fUnit)
	w.p("\tADDQ $63, %s", fUnit)
	w.p("\tANDQ $~63, %s", fUnit)
	w.arg("winogradFilter_oihw", fWeights)
	w.arg("winogradFilter_u", fU)
	w.floats("winogradFilter_position", fPosition)
	w.floats("winogradFilter_step", fStep)
	w.floats("winogradFilter_row", fRow)
	w.p("\tLEAQ winogradConstants<>(SB), %s", wConstant)
}

// positions returns the addresses of positions (0, j) to (5, j) of U at base,
// with the help of register base3 that they stay valid as long as. The distance
// between positions must be in fPosition, times 6 in position6 and 18 in
// position18.
func (w winograd) positions(base, base3 string) [6]string {
	w.p("\tLEAQ (%s)(%s*1), %s", base, position18, base3)
	return strided(base, base3, position6)
}

const (
	position6  = "R9"
	position18 = "R12"
)

// filterStrides loads position6 and position18.
func (w winograd) filterStrides() {
	w.p("\tLEAQ (%s)(%s*2), %s", fPosition, fPosition, position6)
	w.p("\tADDQ %s, %s", position6, position6)
	w.p("\tLEAQ (%s)(%s*2), %s", position6, position6, position18)
}

// taps512 writes dg = Gᵀ·dU·G for one unit.
func (w winograd) taps512() {
	w.filter("Taps")
	w.filterStrides()
	quarter, sixth, minusSixth, twentyFourth, twelfth := w.r(27), w.r(28), w.r(29), w.r(30), w.r(31)
	w.filterConstants(quarter, sixth, minusSixth, twentyFourth, twelfth)
	// tapTransform computes g = Gᵀ·u in place: g0 ends in u[0], g1 in u[1] and
	// g2 in u[5]. It overwrites all of u.
	//
	//	g0 = u0/4 − s1/6 + s2/24   s1 = u1 + u2   d1 = u2 − u1
	//	g1 = d1/6 + d2/12          s2 = u3 + u4   d2 = u3 − u4
	//	g2 = u5 + (s2 − s1)/6
	tapTransform := func(u []string) {
		s1, s2, d1, d2 := w.r(25), w.r(26), u[2], u[3]
		w.add(s1, u[1], u[2])
		w.sub(d1, u[2], u[1])
		w.add(s2, u[3], u[4])
		w.sub(d2, u[3], u[4])
		w.mul(u[0], u[0], quarter)
		w.addProduct(u[0], s1, minusSixth)
		w.addProduct(u[0], s2, twentyFourth)
		w.mul(u[1], d1, sixth)
		w.addProduct(u[1], d2, twelfth)
		w.sub(s2, s2, s1)
		w.addProduct(u[5], s2, sixth)
	}
	w.p("\tMOVQ $16, %s", fCount)
	w.p("\tMOVQ %s, R14", fUnit)
	w.p("channel:")
	w.p("\tMOVQ %s, BX", fU)
	var c [3][6]string // Gᵀ·dU
	for j := range 6 {
		t := w.rs(18+j%2*3, 3)
		u := []string{w.r(j), w.r(6 + j), t[0], t[1], t[2], w.r(12 + j)}
		for i, at := range w.positions("BX", "R15") {
			w.load(u[i], at)
		}
		tapTransform(u)
		c[0][j], c[1][j], c[2][j] = u[0], u[1], u[5]
		if j < 5 {
			w.p("\tADDQ %s, BX", fPosition)
		}
	}
	for i := range c {
		tapTransform(c[i][:])
		for j, r := range []string{c[i][0], c[i][1], c[i][5]} {
			w.store(fmt.Sprintf("%d(R14)", 64*(3*i+j)), r)
		}
	}
	w.p("\tADDQ %s, %s", fStep, fU)
	w.p("\tADDQ $%d, R14", 9*64)
	w.p("\tDECQ %s", fCount)
	w.p("\tJNZ channel")
	w.p("\t// Output channel by output channel, 144 taps of 16 input channels lie together.")
	w.p("\tMOVQ $9, %s", fCount)
	w.p("taps:")
	w.transpose512(16, func(i int, r string) {
		w.load(r, fmt.Sprintf("%d(%s)", 64*i, fUnit))
	}, func() func(int, string) {
		at := w.sixteen(fWeights, fRow)
		return func(i int, r string) { w.store(at[i], r) }
	}())
	w.p("\tADDQ $1024, %s", fUnit)
	w.p("\tADDQ $64, %s", fWeights)
	w.p("\tDECQ %s", fCount)
	w.p("\tJNZ taps")
	w.end()
}

// sixteen returns the addresses of 16 rows from base on.
func (w winograd) sixteen(base, distance string) (at [16]string) {
	third := []string{"R8", "R9", "R12", "R14", "R15"} // rows 3, 6, 9, 12 and 15
	from := base
	for i, r := range third {
		w.p("\tLEAQ (%s)(%s*2), %s", from, distance, r)
		w.p("\tADDQ %s, %s", distance, r)
		for j := range 3 {
			at[3*i+j] = fmt.Sprintf("(%s)", from)
			if j > 0 {
				at[3*i+j] += fmt.Sprintf("(%s*%d)", distance, j)
			}
		}
		from = r
	}
	at[15] = fmt.Sprintf("(%s)", from)
	return at
}

// filterConstants broadcasts the entries of G.
func (w winograd) filterConstants(quarter, sixth, minusSixth, twentyFourth, twelfth string) {
	w.p("\tVBROADCASTSS %d(%s), %s", constQuarter, wConstant, quarter)
	w.p("\tVBROADCASTSS %d(%s), %s", constSixth, wConstant, sixth)
	w.p("\tVBROADCASTSS %d(%s), %s", constMinusSixth, wConstant, minusSixth)
	w.p("\tVBROADCASTSS %d(%s), %s", constTwentyFourth, wConstant, twentyFourth)
	w.add(twelfth, twentyFourth, twentyFourth)
}

// weights512 writes U = G·g·Gᵀ for one unit.
func (w winograd) weights512() {
	w.filter("Weights")
	w.p("\tCMPB winogradFilter_transposed(AX), $0")
	w.p("\tJNE transposed")
	w.p("\t// Output channel by output channel, 144 taps of 16 input channels lie together.")
	w.p("\tMOVQ $9, %s", fCount)
	w.p("\tMOVQ %s, BX", fUnit)
	w.p("taps:")
	at := w.sixteen(fWeights, fRow)
	w.transpose512(16, func(i int, r string) {
		w.load(r, at[i])
	}, func(i int, r string) {
		w.store(fmt.Sprintf("%d(BX)", 64*i), r)
	})
	w.p("\tADDQ $64, %s", fWeights)
	w.p("\tADDQ $1024, BX")
	w.p("\tDECQ %s", fCount)
	w.p("\tJNZ taps")
	w.p("\tJMP transform")

	w.p("\n\t// What was an output channel is an input channel now; the 9 taps of each of")
	w.p("\t// 16 channels are transposed at a time, and reversed.")
	w.p("transposed:")
	w.p("\tMOVQ $16, %s", fCount)
	w.p("\tMOVQ %s, BX", fUnit)
	w.p("\tMOVL $0x1ff, R14")
	w.p("\tKMOVW R14, K1")
	w.p("channel:")
	w.transpose512(9, func(i int, r string) {
		w.p("\tVMOVUPS.Z %d(%s), K1, %s", 36*i, fWeights, r)
	}, func(i int, r string) {
		w.store(fmt.Sprintf("%d(BX)", 64*(8-i)), r)
	})
	w.p("\tADDQ %s, %s", fRow, fWeights)
	w.p("\tADDQ $%d, BX", 9*64)
	w.p("\tDECQ %s", fCount)
	w.p("\tJNZ channel")

	w.p("\ntransform:")
	quarter, sixth, minusSixth, twentyFourth, twelfth := w.r(27), w.r(28), w.r(29), w.r(30), w.r(31)
	four := w.r(26)
	w.filterConstants(quarter, sixth, minusSixth, twentyFourth, twelfth)
	w.p("\tVBROADCASTSS %d(%s), %s", constFour, wConstant, four)
	// weightTransform computes u = G·g in u[0] to u[4]; u5 is g2. It hands u[i]
	// to out as soon as it is there, and overwrites the temporary h.
	//
	//	u0 = g0/4
	//	u1 = −(g0+g2)/6 − g1/6      u2 = −(g0+g2)/6 + g1/6
	//	u3 = (g0+4·g2)/24 + g1/12   u4 = (g0+4·g2)/24 − g1/12
	weightTransform := func(g, u []string, h string, out func(i int, u string)) {
		out(5, g[2])
		w.mul(u[0], g[0], quarter)
		out(0, u[0])
		w.add(u[1], g[0], g[2])
		w.mul(u[1], u[1], minusSixth)
		w.mul(h, g[1], sixth)
		w.add(u[2], u[1], h)
		out(2, u[2])
		w.sub(u[1], u[1], h)
		out(1, u[1])
		w.p("\tVMOVAPS %s, %s", g[2], u[3])
		w.scaleAdd(u[3], four, g[0])
		w.mul(u[3], u[3], twentyFourth)
		w.mul(h, g[1], twelfth)
		w.sub(u[4], u[3], h)
		out(4, u[4])
		w.add(u[3], u[3], h)
		out(3, u[3])
	}
	w.floats("winogradFilter_position", fPosition)
	w.filterStrides()
	w.p("\tLEAQ (%s)(%s*2), R14", fPosition, fPosition)
	w.p("\tMOVQ $16, %s", fCount)
	w.p("input:")
	var c [6][]string // G·g
	for i := range c {
		c[i] = w.rs(3*i, 3)
	}
	for j := range 3 {
		g := []string{w.r(18), w.r(19), c[5][j]}
		for i := range g {
			w.load(g[i], fmt.Sprintf("%d(%s)", 64*(3*i+j), fUnit))
		}
		weightTransform(g, []string{c[0][j], c[1][j], c[2][j], c[3][j], c[4][j]}, w.r(20), func(int, string) {})
	}
	w.p("\tMOVQ %s, BX", fU)
	for i := range c {
		w.p("\tLEAQ (BX)(R14*1), R15")
		at := strided("BX", "R15", fPosition)
		weightTransform(c[i], w.rs(18, 5), w.r(23), func(j int, u string) { w.store(at[j], u) })
		w.p("\tADDQ %s, BX", position6)
	}
	w.p("\tADDQ %s, %s", fStep, fU)
	w.p("\tADDQ $%d, %s", 9*64, fUnit)
	w.p("\tDECQ %s", fCount)
	w.p("\tJNZ input")
	w.end()
}

// transpose512 transposes 16 registers of 16 floats, or their first columns
// only, in three steps of doubling distance.
func (w winograd) transpose512(columns int, load, store func(i int, r string)) {
	r, s := w.rs(0, 16), w.rs(16, 16)
	for i, r := range r {
		load(i, r)
	}
	for i := 0; i < 16; i += 2 {
		w.p("\tVUNPCKLPS %s, %s, %s", r[i+1], r[i], s[i])
		w.p("\tVUNPCKHPS %s, %s, %s", r[i+1], r[i], s[i+1])
	}
	// Then r[4g+q] holds, in its quarter L, column 4L+q of rows 4g to 4g+3.
	for i := 0; i < 16; i += 4 {
		w.p("\tVUNPCKLPD %s, %s, %s", s[i+2], s[i], r[i])
		w.p("\tVUNPCKHPD %s, %s, %s", s[i+2], s[i], r[i+1])
		w.p("\tVUNPCKLPD %s, %s, %s", s[i+3], s[i+1], r[i+2])
		w.p("\tVUNPCKHPD %s, %s, %s", s[i+3], s[i+1], r[i+3])
	}
	const even, odd = 0x88, 0xdd // quarters 0 and 2, or 1 and 3, of both
	for q := range 4 {
		for half, quarters := range []int{even, odd} {
			upper, lower, out := s[4*half], s[4*half+1], s[4*half+2:4*half+4]
			w.p("\tVSHUFF32X4 $%#x, %s, %s, %s", quarters, r[4+q], r[q], upper)
			w.p("\tVSHUFF32X4 $%#x, %s, %s, %s", quarters, r[12+q], r[8+q], lower)
			for k, both := range []int{even, odd} {
				if i := 4*(half+2*k) + q; i < columns {
					w.p("\tVSHUFF32X4 $%#x, %s, %s, %s", both, lower, upper, out[k])
					store(i, out[k])
				}
			}
		}
	}
}
