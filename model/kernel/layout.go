package kernel

import (
	"fmt"
	"unsafe"
)

// Lanes is the number of channels in a block, side by side in memory: one
// AVX-512 register of float32.
const Lanes = 16

// A Map is the geometry of one image's activations: [C/16][H+2][W+2][16], a
// border of one pixel of zeros around every block of 16 channels. Kernels read
// the border and never write it.
type Map struct {
	C, H, W int // C is a multiple of 16
}

// Row returns the distance between two rows, in floats.
func (m Map) Row() int { return (m.W + 2) * Lanes }

// Plane returns the distance between two blocks of channels, in floats.
func (m Map) Plane() int { return (m.H + 2) * m.Row() }

// Len returns the length of one image, in floats.
func (m Map) Len() int { return m.C / Lanes * m.Plane() }

// At returns the offset of channel c of pixel (y, x), in floats.
func (m Map) At(c, y, x int) int {
	return c/Lanes*m.Plane() + (y+1)*m.Row() + (x+1)*Lanes + c%Lanes
}

// String returns a text such as "16×32×32".
func (m Map) String() string { return fmt.Sprintf("%d×%d×%d", m.C, m.H, m.W) }

// clear sets all pixels of x but the border to zero.
func (m Map) clear(x []float32) {
	for b := 0; b < m.C; b += Lanes {
		for y := range m.H {
			clear(x[m.At(b, y, 0):][:m.W*Lanes])
		}
	}
}

// Floats returns n zeros that start at a multiple of 64 bytes, where vector
// loads are fastest.
func Floats(n int) []float32 {
	b := make([]float32, n+15)
	skip := int(-uintptr(unsafe.Pointer(unsafe.SliceData(b)))%64) / 4
	return b[skip : skip+n : skip+n]
}
