package weights

import (
	"encoding/binary"
	"math"
	"testing"
)

func TestFloat16(t *testing.T) {
	for _, c := range []struct {
		bits uint16
		want float32
	}{
		{0x0000, 0}, {0x3c00, 1}, {0xc000, -2}, {0x7bff, 65504},
		{0x3555, 0.333251953125},
		{0x0400, 0x1p-14},               // smallest normal
		{0x0001, 0x1p-24},               // smallest subnormal
		{0x83ff, -(0x1p-14 - 0x1p-24)},  // largest subnormal
		{0x7c00, float32(math.Inf(1))},  //
		{0xfc00, float32(math.Inf(-1))}, //
	} {
		if got := float16(c.bits); got != c.want {
			t.Errorf("float16(%#04x) = %v, want %v", c.bits, got, c.want)
		}
	}
	if got := float16(0x7e00); got == got {
		t.Errorf("float16(0x7e00) = %v, want NaN", got)
	}
	if got := float16(0x8000); !math.Signbit(float64(got)) || got != 0 {
		t.Errorf("float16(0x8000) = %v, want -0", got)
	}
	// Half precision has 11 significant bits: every whole number up to 2048
	// must come back, built here from logarithm and remainder.
	for n := 1; n <= 2048; n++ {
		e := int(math.Log2(float64(n)))
		bits := uint16(e+15)<<10 | uint16((n<<10>>e)&1023)
		if got := float16(bits); got != float32(n) {
			t.Fatalf("float16(%#04x) = %v, want %d", bits, got, n)
		}
	}
}

func TestFloat32s(t *testing.T) {
	le := binary.LittleEndian
	for _, c := range []struct {
		dtype DType
		data  []byte
		want  float32
	}{
		{F64, le.AppendUint64(nil, math.Float64bits(-0.1)), -0.1},
		{F32, le.AppendUint32(nil, math.Float32bits(-0.1)), -0.1},
		{F16, le.AppendUint16(nil, 0xc100), -2.5},
		{BF16, le.AppendUint16(nil, 0xc020), -2.5},
	} {
		got, err := Tensor{"x", c.dtype, []int{1}, c.data}.Float32s()
		if err != nil || len(got) != 1 || got[0] != c.want {
			t.Errorf("%s: %v, %v, want %v", c.dtype, got, err, c.want)
		}
	}
	for _, d := range []DType{I64, I32, I16, I8, U8, Bool, "F8"} {
		if _, err := (Tensor{"x", d, []int{1}, make([]byte, 8)}).Float32s(); err == nil {
			t.Errorf("%s: no error", d)
		}
	}
}
