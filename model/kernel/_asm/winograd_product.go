package main

import "fmt"

// Registers of the products. AX points to the arguments.
const (
	pV         = "SI" // tiles at the position at work
	pM         = "DI"
	pU         = "DX"
	pPlane     = "R9"  // distance between positions in V and M
	pBlock     = "R11" // distance between blocks of channels in V and M
	pTiles     = "CX"  // tiles left
	pPositions = "R8"  // positions left
)

// product loads what all products need.
func (w winograd) product() {
	w.arg("winogradProduct_v", pV)
	w.arg("winogradProduct_m", pM)
	w.arg("winogradProduct_u", pU)
	w.floats("winogradProduct_plane", pPlane)
	w.arg("winogradProduct_positions", pPositions)
}

// nextPosition closes the loop over positions. pU must be behind the position at
// work, where a line of padding follows.
func (w winograd) nextPosition() {
	w.p("\tADDQ $64, %s", pU)
	w.p("\tMOVQ %s, winogradProduct_u(AX)", pU)
	w.p("\tADDQ %s, winogradProduct_v(AX)", pPlane)
	w.p("\tADDQ %s, winogradProduct_m(AX)", pPlane)
	w.arg("winogradProduct_v", pV)
	w.arg("winogradProduct_m", pM)
	w.p("\tDECQ %s", pPositions)
	w.p("\tJNZ position")
	w.end()
}

// multiply512 writes M = U∘V for 16 channels: U of a position stays in 16
// registers while 8 tiles at a time pass.
func (w winograd) multiply512() {
	w.begin("Multiply", "winogradProduct", 0, winogradProductSize)
	next := winogradFetch{w, "next", "R13", "R10", false}
	own := winogradFetch{w, "own", "R14", "BX", true}
	m, u := w.rs(0, 8), w.rs(16, 16)
	w.product()
	next.begin()
	own.begin()
	w.p("position:")
	for c := range u {
		w.load(u[c], fmt.Sprintf("%d(%s)", 64*c, pU))
	}
	w.arg("winogradProduct_tiles", pTiles)
	w.p("tiles:")
	for c := range u {
		switch c % 4 {
		case 0:
			next.line(c / 4)
		case 2:
			own.line(c / 4)
		}
		for t := range m {
			op := "VFMADD231PS"
			if c == 0 {
				op = "VMULPS"
			}
			w.p("\t%s.BCST %d(%s), %s, %s", op, 64*t+4*c, pV, u[c], m[t])
		}
	}
	for t := range m {
		w.store(fmt.Sprintf("%d(%s)", 64*t, pM), m[t])
	}
	next.advance(4)
	own.advance(4)
	w.p("\tADDQ $512, %s", pV)
	w.p("\tADDQ $512, %s", pM)
	w.p("\tSUBQ $8, %s", pTiles)
	w.p("\tJNZ tiles")
	w.p("\tADDQ $1024, %s", pU)
	w.nextPosition()
}

// multiplyPairs512 writes M = Σ U∘V for multiples of 32 channels: 8 tiles, and
// the last 4 if there are so many, times two blocks of output channels stay in
// registers while the input channels pass.
func (w winograd) multiplyPairs512() {
	w.begin("MultiplyPairs", "winogradProduct", 0, winogradProductSize)
	const lines = 6 // to fetch per block of input channels
	next := winogradFetch{w, "next", "R13", "R10", false}
	own := winogradFetch{w, "own", "R14", "BX", true}
	broadcasts := w.rs(20, 10)
	v, blocks, pairs := "R15", "R12", "winogradProduct_own+16(AX)" // the slice's capacity is not needed
	w.product()
	w.floats("winogradProduct_block", pBlock)
	next.begin()
	own.begin()
	w.p("position:")
	w.arg("winogradProduct_out", blocks)
	w.p("\tSHRQ $5, %s", blocks)
	w.p("\tMOVQ %s, %s", blocks, pairs)
	w.p("pair:")
	w.arg("winogradProduct_tiles", pTiles)
	w.p("tiles:")
	w.arg("winogradProduct_u", pU)
	w.arg("winogradProduct_in", blocks)
	w.p("\tSHRQ $4, %s", blocks)
	w.p("\tMOVQ %s, %s", pV, v)
	w.p("\tCMPQ %s, $4", pTiles)
	w.p("\tJEQ four")
	for _, n := range []int{8, 4} {
		if n == 4 {
			w.p("four:")
		}
		m := w.rs(0, 2*n)
		for _, r := range m {
			w.p("\tVPXORD %s, %s, %s", r, r, r)
		}
		w.p("block%d:", n)
		for c := range 16 {
			if c/2 < lines {
				[]winogradFetch{next, own}[c%2].line(c / 2)
			}
			u := w.rs(16+c%2*2, 2)
			w.load(u[0], fmt.Sprintf("%d(%s)", 128*c, pU))
			w.load(u[1], fmt.Sprintf("%d(%s)", 128*c+64, pU))
			for t := range n {
				b := broadcasts[(n*c+t)%len(broadcasts)]
				w.p("\tVBROADCASTSS %d(%s), %s", 64*t+4*c, v, b)
				w.addProduct(m[t], b, u[0])
				w.addProduct(m[n+t], b, u[1])
			}
		}
		next.advance(lines)
		own.advance(lines)
		w.p("\tADDQ $2048, %s", pU)
		w.p("\tADDQ %s, %s", pBlock, v)
		w.p("\tDECQ %s", blocks)
		w.p("\tJNZ block%d", n)
		for t := range n {
			w.store(fmt.Sprintf("%d(%s)", 64*t, pM), m[t])
			w.store(fmt.Sprintf("%d(%s)(%s*1)", 64*t, pM, pBlock), m[n+t])
		}
		w.p("\tADDQ $%d, %s", 64*n, pV)
		w.p("\tADDQ $%d, %s", 64*n, pM)
		w.p("\tSUBQ $%d, %s", n, pTiles)
		if n == 8 {
			w.p("\tJNZ tiles")
			w.p("\tJMP done")
		}
	}
	w.p("done:")
	w.p("\t// the next two blocks of output channels")
	w.p("\tMOVQ %s, winogradProduct_u(AX)", pU)
	w.arg("winogradProduct_tiles", pTiles)
	w.p("\tSHLQ $6, %s", pTiles)
	w.p("\tSUBQ %s, %s", pTiles, pV)
	w.p("\tSUBQ %s, %s", pTiles, pM)
	w.p("\tLEAQ (%s)(%s*2), %s", pM, pBlock, pM)
	w.p("\tDECQ %s", pairs)
	w.p("\tJNZ pair")
	w.nextPosition()
}

// accumulate512 writes dU += Σ V∘E for 16 channels: dU of a position stays in 16
// registers while the tiles pass, two at a time.
func (w winograd) accumulate512() {
	w.begin("Accumulate", "winogradProduct", 0, winogradProductSize)
	next := winogradFetch{w, "next", "R13", "R10", false}
	du := w.rs(0, 16)
	w.product()
	next.begin()
	w.p("position:")
	for c := range du {
		w.load(du[c], fmt.Sprintf("%d(%s)", 64*c, pU))
	}
	w.arg("winogradProduct_tiles", pTiles)
	w.p("tiles:")
	for t := range 2 {
		e := w.r(16 + t)
		w.load(e, fmt.Sprintf("%d(%s)", 64*t, pM))
		for c := range du {
			w.p("\tVFMADD231PS.BCST %d(%s), %s, %s", 64*t+4*c, pV, e, du[c])
		}
	}
	next.line(0)
	next.advance(1)
	w.p("\tADDQ $128, %s", pV)
	w.p("\tADDQ $128, %s", pM)
	w.p("\tSUBQ $2, %s", pTiles)
	w.p("\tJNZ tiles")
	for c := range du {
		w.store(fmt.Sprintf("%d(%s)", 64*c, pU), du[c])
	}
	w.p("\tADDQ $1024, %s", pU)
	w.nextPosition()
}

// accumulatePairs512 writes dU += Σ V∘E for multiples of 32 channels: 8 input
// channels times two blocks of output channels stay in registers while the
// tiles pass, two at a time.
func (w winograd) accumulatePairs512() {
	w.begin("AccumulatePairs", "winogradProduct", 0, winogradProductSize)
	next := winogradFetch{w, "next", "R13", "R10", false}
	du := w.rs(0, 16)
	broadcasts := w.rs(20, 10)
	v, e, blocks, pairs := "R15", "R12", "BX", "winogradProduct_own+16(AX)"
	w.product()
	w.floats("winogradProduct_block", pBlock)
	next.begin()
	w.p("position:")
	w.arg("winogradProduct_out", blocks)
	w.p("\tSHRQ $5, %s", blocks)
	w.p("\tMOVQ %s, %s", blocks, pairs)
	w.p("pair:")
	w.arg("winogradProduct_v", pV)
	w.arg("winogradProduct_in", blocks)
	w.p("\tSHRQ $4, %s", blocks)
	w.p("block:")
	for half := range 2 {
		for i := range du {
			w.load(du[i], fmt.Sprintf("%d(%s)", 64*i, pU))
		}
		w.p("\tMOVQ %s, %s", pV, v)
		w.p("\tMOVQ %s, %s", pM, e)
		w.arg("winogradProduct_tiles", pTiles)
		w.p("\tLEAQ 1024(%s), R14 // the next part of dU", pU)
		w.p("tiles%d:", half)
		for t := range 2 {
			es := w.rs(16+2*t, 2)
			w.load(es[0], fmt.Sprintf("%d(%s)", 64*t, e))
			w.load(es[1], fmt.Sprintf("%d(%s)(%s*1)", 64*t, e, pBlock))
			for c := range 8 {
				b := broadcasts[(8*t+c)%len(broadcasts)]
				w.p("\tVBROADCASTSS %d(%s), %s", 64*t+32*half+4*c, v, b)
				w.addProduct(du[2*c], b, es[0])
				w.addProduct(du[2*c+1], b, es[1])
			}
		}
		next.line(0)
		next.advance(1)
		winogradFetch{w, "", "R14", "", true}.line(0)
		w.p("\tADDQ $64, R14")
		w.p("\tADDQ $128, %s", v)
		w.p("\tADDQ $128, %s", e)
		w.p("\tSUBQ $2, %s", pTiles)
		w.p("\tJNZ tiles%d", half)
		for i := range du {
			w.store(fmt.Sprintf("%d(%s)", 64*i, pU), du[i])
		}
		w.p("\tADDQ $1024, %s", pU)
	}
	w.p("\tADDQ %s, %s", pBlock, pV)
	w.p("\tDECQ %s", blocks)
	w.p("\tJNZ block")
	w.p("\tLEAQ (%s)(%s*2), %s", pM, pBlock, pM)
	w.p("\tDECQ %s", pairs)
	w.p("\tJNZ pair")
	w.nextPosition()
}
