package main

import "fmt"

// Sparse convolution. A kernel computes one strip of rows of all output
// channels of an image. For one channel its sums fill a fixed number of
// registers, while it walks the channel's list of weights: left taps, centre,
// right ones. Offsets within sparseArgs:
const (
	spDst      = 0  // the strip of channel 0
	spSrc      = 8  // the strip's first row in input plane 0, one row higher
	spEntries  = 16 // of the first channel
	spColumns  = 24
	spBias     = 32 // or nil
	spResidual = 40 // or nil, like dst
	spChannels = 48
	spPlane    = 56 // bytes between dst's channels
	spFloor    = 64 // float32: 0 for a ReLU, −∞ for none
	spSize     = 72
)

func sparseAVX512(f *file) {
	halves{f, "sparse32x8AVX512", "Z", 1, 8}.write()
	halves{f, "sparse16x8AVX512", "Y", 1, 8}.write()
	sparse8x8AVX512(f)
	stride2{f, "sparse16x8Stride2AVX512", "Z", 1, 8}.write()
	stride2{f, "sparse8x8Stride2AVX512", "Y", 1, 8}.write()
}

func sparseAVX2(f *file) {
	halves{f, "sparse32x2AVX2", "Y", 2, 2}.write()
	halves{f, "sparse16x4AVX2", "Y", 1, 4}.write()
	sparse8x8AVX2(f)
	stride2{f, "sparse16x4Stride2AVX2", "Y", 2, 4}.write()
	stride2{f, "sparse8x8Stride2AVX2", "Y", 1, 8}.write()
	packPlanes(f)
	mapToPlanes(f)
	planesToMap(f)
	poolPlanes(f)
}

// Columns of taps, and where sparseColumns counts their weights.
var spColumn = []struct {
	name  string
	count int
}{{"left", 0}, {"centre", 4}, {"right", 8}}

// A fma multiplies the vector at a byte offset by the weight and adds it to a
// register.
type fma struct {
	at  int
	sum string
}

// sparseBegin opens a kernel with frame bytes of stack.
func sparseBegin(f *file, name string, frame int) {
	f.p("\n// func %s(a sparseArgs)", name)
	f.p("TEXT ·%s(SB), NOSPLIT, $%d-%d", name, frame, spSize)
	f.p("\tLEAQ a+0(FP), AX")
	for i, reg := range []string{"DI", "SI", "DX", "R8", "R10", "R11", "R9", "R12"} {
		f.p("\tMOVQ %d(AX), %s", 8*i, reg)
	}
}

// sparseBias loads the channel's bias into every lane, 0 if there is none.
func sparseBias(f *file, bias string) {
	f.p("channel:")
	f.p("\tVXORPS %[1]s, %[1]s, %[1]s", bias)
	f.p("\tTESTQ R10, R10")
	f.p("\tJZ biased")
	f.p("\tVBROADCASTSS (R10), %s", bias)
	f.p("\tADDQ $4, R10")
	f.p("biased:")
}

// sparseColumn walks one column's weights, if there are any; before and after
// are skipped with them.
func sparseColumn(f *file, column int, weight string, fmas []fma, before, after func()) {
	c := spColumn[column]
	f.p("\tMOVL %d(R8), CX", c.count)
	f.p("\tTESTL CX, CX")
	f.p("\tJZ %sDone", c.name)
	before()
	f.p("\tPCALIGN $64")
	f.p("%s:", c.name)
	f.p("\tMOVL (DX), BX")
	f.p("\tVBROADCASTSS 4(DX), %s", weight)
	f.p("\tADDQ $8, DX")
	for _, m := range fmas {
		f.p("\tVFMADD231PS %d(SI)(BX*4), %s, %s", m.at, weight, m.sum)
	}
	f.p("\tDECL CX")
	f.p("\tJNZ %s", c.name)
	after()
	f.p("%sDone:", c.name)
}

// sparseStore adds the residual to the sums, clips and stores them: those of
// consecutive vectors of the strip.
func sparseStore(f *file, sums []string, bytes int, floor string) {
	f.p("\tTESTQ R11, R11")
	f.p("\tJZ added")
	for i, v := range sums {
		f.p("\tVADDPS %d(R11), %s, %s", i*bytes, v, v)
	}
	f.p("\tADDQ R12, R11")
	f.p("added:")
	f.p("\tVBROADCASTSS %d(AX), %s", spFloor, floor)
	for i, v := range sums {
		// Where one is NaN, VMAXPS takes its first operand here.
		f.p("\tVMAXPS %s, %s, %s", v, floor, v)
		f.p("\tVMOVUPS %s, %d(DI)", v, i*bytes)
	}
	f.p("\tADDQ R12, DI")
}

func sparseEnd(f *file) {
	f.p("\tADDQ $16, R8")
	f.p("\tDECQ R9")
	f.p("\tJNZ channel")
	f.p("\tVZEROUPPER")
	f.p("\tRET")
}

func nothing() {}

// lanes returns the number of floats in a register of a class.
func lanes(class string) int { return map[string]int{"Z": 16, "Y": 8}[class] }

// names returns the registers from one number to before another.
func names(class string, from, to int) (all []string) {
	for i := from; i < to; i++ {
		all = append(all, fmt.Sprintf("%s%d", class, i))
	}
	return all
}

// table writes an index vector for VPERMPS: lane i takes lane of(i).
func table(f *file, name string, n int, of func(i int) int) {
	f.p("")
	for i := range n {
		f.p("DATA %s<>+%d(SB)/4, $%d", name, 4*i, of(i))
	}
	f.p("GLOBL %s<>(SB), RODATA|NOPTR, $%d", name, 4*n)
}
