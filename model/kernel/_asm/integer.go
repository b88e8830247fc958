package main

// The arguments of the integer kernels, as integerArgs in integer_amd64.go.
const (
	intDst     = "0(AX)"
	intSrc     = "8(AX)"
	intWeight  = "16(AX)"
	intScale   = "24(AX)"
	intBias    = "32(AX)"
	intOffset  = "40(AX)"
	intRows    = "48(AX)"  // groups of rows that one pass computes
	intTiles   = "56(AX)"  // tiles in a row
	intBlocks  = "64(AX)"  // of 16 input channels
	intSrcRow  = "72(AX)"  // distances in bytes
	intSrcStep = "80(AX)"  // from behind the last kernel row to the next plane
	intDstRow  = "88(AX)"  //
	intLimit   = "96(AX)"  // float32 255: saturates before the conversion to int32
	intZero    = "100(AX)" // int32 zero point of the output
	intLow     = "104(AX)" // int32 smallest code

	intResidual = "112(AX)" // of convolutions with an add: the other term
	intSum      = "120(AX)" // and the constants of integerSum
)

// The constants of integerSum, each 8 times.
const (
	sumLow     = 32 * iota // codes of the convolution without their zero point:
	sumHigh                // the smallest and the largest, float32
	sumScale               // of the convolution's output
	otherScale             // scale of the other term
	sumInverse             // 1 / scale of the sum
	otherZero              // int32 zero point of the other term
)

// An intConv is one shape of integer convolution.
type intConv struct {
	name           string
	kernel, stride int
	groups         int  // of 4 input channels in a block: 4, or 1 for the image
	add            bool // adds another map to its output
}

var intConvs = []intConv{
	{"Conv3x3", 3, 1, 4, false},
	{"Conv3x3Add", 3, 1, 4, true},
	{"Conv3x3s2", 3, 2, 4, false},
	{"Conv1x1", 1, 1, 4, false},
	{"Conv1x1s2", 1, 2, 4, false},
	{"Image3x3", 3, 1, 1, false},
}

// pixel returns the bytes from one input pixel to the next.
func (c intConv) pixel() int { return c.groups * 4 }

// reads returns the number of neighbouring input pixels that a tile of n
// outputs needs.
func (c intConv) reads(n int) int { return (n-1)*c.stride + c.kernel }

// taps calls do for every output t of a tile of n that input pixel i feeds,
// with the kernel column k that it feeds it through.
func (c intConv) taps(i, n int, do func(t, k int)) {
	for k := range c.kernel {
		if t := i - k; t >= 0 && t%c.stride == 0 && t/c.stride < n {
			do(t/c.stride, k)
		}
	}
}

// used reports whether any output of a tile of n reads input pixel i.
func (c intConv) used(i, n int) (used bool) {
	c.taps(i, n, func(int, int) { used = true })
	return used
}
