package main

import "fmt"

// multiply256 writes M = Σ U∘V. Six or four tiles times one block of 16 output
// channels stay in registers while the input channels pass. step is the distance
// between two input channels in U, in bytes.
func (w winograd) multiply256(name string, step int) {
	w.begin(name, "winogradProduct", 0, winogradProductSize)
	const lines = 4 // to fetch per block of input channels
	next := winogradFetch{w, "next", "R13", "R10", false}
	own := winogradFetch{w, "own", "R14", "BX", true}
	v, blocks, outputs := "R15", "R12", "winogradProduct_own+16(AX)" // the slice's capacity is not needed
	w.product()
	w.floats("winogradProduct_block", pBlock)
	next.begin()
	own.begin()
	w.p("position:")
	w.arg("winogradProduct_out", blocks)
	w.p("\tMOVQ %s, %s", blocks, outputs)
	w.p("output:")
	w.arg("winogradProduct_tiles", pTiles)
	w.p("tiles:")
	w.p("\tCMPQ %s, $8", pTiles)
	w.p("\tJEQ four")
	w.p("\tCMPQ %s, $4", pTiles)
	w.p("\tJEQ four")
	for _, n := range []int{6, 4} {
		if n == 4 {
			w.p("four:")
		}
		m := w.rs(0, 2*n)
		for _, r := range m {
			w.p("\tVXORPS %s, %s, %s", r, r, r)
		}
		w.arg("winogradProduct_u", pU)
		w.arg("winogradProduct_in", blocks)
		w.p("\tSHRQ $4, %s", blocks)
		w.p("\tMOVQ %s, %s", pV, v)
		w.p("block%d:", n)
		for c := range 16 {
			if c/4 < lines && c%2 == 0 {
				[]winogradFetch{next, own}[c/2%2].line(c / 4)
			}
			w.load("Y12", fmt.Sprintf("%d(%s)", step*c, pU))
			w.load("Y13", fmt.Sprintf("%d(%s)", step*c+32, pU))
			for t := range n {
				b := w.r(14 + t%2)
				w.p("\tVBROADCASTSS %d(%s), %s", 64*t+4*c, v, b)
				w.addProduct(m[2*t], b, "Y12")
				w.addProduct(m[2*t+1], b, "Y13")
			}
		}
		next.advance(lines)
		own.advance(lines)
		w.p("\tADDQ $%d, %s", 16*step, pU)
		w.p("\tADDQ %s, %s", pBlock, v)
		w.p("\tDECQ %s", blocks)
		w.p("\tJNZ block%d", n)
		for i, r := range m {
			w.store(fmt.Sprintf("%d(%s)", 32*i, pM), r)
		}
		w.p("\tADDQ $%d, %s", 64*n, pV)
		w.p("\tADDQ $%d, %s", 64*n, pM)
		w.p("\tSUBQ $%d, %s", n, pTiles)
		w.p("\tJNZ tiles")
		if n == 6 {
			w.p("\tJMP outputdone")
		}
	}
	w.p("outputdone:")
	w.nextOutputs(outputs, step)
	w.arg("winogradProduct_tiles", pTiles)
	w.p("\tSHLQ $6, %s", pTiles)
	w.p("\tSUBQ %s, %s", pTiles, pV)
	w.p("\tSUBQ %s, %s", pTiles, pM)
	w.p("\tADDQ %s, %s", pBlock, pM)
	w.p("\tSUBQ $16, %s", outputs)
	w.p("\tJNZ output")
	w.nextPosition()
}

// nextOutputs moves the argument u on to the next block of output channels, given
// that outputs counts channels left, and that pU is behind the block at work.
func (w winograd) nextOutputs(outputs string, step int) {
	if step == 64 {
		w.p("\tMOVQ %s, winogradProduct_u(AX)", pU)
		return
	}
	w.p("\t// from the first of a pair of blocks to the second, or to the next pair")
	w.p("\tTESTQ $16, %s", outputs)
	w.p("\tJNZ second")
	w.p("\tADDQ $64, winogradProduct_u(AX)")
	w.p("\tJMP paired")
	w.p("second:")
	w.p("\tSUBQ $64, %s", pU)
	w.p("\tMOVQ %s, winogradProduct_u(AX)", pU)
	w.p("paired:")
}

// accumulate256 writes dU += Σ V∘E. Six or four input channels times 16 output
// channels stay in registers while the tiles pass, two at a time.
func (w winograd) accumulate256(name string, step int) {
	w.begin(name, "winogradProduct", 0, winogradProductSize)
	next := winogradFetch{w, "next", "R13", "R10", false}
	v, e, blocks, outputs := "R15", "R12", "BX", "winogradProduct_own+16(AX)"
	w.product()
	w.floats("winogradProduct_block", pBlock)
	next.begin()
	w.p("position:")
	w.arg("winogradProduct_out", blocks)
	w.p("\tMOVQ %s, %s", blocks, outputs)
	w.p("output:")
	w.arg("winogradProduct_u", pU)
	w.arg("winogradProduct_v", pV)
	w.arg("winogradProduct_in", blocks)
	w.p("\tSHRQ $4, %s", blocks)
	w.p("block:")
	for first := 0; first < 16; {
		n := 6
		if first >= 12 {
			n = 4
		}
		du := w.rs(0, 2*n)
		for i := range du {
			w.load(du[i], fmt.Sprintf("%d(%s)", step*(first+i/2)+32*(i%2), pU))
		}
		w.p("\tMOVQ %s, %s", pV, v)
		w.p("\tMOVQ %s, %s", pM, e)
		w.arg("winogradProduct_tiles", pTiles)
		w.p("tiles%d:", first)
		for t := range 2 {
			w.load("Y12", fmt.Sprintf("%d(%s)", 64*t, e))
			w.load("Y13", fmt.Sprintf("%d(%s)", 64*t+32, e))
			for c := range n {
				b := w.r(14 + c%2)
				w.p("\tVBROADCASTSS %d(%s), %s", 64*t+4*(first+c), v, b)
				w.addProduct(du[2*c], b, "Y12")
				w.addProduct(du[2*c+1], b, "Y13")
			}
		}
		next.line(0)
		next.advance(1)
		w.p("\tADDQ $128, %s", v)
		w.p("\tADDQ $128, %s", e)
		w.p("\tSUBQ $2, %s", pTiles)
		w.p("\tJNZ tiles%d", first)
		for i := range du {
			w.store(fmt.Sprintf("%d(%s)", step*(first+i/2)+32*(i%2), pU), du[i])
		}
		first += n
	}
	w.p("\tADDQ $%d, %s", 16*step, pU)
	w.p("\tADDQ %s, %s", pBlock, pV)
	w.p("\tDECQ %s", blocks)
	w.p("\tJNZ block")
	w.nextOutputs(outputs, step)
	w.p("\tADDQ %s, %s", pBlock, pM)
	w.p("\tSUBQ $16, %s", outputs)
	w.p("\tJNZ output")
	w.nextPosition()
}
