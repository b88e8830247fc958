package main

import "fmt"

// Weights are transformed in units of as many input and output channels as a
// register has lanes. Between PyTorch's order and U's, where output channels are
// the lanes, a unit lies on the stack as [in][9 taps][out].

const (
	fWeights  = "SI"  // oihw
	fU        = "DI"  // u
	fPosition = "R8"  // distance between positions of U; times 6 and 18
	fStep     = "R10" // distance between input channels of U
	fRow      = "R11" // distance between output channels of oihw
	fUnit     = "R13" // the unit on the stack
	fMatrix   = "DX"  // a matrix on the stack, where registers are short
	fCount    = "CX"

	fPosition6  = "R9"
	fPosition18 = "R12"
)

// unitSize returns the bytes of a unit, unitTap those of one tap of all output
// channels.
func (w winograd) unitTap() int  { return w.bytes() }
func (w winograd) unitSize() int { return w.lanes() * 9 * w.unitTap() }

// filter opens a function for one unit.
func (w winograd) filter(name string) {
	const matrix = 18
	frame := w.unitSize() + (matrix+1)*w.bytes()
	w.begin(name, "winogradFilter", frame, winogradFilterSize)
	w.buffer(frame, fUnit)
	w.p("\tLEAQ %d(%s), %s", w.unitSize(), fUnit, fMatrix)
	w.arg("winogradFilter_oihw", fWeights)
	w.arg("winogradFilter_u", fU)
	w.floats("winogradFilter_step", fStep)
	w.floats("winogradFilter_row", fRow)
}

// filterStrides loads the distances between positions.
func (w winograd) filterStrides() {
	w.floats("winogradFilter_position", fPosition)
	w.p("\tLEAQ (%s)(%s*2), %s", fPosition, fPosition, fPosition6)
	w.p("\tADDQ %s, %s", fPosition6, fPosition6)
	w.p("\tLEAQ (%s)(%s*2), %s", fPosition6, fPosition6, fPosition18)
}

// A matrix is rows × columns of vectors, in registers from number 0 on where
// these suffice, else at fMatrix.
type matrix struct {
	w       winograd
	columns int
}

// result returns the register that the value at (i, j) is computed in: its own,
// or temporary t.
func (m matrix) result(i, j int, t string) string {
	if m.w.short() {
		return t
	}
	return m.w.r(i*m.columns + j)
}

// keep stores the value at (i, j) that result's register holds.
func (m matrix) keep(i, j int, r string) {
	if m.w.short() {
		m.w.store(m.address(i, j), r)
	}
}

// fetch returns row i in registers, if need be those given.
func (m matrix) fetch(i int, t []string) []string {
	regs := make([]string, m.columns)
	for j := range regs {
		regs[j] = m.result(i, j, t[j])
		if m.w.short() {
			m.w.load(regs[j], m.address(i, j))
		}
	}
	return regs
}

func (m matrix) address(i, j int) string {
	return fmt.Sprintf("%d(%s)", m.w.bytes()*(i*m.columns+j), fMatrix)
}

// taps writes dg = Gᵀ·dU·G for one unit.
func (w winograd) taps() {
	free := 18 // registers from here on
	if w.short() {
		free = 0
	}
	w.filter("Taps")
	w.filterStrides()
	g := w.entries(free + 8)
	w.p("\tMOVQ $%d, %s", w.lanes(), fCount)
	w.p("\tMOVQ %s, R14", fUnit)
	w.p("channel:")
	w.p("\tMOVQ %s, BX", fU)
	c := matrix{w, 6} // Gᵀ·dU
	for j := range 6 {
		t := w.rs(free, 8)
		u := []string{c.result(0, j, t[0]), c.result(1, j, t[1]), t[2], t[3], t[4], c.result(2, j, t[5])}
		w.p("\tLEAQ (BX)(%s*1), R15", fPosition18)
		for i, at := range strided("BX", "R15", fPosition6) {
			w.load(u[i], at)
		}
		for i, r := range w.tapTransform(u, t[6:], g) {
			c.keep(i, j, r)
		}
		if j < 5 {
			w.p("\tADDQ %s, BX", fPosition)
		}
	}
	for i := range 3 {
		t := w.rs(free, 8)
		for j, r := range w.tapTransform(c.fetch(i, t), t[6:], g) {
			w.store(fmt.Sprintf("%d(R14)", w.unitTap()*(3*i+j)), r)
		}
	}
	w.p("\tADDQ %s, %s", fStep, fU)
	w.p("\tADDQ $%d, R14", 9*w.unitTap())
	w.p("\tDECQ %s", fCount)
	w.p("\tJNZ channel")
	w.p("\t// Output channel by output channel, the taps of the unit lie together.")
	w.p("\tMOVQ $9, %s", fCount)
	w.p("taps:")
	at := w.outputs()
	w.transpose(all, func(i int, r string) {
		w.load(r, fmt.Sprintf("%d(%s)", w.unitTap()*i, fUnit))
	}, func(i int, r string) { w.store(at[i], r) })
	w.p("\tADDQ $%d, %s", w.lanes()*w.unitTap(), fUnit)
	w.p("\tADDQ $%d, %s", w.bytes(), fWeights)
	w.p("\tDECQ %s", fCount)
	w.p("\tJNZ taps")
	w.end()
}

// weights writes U = G·g·Gᵀ for one unit.
func (w winograd) weights() {
	w.filter("Weights")
	w.p("\tMOVQ %s, BX", fUnit)
	w.p("\tCMPB winogradFilter_transposed(AX), $0")
	w.p("\tJNE transposed")
	w.p("\t// Output channel by output channel, the taps of the unit lie together.")
	at := w.outputs()
	w.p("\tMOVQ $9, %s", fCount)
	w.p("taps:")
	w.transpose(all, func(i int, r string) {
		w.load(r, fmt.Sprintf("0%s", at[i]))
	}, func(i int, r string) {
		w.store(fmt.Sprintf("%d(BX)", w.unitTap()*i), r)
	})
	w.p("\tADDQ $%d, BX", w.lanes()*w.unitTap())
	w.p("\tADDQ $%d, %s", w.bytes(), fWeights)
	for _, r := range outputBases[:w.lanes()/3] {
		w.p("\tADDQ $%d, %s", w.bytes(), r)
	}
	w.p("\tDECQ %s", fCount)
	w.p("\tJNZ taps")
	w.p("\tJMP transform")
	w.reversed()

	w.p("\ntransform:")
	free := 18 // registers from here on
	if w.short() {
		free = 0
	}
	e := w.entries(free + 9)
	w.filterStrides()
	w.p("\tLEAQ (%s)(%s*2), R14", fPosition, fPosition)
	w.p("\tMOVQ $%d, %s", w.lanes(), fCount)
	w.p("channel:")
	c := matrix{w, 3} // G·g
	for j := range 3 {
		t := w.rs(free, 9)
		g := []string{t[0], t[1], c.result(5, j, t[2])}
		var u []string
		for i := range 5 {
			u = append(u, c.result(i, j, t[3+i]))
		}
		for i := range g {
			w.load(g[i], fmt.Sprintf("%d(%s)", w.unitTap()*(3*i+j), fUnit))
		}
		w.weightTransform(g, u, t[8], e, func(i int, u string) { c.keep(i, j, u) })
	}
	w.p("\tMOVQ %s, BX", fU)
	for i := range 6 {
		t := w.rs(free, 9)
		w.p("\tLEAQ (BX)(R14*1), R15")
		at := strided("BX", "R15", fPosition)
		w.weightTransform(c.fetch(i, t), t[3:8], t[8], e, func(j int, u string) { w.store(at[j], u) })
		w.p("\tADDQ %s, BX", fPosition6)
	}
	w.p("\tADDQ %s, %s", fStep, fU)
	w.p("\tADDQ $%d, %s", 9*w.unitTap(), fUnit)
	w.p("\tDECQ %s", fCount)
	w.p("\tJNZ channel")
	w.end()
}

// reversed writes the data gradient's order: what was an output channel is an
// input channel now, and the 9 taps of a register of channels, which were input
// channels, are transposed at a time, and reversed.
func (w winograd) reversed() {
	w.p("\ntransposed:")
	w.p("\tMOVQ $%d, %s", w.lanes(), fCount)
	store := func(tap int, r string) {
		w.store(fmt.Sprintf("%d(BX)", w.unitTap()*(8-tap)), r)
	}
	if !w.short() {
		w.p("\tMOVL $0x1ff, R14")
		w.p("\tKMOVW R14, K1")
	}
	w.p("reversed:")
	if w.short() {
		w.transpose(all, func(i int, r string) {
			w.load(r, fmt.Sprintf("%d(%s)", 36*i, fWeights))
		}, store)
		w.p("\t// The ninth tap is the last of the 8 that begin with the second.")
		w.transpose(func(i int) bool { return i == 7 }, func(i int, r string) {
			w.load(r, fmt.Sprintf("%d(%s)", 36*i+4, fWeights))
		}, func(i int, r string) { store(i+1, r) })
	} else {
		w.transpose(func(i int) bool { return i < 9 }, func(i int, r string) {
			w.p("\tVMOVUPS.Z %d(%s), K1, %s", 36*i, fWeights, r)
		}, store)
	}
	w.p("\tADDQ %s, %s", fRow, fWeights)
	w.p("\tADDQ $%d, BX", 9*w.unitTap())
	w.p("\tDECQ %s", fCount)
	w.p("\tJNZ reversed")
}

// outputs returns the addresses of the unit's output channels in oihw, with the
// help of outputBases that they stay valid as long as.
func (w winograd) outputs() []string {
	var at []string
	base := fWeights
	for i := range w.lanes() {
		switch i % 3 {
		case 0:
			if i > 0 {
				next := outputBases[i/3-1]
				w.p("\tLEAQ (%s)(%s*2), %s", base, fRow, next)
				w.p("\tADDQ %s, %s", fRow, next)
				base = next
			}
			at = append(at, fmt.Sprintf("(%s)", base))
		default:
			at = append(at, fmt.Sprintf("(%s)(%s*%d)", base, fRow, i%3))
		}
	}
	return at
}

// outputBases are channels 3, 6, 9, 12 and 15.
var outputBases = []string{"R8", "R9", "R12", "R14", "R15"}

// all columns of a transposition are wanted.
func all(int) bool { return true }

// transpose transposes as many registers as a register has lanes, in steps of
// doubling distance, and stores the columns that are wanted. It overwrites
// all registers.
func (w winograd) transpose(wanted func(column int) bool, load, store func(i int, r string)) {
	n := w.lanes()
	r, s := w.rs(0, n), w.rs(n, n)
	for i, r := range r {
		load(i, r)
	}
	for i := 0; i < n; i += 2 {
		w.p("\tVUNPCKLPS %s, %s, %s", r[i+1], r[i], s[i])
		w.p("\tVUNPCKHPS %s, %s, %s", r[i+1], r[i], s[i+1])
	}
	// Then r[4g+q] holds, in its quarter or half L, column 4L+q of rows 4g to 4g+3.
	for i := 0; i < n; i += 4 {
		w.p("\tVUNPCKLPD %s, %s, %s", s[i+2], s[i], r[i])
		w.p("\tVUNPCKHPD %s, %s, %s", s[i+2], s[i], r[i+1])
		w.p("\tVUNPCKLPD %s, %s, %s", s[i+3], s[i+1], r[i+2])
		w.p("\tVUNPCKHPD %s, %s, %s", s[i+3], s[i+1], r[i+3])
	}
	for q := range 4 {
		if w.short() {
			for half, both := range []int{0x20, 0x31} { // the lower halves, the upper ones
				if i := 4*half + q; wanted(i) {
					w.p("\tVPERM2F128 $%#x, %s, %s, %s", both, r[4+q], r[q], s[half])
					store(i, s[half])
				}
			}
			continue
		}
		const even, odd = 0x88, 0xdd // quarters 0 and 2, or 1 and 3, of both
		for half, quarters := range []int{even, odd} {
			upper, lower, out := s[4*half], s[4*half+1], s[4*half+2:4*half+4]
			w.p("\tVSHUFF32X4 $%#x, %s, %s, %s", quarters, r[4+q], r[q], upper)
			w.p("\tVSHUFF32X4 $%#x, %s, %s, %s", quarters, r[12+q], r[8+q], lower)
			for k, both := range []int{even, odd} {
				if i := 4*(half+2*k) + q; wanted(i) {
					w.p("\tVSHUFF32X4 $%#x, %s, %s, %s", both, lower, upper, out[k])
					store(i, out[k])
				}
			}
		}
	}
}
