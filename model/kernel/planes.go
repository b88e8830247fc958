package kernel

import "fmt"

// Planes is the geometry of one image's activations for sparse convolution:
// [C][H+2][W], each channel a plane with a row of zeros above and below it and
// no border at its sides, so that a vector holds neighbouring pixels of one
// channel. Planes start at multiples of 16 floats. Kernels read the rows of
// zeros and never write them.
type Planes struct {
	C, H, W int
}

// Planes returns the geometry of the same image as planes.
func (m Map) Planes() Planes { return Planes{m.C, m.H, m.W} }

// Plane returns the distance between two channels, in floats.
func (p Planes) Plane() int { return ((p.H+2)*p.W + Lanes - 1) / Lanes * Lanes }

// Len returns the length of one image, in floats.
func (p Planes) Len() int { return p.C * p.Plane() }

// At returns the offset of channel c of pixel (y, x), in floats.
func (p Planes) At(c, y, x int) int { return c*p.Plane() + (y+1)*p.W + x }

// String returns, as an example, "16×32×32".
func (p Planes) String() string { return fmt.Sprintf("%d×%d×%d", p.C, p.H, p.W) }

// Pack writes one image src [C][H][W] into dst, laid out as p.
func (p Planes) Pack(dst, src []float32) {
	n := p.H * p.W
	for c := range p.C {
		copy(dst[p.At(c, 0, 0):][:n], src[c*n:][:n])
	}
}

// Unpack is Pack's inverse.
func (p Planes) Unpack(dst, src []float32) {
	n := p.H * p.W
	for c := range p.C {
		copy(dst[c*n:][:n], src[p.At(c, 0, 0):][:n])
	}
}

// Split returns the geometry of p sorted by parity, as convolutions with stride
// 2 read it: [C][2][2][H/2+2][W/2], both halves rounded up. The plane
// [c][a][b] has in its row i and column x the pixel (2i + a − 1, 2x + b) of
// channel c, which is zero where it lies outside of p; rows past the last
// of them are never read. Taps at a distance of 2 become neighbours.
func (p Planes) Split() Planes { return Planes{4 * p.C, (p.H + 1) / 2, (p.W + 1) / 2} }

// SplitPlanes sorts one image by parity, from p to p.Split().
func (s *Set) SplitPlanes(p Planes, dst, src []float32) {
	p.check()
	need("dst", dst, p.Split().Len())
	need("src", src, p.Len())
	s.sparse.split(p, dst, src)
}

// MapToPlanes converts one image from m to m.Planes().
func (s *Set) MapToPlanes(m Map, dst, src []float32) {
	m.check()
	need("dst", dst, m.Planes().Len())
	need("src", src, m.Len())
	s.sparse.fromMap(m, dst, src)
}

// PlanesToMap is MapToPlanes' inverse.
func (s *Set) PlanesToMap(m Map, dst, src []float32) {
	m.check()
	need("dst", dst, m.Len())
	need("src", src, m.Planes().Len())
	s.sparse.toMap(m, dst, src)
}

// AveragePoolPlanes computes the mean of every channel of one image, dst [C].
func (s *Set) AveragePoolPlanes(p Planes, dst, a []float32) {
	p.check()
	need("dst", dst, p.C)
	need("a", a, p.Len())
	s.sparse.pool(p, dst, a)
}

// check panics if p is not a geometry that the kernels know.
func (p Planes) check() {
	if p.C < 1 || p.H < 1 || p.W < 1 {
		panic("kernel: not planes: " + p.String())
	}
}

func splitPlanesGo(p Planes, dst, src []float32) {
	q := p.Split()
	for c := range p.C {
		for parity := range 2 {
			even, odd := 4*c+2*parity, 4*c+2*parity+1
			for i := range q.H + 1 - parity {
				e := dst[even*q.Plane()+i*q.W:][:q.W]
				o := dst[odd*q.Plane()+i*q.W:][:q.W]
				y := 2*i + parity - 1
				if y >= p.H {
					clear(e)
					clear(o)
					continue
				}
				row := src[p.At(c, y, 0):][:p.W] // for y = −1 the row of zeros
				for x := range p.W / 2 {
					e[x], o[x] = row[2*x], row[2*x+1]
				}
				if p.W%2 == 1 {
					e[q.W-1], o[q.W-1] = row[p.W-1], 0
				}
			}
		}
	}
}

func mapToPlanesGo(m Map, dst, src []float32) {
	p := m.Planes()
	m.rows(func(block, from, to int) {
		c := block * Lanes
		y := (from-block*m.Plane())/m.Row() - 1
		for x := range m.W {
			at := p.At(c, y, x)
			for i, v := range (*pixel)(src[from+x*Lanes:]) {
				dst[at+i*p.Plane()] = v
			}
		}
	})
}

func planesToMapGo(m Map, dst, src []float32) {
	p := m.Planes()
	m.rows(func(block, from, to int) {
		c := block * Lanes
		y := (from-block*m.Plane())/m.Row() - 1
		for x := range m.W {
			at := p.At(c, y, x)
			out := (*pixel)(dst[from+x*Lanes:])
			for i := range out {
				out[i] = src[at+i*p.Plane()]
			}
		}
	})
}

// averagePoolPlanesGo adds every plane up in eight partial sums, pixel i going
// into the one of number i mod 8.
func averagePoolPlanesGo(p Planes, dst, a []float32) {
	for c := range p.C {
		v := a[p.At(c, 0, 0):][:p.H*p.W]
		var part [8]float32
		for i, x := range v {
			part[i%8] += x
		}
		sum := ((part[0] + part[1]) + (part[2] + part[3])) + ((part[4] + part[5]) + (part[6] + part[7]))
		dst[c] = sum / float32(len(v))
	}
}
