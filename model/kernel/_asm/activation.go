package main

import "fmt"

// Activations and their gradients, from one text for both instruction sets.
// Arguments are an activationArgs, by value: dst and the two sources, groups of
// 16 floats, constants, and the activation's own numbers.
const activationSize = 56

// Registers: DI is the destination, SI x or dy, DX v, R8 the constants.

// constants are those of activation_amd64.go, in its order.
var activationConstants = []string{"-limit", "limit", "log2e", "ln2", "ln2low", "p0", "p1", "p2", "p3", "p4", "p5", "1", "127", "3", "6", "1/6", "0", "-3"}

type activation struct {
	*file
	vectors
}

// constant brings a constant into register 9 and returns its name.
func (a activation) constant(name string) string {
	for i, c := range activationConstants {
		if c == name {
			a.p("\tVBROADCASTSS %d(R8), %s", 4*i, a.reg(9))
			return a.reg(9)
		}
	}
	panic(name)
}

// own brings one of the activation's own numbers, min, max or slope, into
// register 9.
func (a activation) own(name string) string {
	a.p("\tVBROADCASTSS activationArgs_%s(AX), %s", name, a.reg(9))
	return a.reg(9)
}

// op writes dst = x op y; max and min of a NaN are y.
func (a activation) op(name, y string, x, dst int) {
	a.p("\tV%sPS %s, %s, %s", name, y, a.reg(x), a.reg(dst))
}

// clip limits register x; NaN stays.
func (a activation) clip(x int, low, high func() string) {
	a.p("\tVMAXPS %s, %s, %s", a.reg(x), low(), a.reg(x))
	a.p("\tVMINPS %s, %s, %s", a.reg(x), high(), a.reg(x))
}

// Predicates of VCMPPS, none of them true of NaN.
const (
	equal   = 0
	less    = 17
	greater = 30
)

// keep clears register r where the predicate is not true of x and y.
func (a activation) keep(r, x, predicate int, y string) {
	if a.name == 'Z' {
		a.p("\tVCMPPS $%d, %s, %s, K1", predicate, y, a.reg(x))
		a.p("\tVMOVAPS.Z %s, K1, %s", a.reg(r), a.reg(r))
		return
	}
	a.p("\tVCMPPS $%d, %s, %s, %s", predicate, y, a.reg(x), a.reg(8))
	a.p("\tVANDPS %s, %s, %s", a.reg(8), a.reg(r), a.reg(r))
}

// replace writes register from into register r where x ≤ 0, or x is NaN, or with
// negative, where x < 0.
func (a activation) replace(r, from, x int, negative bool) {
	predicate := 26 // not greater
	if negative {
		predicate = less
	}
	zero := a.constant("0")
	if a.name == 'Z' {
		a.p("\tVCMPPS $%d, %s, %s, K1", predicate, zero, a.reg(x))
		a.p("\tVMOVAPS %s, K1, %s", a.reg(from), a.reg(r))
		return
	}
	a.p("\tVCMPPS $%d, %s, %s, %s", predicate, zero, a.reg(x), a.reg(8))
	a.p("\tVBLENDVPS %s, %s, %s, %s", a.reg(8), a.reg(from), a.reg(r), a.reg(r))
}

// sigmoid computes dst = 1/(1 + e^−x) as sigmoid in activation.go does. It uses
// registers 4 to 7.
func (a activation) sigmoid(x, dst int) {
	a.op("SUB", a.reg(x), 10, 4) // register 10 is zero
	a.clip(4, func() string { return a.constant("-limit") }, func() string { return a.constant("limit") })
	a.op("MUL", a.constant("log2e"), 4, 5)
	a.nearest(5)
	for _, c := range []string{"ln2", "ln2low"} {
		a.p("\tVFNMADD231PS %s, %s, %s", a.constant(c), a.reg(5), a.reg(4))
	}
	a.p("\tVMOVAPS %s, %s", a.constant("p0"), a.reg(6))
	for i := 1; i < 6; i++ {
		a.p("\tVFMADD213PS %s, %s, %s", a.constant(fmt.Sprintf("p%d", i)), a.reg(4), a.reg(6))
	}
	a.op("MUL", a.reg(4), 6, 6)
	a.p("\tVFMADD213PS %s, %s, %s", a.reg(4), a.reg(4), a.reg(6))
	a.op("ADD", a.constant("1"), 6, 6)
	a.p("\tVCVTPS2DQ %s, %s", a.reg(5), a.reg(5))
	a.p("\tVPADDD %s, %s, %s", a.constant("127"), a.reg(5), a.reg(5))
	a.p("\tVPSLLD $23, %s, %s", a.reg(5), a.reg(5))
	a.op("MUL", a.reg(5), 6, 6)
	one := a.constant("1")
	a.op("ADD", one, 6, 6)
	a.p("\tVDIVPS %s, %s, %s", a.reg(6), one, a.reg(dst))
}

// hardSigmoid computes dst = min(max(x + 3, 0), 6)/6.
func (a activation) hardSigmoid(x, dst int) {
	a.op("ADD", a.constant("3"), x, dst)
	a.clip(dst, func() string { return a.constant("0") }, func() string { return a.constant("6") })
	a.op("MUL", a.constant("1/6"), dst, dst)
}

// steps computes dst = round(x/scale), half to even.
func (a activation) steps(x, dst int) {
	a.op("MUL", a.own("inverse"), x, dst)
	a.nearest(dst)
}

// nearest rounds register r to whole numbers, half to even.
func (a activation) nearest(r int) {
	name := "VROUNDPS"
	if a.name == 'Z' {
		name = "VRNDSCALEPS"
	}
	a.p("\t%s $0, %s, %s", name, a.reg(r), a.reg(r))
}

// kernel writes a function; body is given x, or dy, in register 0 and v in
// register 1, and leaves its result in register 2.
func (a activation) kernel(name string, gradient bool, body func()) {
	a.p("\n// func %s%s(a activationArgs)", name, a.set)
	a.p("TEXT ·%s%s(SB), NOSPLIT, $0-%d", name, a.set, activationSize)
	a.p("\tLEAQ a+0(FP), AX")
	for i, reg := range []string{"DI", "SI", "DX", "R8", "R9"} {
		a.p("\tMOVQ %d(AX), %s", 8*i, reg)
	}
	a.p("\tVXORPS %s, %s, %s", a.reg(10), a.reg(10), a.reg(10))
	if a.name == 'Y' {
		a.p("\tSHLQ $1, R9")
	}
	a.p("loop:")
	a.p("\tVMOVUPS (SI), %s", a.reg(0))
	if gradient {
		a.p("\tVMOVUPS (DX), %s", a.reg(1))
	}
	body()
	a.p("\tVMOVUPS %s, (DI)", a.reg(2))
	for _, reg := range []string{"DI", "SI", "DX"} {
		a.p("\tADDQ $%d, %s", a.bytes(), reg)
	}
	a.p("\tDECQ R9")
	a.p("\tJNZ loop")
	a.p("\tVZEROUPPER")
	a.p("\tRET")
}

func (a activation) all() {
	a.p("#include \"go_asm.h\"")
	a.kernel("clip", false, func() {
		a.p("\tVMOVAPS %s, %s", a.reg(0), a.reg(2))
		a.clip(2, func() string { return a.own("min") }, func() string { return a.own("max") })
	})
	a.kernel("leakyReLU", false, func() {
		a.p("\tVMOVAPS %s, %s", a.reg(0), a.reg(2))
		a.op("MUL", a.own("slope"), 0, 3)
		a.replace(2, 3, 0, true)
	})
	a.kernel("sigmoid", false, func() { a.sigmoid(0, 2) })
	a.kernel("silu", false, func() {
		a.sigmoid(0, 2)
		a.op("MUL", a.reg(0), 2, 2)
	})
	a.kernel("hardSigmoid", false, func() { a.hardSigmoid(0, 2) })
	a.kernel("hardSwish", false, func() {
		a.hardSigmoid(0, 2)
		a.op("MUL", a.reg(0), 2, 2)
	})

	limit := func(x int) {
		a.clip(x, func() string { return a.own("min") }, func() string { return a.own("max") })
	}
	a.kernel("fakeQuantize", false, func() {
		a.steps(0, 2)
		limit(2)
		a.op("MUL", a.own("slope"), 2, 2)
	})
	a.kernel("fakeQuantizeGrad", true, func() {
		a.p("\tVMOVAPS %s, %s", a.reg(0), a.reg(2))
		a.steps(1, 3)
		a.p("\tVMOVAPS %s, %s", a.reg(3), a.reg(4))
		limit(4)
		a.keep(2, 3, equal, a.reg(4))
	})

	a.kernel("clipGrad", true, func() {
		a.p("\tVMOVAPS %s, %s", a.reg(0), a.reg(2))
		a.keep(2, 1, greater, a.own("min"))
		a.keep(2, 1, less, a.own("max"))
	})
	a.kernel("leakyReLUGrad", true, func() {
		a.p("\tVMOVAPS %s, %s", a.reg(0), a.reg(2))
		a.op("MUL", a.own("slope"), 0, 3)
		a.replace(2, 3, 1, false)
	})
	a.kernel("sigmoidGrad", true, func() {
		a.p("\tVSUBPS %s, %s, %s", a.reg(1), a.constant("1"), a.reg(2))
		a.op("MUL", a.reg(1), 2, 2)
		a.op("MUL", a.reg(0), 2, 2)
	})
	a.kernel("siluGrad", true, func() {
		a.sigmoid(1, 2)
		a.p("\tVSUBPS %s, %s, %s", a.reg(2), a.constant("1"), a.reg(3))
		a.op("MUL", a.reg(2), 3, 3)
		a.p("\tVFMADD231PS %s, %s, %s", a.reg(1), a.reg(3), a.reg(2))
		a.op("MUL", a.reg(0), 2, 2)
	})
	a.kernel("hardSigmoidGrad", true, func() {
		a.op("MUL", a.constant("1/6"), 0, 2)
		a.keep(2, 1, greater, a.constant("0"))
		a.keep(2, 1, less, a.constant("1"))
	})
	a.kernel("hardSwishGrad", true, func() {
		a.hardSigmoid(1, 2)
		a.op("MUL", a.constant("1/6"), 1, 3)
		a.keep(3, 1, greater, a.constant("-3"))
		a.keep(3, 1, less, a.constant("3"))
		a.op("ADD", a.reg(3), 2, 2)
		a.op("MUL", a.reg(0), 2, 2)
	})
}

func activationAVX512(f *file) {
	activation{f, vectors{set: "AVX512", name: 'Z', count: 32}}.all()
}

func activationAVX2(f *file) { activation{f, vectors{set: "AVX2", name: 'Y', count: 16}}.all() }
