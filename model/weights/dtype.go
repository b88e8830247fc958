package weights

import (
	"encoding/binary"
	"fmt"
	"math"
)

// A DType is the type of a tensor's elements, under safetensors' name.
type DType string

const (
	F64  DType = "F64"
	F32  DType = "F32"
	F16  DType = "F16"  // IEEE 754 binary16
	BF16 DType = "BF16" // the upper half of an F32
	I64  DType = "I64"
	I32  DType = "I32"
	I16  DType = "I16"
	I8   DType = "I8"
	U8   DType = "U8"
	Bool DType = "BOOL" // one byte, 0 or 1
)

// Size returns the bytes that one element takes, or 0 for a type that this
// package does not know.
func (d DType) Size() int {
	switch d {
	case F64, I64:
		return 8
	case F32, I32:
		return 4
	case F16, BF16, I16:
		return 2
	case I8, U8, Bool:
		return 1
	}
	return 0
}

// Float reports whether elements are floating-point numbers.
func (d DType) Float() bool {
	return d == F64 || d == F32 || d == F16 || d == BF16
}

// toFloat32 converts elements of a floating-point type: exactly from F16, BF16
// and F32, rounding to nearest even from F64.
func (d DType) toFloat32(data []byte) ([]float32, error) {
	if !d.Float() {
		return nil, fmt.Errorf("type %s: want a floating-point type (F64, F32, F16 or BF16)", d)
	}
	out := make([]float32, len(data)/d.Size())
	le := binary.LittleEndian
	for i := range out {
		switch d {
		case F64:
			out[i] = float32(math.Float64frombits(le.Uint64(data[8*i:])))
		case F32:
			out[i] = math.Float32frombits(le.Uint32(data[4*i:]))
		case F16:
			out[i] = float16(le.Uint16(data[2*i:]))
		case BF16:
			out[i] = math.Float32frombits(uint32(le.Uint16(data[2*i:])) << 16)
		}
	}
	return out, nil
}

// float16 widens an IEEE 754 binary16: one sign bit, five of exponent with
// bias 15, ten of fraction.
func float16(h uint16) float32 {
	sign := uint32(h>>15) << 31
	exponent := uint32(h>>10) & 31
	fraction := uint32(h) & 1023
	switch exponent {
	case 0: // zero or subnormal: fraction · 2⁻²⁴
		f := float32(fraction) * 0x1p-24
		return math.Float32frombits(sign | math.Float32bits(f))
	case 31: // infinity or NaN
		return math.Float32frombits(sign | 255<<23 | fraction<<13)
	}
	return math.Float32frombits(sign | (exponent+127-15)<<23 | fraction<<13)
}
