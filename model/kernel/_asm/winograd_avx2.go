package main

import "fmt"

// winogradAVX2 writes the kernels for 16 registers of 8 floats: the two halves
// of a block of 16 channels are computed one after the other, and a transform's
// matrix lies on the stack between its two multiplications.
func winogradAVX2(f *file) {
	w := winograd{f, "AVX2", 'Y'}
	w.p("#include \"go_asm.h\"")
	w.constants()
	w.input256()
	w.gradient256()
	w.output256()
	w.multiply256("Multiply", 64)
	w.multiply256("MultiplyPairs", 128)
	w.accumulate256("Accumulate", 64)
	w.accumulate256("AccumulatePairs", 128)
	w.weights()
	w.taps()
}

// wMatrix is the matrix on the stack.
const wMatrix = "DX"

// cell returns the address of row i, column j of a matrix on the stack.
func cell(i, j, columns int) string { return fmt.Sprintf("%d(%s)", 32*(i*columns+j), wMatrix) }

// at returns the address displaced by that many bytes.
func at(displacement int, address string) string { return fmt.Sprintf("%d%s", displacement, address) }

// input256 writes V = Bᵀ·d·B.
func (w winograd) input256() {
	const frame = 37 * 32
	w.begin("Input", "winogradTiles", frame, winogradTilesSize)
	d, t, two, four := w.rs(0, 6), w.rs(6, 6), w.r(12), w.r(13)
	lower := "R10" // row 3 of the tile
	w.transform(func() {
		w.buffer(frame, wMatrix)
		w.broadcast(two, constTwo)
		w.broadcast(four, constFour)
	}, func() {
		w.p("\tLEAQ (%s)(%s*1), %s", wImage, wRow3, lower)
		w.fetchBelow(lower)
		for half := range 2 {
			for j := range 6 {
				for i, row := range strided(wImage, lower, wRow) {
					w.load(d[i], at(64*j+32*half, row))
				}
				w.inputTransform(d, t, two, four, func(i int, v string) { w.store(cell(i, j, 6), v) })
			}
			for i := range 6 {
				planes := w.planes(i, "R14", "R15")
				for j := range d {
					w.load(d[j], cell(i, j, 6))
				}
				w.inputTransform(d, t, two, four, func(j int, v string) { w.store(at(32*half, planes[j]), v) })
			}
		}
	}, func() {})
}

// gradient256 writes E = A·e·Aᵀ.
func (w winograd) gradient256() {
	const frame = 25 * 32
	w.begin("Gradient", "winogradTiles", frame, winogradTilesSize)
	e, t, two, four := w.rs(0, 4), w.rs(4, 6), w.r(10), w.r(11)
	w.transform(func() {
		w.buffer(frame, wMatrix)
		w.broadcast(two, constTwo)
		w.broadcast(four, constFour)
	}, func() {
		for half := range 2 {
			for j := range 4 {
				rows := []string{row(wImage, wRow, 0, 64*j+32*half), row(wImage, wRow, 1, 64*j+32*half),
					row(wImage, wRow, 2, 64*j+32*half), row(wImage, wRow3, 1, 64*j+32*half)}
				for i := range e {
					w.load(e[i], rows[i])
				}
				w.gradientTransform(e, t, two, four, func(i int, z string) { w.store(cell(i, j, 4), z) })
			}
			for i := range 6 {
				planes := w.planes(i, "R14", "R15")
				for j := range e {
					w.load(e[j], cell(i, j, 4))
				}
				w.gradientTransform(e, t, two, four, func(j int, z string) { w.store(at(32*half, planes[j]), z) })
			}
		}
	}, func() {})
}

// output256 writes y = Aᵀ·M·A with its epilogue.
func (w winograd) output256() {
	const frame = (1 + 24 + 2 + 4) * 32
	w.begin("Output", "winogradTiles", frame, winogradTilesSize)
	m, t := w.rs(0, 6), w.rs(6, 3)
	sum, squares := w.r(9), w.r(10)
	by := multipliers{w.r(11), multiplier{w.r(12), ""}, multiplier{w.r(13), ""}, multiplier{w.r(14), ""}}
	bias := func(half int) string { return cell(0, 24+half, 0) }
	sums := func(i, half int) string { return cell(0, 26+2*i+half, 0) }
	residual := "R10"
	w.transform(func() {
		w.buffer(frame, wMatrix)
		w.broadcast(by.one, constOne)
		w.broadcast(by.two.operand, constTwo)
		w.broadcast(by.four.operand, constFour)
		w.broadcast(by.eight.operand, constEight)
		w.p("\tVXORPS %s, %s, %s", m[0], m[0], m[0])
		for half := range 2 {
			w.store(bias(half), m[0])
		}
		w.arg("winogradTiles_bias", "R14")
		w.p("\tTESTQ R14, R14")
		w.p("\tJZ nobias")
		for half := range 2 {
			w.load(m[0], fmt.Sprintf("%d(R14)", 32*half))
			w.store(bias(half), m[0])
		}
		w.p("nobias:")
		w.arg("winogradTiles_sums", "R14")
		w.p("\tTESTQ R14, R14")
		w.p("\tJZ nosums")
		for i := range 4 {
			w.load(m[0], fmt.Sprintf("%d(R14)", 32*i))
			w.store(sums(i/2, i%2), m[0])
		}
		w.p("nosums:")
		w.p("\t// The residual is found by its distance from the image, which may be 0.")
		w.arg("winogradTiles_residual", residual)
		w.p("\tSUBQ %s, %s", wImage, residual)
	}, func() {
		for half := range 2 {
			for j := range 6 {
				if j == 0 {
					w.p("\tMOVQ %s, R14", wTiles)
				} else {
					w.p("\tADDQ %s, R14", wPlane)
				}
				w.p("\tLEAQ (R14)(%s*1), R15", wPlane18)
				for i, plane := range strided("R14", "R15", wPlane6) {
					w.load(m[i], at(32*half, plane))
				}
				if j == 1 {
					w.p("\t// What is added here, every output of the tile gets: row 1 of A is all ones.")
					w.add(m[1], m[1], bias(half))
				}
				for i, y := range w.outputTransform(m, t, by) {
					w.store(cell(i, j, 6), y)
				}
			}
			w.p("\tMOVQ %s, R14", wImage)
			w.load(sum, sums(0, half))
			w.load(squares, sums(1, half))
			for i := range 4 {
				for j := range m {
					w.load(m[j], cell(i, j, 6))
				}
				w.epilogue(fmt.Sprintf("%d%d", half, i), 32*half, w.outputTransform(m, t, by), residual, sum, squares, []string{t[0], t[2]})
				if i < 3 {
					w.p("\tADDQ %s, R14", wRow)
				}
			}
			w.store(sums(0, half), sum)
			w.store(sums(1, half), squares)
		}
	}, func() {
		w.arg("winogradTiles_sums", "R14")
		w.p("\tTESTQ R14, R14")
		w.p("\tJZ done")
		for i := range 4 {
			w.load(m[0], sums(i/2, i%2))
			w.store(fmt.Sprintf("%d(R14)", 32*i), m[0])
		}
		w.p("done:")
	})
}
