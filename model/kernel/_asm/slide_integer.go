package main

import "fmt"

// Kernels of integer convolutions of every geometry. Sums are int32 and begin
// with the zero point's share; see integer_general.go for what they become.

// products4 adds the products of groups of four channels: weights are 16 outputs
// by 4 channels.
func (s slideTile) products4(f *file) func(at string, w, accs []string) {
	n := (s.pixels + 1) * s.perPixel
	broadcasts := &rotation{regs: s.regs(n, min(s.count-n, 6))}
	return func(at string, w, accs []string) {
		b := broadcasts.next()
		f.p("\tVPBROADCASTD %s, %s", at, b)
		for i, a := range accs {
			f.p("\tVPDPBUSD %s, %s, %s", w[i], b, a)
		}
	}
}

// products2 does the same for groups of two channels, in words: a product of two
// bytes may not fit one.
func (s slideTile) products2(f *file) func(at string, w, accs []string) {
	n := (s.pixels + 1) * s.perPixel
	free := &rotation{regs: s.regs(n, s.count-n)}
	return func(at string, w, accs []string) {
		b := s.count - 1
		f.p("\tVPBROADCASTW %s, X%d", at, b)
		f.p("\tVPMOVZXBW X%d, %s", b, s.reg(b))
		for i, a := range accs {
			product := free.next()
			if product == s.reg(b) {
				product = free.next()
			}
			f.p("\tVPMADDWD %s, %s, %s", w[i], s.reg(b), product)
			f.p("\tVPADDD %s, %s, %s", product, a, a)
		}
	}
}

// finishCodes turns sums into codes: the conversion to int32 makes what is too
// large or too small the smallest int32, which the layer's packing excludes.
func (s slideTile) finishCodes(f *file) {
	n := s.pixels * s.perPixel
	zero, low, top := s.reg(n), s.reg(n+1), s.reg(n+2)
	for _, r := range [][2]string{{"zero", zero}, {"low", low}, {"top", top}} {
		f.p("\tVPBROADCASTD %s, %s", arg(r[0]), r[1])
	}
	f.loadArg("scale", "CX")
	f.loadArg("shift", "R11")
	for i := range s.perPixel {
		for t := range s.pixels {
			a, bytes := s.acc(t, i), i*s.bytes()
			f.p("\tVCVTDQ2PS %s, %s", a, a)
			f.p("\tVMULPS %d(CX), %s, %s", bytes, a, a)
			f.p("\tVADDPS %d(R11), %s, %s", bytes, a, a)
			f.p("\tVCVTPS2DQ %s, %s", a, a)
			f.p("\tVPADDD %s, %s, %s", zero, a, a)
			f.p("\tVPMAXSD %s, %s, %s", low, a, a)
			f.p("\tVPMINSD %s, %s, %s", top, a, a)
		}
	}
	if s.name == 'Z' {
		s.eachOutput(f, "DI", func(acc, at string) { f.p("\tVPMOVDB %s, %s", acc, at) })
		return
	}
	one := slideTile{s.vectors, s.pixels, 1, true}
	t := 0
	one.eachOutput(f, "DI", func(_, at string) {
		storeHalves(f, t*s.perPixel, t*s.perPixel+1, n, at)
		t++
	})
}

// storeHalves stores the 16 numbers below 256 of Y registers a and b, halves of a
// pixel, as bytes. Words come with the quarters of both in turn, which a
// permutation puts right. Register free is used up.
func storeHalves(f *file, a, b, free int, at string) {
	f.p("\tVPACKUSDW Y%d, Y%d, Y%d", b, a, a)
	f.p("\tVPERMQ $0xd8, Y%d, Y%d", a, a)
	f.p("\tVEXTRACTI128 $1, Y%d, X%d", a, free)
	f.p("\tVPACKUSWB X%d, X%d, X%d", free, a, a)
	f.p("\tVMOVDQU X%d, %s", a, at)
}

// depthwiseCodes adds one tap's products: a byte of either kind becomes two
// words, of which the upper one is zero in the codes.
func (s slideTile) depthwiseCodes(f *file) func(first, second run) {
	n := s.pixels * s.perPixel
	w := s.regs(n, s.perPixel)
	codes := &rotation{regs: s.regs(n+s.perPixel, min(s.count-n-s.perPixel, 6))}
	return func(first, second run) {
		bytes := s.bytes() / 4
		for i := range s.perPixel {
			f.p("\tVPMOVSXBD %d(DX), %s", i*bytes, w[i])
		}
		for t := range s.pixels {
			for i := range s.perPixel {
				q := codes.next()
				f.p("\tVPMOVZXBD %s, %s", s.at(first, second, t, i*bytes), q)
				if s.name == 'Z' {
					f.p("\tVPDPWSSD %s, %s, %s", w[i], q, s.acc(t, i))
				} else {
					f.p("\tVPMADDWD %s, %s, %s", w[i], q, q)
					f.p("\tVPADDD %s, %s, %s", q, s.acc(t, i), s.acc(t, i))
				}
			}
		}
	}
}

func slideIntegerAVX512(f *file) {
	v := vectors{set: "AVX512", name: 'Z', count: 32, embedded: true}
	f.p("#include \"go_asm.h\"")
	for pixels := 1; pixels <= 14; pixels++ {
		for per := 1; per <= 2; per++ {
			s := slideTile{v, pixels, per, false}
			s.convolve(f, fmt.Sprintf("slideInteger%dx%dAVX512", pixels, per), 4, "VMOVUPS", s.products4(f), s.finishCodes)
		}
		s := slideTile{v, pixels, 1, true}
		s.depthwise(f, fmt.Sprintf("slideIntegerDepthwise%dAVX512", pixels), s.depthwiseCodes(f), s.begin, s.finishCodes)
	}
	addCodes(f, v)
}

// slideIntegerAVX2 writes the kernels for processors without VPDPBUSD, whose
// tiles leave a register for widened codes. Weights are groups of two channels,
// 16 outputs each.
func slideIntegerAVX2(f *file) {
	v := vectors{set: "AVX2", name: 'Y', count: 16}
	f.p("#include \"go_asm.h\"")
	for pixels := 1; pixels <= 5; pixels++ {
		s := slideTile{v, pixels, 2, true}
		s.convolve(f, fmt.Sprintf("slideInteger%dAVX2", pixels), 2, "VPMOVSXBW", s.products2(f), s.finishCodes)
		s.depthwise(f, fmt.Sprintf("slideIntegerDepthwise%dAVX2", pixels), s.depthwiseCodes(f), s.begin, s.finishCodes)
	}
	addCodes(f, v)
}
