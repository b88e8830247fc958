package kernel

// directGo is direct convolution in plain Go: the definition, and the path for
// sizes and machines that have no assembly.
func directGo() directFuncs {
	return directFuncs{forward: convForward, dataGrad: convDataGrad, weightGrad: convWeightGrad}
}

// convForward computes the output pixel by pixel, 16 channels at a time.
func convForward(c Conv, y, x, w []float32, e Epilogue) {
	src := c.source()
	tap := c.Kernel * Lanes // distance between two channels' weights
	firstBlock, endBlock, firstRow, endRow := e.Share.split(c.Out.C/Lanes, c.Out.H, 1)
	for block := firstBlock; block < endBlock; block++ {
		end := newEpilogue(e, block)
		for oy := firstRow; oy < endRow; oy++ {
			for ox := range c.Out.W {
				acc := end.bias
				from := src.first + oy*c.Stride*src.row + ox*c.Stride*src.pixel
				at := block * src.blocks * src.channels * c.Kernel * tap
				for b := range src.blocks {
					for ky := range c.Kernel {
						for kx := range c.Kernel {
							p := from + b*src.plane + ky*src.row + kx*src.pixel
							addProducts(&acc, x[p:], 1, w[at+kx*Lanes:], tap, src.channels)
						}
						at += src.channels * tap
					}
				}
				end.store(&acc, y, c.Out.At(block*Lanes, oy, ox))
			}
		}
		end.addSums(e.Sums)
	}
}

// convDataGrad gathers, for every pixel of dx, the outputs that it took part
// in: those at (iy+pad−ky)/2 for the ky of the right parity, and the same in x.
func convDataGrad(c Conv, dx, dy, wT []float32, add bool) {
	taps := c.Kernel * c.Kernel * Lanes // distance between two output channels' weights
	pad := c.Kernel / 2
	for block := range c.In.C / Lanes {
		for iy := range c.In.H {
			for ix := range c.In.W {
				at := c.In.At(block*Lanes, iy, ix)
				var acc [Lanes]float32
				if add {
					acc = [Lanes]float32(dx[at:])
				}
				for ky := (iy + pad) % 2; ky < c.Kernel; ky += 2 {
					for kx := (ix + pad) % 2; kx < c.Kernel; kx += 2 {
						p := c.Out.At(0, (iy+pad-ky)/2, (ix+pad-kx)/2)
						q := block*c.Out.C*taps + (ky*c.Kernel+kx)*Lanes
						for range c.Out.C / Lanes {
							addProducts(&acc, dy[p:], 1, wT[q:], taps, Lanes)
							p += c.Out.Plane()
							q += Lanes * taps
						}
					}
				}
				*(*[Lanes]float32)(dx[at:]) = acc
			}
		}
	}
}

// convWeightGrad adds to each weight's sum one row of the map at a time.
func convWeightGrad(c Conv, dw, x, dy []float32) {
	src := c.source()
	step := c.Stride * src.pixel
	at := 0
	for block := range c.Out.C / Lanes {
		for b := range src.blocks {
			for ky := range c.Kernel {
				for ch := range src.channels {
					for kx := range c.Kernel {
						sum := (*[Lanes]float32)(dw[at:])
						p := src.first + b*src.plane + ky*src.row + kx*src.pixel + ch
						for oy := range c.Out.H {
							q := c.Out.At(block*Lanes, oy, 0)
							addProducts(sum, x[p+oy*c.Stride*src.row:], step, dy[q:], Lanes, c.Out.W)
						}
						at += Lanes
					}
				}
			}
		}
	}
}

// addProducts adds Σ a[i·aStep]·b[i·bStep+l], i from 0 to n−1, to every lane l
// of acc.
func addProducts(acc *[Lanes]float32, a []float32, aStep int, b []float32, bStep, n int) {
	a, b = a[:(n-1)*aStep+1], b[:(n-1)*bStep+Lanes]
	addEight((*[8]float32)(acc[:]), a, aStep, b, bStep)
	addEight((*[8]float32)(acc[8:]), a, aStep, b[8:], bStep)
}

// addEight is addProducts for eight lanes, whose sums stay in registers. The
// loop's condition tells the compiler that nothing in it needs a bounds check.
func addEight(acc *[8]float32, a []float32, aStep int, b []float32, bStep int) {
	s0, s1, s2, s3, s4, s5, s6, s7 := acc[0], acc[1], acc[2], acc[3], acc[4], acc[5], acc[6], acc[7]
	for len(a) > 0 && len(b) >= 8 {
		v, p := a[0], (*[8]float32)(b)
		s0 += v * p[0]
		s1 += v * p[1]
		s2 += v * p[2]
		s3 += v * p[3]
		s4 += v * p[4]
		s5 += v * p[5]
		s6 += v * p[6]
		s7 += v * p[7]
		a, b = a[min(aStep, len(a)):], b[min(bStep, len(b)):]
	}
	*acc = [8]float32{s0, s1, s2, s3, s4, s5, s6, s7}
}

// An epilogue is the part of an Epilogue for one block of output channels.
type epilogue struct {
	bias          [Lanes]float32
	residual      []float32
	relu          bool
	max           float32
	wantSums      bool
	sums, squares [Lanes]float32
	block         int
}

func newEpilogue(e Epilogue, block int) epilogue {
	end := epilogue{residual: e.Residual, relu: e.ReLU, max: e.Max, wantSums: e.Sums != nil, block: block}
	if e.Bias != nil {
		copy(end.bias[:], e.Bias[block*Lanes:])
	}
	return end
}

// store finishes one pixel's sums and writes them to y[at:].
func (e *epilogue) store(acc *[Lanes]float32, y []float32, at int) {
	if e.residual != nil {
		for l, v := range (*[Lanes]float32)(e.residual[at:]) {
			acc[l] += v
		}
	}
	if e.relu {
		for l, v := range acc {
			if v < 0 { // false for NaN, which stays
				acc[l] = 0
			}
		}
	}
	if e.max > 0 {
		for l, v := range acc {
			if v > e.max {
				acc[l] = e.max
			}
		}
	}
	if e.wantSums {
		for l, v := range acc {
			e.sums[l] += v
			e.squares[l] += v * v
		}
	}
	*(*[Lanes]float32)(y[at:]) = *acc
}

// addSums adds the block's sums to those of the map.
func (e *epilogue) addSums(sums []float32) {
	if !e.wantSums {
		return
	}
	sums = sums[e.block*2*Lanes:][:2*Lanes]
	for l := range e.sums {
		sums[l] += e.sums[l]
		sums[Lanes+l] += e.squares[l]
	}
}
