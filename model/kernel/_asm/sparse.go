package main

import (
	"fmt"
	"slices"
)

// Sparse convolution. A kernel computes one strip of rows of all output
// channels of an image. For one channel its sums fill a fixed number of
// registers, while it walks the channel's list of weights: left taps, centre,
// right ones, and of each first single taps, then runs of two and of three that
// share inputs. Offsets within sparseArgs:
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

// spColumnSize is the size of a sparseColumn: int32s of weights, and of runs of
// one, two and three.
const spColumnSize = 16

func sparseAVX512(f *file) {
	halves{f, "sparse32x8AVX512", "Z", 1, 8}.write()
	halves{f, "sparse16x8AVX512", "Y", 1, 8}.write()
	sparse8x8AVX512(f)
	stride2{f, "sparse16x8Stride2AVX512", "Z", 1, 8, true}.write()
	stride2{f, "sparse8x8Stride2AVX512", "Y", 1, 8, true}.write()
}

func sparseAVX2(f *file) {
	halves{f, "sparse32x2AVX2", "Y", 2, 2}.write()
	halves{f, "sparse16x4AVX2", "Y", 1, 4}.write()
	sparse8x8AVX2(f)
	stride2{f, "sparse16x4Stride2AVX2", "Y", 2, 4, false}.write()
	stride2{f, "sparse8x8Stride2AVX2", "Y", 1, 8, false}.write()
	packPlanes(f)
	mapToPlanes(f)
	planesToMap(f)
	poolPlanes(f)
}

// spColumn names the columns of taps, in the order of sparseColumns.
var spColumn = []string{"left", "centre", "right"}

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

// sparseBias opens the loop over channels and loads the channel's bias into
// every lane of a register, 0 if there is none. From then on it is at 0(SP).
func sparseBias(f *file, bias string) {
	f.p("channel:")
	f.p("\tXORL BX, BX")
	f.p("\tTESTQ R10, R10")
	f.p("\tJZ biased")
	f.p("\tMOVL (R10), BX")
	f.p("\tADDQ $4, R10")
	f.p("biased:")
	f.p("\tMOVL BX, 0(SP)")
	f.p("\tVBROADCASTSS 0(SP), %s", bias)
}

// A walk is how a kernel goes through lists of weights. It keeps in registers
// what more than one tap of a run reads.
type walk struct {
	*file
	step    int // bytes between the inputs of a run's neighbouring taps
	weights []string
	input   string
	wide    bool // AVX-512
}

// column goes through one column's weights, if there are any, in runs of one,
// two and three taps; before and after are skipped with them.
func (w walk) column(column int, fmas []fma, before, after func()) {
	name, counts := spColumn[column], spColumnSize*column
	w.p("\tCMPL %d(R8), $0", counts)
	w.p("\tJEQ %sDone", name)
	before()
	for length := 1; length <= 3; length++ {
		label := fmt.Sprintf("%s%d", name, length)
		w.p("\tMOVL %d(R8), CX", counts+4*length)
		w.p("\tTESTL CX, CX")
		w.p("\tJZ %sDone", label)
		w.p("\tPCALIGN $32")
		w.p("%s:", label)
		w.load(length)
		w.p("\tADDQ $%d, DX", 8*length)
		w.run(length, fmas)
		w.p("\tDECL CX")
		w.p("\tJNZ %s", label)
		w.p("%sDone:", label)
	}
	after()
	w.p("%sDone:", name)
}

// load reads the entries of a run: the first one's offset into BX, and the
// weights. Vector loads are scarce; with AVX-512 the weights go another way.
func (w walk) load(length int) {
	if !w.wide {
		w.p("\tMOVL (DX), BX")
		for t := range length {
			w.p("\tVBROADCASTSS %d(DX), %s", 8*t+4, w.weights[t])
		}
		return
	}
	w.p("\tMOVQ (DX), BX")
	w.p("\tMOVQ BX, R13")
	w.p("\tSHRQ $32, R13")
	w.p("\tVPBROADCASTD R13, %s", w.weights[0])
	w.p("\tMOVL BX, BX")
	for t := 1; t < length; t++ {
		w.p("\tMOVL %d(DX), R13", 8*t+4)
		w.p("\tVPBROADCASTD R13, %s", w.weights[t])
	}
}

// run multiplies by the weights of one run of taps, the first of which has its
// inputs where the fmas say, and each further one a step behind it.
func (w walk) run(length int, fmas []fma) {
	sums := map[int]string{} // by the offset of the first tap's input
	var offsets []int
	for _, m := range fmas {
		sums[m.at] = m.sum
		for t := range length {
			offsets = append(offsets, m.at+t*w.step)
		}
	}
	slices.Sort(offsets)
	for _, at := range slices.Compact(offsets) {
		var uses []int // taps
		for t := range length {
			if sums[at-t*w.step] != "" {
				uses = append(uses, t)
			}
		}
		input := fmt.Sprintf("%d(SI)(BX*4)", at)
		if len(uses) > 1 {
			w.p("\tVMOVUPS %s, %s", input, w.input)
			input = w.input
		}
		for _, t := range uses {
			w.p("\tVFMADD231PS %s, %s, %s", input, w.weights[t], sums[at-t*w.step])
		}
	}
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
	f.p("\tADDQ $%d, R8", len(spColumn)*spColumnSize)
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
