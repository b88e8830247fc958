package kernel

import (
	"math"
	"unsafe"
)

// activationArgs are the arguments of activations in assembly.
type activationArgs struct {
	dst, x, v       unsafe.Pointer // v only of gradients, whose x is dy
	constants       unsafe.Pointer
	groups          int // of 16 floats
	min, max, slope float32
	inverse         float32 // of FakeQuantize, whose scale is slope
}

// activationConstants are in the generator's order; 127 is an integer.
var activationConstants = [18]float32{
	-expLimit, expLimit, expLog2e, expLn2, expLn2Low,
	expTerms[0], expTerms[1], expTerms[2], expTerms[3], expTerms[4], expTerms[5],
	1, math.Float32frombits(127), 3, 6, 1.0 / 6, 0, -3,
}

// activationAsm is one instruction set's assembly, by kind.
type activationAsm struct {
	forward, grad [7]func(activationArgs)
}

func (k *activationAsm) funcs() activationFuncs {
	return activationFuncs{
		forward: func(a Activation, y, x []float32) {
			n := runActivation(k.forward[a.Kind], a, y, x, x)
			activateGo(a, y[n:], x[n:])
		},
		grad: func(a Activation, dx, dy, v []float32) {
			n := runActivation(k.grad[a.Kind], a, dx, dy, v)
			activationGradGo(a, dx[n:], dy[n:], v[n:])
		},
	}
}

// activationCall is the most groups in one call, which takes some tens of
// microseconds.
const activationCall = 2048

// runActivation calls the assembly for all whole groups of 16 floats and returns the
// number of floats in them.
func runActivation(kernel func(activationArgs), a Activation, dst, x, v []float32) int {
	groups := len(x) / Lanes
	if a.Kind == FakeQuantize {
		a.Slope = a.Scale
	}
	for from := 0; from < groups; from += activationCall {
		at := from * Lanes
		kernel(activationArgs{
			dst: unsafe.Pointer(&dst[at]), x: unsafe.Pointer(&x[at]), v: unsafe.Pointer(&v[at]),
			constants: unsafe.Pointer(&activationConstants), groups: min(activationCall, groups-from),
			min: a.Min, max: a.Max, slope: a.Slope, inverse: 1 / a.Scale,
		})
	}
	return groups * Lanes
}

func activationAVX512() activationFuncs {
	return (&activationAsm{
		forward: [7]func(activationArgs){clipAVX512, leakyReLUAVX512, sigmoidAVX512, siluAVX512, hardSigmoidAVX512, hardSwishAVX512, fakeQuantizeAVX512},
		grad:    [7]func(activationArgs){clipGradAVX512, leakyReLUGradAVX512, sigmoidGradAVX512, siluGradAVX512, hardSigmoidGradAVX512, hardSwishGradAVX512, fakeQuantizeGradAVX512},
	}).funcs()
}

func activationAVX2() activationFuncs {
	return (&activationAsm{
		forward: [7]func(activationArgs){clipAVX2, leakyReLUAVX2, sigmoidAVX2, siluAVX2, hardSigmoidAVX2, hardSwishAVX2, fakeQuantizeAVX2},
		grad:    [7]func(activationArgs){clipGradAVX2, leakyReLUGradAVX2, sigmoidGradAVX2, siluGradAVX2, hardSigmoidGradAVX2, hardSwishGradAVX2, fakeQuantizeGradAVX2},
	}).funcs()
}

// Written by the generator in _asm/activation.go.

//go:noescape
func clipAVX512(a activationArgs)

//go:noescape
func leakyReLUAVX512(a activationArgs)

//go:noescape
func sigmoidAVX512(a activationArgs)

//go:noescape
func siluAVX512(a activationArgs)

//go:noescape
func hardSigmoidAVX512(a activationArgs)

//go:noescape
func hardSwishAVX512(a activationArgs)

//go:noescape
func fakeQuantizeAVX512(a activationArgs)

//go:noescape
func clipGradAVX512(a activationArgs)

//go:noescape
func leakyReLUGradAVX512(a activationArgs)

//go:noescape
func sigmoidGradAVX512(a activationArgs)

//go:noescape
func siluGradAVX512(a activationArgs)

//go:noescape
func hardSigmoidGradAVX512(a activationArgs)

//go:noescape
func hardSwishGradAVX512(a activationArgs)

//go:noescape
func fakeQuantizeGradAVX512(a activationArgs)

//go:noescape
func clipAVX2(a activationArgs)

//go:noescape
func leakyReLUAVX2(a activationArgs)

//go:noescape
func sigmoidAVX2(a activationArgs)

//go:noescape
func siluAVX2(a activationArgs)

//go:noescape
func hardSigmoidAVX2(a activationArgs)

//go:noescape
func hardSwishAVX2(a activationArgs)

//go:noescape
func fakeQuantizeAVX2(a activationArgs)

//go:noescape
func clipGradAVX2(a activationArgs)

//go:noescape
func leakyReLUGradAVX2(a activationArgs)

//go:noescape
func sigmoidGradAVX2(a activationArgs)

//go:noescape
func siluGradAVX2(a activationArgs)

//go:noescape
func hardSigmoidGradAVX2(a activationArgs)

//go:noescape
func hardSwishGradAVX2(a activationArgs)

//go:noescape
func fakeQuantizeGradAVX2(a activationArgs)
