package main

import "fmt"

// Kernels of general convolutions take their arguments by value, a slideArgs,
// and use its counters and pointers up. The size of a slideArgs:
const slideSize = 352

// arg addresses an argument.
func arg(name string) string { return "slideArgs_" + name + "(AX)" }

// slideFn opens a function.
func (f *file) slideFn(name, does string) {
	f.p("\n// func %s(a slideArgs)", name)
	f.p("// %s", does)
	f.p("TEXT ·%s(SB), NOSPLIT, $0-%d", name, slideSize)
	f.p("\tLEAQ a+0(FP), AX")
}

// addArg adds an argument to a register.
func (f *file) addArg(name, reg string) { f.p("\tADDQ %s, %s", arg(name), reg) }

// loadArg loads an argument.
func (f *file) loadArg(name, reg string) { f.p("\tMOVQ %s, %s", arg(name), reg) }

// advance adds one argument to another.
func (f *file) advance(name, by, reg string) {
	f.loadArg(by, reg)
	f.p("\tADDQ %s, %s", reg, arg(name))
}

// A run is up to seven pixels at equal distances. Their addresses take the
// distance once, three times and five times, in registers.
type run struct {
	base              string
	step, three, five string
}

// steps computes the multiples of a distance.
func (f *file) steps(step, three, five string) {
	f.p("\tLEAQ (%s)(%s*2), %s", step, step, three)
	f.p("\tLEAQ (%s)(%s*4), %s", step, step, five)
}

// at returns the address of pixel t, so many bytes further.
func (r run) at(t, bytes int) string {
	index := [7]string{"", r.step + "*1", r.step + "*2", r.three + "*1", r.step + "*4", r.five + "*1", r.three + "*2"}[t]
	if index == "" {
		return fmt.Sprintf("%d(%s)", bytes, r.base)
	}
	return fmt.Sprintf("%d(%s)(%s)", bytes, r.base, index)
}

// A slideTile is pixels whose sums stay in registers: a first run of (pixels+1)/2
// and a second one of the rest, which follows the first or is a row below it. Of
// each pixel there are several vectors: two blocks of channels, or two halves of
// one.
type slideTile struct {
	vectors
	pixels, perPixel int
	halves           bool // vectors are halves of a block
}

// bytes in a vector register.
func (v vectors) bytes() int {
	if v.name == 'Z' {
		return 64
	}
	return 32
}

// acc returns the accumulator of vector i of pixel t.
func (s slideTile) acc(t, i int) string { return s.reg(t*s.perPixel + i) }

// first returns the number of pixels in the first run.
func (s slideTile) first() int { return (s.pixels + 1) / 2 }

// at returns the address of pixel t in the runs that two bases begin.
func (s slideTile) at(first, second run, t, bytes int) string {
	if t < s.first() {
		return first.at(t, bytes)
	}
	return second.at(t-s.first(), bytes)
}

// begin sets the accumulators to the bias, or to zero.
func (s slideTile) begin(f *file) {
	for i := range s.perPixel {
		f.p("\tVXORPS %s, %s, %s", s.acc(0, i), s.acc(0, i), s.acc(0, i))
	}
	f.loadArg("bias", "BX")
	f.p("\tTESTQ BX, BX")
	f.p("\tJZ unbiased")
	for i := range s.perPixel {
		f.p("\tVMOVUPS %d(BX), %s", i*s.bytes(), s.acc(0, i))
	}
	f.p("unbiased:")
	for t := 1; t < s.pixels; t++ {
		for i := range s.perPixel {
			f.p("\tVMOVAPS %s, %s", s.acc(0, i), s.acc(t, i))
		}
	}
}

// eachOutput calls do for all vectors with their addresses in the map that DI
// begins. It needs BX, R11, R12 and R13.
func (s slideTile) eachOutput(f *file, base string, do func(acc, at string)) {
	f.loadArg("dstCol", "R11")
	f.steps("R11", "R12", "R13")
	f.p("\tMOVQ %s, BX", base)
	f.addArg("dstSecond", "BX")
	first, second := run{base, "R11", "R12", "R13"}, run{"BX", "R11", "R12", "R13"}
	for i := range s.perPixel {
		bytes := 0
		switch {
		case s.halves:
			bytes = i * s.bytes()
		case i > 0:
			f.addArg("dstPlane", base)
			f.addArg("dstPlane", "BX")
		}
		for t := range s.pixels {
			do(s.acc(t, i), s.at(first, second, t, bytes))
		}
	}
	if !s.halves {
		for i := 1; i < s.perPixel; i++ {
			f.p("\tSUBQ %s, %s", arg("dstPlane"), base)
		}
	}
}

// finish is the Epilogue. DI is where the tile begins.
func (s slideTile) finish(f *file) {
	n := s.pixels * s.perPixel
	f.loadArg("residual", "CX")
	f.p("\tTESTQ CX, CX")
	f.p("\tJZ alone")
	s.eachOutput(f, "CX", func(acc, at string) { f.p("\tVADDPS %s, %s, %s", at, acc, acc) })
	f.addArg("dstRow", "CX")
	f.p("\tMOVQ CX, %s", arg("residual"))
	f.p("alone:")

	// The maximum, or minimum, with NaN is its second operand, here the accumulator.
	low, high := s.reg(n), s.reg(n+1)
	f.p("\tCMPQ %s, $0", arg("clip"))
	f.p("\tJEQ signed")
	f.p("\tVXORPS %s, %s, %s", low, low, low)
	f.p("\tVBROADCASTSS %s, %s", arg("high"), high)
	for _, a := range s.regs(0, n) {
		f.p("\tVMAXPS %s, %s, %s", a, low, a)
		f.p("\tVMINPS %s, %s, %s", a, high, a)
	}
	f.p("signed:")

	f.loadArg("sums", "CX")
	f.p("\tTESTQ CX, CX")
	f.p("\tJZ unsummed")
	sum, square := low, high
	for i := range s.perPixel {
		at := i * 128
		if s.halves {
			at = i * s.bytes()
		}
		f.p("\tVMOVUPS %d(CX), %s", at, sum)
		f.p("\tVMOVUPS %d(CX), %s", at+64, square)
		for t := range s.pixels {
			f.p("\tVADDPS %s, %s, %s", s.acc(t, i), sum, sum)
			f.p("\tVFMADD231PS %s, %s, %s", s.acc(t, i), s.acc(t, i), square)
		}
		f.p("\tVMOVUPS %s, %d(CX)", sum, at)
		f.p("\tVMOVUPS %s, %d(CX)", square, at+64)
	}
	f.p("unsummed:")
	s.eachOutput(f, "DI", func(acc, at string) { f.p("\tVMOVUPS %s, %s", acc, at) })
}

// slideForward writes a general convolution's forward kernel for tiles of so
// many pixels: one tile in each row, or in each pair of rows. Per channel and
// tap, a pixel is broadcast once and serves all vectors of outputs.
func slideForward(f *file, s slideTile, name string) {
	n := (s.pixels + 1) * s.perPixel
	broadcasts := &rotation{regs: s.regs(n, min(s.count-n, 6))}
	s.convolve(f, name, 4, "VMOVUPS", func(at string, w, accs []string) { s.fma(f, at, broadcasts, w, accs) }, s.finish)
}

// convolve writes a forward kernel around product, which adds the products of
// one pixel's channel, or group of channels, and each weight to an accumulator.
// Channels, or groups, are step bytes long; move loads their weights.
func (s slideTile) convolve(f *file, name string, step int, move string, product func(at string, w, accs []string), finish func(f *file)) {
	f.slideFn(name, "y = epilogue(Σ w·x) for one column of tiles")
	f.loadArg("dst", "DI")
	f.loadArg("srcCol", "R8")
	f.steps("R8", "R9", "R10")
	f.loadArg("wOut", "R14")
	f.p("row:")
	s.begin(f)
	f.loadArg("src", "SI")
	f.loadArg("weights", "R15")
	f.loadArg("blocks", "BX")
	f.p("\tMOVQ BX, %s", arg("blocksLeft"))
	f.p("block:")
	f.loadArg("tapRows", "R13")
	f.p("tapRow:")
	f.loadArg("tapCols", "R12")
	f.p("tap:")
	f.p("\tMOVQ SI, BX")
	f.p("\tMOVQ SI, CX")
	f.addArg("second", "CX")
	f.p("\tMOVQ R15, DX")
	f.loadArg("channels", "R11")
	f.p("\tCMPQ %s, $1", arg("blocksLeft"))
	f.p("\tJNE channel")
	f.loadArg("last", "R11")
	f.p("channel:")
	first, second := run{"BX", "R8", "R9", "R10"}, run{"CX", "R8", "R9", "R10"}
	n := s.pixels * s.perPixel
	w := s.regs(n, s.perPixel)
	bytes := s.bytes()
	if move != "VMOVUPS" {
		bytes /= 2 // widened
	}
	f.p("\t%s (DX), %s", move, w[0])
	for i := 1; i < s.perPixel; i++ {
		if s.halves {
			f.p("\t%s %d(DX), %s", move, i*bytes, w[i])
		} else {
			f.p("\t%s (DX)(R14*1), %s", move, w[i])
		}
	}
	for t := range s.pixels {
		accs := make([]string, s.perPixel)
		for i := range accs {
			accs[i] = s.acc(t, i)
		}
		product(s.at(first, second, t, 0), w, accs)
	}
	f.addArg("wChannel", "DX")
	f.p("\tADDQ $%d, BX", step)
	f.p("\tADDQ $%d, CX", step)
	f.p("\tDECQ R11")
	f.p("\tJNZ channel")
	f.addArg("tapCol", "SI")
	f.addArg("wCol", "R15")
	f.p("\tDECQ R12")
	f.p("\tJNZ tap")
	f.addArg("tapRowNext", "SI")
	f.addArg("wRowNext", "R15")
	f.p("\tDECQ R13")
	f.p("\tJNZ tapRow")
	f.addArg("srcPlaneNext", "SI")
	f.addArg("wBlockNext", "R15")
	f.p("\tDECQ %s", arg("blocksLeft"))
	f.p("\tJNZ block")
	finish(f)
	f.advance("src", "srcRow", "BX")
	f.addArg("dstRow", "DI")
	f.p("\tDECQ %s", arg("rows"))
	f.p("\tJNZ row")
	f.p("\tVZEROUPPER")
	f.p("\tRET")
}

// slideDepthwise writes a depthwise convolution's forward kernel for tiles of so
// many pixels, through all rows of several blocks of channels.
func slideDepthwise(f *file, s slideTile, name string) {
	n := s.pixels * s.perPixel
	w := s.regs(n, s.perPixel)
	s.depthwise(f, name, func(first, second run) {
		for i := range s.perPixel {
			f.p("\tVMOVUPS %d(DX), %s", i*s.bytes(), w[i])
		}
		for t := range s.pixels {
			for i := range s.perPixel {
				f.p("\tVFMADD231PS %s, %s, %s", s.at(first, second, t, i*s.bytes()), w[i], s.acc(t, i))
			}
		}
	}, s.begin, s.finish)
}

// depthwise writes a depthwise kernel around products, which adds one tap's
// products to all accumulators.
func (s slideTile) depthwise(f *file, name string, products func(first, second run), begin, finish func(f *file)) {
	f.slideFn(name, "y = epilogue(Σ w·x), lane by lane, for one column of tiles in several blocks")
	f.loadArg("srcCol", "R8")
	f.steps("R8", "R9", "R10")
	f.p("out:")
	f.loadArg("dst", "DI")
	f.loadArg("src", "R15")
	f.loadArg("rows", "R14")
	f.p("row:")
	begin(f)
	f.p("\tMOVQ R15, SI")
	f.p("\tMOVQ R15, CX")
	f.addArg("second", "CX")
	f.loadArg("weights", "DX")
	f.loadArg("tapRows", "R13")
	f.p("tapRow:")
	f.loadArg("tapCols", "R12")
	f.p("tap:")
	products(run{"SI", "R8", "R9", "R10"}, run{"CX", "R8", "R9", "R10"})
	f.addArg("tapCol", "SI")
	f.addArg("tapCol", "CX")
	f.addArg("wCol", "DX")
	f.p("\tDECQ R12")
	f.p("\tJNZ tap")
	f.addArg("tapRowNext", "SI")
	f.addArg("tapRowNext", "CX")
	f.addArg("wRowNext", "DX")
	f.p("\tDECQ R13")
	f.p("\tJNZ tapRow")
	finish(f)
	f.addArg("srcRow", "R15")
	f.addArg("dstRow", "DI")
	f.p("\tDECQ R14")
	f.p("\tJNZ row")
	f.advance("src", "srcPlaneNext", "BX")
	f.advance("dst", "dstPlane", "BX")
	f.advance("weights", "wOut", "BX")
	for _, next := range [][2]string{{"bias", "$64"}, {"sums", "$128"}, {"scale", "$64"}, {"shift", "$64"}, {"residual", ""}} {
		f.loadArg(next[0], "BX") // nil stays nil
		f.p("\tTESTQ BX, BX")
		f.p("\tJZ %sDone", next[0])
		if next[0] == "residual" {
			f.addArg("residualNext", "BX")
		} else {
			f.p("\tADDQ %s, BX", next[1])
		}
		f.p("\tMOVQ BX, %s", arg(next[0]))
		f.p("%sDone:", next[0])
	}
	f.p("\tDECQ %s", arg("outs"))
	f.p("\tJNZ out")
	f.p("\tVZEROUPPER")
	f.p("\tRET")
}
