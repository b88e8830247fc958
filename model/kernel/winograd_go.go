package kernel

// winogradGo is the definition of every step.
func winogradGo() winogradFuncs {
	return winogradFuncs{
		weights:    winogradWeights,
		input:      winogradInput,
		multiply:   winogradMultiply,
		output:     winogradOutput,
		gradient:   winogradGradient,
		accumulate: winogradAccumulate,
		taps:       winogradTaps,
	}
}

// The matrices of the algorithm, each as a function of one column.

// inputTransform returns Bᵀ·d.
func inputTransform(d0, d1, d2, d3, d4, d5 float32) (v0, v1, v2, v3, v4, v5 float32) {
	a, b := d4-4*d2, d3-4*d1
	c, d := d4-d2, 2*(d3-d1)
	return 4*(d0-d2) + c, a + b, a - b, c + d, c - d, d5 - d3 - 2*d
}

// outputTransform returns Aᵀ·m.
func outputTransform(m0, m1, m2, m3, m4, m5 float32) (y0, y1, y2, y3 float32) {
	s1, e1 := m1+m2, m1-m2
	s2, e2 := m3+m4, m3-m4
	return m0 + s1 + s2, e1 + 2*e2, s1 + 4*s2, m5 + e1 + 8*e2
}

// gradientTransform returns A·e.
func gradientTransform(e0, e1, e2, e3 float32) (z0, z1, z2, z3, z4, z5 float32) {
	p, q := e0+e2, e1+e3
	r, s := e0+4*e2, 2*(e1+4*e3)
	return e0, p + q, p - q, r + s, r - s, e3
}

// weightTransform returns G·g.
func weightTransform(g0, g1, g2 float32) (u0, u1, u2, u3, u4, u5 float32) {
	const sixth, twentyFourth = float32(1) / 6, float32(1) / 24
	s, t := g0+g2, g0+4*g2
	return g0 / 4, -sixth * (s + g1), -sixth * (s - g1), twentyFourth * (t + 2*g1), twentyFourth * (t - 2*g1), g2
}

// tapTransform returns Gᵀ·u.
func tapTransform(u0, u1, u2, u3, u4, u5 float32) (g0, g1, g2 float32) {
	const sixth, twentyFourth = float32(1) / 6, float32(1) / 24
	s1, e1 := sixth*(u1+u2), sixth*(u2-u1)
	s2, e2 := twentyFourth*(u3+u4), twentyFourth*(u3-u4)
	return u0/4 - s1 + s2, e1 + 2*e2, 4*s2 - s1 + u5
}

// weightAt returns the offset of input channel i and output channel o in one
// position of U, of in times out channels.
func weightAt(i, o, in, out int) int {
	if out == Lanes {
		return i*Lanes + o
	}
	return (o/32*in+i)*32 + o%32
}

// weightPosition returns the distance between two positions of U.
func weightPosition(in, out int) int { return in*out + Lanes }

// weightOutputs returns the number of output channels in U.
func weightOutputs(in, out int) int {
	if in == Lanes && out == Lanes {
		return Lanes
	}
	return (out + 31) / 32 * 32
}

func winogradWeights(u, oihw []float32, in, out int, transposed bool) {
	all := weightOutputs(in, out)
	n := weightPosition(in, all)
	for o := range out {
		for i := range in {
			at := weightAt(i, o, in, all)
			var g [9]float32
			if transposed {
				g = *(*[9]float32)(oihw[(i*out+o)*9:])
				g[0], g[1], g[2], g[3], g[5], g[6], g[7], g[8] = g[8], g[7], g[6], g[5], g[3], g[2], g[1], g[0]
			} else {
				g = *(*[9]float32)(oihw[(o*in+i)*9:])
			}
			var c [6][3]float32
			for j := range 3 {
				c[0][j], c[1][j], c[2][j], c[3][j], c[4][j], c[5][j] = weightTransform(g[j], g[3+j], g[6+j])
			}
			for r := range c {
				u0, u1, u2, u3, u4, u5 := weightTransform(c[r][0], c[r][1], c[r][2])
				for j, v := range [6]float32{u0, u1, u2, u3, u4, u5} {
					u[(r*6+j)*n+at] = v
				}
			}
		}
	}
}

func winogradTaps(oihw, du []float32, in, out int) {
	all := weightOutputs(in, out)
	n := weightPosition(in, all)
	for o := range out {
		for i := range in {
			at := weightAt(i, o, in, all)
			var c [3][6]float32
			for j := range 6 {
				c[0][j], c[1][j], c[2][j] = tapTransform(
					du[j*n+at], du[(6+j)*n+at], du[(12+j)*n+at], du[(18+j)*n+at], du[(24+j)*n+at], du[(30+j)*n+at])
			}
			g := (*[9]float32)(oihw[(o*in+i)*9:])
			for r := range c {
				g[3*r], g[3*r+1], g[3*r+2] = tapTransform(c[r][0], c[r][1], c[r][2], c[r][3], c[r][4], c[r][5])
			}
		}
	}
}

// positions returns the tile at that offset at position first and five more,
// each step further.
func (a *winogradTiles) positions(at, first, step int) (p [6]*[Lanes]float32) {
	for i := range p {
		p[i] = (*[Lanes]float32)(a.tiles[(first+i*step)*a.plane+at:])
	}
	return p
}

func winogradInput(a winogradTiles) {
	for t := range a.rows * a.cols {
		at := t/a.cols*4*a.row + t%a.cols*4*Lanes
		var d [6]*[6 * Lanes]float32
		for r := range d {
			d[r] = (*[6 * Lanes]float32)(a.image[at+r*a.row:])
		}
		var c [6][6 * Lanes]float32 // Bᵀ·d
		for i := range 6 * Lanes {
			c[0][i], c[1][i], c[2][i], c[3][i], c[4][i], c[5][i] = inputTransform(d[0][i], d[1][i], d[2][i], d[3][i], d[4][i], d[5][i])
		}
		for r := range 6 {
			v, c := a.positions(t*Lanes, 6*r, 1), &c[r]
			for l := range Lanes {
				v[0][l], v[1][l], v[2][l], v[3][l], v[4][l], v[5][l] = inputTransform(
					c[l], c[Lanes+l], c[2*Lanes+l], c[3*Lanes+l], c[4*Lanes+l], c[5*Lanes+l])
			}
		}
	}
}

func winogradOutput(a winogradTiles) {
	for t := range a.rows * a.cols {
		var c [4][6][Lanes]float32 // Aᵀ·M
		for j := range 6 {
			m := a.positions(t*Lanes, j, 6)
			for l := range Lanes {
				c[0][j][l], c[1][j][l], c[2][j][l], c[3][j][l] = outputTransform(m[0][l], m[1][l], m[2][l], m[3][l], m[4][l], m[5][l])
			}
		}
		for r := range c {
			c := &c[r]
			var y [4][Lanes]float32
			for l := range Lanes {
				y[0][l], y[1][l], y[2][l], y[3][l] = outputTransform(c[0][l], c[1][l], c[2][l], c[3][l], c[4][l], c[5][l])
			}
			at := (t/a.cols*4+r)*a.row + t%a.cols*4*Lanes
			for j := range y {
				a.store(at+j*Lanes, &y[j])
			}
		}
	}
}

// store applies the epilogue to one pixel and writes it.
func (a *winogradTiles) store(at int, y *[Lanes]float32) {
	if a.bias != nil {
		for l, b := range (*[Lanes]float32)(a.bias) {
			y[l] += b
		}
	}
	if a.residual != nil {
		for l, r := range (*[Lanes]float32)(a.residual[at:]) {
			y[l] += r
		}
	}
	if a.relu {
		for l, v := range y {
			if v < 0 { // lets NaN through
				y[l] = 0
			}
		}
	}
	if a.sums != nil {
		sums := (*[2 * Lanes]float32)(a.sums)
		for l, v := range y {
			sums[l] += v
			sums[Lanes+l] += v * v
		}
	}
	*(*[Lanes]float32)(a.image[at:]) = *y
}

func winogradGradient(a winogradTiles) {
	for t := range a.rows * a.cols {
		at := t/a.cols*4*a.row + t%a.cols*4*Lanes
		var e [4]*[4 * Lanes]float32
		for r := range e {
			e[r] = (*[4 * Lanes]float32)(a.image[at+r*a.row:])
		}
		var c [6][4 * Lanes]float32 // A·e
		for i := range 4 * Lanes {
			c[0][i], c[1][i], c[2][i], c[3][i], c[4][i], c[5][i] = gradientTransform(e[0][i], e[1][i], e[2][i], e[3][i])
		}
		for r := range 6 {
			z, c := a.positions(t*Lanes, 6*r, 1), &c[r]
			for l := range Lanes {
				z[0][l], z[1][l], z[2][l], z[3][l], z[4][l], z[5][l] = gradientTransform(c[l], c[Lanes+l], c[2*Lanes+l], c[3*Lanes+l])
			}
		}
	}
}

// Products keep eight sums in registers, four lanes of two tiles or of two input
// channels: each value that is loaded serves several of them.

func winogradMultiply(a winogradProduct) {
	n, step := weightPosition(a.in, a.out), min(a.out, 32) // step is between input channels in U
	for pos := range a.positions {
		for k := 0; k < a.out; k += 4 {
			u := a.u[pos*n+weightAt(0, k, a.in, a.out):]
			for t := 0; t < a.tiles; t += 2 {
				at := pos*a.plane + t*Lanes
				var r0, r1, r2, r3, s0, s1, s2, s3 float32
				for c := 0; c < a.in; c += Lanes {
					v := (*[2 * Lanes]float32)(a.v[c/Lanes*a.block+at:])
					for i := range Lanes {
						w := (*[4]float32)(u[(c+i)*step:])
						f, g := v[i], v[Lanes+i]
						r0, s0 = r0+f*w[0], s0+g*w[0]
						r1, s1 = r1+f*w[1], s1+g*w[1]
						r2, s2 = r2+f*w[2], s2+g*w[2]
						r3, s3 = r3+f*w[3], s3+g*w[3]
					}
				}
				m := a.m[k/Lanes*a.block+at+k%Lanes:]
				*(*[4]float32)(m) = [4]float32{r0, r1, r2, r3}
				*(*[4]float32)(m[Lanes:]) = [4]float32{s0, s1, s2, s3}
			}
		}
	}
}

func winogradAccumulate(a winogradProduct) {
	n := weightPosition(a.in, a.out)
	for pos := range a.positions {
		for k := 0; k < a.out; k += 4 {
			m := a.m[k/Lanes*a.block+pos*a.plane+k%Lanes:]
			for c := 0; c < a.in; c += 2 {
				v := a.v[c/Lanes*a.block+pos*a.plane+c%Lanes:]
				r := (*[4]float32)(a.u[pos*n+weightAt(c, k, a.in, a.out):])
				s := (*[4]float32)(a.u[pos*n+weightAt(c+1, k, a.in, a.out):])
				r0, r1, r2, r3, s0, s1, s2, s3 := r[0], r[1], r[2], r[3], s[0], s[1], s[2], s[3]
				for t := range a.tiles {
					e, d := (*[4]float32)(m[t*Lanes:]), (*[2]float32)(v[t*Lanes:])
					r0, s0 = r0+d[0]*e[0], s0+d[1]*e[0]
					r1, s1 = r1+d[0]*e[1], s1+d[1]*e[1]
					r2, s2 = r2+d[0]*e[2], s2+d[1]*e[2]
					r3, s3 = r3+d[0]*e[3], s3+d[1]*e[3]
				}
				*r, *s = [4]float32{r0, r1, r2, r3}, [4]float32{s0, s1, s2, s3}
			}
		}
	}
}
