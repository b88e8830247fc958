package kernel

// The conversions to float32 below are needed: without them a compiler may fuse
// a product with the sum around it.

// pixel is one pixel of a block of channels.
type pixel = [Lanes]float32

// rows calls f for every row of a map: its block of channels, its first pixel's
// offset and the offset behind its last.
func (m Map) rows(f func(block, from, to int)) {
	for b := range m.C / Lanes {
		for y := range m.H {
			from := m.At(b*Lanes, y, 0)
			f(b, from, from+m.W*Lanes)
		}
	}
}

func normApplyGo(m Map, a, y, residual, scale, shift []float32, relu bool) {
	m.rows(func(block, from, to int) {
		scale, shift := (*pixel)(scale[block*Lanes:]), (*pixel)(shift[block*Lanes:])
		for ; from < to; from += Lanes {
			a, y := (*pixel)(a[from:]), (*pixel)(y[from:])
			sum := *y
			for i, v := range sum {
				sum[i] = float32(v*scale[i]) + shift[i]
			}
			if residual != nil {
				for i, r := range (*pixel)(residual[from:]) {
					sum[i] += r
				}
			}
			if relu {
				for i, v := range sum {
					if v < 0 { // neither NaN nor −0
						sum[i] = 0
					}
				}
			}
			*a = sum
		}
	})
}

// A mapSum adds up the pixels of a block of channels in the order that all Sets
// share.
type mapSum struct {
	part [2]pixel
	next int // the pixel's place in its row
}

func (s *mapSum) add(v *pixel) {
	part := &s.part[s.next%2]
	for i, v := range v {
		part[i] += v
	}
	s.next++
}

func (s *mapSum) endRow() { s.next = 0 }

func (s *mapSum) total() (sum pixel) {
	for i := range sum {
		sum[i] = s.part[0][i] + s.part[1][i]
	}
	return sum
}

// sumPairs adds Σ p and Σ q of every block to sums [C/16][2][16], where pair
// computes p and q of the pixel at an offset.
func sumPairs(m Map, sums []float32, pair func(block, at int) (p, q pixel)) {
	for b := range m.C / Lanes {
		var p, q mapSum
		for y := range m.H {
			from := m.At(b*Lanes, y, 0)
			for x := range m.W {
				vp, vq := pair(b, from+x*Lanes)
				p.add(&vp)
				q.add(&vq)
			}
			p.endRow()
			q.endRow()
		}
		addGo(sums[2*b*Lanes:][:Lanes], p.slice())
		addGo(sums[(2*b+1)*Lanes:][:Lanes], q.slice())
	}
}

func (s *mapSum) slice() []float32 {
	sum := s.total()
	return sum[:]
}

func normSumsGo(m Map, y, sums []float32) {
	sumPairs(m, sums, func(_, at int) (p, q pixel) {
		p = pixel(y[at:])
		for i, v := range p {
			q[i] = float32(v * v)
		}
		return p, q
	})
}

func normBackwardSumsGo(m Map, g, a, y, mean, sums []float32) {
	sumPairs(m, sums, func(block, at int) (p, q pixel) {
		g, y, mean := (*pixel)(g[at:]), (*pixel)(y[at:]), (*pixel)(mean[block*Lanes:])
		if a != nil {
			for i, v := range (*pixel)(a[at:]) {
				if !(v > 0) { // NaN stops the gradient too
					g[i] = 0
				}
			}
		}
		for i, v := range g {
			q[i] = float32(v * (y[i] - mean[i]))
		}
		return *g, q
	})
}

func normBackwardGo(m Map, dy, g, y, c0, c1, c2 []float32) {
	m.rows(func(block, from, to int) {
		at := block * Lanes
		c0, c1, c2 := (*pixel)(c0[at:]), (*pixel)(c1[at:]), (*pixel)(c2[at:])
		for ; from < to; from += Lanes {
			dy, g, y := (*pixel)(dy[from:]), (*pixel)(g[from:]), (*pixel)(y[from:])
			for i := range dy {
				dy[i] = float32(float32(c1[i]*y[i])+c2[i]) + float32(c0[i]*g[i])
			}
		}
	})
}

func addIntoGo(m Map, dst, src []float32) {
	m.rows(func(_, from, to int) { addGo(dst[from:to], src[from:to]) })
}

func averagePoolGo(m Map, dst, a []float32) {
	for b := range m.C / Lanes {
		var sum mapSum
		for y := range m.H {
			from := m.At(b*Lanes, y, 0)
			for x := range m.W {
				sum.add((*pixel)(a[from+x*Lanes:]))
			}
			sum.endRow()
		}
		for i, v := range sum.total() {
			dst[b*Lanes+i] = v / float32(m.H*m.W)
		}
	}
}

func averagePoolGradGo(m Map, g, dst []float32) {
	m.rows(func(block, from, to int) {
		value := pixel(dst[block*Lanes:])
		for i := range value {
			value[i] /= float32(m.H * m.W)
		}
		for ; from < to; from += Lanes {
			*(*pixel)(g[from:]) = value
		}
	})
}

func addGo(dst, src []float32) {
	src = src[:len(dst)]
	for i, v := range src {
		dst[i] += v
	}
}

func sgdGo(w, g, v, mask []float32, lr, momentum, decay float32, nesterov bool) {
	g, v = g[:len(w)], v[:len(w)]
	for i, old := range w {
		d := g[i] + float32(decay*old)
		v[i] = float32(momentum*v[i]) + d
		step := v[i]
		if nesterov {
			step = float32(momentum*v[i]) + d
		}
		w[i] = old - float32(lr*step)
	}
	if mask != nil {
		for i, keep := range mask[:len(w)] {
			w[i] *= keep
		}
	}
}

func packImageGo(side int, dst, src []float32) {
	plane := side * side
	for y := range side {
		out := dst[((y+1)*(side+2)+1)*4:][:side*4]
		red, green, blue := src[y*side:][:side], src[plane+y*side:][:side], src[2*plane+y*side:][:side]
		for x := range side {
			*(*[4]float32)(out[4*x:]) = [4]float32{red[x], green[x], blue[x]}
		}
	}
}
