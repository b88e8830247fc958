package kernel

import "fmt"

// Planes is the geometry of one image's activations for sparse convolution:
// [C][H+2][W], each channel a plane with a row of zeros above and below it and
// no border at its sides. In a row the even columns come first, then the odd
// ones, so that a vector holds every second pixel. Planes start at multiples of
// 16 floats. Kernels read the rows of zeros and never write them.
type Planes struct {
	C, H, W int
}

// Planes returns the geometry of the same image as planes.
func (m Map) Planes() Planes { return Planes(m) }

// Plane returns the distance between two channels, in floats.
func (p Planes) Plane() int { return ((p.H+2)*p.W + Lanes - 1) / Lanes * Lanes }

// Len returns the length of one image, in floats.
func (p Planes) Len() int { return p.C * p.Plane() }

// At returns the offset of channel c of pixel (y, x), in floats.
func (p Planes) At(c, y, x int) int { return p.row(c, y) + x/2 + x%2*((p.W+1)/2) }

// row returns the offset of a row, in floats.
func (p Planes) row(c, y int) int { return c*p.Plane() + (y+1)*p.W }

// halves returns the even and the odd columns of a row.
func (p Planes) halves(row []float32) (even, odd []float32) {
	n := (p.W + 1) / 2
	return row[:n], row[n:p.W]
}

// String returns a text such as "16×32×32".
func (p Planes) String() string { return fmt.Sprintf("%d×%d×%d", p.C, p.H, p.W) }

// PackPlanes writes one image src [C][H][W] into dst, laid out as p.
func (s *Set) PackPlanes(p Planes, dst, src []float32) {
	p.check()
	need("dst", dst, p.Len())
	need("src", src, p.C*p.H*p.W)
	s.sparse.pack(p, dst, src)
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

func packPlanesGo(p Planes, dst, src []float32) {
	for c := range p.C {
		for y := range p.H {
			even, odd := p.halves(dst[p.row(c, y):])
			row := src[(c*p.H+y)*p.W:][:p.W]
			for x := range odd {
				even[x], odd[x] = row[2*x], row[2*x+1]
			}
			if p.W%2 == 1 {
				even[len(odd)] = row[p.W-1]
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
