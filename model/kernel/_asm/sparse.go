package main

import "fmt"

// Sparse convolution. A kernel computes one strip of rows of all output
// channels of an image: the strip's pixels are contiguous, in the sums as in
// every plane that is read, and fill a fixed number of registers. Offsets
// within sparseArgs:
const (
	spDst      = 0  // the strip of channel 0
	spSrc      = 8  // the strip of input plane 0, one row higher
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
	for _, k := range []sparse{
		{file: f, name: "sparse32x8AVX512", class: "Z", vectors: 16, perRow: 2},
		{file: f, name: "sparse16x8AVX512", class: "Z", vectors: 8, perRow: 1},
		{file: f, name: "sparse8x8AVX512", class: "Z", vectors: 4, perRow: 1, rowsPer: 2},
	} {
		k.write()
	}
}

func sparseAVX2(f *file) {
	for _, k := range []sparse{
		{file: f, name: "sparse32x2AVX2", class: "Y", vectors: 8, perRow: 4},
		{file: f, name: "sparse16x4AVX2", class: "Y", vectors: 8, perRow: 2},
		{file: f, name: "sparse8x8AVX2", class: "Y", vectors: 8, perRow: 1},
	} {
		k.write()
	}
	splitPlanes(f)
	mapToPlanes(f)
	planesToMap(f)
	poolPlanes(f)
}

// A sparse is one kernel. Its sums are the registers from 0 on, row by row.
type sparse struct {
	*file
	name    string
	class   string // of registers
	vectors int    // of sums
	perRow  int    // vectors in a row
	rowsPer int    // rows in a vector, where a row is half of one
}

// Registers behind the sums: in AVX2 the sums end at 7.
const (
	spLeft = 8 + iota // index vector that moves pixels left, within their row
	spRight
	spZero
	spMin // the floor
	spWeight
)

func (k sparse) lanes() int       { return map[string]int{"Z": 16, "Y": 8}[k.class] }
func (k sparse) bytes() int       { return 4 * k.lanes() }
func (k sparse) first(i int) bool { return i%k.perRow == 0 }          // of its row
func (k sparse) last(i int) bool  { return i%k.perRow == k.perRow-1 } // of its row

// v names a register: sums from 0 on, the others as above.
func (k sparse) v(i int) string { return fmt.Sprintf("%s%d", k.class, i) }

// c names one of the registers behind the sums.
func (k sparse) c(i int) string {
	if k.class == "Z" {
		i += 16
	}
	return k.v(i)
}

// saved is where the first vector of a row waits for its first pixel.
func (k sparse) saved(i int) string { return fmt.Sprintf("%d(SP)", i/k.perRow*k.bytes()) }

func (k sparse) write() {
	table := k.name + "Moves<>"
	row := k.lanes() // pixels of a row in one vector
	if k.rowsPer > 0 {
		row /= k.rowsPer
	}
	k.p("\n// lanes of the pixels to the right, then to the left, within each row")
	for i := range 2 * k.lanes() {
		move := 1
		if i >= k.lanes() {
			move = row - 1
		}
		lane := i % k.lanes()
		k.p("DATA %s+%d(SB)/4, $%d", table, 4*i, lane/row*row+(lane+move)%row)
	}
	k.p("GLOBL %s(SB), RODATA|NOPTR, $%d", table, 8*k.lanes())

	k.p("\n// func %s(a sparseArgs)", k.name)
	k.p("TEXT ·%s(SB), NOSPLIT, $%d-%d", k.name, k.vectors/k.perRow*k.bytes(), spSize)
	k.p("\tLEAQ a+0(FP), AX")
	for i, reg := range []string{"DI", "SI", "DX", "R8", "R10", "R11", "R9", "R12"} {
		k.p("\tMOVQ %d(AX), %s", 8*i, reg)
	}
	k.p("\tVBROADCASTSS %d(AX), %s", spFloor, k.c(spMin))
	k.p("\tVMOVUPS %s+0(SB), %s", table, k.c(spLeft))
	k.p("\tVMOVUPS %s+%d(SB), %s", table, k.bytes(), k.c(spRight))
	k.p("\tVXORPS %s, %s, %s", k.c(spZero), k.c(spZero), k.c(spZero))
	if k.class == "Z" {
		firsts := 1
		if k.rowsPer == 2 {
			firsts = 0x0101
		}
		k.p("\tMOVL $%#x, BX // first pixels of a row", firsts)
		k.p("\tKMOVW BX, K1")
		k.p("\tMOVL $%#x, BX // all but last pixels of a row", 0xffff&^(firsts<<(row-1)))
		k.p("\tKMOVW BX, K2")
	}
	k.p("channel:")
	for i := range k.vectors {
		k.p("\tVXORPS %s, %s, %s", k.v(i), k.v(i), k.v(i))
	}
	k.column("right", 0, func() {}, k.moveLeft)
	k.column("centre", 4, func() {}, func() {})
	k.column("left", 8, k.makeRoom, k.moveRight)
	k.finish()
	k.p("\tADDQ $16, R8")
	k.p("\tDECQ R9")
	k.p("\tJNZ channel")
	k.p("\tVZEROUPPER")
	k.p("\tRET")
}

// column adds the entries of one column to the sums; before and after are
// skipped with it if it has none.
func (k sparse) column(name string, count int, before, after func()) {
	k.p("\tMOVL %d(R8), CX", count)
	k.p("\tTESTL CX, CX")
	k.p("\tJZ %sDone", name)
	before()
	k.p("%s:", name)
	k.p("\tMOVL (DX), BX")
	k.p("\tVBROADCASTSS 4(DX), %s", k.c(spWeight))
	k.p("\tADDQ $8, DX")
	for i := range k.vectors {
		k.p("\tVFMADD231PS %d(SI)(BX*4), %s, %s", i*k.bytes(), k.c(spWeight), k.v(i))
	}
	k.p("\tDECL CX")
	k.p("\tJNZ %s", name)
	after()
	k.p("%sDone:", name)
}

// moveLeft moves the sums one pixel to the left, zeros coming in at the right.
func (k sparse) moveLeft() {
	switch {
	case k.class == "Z" && k.perRow == 1:
		for i := range k.vectors {
			k.p("\tVPERMPS.Z %s, %s, K2, %s", k.v(i), k.c(spLeft), k.v(i))
		}
	case k.class == "Z":
		for i := range k.vectors {
			next := k.c(spZero)
			if !k.last(i) {
				next = k.v(i + 1)
			}
			k.p("\tVALIGND $1, %s, %s, %s", k.v(i), next, k.v(i))
		}
	default:
		k.rotate(spLeft)
		for i := range k.vectors {
			next := k.c(spZero)
			if !k.last(i) {
				next = k.v(i + 1) // rotated, its first pixel is the last
			}
			k.p("\tVBLENDPS $0x80, %s, %s, %s", next, k.v(i), k.v(i))
		}
	}
}

// rotate turns every vector by one pixel, within each row.
func (k sparse) rotate(by int) {
	for i := range k.vectors {
		k.p("\tVPERMPS %s, %s, %s", k.v(i), k.c(by), k.v(i))
	}
}

// makeRoom moves the sums one pixel to the left for good: the first pixels,
// which no weight of the left column reaches, are saved, and the last hold
// nothing that is kept.
func (k sparse) makeRoom() {
	for i := range k.vectors {
		if k.first(i) {
			k.p("\tVMOVUPS %s, %s", k.v(i), k.saved(i))
		}
	}
	if k.perRow == 1 {
		k.rotate(spLeft)
		return
	}
	k.moveLeft()
}

// moveRight is makeRoom's inverse.
func (k sparse) moveRight() {
	if k.class == "Z" {
		for i := k.vectors - 1; i >= 0; i-- {
			if !k.first(i) {
				k.p("\tVALIGND $15, %s, %s, %s", k.v(i-1), k.v(i), k.v(i))
				continue
			}
			k.p("\tVPERMPS %s, %s, %s", k.v(i), k.c(spRight), k.v(i))
			k.p("\tVMOVUPS %s, K1, %s", k.saved(i), k.v(i))
		}
		return
	}
	k.rotate(spRight)
	for i := k.vectors - 1; i >= 0; i-- {
		before := k.saved(i)
		if !k.first(i) {
			before = k.v(i - 1) // rotated, its last pixel is the first
		}
		k.p("\tVBLENDPS $1, %s, %s, %s", before, k.v(i), k.v(i))
	}
}

// finish adds bias and residual, clips and stores the sums.
func (k sparse) finish() {
	k.p("\tTESTQ R10, R10")
	k.p("\tJZ biased")
	k.p("\tVBROADCASTSS (R10), %s", k.c(spWeight))
	k.p("\tADDQ $4, R10")
	for i := range k.vectors {
		k.p("\tVADDPS %s, %s, %s", k.c(spWeight), k.v(i), k.v(i))
	}
	k.p("biased:")
	k.p("\tTESTQ R11, R11")
	k.p("\tJZ added")
	for i := range k.vectors {
		k.p("\tVADDPS %d(R11), %s, %s", i*k.bytes(), k.v(i), k.v(i))
	}
	k.p("\tADDQ R12, R11")
	k.p("added:")
	for i := range k.vectors {
		// Where one is NaN, VMAXPS takes its first operand here.
		k.p("\tVMAXPS %s, %s, %s", k.v(i), k.c(spMin), k.v(i))
		k.p("\tVMOVUPS %s, %d(DI)", k.v(i), i*k.bytes())
	}
	k.p("\tADDQ R12, DI")
}
