package main

import "fmt"

// Winograd F(4×4, 3×3): Lavin and Gray, "Fast Algorithms for Convolutional
// Neural Networks", 2015, section 4. The matrices are those of
// model/kernel/winograd_go.go, which defines what each function here computes.

// A winograd writes the functions for one register file.
type winograd struct {
	*file
	set string // suffix of function names
	reg byte   // Z or Y
}

// short reports whether there are 16 registers of 8 floats rather than 32 of 16.
func (w winograd) short() bool { return w.reg == 'Y' }

// lanes returns the floats in a register, bytes its length.
func (w winograd) lanes() int { return w.bytes() / 4 }
func (w winograd) bytes() int {
	if w.short() {
		return 32
	}
	return 64
}

// r returns register i.
func (w winograd) r(i int) string { return fmt.Sprintf("%c%d", w.reg, i) }

// rs returns n registers from number first on.
func (w winograd) rs(first, n int) []string {
	regs := make([]string, n)
	for i := range regs {
		regs[i] = w.r(first + i)
	}
	return regs
}

// Vector operations, destination first. The last source of add, sub and the
// fused ones may be an address.
func (w winograd) load(dst, addr string)  { w.p("\tVMOVUPS %s, %s", addr, dst) }
func (w winograd) store(addr, src string) { w.p("\tVMOVUPS %s, %s", src, addr) }
func (w winograd) add(dst, a, b string)   { w.p("\tVADDPS %s, %s, %s", b, a, dst) }
func (w winograd) sub(dst, a, b string)   { w.p("\tVSUBPS %s, %s, %s", b, a, dst) }
func (w winograd) mul(dst, a, b string)   { w.p("\tVMULPS %s, %s, %s", b, a, dst) }

func (w winograd) addProduct(dst, a, b string) { w.p("\tVFMADD231PS %s, %s, %s", b, a, dst) }  // dst += a·b
func (w winograd) subProduct(dst, a, b string) { w.p("\tVFNMADD231PS %s, %s, %s", b, a, dst) } // dst −= a·b
func (w winograd) scaleAdd(dst, a, b string)   { w.p("\tVFMADD213PS %s, %s, %s", b, a, dst) }  // dst = dst·a + b
func (w winograd) scaleFrom(dst, a, b string)  { w.p("\tVFNMADD213PS %s, %s, %s", b, a, dst) } // dst = b − dst·a

// Additions and fused multiply-adds run on different units. Where a transform
// is made of additions mostly, some are written as multiplications by one, and
// doubling is part of a multiply-add.

// inputTransform computes v = Bᵀ·d and hands v[i] to out as soon as it is there.
// It overwrites d and the temporaries t; two and four hold these numbers.
//
//	v0 = 4(d0−d2) + c           c = d4 − d2
//	v1 = a + b   v2 = a − b     a = d4 − 4·d2   b = d3 − 4·d1
//	v3 = c + 2e  v4 = c − 2e    e = d3 − d1
//	v5 = (d5−d3) − 4e
func (w winograd) inputTransform(d, t []string, two, four string, out func(i int, v string)) {
	c, e := t[0], t[1]
	w.sub(c, d[4], d[2])
	w.sub(e, d[3], d[1])
	w.sub(t[2], d[0], d[2])
	w.sub(t[3], d[5], d[3])
	w.scaleAdd(t[2], four, c)
	out(0, t[2])
	w.subProduct(t[3], four, e)
	out(5, t[3])
	w.scaleFrom(d[2], four, d[4])
	w.scaleFrom(d[1], four, d[3])
	w.add(t[4], d[2], d[1])
	out(1, t[4])
	w.sub(t[5], d[2], d[1])
	out(2, t[5])
	w.sumAndDifference(d[0], c, two, e)
	out(3, d[0])
	out(4, c)
}

// sumAndDifference computes sum = a + c·b and a = a − c·b.
func (w winograd) sumAndDifference(sum, a, c, b string) {
	w.p("\tVMOVAPS %s, %s", a, sum)
	w.addProduct(sum, b, c)
	w.subProduct(a, b, c)
}

// outputTransform computes y = Aᵀ·m and returns the registers that hold it. It
// overwrites all of m and the temporaries t.
//
//	y0 = m0 + s1 + s2    s1 = m1 + m2   e1 = m1 − m2
//	y1 = e1 + 2·e2       s2 = m3 + m4   e2 = m3 − m4
//	y2 = s1 + 4·s2
//	y3 = m5 + e1 + 8·e2
func (w winograd) outputTransform(m, t []string, by multipliers) (y []string) {
	s1, s2 := t[0], t[1]
	w.add(s1, m[1], m[2])
	w.sub(m[1], m[1], m[2])
	w.add(s2, m[3], m[4])
	w.sub(m[3], m[3], m[4])
	w.addProduct(m[0], s1, by.one)
	w.add(m[0], m[0], s2)
	w.addProduct(m[5], m[1], by.one)
	w.times("231", m[5], m[3], by.eight) // m5 += e2·8
	w.times("231", m[1], m[3], by.two)   // e1 += e2·2
	w.times("132", s2, s1, by.four)      // s2 = s2·4 + s1
	return []string{m[0], m[1], s2, m[5]}
}

// multipliers are the numbers that outputTransform multiplies by.
type multipliers struct {
	one              string // a register
	two, four, eight multiplier
}

// A multiplier is a constant in a register, or broadcast from memory.
type multiplier struct{ operand, suffix string }

// times writes a fused multiply-add by a constant; form is 231 (dst += a·c) or
// 132 (dst = dst·c + a).
func (w winograd) times(form, dst, a string, c multiplier) {
	w.p("\tVFMADD%sPS%s %s, %s, %s", form, c.suffix, c.operand, a, dst)
}

// gradientTransform computes z = A·e, handing z[i] to out as soon as it is
// there. It overwrites e and the temporaries t; two and four hold these numbers.
//
//	z0 = e0                     p = e0 + e2     q = e1 + e3
//	z1 = p + q    z2 = p − q    r = e0 + 4·e2   s = e1 + 4·e3
//	z3 = r + 2s   z4 = r − 2s   z5 = e3
func (w winograd) gradientTransform(e, t []string, two, four string, out func(i int, z string)) {
	out(0, e[0])
	out(5, e[3])
	p, q := t[0], t[1]
	w.add(p, e[0], e[2])
	w.add(q, e[1], e[3])
	w.add(t[2], p, q)
	out(1, t[2])
	w.sub(t[3], p, q)
	out(2, t[3])
	w.scaleAdd(e[2], four, e[0])
	w.addProduct(e[1], e[3], four)
	w.sumAndDifference(t[4], e[2], two, e[1])
	out(3, t[4])
	out(4, e[2])
}

// An entries holds the entries of G in registers.
type entries struct{ quarter, sixth, minusSixth, twentyFourth, twelfth string }

// tapTransform computes g = Gᵀ·u in place: g0 ends in u[0], g1 in u[1] and g2 in
// u[5]. It overwrites all of u and the temporaries t.
//
//	g0 = u0/4 − s1/6 + s2/24   s1 = u1 + u2   d1 = u2 − u1
//	g1 = d1/6 + d2/12          s2 = u3 + u4   d2 = u3 − u4
//	g2 = u5 + (s2 − s1)/6
func (w winograd) tapTransform(u, t []string, g entries) []string {
	s1, s2, d1, d2 := t[0], t[1], u[2], u[3]
	w.add(s1, u[1], u[2])
	w.sub(d1, u[2], u[1])
	w.add(s2, u[3], u[4])
	w.sub(d2, u[3], u[4])
	w.mul(u[0], u[0], g.quarter)
	w.addProduct(u[0], s1, g.minusSixth)
	w.addProduct(u[0], s2, g.twentyFourth)
	w.mul(u[1], d1, g.sixth)
	w.addProduct(u[1], d2, g.twelfth)
	w.sub(s2, s2, s1)
	w.addProduct(u[5], s2, g.sixth)
	return []string{u[0], u[1], u[5]}
}

// weightTransform computes u = G·g in u[0] to u[4]; u5 is g2. It hands u[i] to
// out as soon as it is there, and overwrites the temporary h.
//
//	u0 = g0/4
//	u1 = −(g0+g2)/6 − g1/6       u2 = −(g0+g2)/6 + g1/6
//	u3 = g0/24 + g2/6 + g1/12   u4 = g0/24 + g2/6 − g1/12
func (w winograd) weightTransform(g, u []string, h string, e entries, out func(i int, u string)) {
	out(5, g[2])
	w.mul(u[0], g[0], e.quarter)
	out(0, u[0])
	w.add(u[1], g[0], g[2])
	w.mul(u[1], u[1], e.minusSixth)
	w.mul(h, g[1], e.sixth)
	w.add(u[2], u[1], h)
	out(2, u[2])
	w.sub(u[1], u[1], h)
	out(1, u[1])
	w.mul(u[3], g[0], e.twentyFourth)
	w.addProduct(u[3], g[2], e.sixth)
	w.mul(h, g[1], e.twelfth)
	w.sub(u[4], u[3], h)
	out(4, u[4])
	w.add(u[3], u[3], h)
	out(3, u[3])
}

// entries loads the entries of G into registers from number first on.
func (w winograd) entries(first int) entries {
	r := w.rs(first, 5)
	g := entries{r[0], r[1], r[2], r[3], r[4]}
	w.broadcast(g.quarter, constQuarter)
	w.broadcast(g.sixth, constSixth)
	w.broadcast(g.minusSixth, constMinusSixth)
	w.broadcast(g.twentyFourth, constTwentyFourth)
	w.add(g.twelfth, g.twentyFourth, g.twentyFourth)
	return g
}

// broadcast loads a constant into all lanes of a register.
func (w winograd) broadcast(dst string, constant int) {
	w.p("\tVBROADCASTSS winogradConstants<>+%d(SB), %s", constant, dst)
}

// constants writes the numbers that transforms multiply by.
func (w winograd) constants() {
	w.p("\n// 2, 4, 8, 1/4, −1/6, 1/6, 1/24, 1")
	for i, bits := range []uint32{0x40000000, 0x40800000, 0x41000000, 0x3e800000, 0xbe2aaaab, 0x3e2aaaab, 0x3d2aaaab, 0x3f800000} {
		w.p("DATA winogradConstants<>+%d(SB)/4, $%#x", 4*i, bits)
	}
	w.p("GLOBL winogradConstants<>(SB), RODATA|NOPTR, $32")
}

// Offsets in winogradConstants.
const (
	constTwo          = 0
	constFour         = 4
	constEight        = 8
	constQuarter      = 12
	constMinusSixth   = 16
	constSixth        = 20
	constTwentyFourth = 24
	constOne          = 28
)

// memory returns a constant that is broadcast from memory.
func memory(constant int) multiplier {
	return multiplier{fmt.Sprintf("winogradConstants<>+%d(SB)", constant), ".BCST"}
}

// begin opens a function whose only argument is a struct of that type and size,
// to which AX points.
func (w winograd) begin(name, typ string, frame, size int) {
	w.p("\n// func winograd%s%s(a %s)", name, w.set, typ)
	flags := "NOSPLIT"
	if frame > 0 {
		flags = "0"
	}
	w.p("TEXT ·winograd%s%s(SB), %s, $%d-%d", name, w.set, flags, frame, size)
	w.p("\tLEAQ a+0(FP), AX")
}

// buffer points a register at frame bytes of stack, less those that go into
// aligning it: as much as a register is long.
func (w winograd) buffer(frame int, base string) {
	w.p("\tLEAQ buffer-%d(SP), %s", frame, base)
	w.p("\tADDQ $%d, %s", w.bytes()-1, base)
	w.p("\tANDQ $~%d, %s", w.bytes()-1, base)
}

// end closes it.
func (w winograd) end() {
	w.p("\tVZEROUPPER")
	w.p("\tRET")
}

// arg loads a field of the arguments into a register.
func (w winograd) arg(field, reg string) { w.p("\tMOVQ %s(AX), %s", field, reg) }

// floats loads a field that counts floats, as bytes.
func (w winograd) floats(field, reg string) {
	w.arg(field, reg)
	w.p("\tSHLQ $2, %s", reg)
}

// Sizes of the argument structs, in bytes.
const (
	winogradTilesSize   = 160
	winogradProductSize = 168
	winogradFilterSize  = 80
)

// A winogradFetch fetches memory into the cache, line by line, while products
// keep the arithmetic units busy. Pointers run to the last line and stay there.
type winogradFetch struct {
	w              winograd
	field          string // of winogradProduct, a slice
	pointer, limit string // registers
	writing        bool
}

// begin loads the registers. A slice of no floats is fetched from the argument
// struct's own memory, which is harmless.
func (t winogradFetch) begin() {
	t.w.arg("winogradProduct_"+t.field, t.pointer)
	t.w.p("\tMOVQ winogradProduct_%s+8(AX), %s", t.field, t.limit)
	t.w.p("\tTESTQ %s, %s", t.limit, t.limit)
	t.w.p("\tCMOVQEQ AX, %s", t.pointer)
	t.w.p("\tLEAQ (%s)(%s*4), %s", t.pointer, t.limit, t.limit)
}

// line fetches line i behind the pointer.
func (t winogradFetch) line(i int) {
	if !t.writing {
		t.w.p("\tPREFETCHT1 %d(%s)", 64*i, t.pointer)
		return
	}
	// PREFETCHW disp32(R14), which the assembler does not know: 41 0F 0D /1.
	t.w.p("\tBYTE $0x41; BYTE $0x0F; BYTE $0x0D; BYTE $0x8E; LONG $%d", 64*i)
}

// advance moves on by n lines.
func (t winogradFetch) advance(n int) {
	t.w.p("\tADDQ $%d, %s", 64*n, t.pointer)
	t.w.p("\tCMPQ %s, %s", t.pointer, t.limit)
	t.w.p("\tCMOVQHI %s, %s", t.limit, t.pointer)
}
