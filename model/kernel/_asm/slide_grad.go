package main

import "fmt"

// slideGrad writes the gradient of the weights of a general convolution: for a
// group of input channels and one or two vectors of outputs the sums stay in
// registers while the pixels of dy pass by. A call walks the taps and the groups
// of a block of input channels.
func slideGrad(f *file, v vectors, channels, perPixel int, halves bool, name string) {
	f.slideFn(name, "dw += Σ dy·x for all taps and groups of channels of one block")
	n := channels * perPixel
	acc := v.regs(0, n)
	dy := v.regs(n, perPixel)
	broadcasts := &rotation{regs: v.regs(n+perPixel, min(v.count-n-perPixel, 5))}
	second := func(base string, distance string) string {
		if halves {
			return fmt.Sprintf("%d(%s)", v.bytes(), base)
		}
		return fmt.Sprintf("(%s)(%s*1)", base, distance)
	}
	f.loadArg("srcCol", "R8")
	f.loadArg("dstCol", "R9")
	f.loadArg("wOut", "R14")
	f.loadArg("dstPlane", "R10")
	f.loadArg("src", "SI")
	f.loadArg("weights", "R15")
	f.loadArg("tapRows", "R13")
	f.p("tapRow:")
	f.loadArg("tapCols", "R12")
	f.p("tap:")
	f.loadArg("groups", "BX")
	f.p("\tMOVQ BX, %s", arg("blocksLeft"))
	f.p("\tMOVQ R15, DX")
	f.p("\tMOVQ SI, %s", arg("tapSrc"))
	f.p("group:")
	move := func(do func(i int, at string)) {
		f.p("\tMOVQ DX, CX")
		for c := range channels {
			do(c*perPixel, "(CX)")
			if perPixel == 2 {
				do(c*perPixel+1, second("CX", "R14"))
			}
			if c < channels-1 {
				f.addArg("wChannel", "CX")
			}
		}
	}
	move(func(i int, at string) { f.p("\tVMOVUPS %s, %s", at, acc[i]) })
	f.loadArg("rows", "R11")
	f.loadArg("dst", "DI")
	f.p("\tMOVQ SI, %s", arg("rowSrc"))
	f.p("\tMOVQ DI, %s", arg("rowDst"))
	f.p("row:")
	f.loadArg("cols", "BX")
	f.p("col:")
	f.p("\tVMOVUPS (DI), %s", dy[0])
	if perPixel == 2 {
		f.p("\tVMOVUPS %s, %s", second("DI", "R10"), dy[1])
	}
	for c := range channels {
		v.fma(f, fmt.Sprintf("%d(SI)", 4*c), broadcasts, dy, acc[c*perPixel:][:perPixel])
	}
	f.p("\tADDQ R8, SI")
	f.p("\tADDQ R9, DI")
	f.p("\tDECQ BX")
	f.p("\tJNZ col")
	for _, r := range [][3]string{{"rowSrc", "srcRow", "SI"}, {"rowDst", "dstRow", "DI"}} {
		f.loadArg(r[0], r[2])
		f.addArg(r[1], r[2])
		f.p("\tMOVQ %s, %s", r[2], arg(r[0]))
	}
	f.p("\tDECQ R11")
	f.p("\tJNZ row")
	move(func(i int, at string) { f.p("\tVMOVUPS %s, %s", acc[i], at) })
	f.addArg("wChannel", "CX")
	f.p("\tMOVQ CX, DX")
	f.loadArg("tapSrc", "SI")
	f.p("\tADDQ $%d, SI", 4*channels)
	f.p("\tMOVQ SI, %s", arg("tapSrc"))
	f.p("\tDECQ %s", arg("blocksLeft"))
	f.p("\tJNZ group")
	// Back from the groups to the tap, and on to the next.
	f.loadArg("groups", "BX")
	f.p("\tIMULQ $%d, BX", 4*channels)
	f.p("\tSUBQ BX, SI")
	f.addArg("tapCol", "SI")
	f.addArg("wCol", "R15")
	f.p("\tDECQ R12")
	f.p("\tJNZ tap")
	f.addArg("tapRowNext", "SI")
	f.addArg("wRowNext", "R15")
	f.p("\tDECQ R13")
	f.p("\tJNZ tapRow")
	f.p("\tVZEROUPPER")
	f.p("\tRET")
}

// slideDepthwiseGrad writes the gradient of a depthwise convolution's weights
// for kernels of so many columns. Every tap of a kernel row has a sum for each of
// a few neighbouring pixels; they are added up in the end.
func slideDepthwiseGrad(f *file, v vectors, taps int, name string) {
	chains := 1
	for chains < 4 && 2*chains*taps <= v.count/2+v.count/8 {
		chains *= 2
	}
	acc := func(t, chain int) string { return v.reg(t*chains + chain) }
	dy := v.regs(taps*chains, chains)
	f.slideFn(name, "dw += Σ dy·x, lane by lane, for several blocks")
	f.loadArg("srcCol", "R8")
	f.p("\tLEAQ (R8)(R8*2), R9")
	f.loadArg("dstCol", "R10")
	f.p("\tLEAQ (R10)(R10*2), R14")
	f.p("out:")
	f.loadArg("src", "R15")
	f.loadArg("weights", "DX")
	f.loadArg("tapRows", "R13")
	f.p("tapRow:")
	for i := range taps * chains {
		f.p("\tVXORPS %s, %s, %s", v.reg(i), v.reg(i), v.reg(i))
	}
	f.loadArg("dst", "BX")
	f.p("\tMOVQ R15, CX")
	f.loadArg("rows", "R12")
	f.p("row:")
	f.p("\tMOVQ BX, DI")
	f.p("\tMOVQ CX, SI")
	products := func(chain int) {
		dst, src := run{"DI", "R10", "R14", ""}, run{"SI", "R8", "R9", ""}
		f.p("\tVMOVUPS %s, %s", dst.at(chain, 0), dy[chain])
		for t := range taps {
			f.p("\tVFMADD231PS %s, %s, %s", src.at(chain, 64*t), dy[chain], acc(t, chain))
		}
	}
	f.loadArg("cols", "R11")
	if chains > 1 {
		f.p("\tSUBQ $%d, R11", chains)
		f.p("\tJLT rest")
		f.p("several:")
		for c := range chains {
			products(c)
		}
		f.p("\tLEAQ (SI)(R8*%d), SI", chains)
		f.p("\tLEAQ (DI)(R10*%d), DI", chains)
		f.p("\tSUBQ $%d, R11", chains)
		f.p("\tJGE several")
		f.p("rest:")
		f.p("\tADDQ $%d, R11", chains)
		f.p("\tJZ next")
	}
	f.p("one:")
	products(0)
	f.p("\tADDQ R8, SI")
	f.p("\tADDQ R10, DI")
	f.p("\tDECQ R11")
	f.p("\tJNZ one")
	f.p("next:")
	f.addArg("dstRow", "BX")
	f.addArg("srcRow", "CX")
	f.p("\tDECQ R12")
	f.p("\tJNZ row")
	for t := range taps {
		for c := 1; c < chains; c++ {
			f.p("\tVADDPS %s, %s, %s", acc(t, c), acc(t, 0), acc(t, 0))
		}
		f.p("\tVADDPS (DX), %s, %s", acc(t, 0), acc(t, 0))
		f.p("\tVMOVUPS %s, (DX)", acc(t, 0))
		f.addArg("wCol", "DX")
	}
	f.addArg("wRowNext", "DX")
	f.addArg("tapRow", "R15")
	f.p("\tDECQ R13")
	f.p("\tJNZ tapRow")
	f.advance("src", "srcPlaneNext", "BX")
	f.advance("dst", "dstPlane", "BX")
	f.advance("weights", "wOut", "BX")
	f.p("\tDECQ %s", arg("outs"))
	f.p("\tJNZ out")
	f.p("\tVZEROUPPER")
	f.p("\tRET")
}

// slideMaxTaps is the widest depthwise kernel whose weights' gradient has
// assembly.
const slideMaxTaps = 7

func slideAVX512(f *file) {
	v := vectors{set: "AVX512", name: 'Z', count: 32, embedded: true}
	f.p("#include \"go_asm.h\"")
	for pixels := 1; pixels <= 14; pixels++ {
		for per := 1; per <= 2; per++ {
			slideForward(f, slideTile{v, pixels, per, false}, fmt.Sprintf("slideForward%dx%dAVX512", pixels, per))
		}
		slideDepthwise(f, slideTile{v, pixels, 1, true}, fmt.Sprintf("slideDepthwise%dAVX512", pixels))
	}
	for _, channels := range []int{16, 8, 4, 3, 2, 1} {
		for per := 1; per <= 2 && channels*per <= 16; per++ {
			slideGrad(f, v, channels, per, false, fmt.Sprintf("slideGrad%dx%dAVX512", channels, per))
		}
	}
	for taps := 1; taps <= slideMaxTaps; taps++ {
		slideDepthwiseGrad(f, v, taps, fmt.Sprintf("slideDepthwiseGrad%dAVX512", taps))
	}
}

func slideAVX2(f *file) {
	v := vectors{set: "AVX2", name: 'Y', count: 16}
	f.p("#include \"go_asm.h\"")
	for pixels := 1; pixels <= 6; pixels++ {
		slideForward(f, slideTile{v, pixels, 2, true}, fmt.Sprintf("slideForward%dAVX2", pixels))
		slideDepthwise(f, slideTile{v, pixels, 2, true}, fmt.Sprintf("slideDepthwise%dAVX2", pixels))
	}
	for _, channels := range []int{4, 3, 2, 1} {
		slideGrad(f, v, channels, 2, true, fmt.Sprintf("slideGrad%dAVX2", channels))
	}
	for taps := 1; taps <= slideMaxTaps; taps++ {
		slideDepthwiseGrad(f, v, taps, fmt.Sprintf("slideDepthwiseGrad%dAVX2", taps))
	}
}
