package main

import "fmt"

// slideMaxPool writes a max pool for tiles of so many pixels, which begin as the
// bias, −Inf. With places, it also stores which tap each maximum was. A new
// value wins where it is greater, or NaN.
func slideMaxPool(f *file, s slideTile, places bool, name string) {
	n := s.pixels * s.perPixel
	place := func(t, i int) string { return s.reg(n + t*s.perPixel + i) }
	free := n
	if places {
		free = 2 * n
	}
	x, tap, one, isNaN := s.reg(free), s.reg(free+1), s.reg(free+2), s.reg(free+3)
	begin := func(f *file) {
		s.begin(f)
		if places {
			for i := range n {
				f.p("\tVPXOR%s %s, %s, %s", s.quads(), s.reg(n+i), s.reg(n+i), s.reg(n+i))
			}
			f.p("\tVPXOR%s %s, %s, %s", s.quads(), tap, tap, tap)
			f.p("\tVPBROADCASTD %s, %s", arg("zero"), one) // a 1 here
		}
	}
	products := func(first, second run) {
		for t := range s.pixels {
			for i := range s.perPixel {
				a := s.acc(t, i)
				f.p("\tVMOVUPS %s, %s", s.at(first, second, t, i*s.bytes()), x)
				switch {
				case s.name == 'Z' && places:
					f.p("\tVCMPPS $3, %s, %s, K1 // NaN", x, x)
					f.p("\tVCMPPS $30, %s, %s, K2 // greater", a, x)
					f.p("\tKORW K1, K2, K1")
					f.p("\tVMOVAPS %s, K1, %s", x, a)
					f.p("\tVMOVDQA32 %s, K1, %s", tap, place(t, i))
				case s.name == 'Z':
					f.p("\tVCMPPS $3, %s, %s, K1 // NaN", x, x)
					f.p("\tVMAXPS %s, %s, %s // the accumulator where one is NaN", a, x, a)
					f.p("\tVMOVAPS %s, K1, %s", x, a)
				case places:
					f.p("\tVCMPPS $3, %s, %s, %s // NaN", x, x, isNaN)
					f.p("\tVBLENDVPS %s, %s, %s, %s", isNaN, tap, place(t, i), place(t, i))
					f.p("\tVBLENDVPS %s, %s, %s, %s", isNaN, x, a, a)
					f.p("\tVCMPPS $30, %s, %s, %s // greater", a, x, isNaN)
					f.p("\tVBLENDVPS %s, %s, %s, %s", isNaN, tap, place(t, i), place(t, i))
					f.p("\tVBLENDVPS %s, %s, %s, %s", isNaN, x, a, a)
				default:
					f.p("\tVCMPPS $3, %s, %s, %s // NaN", x, x, isNaN)
					f.p("\tVMAXPS %s, %s, %s // the accumulator where one is NaN", a, x, a)
					f.p("\tVBLENDVPS %s, %s, %s, %s", isNaN, x, a, a)
				}
			}
		}
		if places {
			f.p("\tVPADDD %s, %s, %s", one, tap, tap)
		}
	}
	finish := func(f *file) {
		s.eachOutput(f, "DI", func(acc, at string) { f.p("\tVMOVUPS %s, %s", acc, at) })
		if !places {
			return
		}
		f.loadArg("arg", "CX")
		for t := range s.pixels {
			if s.name == 'Z' {
				f.p("\tVPMOVDB %s, %d(CX)", place(t, 0), 16*t)
			} else {
				storeHalves(f, n+2*t, n+2*t+1, free, fmt.Sprintf("%d(CX)", 16*t))
			}
		}
		f.addArg("argRow", "CX")
		f.p("\tMOVQ CX, %s", arg("arg"))
	}
	s.depthwise(f, name, products, begin, finish)
}

// quads is the ending of bitwise instructions on whole registers.
func (v vectors) quads() string {
	if v.name == 'Z' {
		return "Q"
	}
	return ""
}

// slideMaxPoolCodes writes a max pool of codes, 16 bytes to a pixel.
func slideMaxPoolCodes(f *file, pixels int) {
	s := slideTile{vectors{set: "AVX2", name: 'X', count: 16}, pixels, 1, true}
	s.depthwise(f, fmt.Sprintf("slideMaxPoolCodes%dAVX2", pixels), func(first, second run) {
		for t := range pixels {
			f.p("\tVPMAXUB %s, %s, %s", s.at(first, second, t, 0), s.acc(t, 0), s.acc(t, 0))
		}
	}, func(f *file) {
		for t := range pixels {
			f.p("\tVPXOR %s, %s, %s", s.acc(t, 0), s.acc(t, 0), s.acc(t, 0))
		}
	}, func(f *file) {
		s.eachOutput(f, "DI", func(acc, at string) { f.p("\tVMOVDQU %s, %s", acc, at) })
	})
}

func maxPoolAVX512(f *file) {
	v := vectors{set: "AVX512", name: 'Z', count: 32, embedded: true}
	f.p("#include \"go_asm.h\"")
	for pixels := 1; pixels <= 14; pixels++ {
		slideMaxPool(f, slideTile{v, pixels, 1, true}, false, fmt.Sprintf("slideMaxPool%dAVX512", pixels))
		slideMaxPool(f, slideTile{v, pixels, 1, true}, true, fmt.Sprintf("slideMaxPoolPlaces%dAVX512", pixels))
	}
}

func maxPoolAVX2(f *file) {
	v := vectors{set: "AVX2", name: 'Y', count: 16}
	f.p("#include \"go_asm.h\"")
	for pixels := 1; pixels <= 6; pixels++ {
		slideMaxPool(f, slideTile{v, pixels, 2, true}, false, fmt.Sprintf("slideMaxPool%dAVX2", pixels))
	}
	for pixels := 1; pixels <= 3; pixels++ {
		slideMaxPool(f, slideTile{v, pixels, 2, true}, true, fmt.Sprintf("slideMaxPoolPlaces%dAVX2", pixels))
	}
	for pixels := 1; pixels <= 14; pixels++ {
		slideMaxPoolCodes(f, pixels)
	}
}
