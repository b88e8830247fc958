package main

import "fmt"

// winogradAVX512 writes the kernels for 32 registers of 16 floats: a pixel of a
// block of channels is one register, and a tile under transformation nearly
// fits.
func winogradAVX512(f *file) {
	w := winograd{f, "AVX512", 'Z'}
	w.p("#include \"go_asm.h\"")
	w.constants()
	w.input512()
	w.gradient512()
	w.output512()
	w.multiply512()
	w.multiplyPairs512()
	w.accumulate512()
	w.accumulatePairs512()
	w.weights()
	w.taps()
}

// input512 writes V = Bᵀ·d·B. A tile has 36 values in 32 registers, so its rows
// are transformed two by two, as in inputTransform:
//
//	rows 1 and 2: a ± b    rows 3 and 4: c ± 2e    rows 0 and 5: 4(d0−d2) + c, (d5−d3) − 4e
func (w winograd) input512() {
	w.begin("Input", "winogradTiles", 0, winogradTilesSize)
	two, four := w.r(30), w.r(31)
	lower := "R10" // row 3 of the tile
	d := func(r, j int) string { return fmt.Sprintf("%d%s", 64*j, strided(wImage, lower, wRow)[r]) }
	upper, under, c, e, t := w.rs(0, 6), w.rs(6, 6), w.rs(12, 6), w.rs(18, 6), w.rs(24, 6)
	transform := func(row []string, i int) {
		at := w.planes(i, "R14", "R15")
		w.inputTransform(row, t, two, four, func(j int, v string) { w.store(at[j], v) })
	}
	w.transform(func() {
		w.broadcast(two, constTwo)
		w.broadcast(four, constFour)
	}, func() {
		w.p("\tLEAQ (%s)(%s*1), %s", wImage, wRow3, lower)
		w.fetchBelow(lower)
		w.p("\t// rows 1 and 2")
		for j := range 6 {
			a, b, d1, d2 := upper[j], t[0], t[1+j%2*2], t[2+j%2*2]
			w.load(a, d(4, j))
			w.load(b, d(3, j))
			w.load(d2, d(2, j))
			w.load(d1, d(1, j))
			w.sub(c[j], a, d2)
			w.sub(e[j], b, d1)
			w.subProduct(a, four, d2)
			w.subProduct(b, four, d1)
			w.sub(under[j], a, b)
			w.add(a, a, b)
		}
		transform(upper, 1)
		transform(under, 2)
		w.p("\t// rows 3 and 4")
		for j := range 6 {
			w.p("\tVMOVAPS %s, %s", c[j], under[j])
			w.sumAndDifference(upper[j], under[j], two, e[j])
		}
		transform(upper, 3)
		transform(under, 4)
		w.p("\t// rows 0 and 5")
		for j := range 6 {
			w.load(upper[j], d(0, j))
			w.load(under[j], d(5, j))
			w.sub(upper[j], upper[j], d(2, j))
			w.sub(under[j], under[j], d(3, j))
			w.scaleAdd(upper[j], four, c[j])
			w.subProduct(under[j], four, e[j])
		}
		transform(upper, 0)
		transform(under, 5)
	}, func() {})
}

// gradient512 writes E = A·e·Aᵀ.
func (w winograd) gradient512() {
	w.begin("Gradient", "winogradTiles", 0, winogradTilesSize)
	two, four := w.r(30), w.r(31)
	w.transform(func() {
		w.broadcast(two, constTwo)
		w.broadcast(four, constFour)
	}, func() {
		var z [6][]string // A·e, in 24 registers
		for i := range z {
			z[i] = w.rs(4*i, 4)
		}
		for j := range 4 {
			// A·e of one column, as gradientTransform, into its registers.
			w.load(z[0][j], fmt.Sprintf("%d(%s)", 64*j, wImage))
			w.load(z[5][j], fmt.Sprintf("%d(%s)(%s*1)", 64*j, wImage, wRow3))
			e1, e2, p, q := w.r(24), w.r(25), w.r(26), w.r(27)
			w.load(e1, fmt.Sprintf("%d(%s)(%s*1)", 64*j, wImage, wRow))
			w.load(e2, fmt.Sprintf("%d(%s)(%s*2)", 64*j, wImage, wRow))
			w.add(p, z[0][j], e2)
			w.add(q, z[5][j], e1)
			w.add(z[1][j], p, q)
			w.sub(z[2][j], p, q)
			w.scaleAdd(e2, four, z[0][j])
			w.addProduct(e1, four, z[5][j])
			w.p("\tVMOVAPS %s, %s", e2, z[4][j])
			w.sumAndDifference(z[3][j], z[4][j], two, e1)
		}
		for i := range 6 {
			at := w.planes(i, "R14", "R15")
			w.gradientTransform(z[i], w.rs(24, 6), two, four, func(j int, v string) { w.store(at[j], v) })
		}
	}, func() {})
}

// output512 writes y = Aᵀ·M·A with its epilogue.
func (w winograd) output512() {
	w.begin("Output", "winogradTiles", 0, winogradTilesSize)
	bias, one, sum, squares := w.r(28), w.r(29), w.r(30), w.r(31)
	by := multipliers{one, memory(constTwo), memory(constFour), memory(constEight)}
	residual := "R10"
	w.transform(func() {
		w.broadcast(one, constOne)
		for _, v := range []struct {
			field, skip string
			regs        []string
		}{{"bias", "nobias", []string{bias}}, {"sums", "nosums", []string{sum, squares}}} {
			for _, r := range v.regs {
				w.p("\tVPXORD %s, %s, %s", r, r, r)
			}
			w.arg("winogradTiles_"+v.field, "R14")
			w.p("\tTESTQ R14, R14")
			w.p("\tJZ %s", v.skip)
			for i, r := range v.regs {
				w.load(r, fmt.Sprintf("%d(R14)", 64*i))
			}
			w.p("%s:", v.skip)
		}
		w.p("\t// The residual is found by its distance from the image, which may be 0.")
		w.arg("winogradTiles_residual", residual)
		w.p("\tSUBQ %s, %s", wImage, residual)
	}, func() {
		w.p("\t// Aᵀ·M, column by column: rows 0 to 3 in 24 registers")
		var c [4][6]string
		for j := range 6 {
			if j == 0 {
				w.p("\tMOVQ %s, R14", wTiles)
			} else {
				w.p("\tADDQ %s, R14", wPlane)
			}
			w.p("\tLEAQ (R14)(%s*1), R15", wPlane18)
			m := strided("R14", "R15", wPlane6)
			regs := [4]string{w.r(j), w.r(6 + j), w.r(12 + j), w.r(18 + j)}
			t := w.rs(24+2*(j%2), 2)
			s1, e1, s2, e2 := t[0], regs[1], regs[2], t[1]
			w.load(e1, m[1])
			if j == 1 {
				w.p("\t// What is added here, every output of the tile gets: row 1 of A is all ones.")
				w.add(e1, e1, bias)
			}
			w.add(s1, e1, m[2])
			w.sub(e1, e1, m[2])
			w.load(e2, m[3])
			w.add(s2, e2, m[4])
			w.sub(e2, e2, m[4])
			w.add(regs[0], s2, s1)
			w.scaleAdd(regs[0], one, m[0])
			w.add(regs[3], e1, m[5])
			w.times("231", regs[3], e2, by.eight)
			w.times("231", e1, e2, by.two)
			w.times("132", s2, s1, by.four)
			c[0][j], c[1][j], c[2][j], c[3][j] = regs[0], e1, s2, regs[3]
		}
		w.p("\tMOVQ %s, R14", wImage)
		for i := range 4 {
			w.p("\t// row %d", i)
			t := w.rs(24, 3)
			y := w.outputTransform(c[i][:], t, by)
			w.epilogue(fmt.Sprint(i), 0, y, residual, sum, squares, []string{t[0], t[2]})
			if i < 3 {
				w.p("\tADDQ %s, R14", wRow)
			}
		}
	}, func() {
		w.arg("winogradTiles_sums", "R14")
		w.p("\tTESTQ R14, R14")
		w.p("\tJZ done")
		w.store("0(R14)", sum)
		w.store("64(R14)", squares)
		w.p("done:")
	})
}
