package kernel

import (
	"encoding/binary"
	"hash/crc32"
	"math/rand/v2"
	"testing"
)

// Elementwise and integer kernels round after every operation and never fuse a
// product with a sum, so that they return the same bits on every machine. The
// checksums below are those of the Go version on amd64; compilers for arm64 and
// others fuse wherever the source lets them, which changes last bits.
// Convolutions in floating point have no such promise, only their bound.

// dyadic returns n values that are exact in float32 and whose products and sums
// are not: drawn with integers alone, as math's functions may differ between
// machines.
func dyadic(r *rand.Rand, b []float32) []float32 {
	for i := range b {
		b[i] = float32(r.IntN(1<<24)-1<<23) / (1 << 21)
	}
	return b
}

// checksum of numbers of a fixed size.
func checksum(t *testing.T, values ...any) uint32 {
	h := crc32.NewIEEE()
	for _, v := range values {
		if err := binary.Write(h, binary.LittleEndian, v); err != nil {
			t.Fatal(err)
		}
	}
	return h.Sum32()
}

// bitsOf returns the checksum of every kernel that promises its bits.
func bitsOf(t *testing.T, s *Set) map[string]uint32 {
	sums := map[string]uint32{}
	for _, op := range mapOps {
		r := rand.New(rand.NewPCG(1, 2))
		m := Map{32, 5, 7}
		var x, v [][]float32
		var all []any
		for range op.maps {
			plain, laid := dyadic(r, make([]float32, m.values())), make([]float32, m.Len())
			m.Pack(laid, plain)
			x = append(x, laid)
			all = append(all, laid)
		}
		for range op.vectors {
			v = append(v, dyadic(r, make([]float32, m.C)))
			all = append(all, v[len(v)-1])
		}
		total := dyadic(r, make([]float32, 2*m.C))
		op.run(s, m, x, v, total)
		sums[op.name] = checksum(t, append(all, total)...)
	}

	r := rand.New(rand.NewPCG(3, 4))
	vector := func() []float32 { return dyadic(r, make([]float32, 200)) }
	w, g, velocity := vector(), vector(), vector()
	s.SGD(w, g, velocity, nil, 0.1, 0.9, 5e-4, false)
	sums["SGD"] = checksum(t, w, velocity)

	p := Planes{3, 5, 8}
	mean := make([]float32, p.C)
	s.AveragePoolPlanes(p, mean, dyadic(r, make([]float32, p.Len())))
	sums["pool of planes"] = checksum(t, mean)

	// All pairs of codes, at scales that put every second sum halfway between
	// two codes: there a product that is not rounded shows.
	m := Map{16, 64, 64}
	a, b, out := make([]uint8, m.Len()), make([]uint8, m.Len()), make([]uint8, m.Len())
	for i := range 1 << 16 {
		at := m.At(i%16, i/1024, i/16%64)
		a[at], b[at] = uint8(i), uint8(i>>8)
	}
	s.AddInteger(out, a, b, m, &IntegerAdd{A: Affine{0.1, 130}, B: Affine{0.3, 3}, Out: Affine{0.2, 9}})
	sums["integer add"] = checksum(t, out)

	m = Map{32, 6, 9}
	a, out = randomBytes(r, m.Len()), make([]uint8, m.Len())
	c := Conv{In: m, Out: m, Kernel: 3, Stride: 1}
	settings := IntegerConv{Conv: c, Zero: 11}
	weight := make([]int8, 9*m.C*m.C)
	for i := range weight {
		weight[i] = int8(r.IntN(256) - 128)
	}
	settings.Scale, settings.Bias = dyadic(r, make([]float32, m.C)), dyadic(r, make([]float32, m.C))
	for i := range settings.Scale {
		settings.Scale[i] /= 1 << 12
		settings.Bias[i] *= 16
	}
	s.ConvInteger(out, a, s.NewIntegerConv(settings, weight, 77), Share{})
	sums["integer convolution"] = checksum(t, out)

	image := make([]uint8, 7*18*4)
	s.QuantizeImage(image, dyadic(r, make([]float32, 3*5*16)), 5, 16, Affine{0.0311, 120})
	sums["quantize image"] = checksum(t, image)
	return sums
}

func TestBitsAreTheSameEverywhere(t *testing.T) {
	want := map[string]uint32{
		"SGD":                  0x16fa3ebe,
		"add":                  0x0f6f65a5,
		"apply ReLU":           0xd73613b5,
		"apply in place":       0xb52317d0,
		"apply onto residual":  0x3439713d,
		"apply residual ReLU":  0x30b06d21,
		"apply":                0xb6d82d07,
		"backward in place":    0x543723d2,
		"backward sums masked": 0xa821f47d,
		"backward sums":        0x9e549fc5,
		"backward":             0x0345aff7,
		"integer add":          0x58425ddb,
		"integer convolution":  0x6c92d9c9,
		"pool gradient":        0x951eb23e,
		"pool of planes":       0x9806020b,
		"pool":                 0xdec503ab,
		"quantize image":       0xf7190edf,
		"sums":                 0xabad261a,
	}
	eachSet(t, func(t *testing.T, s *Set) {
		have := bitsOf(t, s)
		if len(have) != len(want) {
			t.Errorf("%d kernels, %d checksums", len(have), len(want))
		}
		for name, sum := range have {
			if sum != want[name] {
				t.Errorf("%q: %#08x, recorded on amd64: %#08x", name, sum, want[name])
			}
		}
	})
}
