package kernel

import "math"

// The oracle is convolution as the definition has it, in float64 over plain
// arrays: x [C][H][W], w [K][C][k][k], y [K][OH][OW]. Padding is multiplied like
// any other zero, so that NaN and Inf in weights reach every output.

// eachProduct visits every product w·x of a convolution once, with the indices
// of its output, its weight and its input in their plain arrays; x is −1 where
// the input is padding.
func (c Conv) eachProduct(visit func(y, w, x int)) {
	pad := c.Kernel / 2
	for k := range c.Out.C {
		for oy := range c.Out.H {
			for ox := range c.Out.W {
				for ch := range c.In.C {
					for ky := range c.Kernel {
						for kx := range c.Kernel {
							iy, ix := oy*c.Stride+ky-pad, ox*c.Stride+kx-pad
							x := -1
							if iy >= 0 && iy < c.In.H && ix >= 0 && ix < c.In.W {
								x = (ch*c.In.H+iy)*c.In.W + ix
							}
							visit((k*c.Out.H+oy)*c.Out.W+ox, ((k*c.In.C+ch)*c.Kernel+ky)*c.Kernel+kx, x)
						}
					}
				}
			}
		}
	}
}

// exactForward is ConvForward: w·x + bias + residual, clipped. bias [K] and
// residual [K][OH][OW] may be nil.
func exactForward(c Conv, x, w, bias, residual []float32, relu bool) []exact {
	y := make([]exact, c.Out.C*c.Out.H*c.Out.W)
	for i := range y {
		if bias != nil {
			y[i].add(float64(bias[i/(c.Out.H*c.Out.W)]))
		}
		if residual != nil {
			y[i].add(float64(residual[i]))
		}
	}
	c.eachProduct(func(yi, wi, xi int) {
		v := 0.0
		if xi >= 0 {
			v = float64(x[xi])
		}
		y[yi].add(float64(w[wi]) * v)
	})
	if relu {
		for i := range y {
			if y[i].sum < 0 {
				y[i].sum = 0
			}
		}
	}
	return y
}

// exactDataGrad is ConvDataGrad; dx0 [C][H][W] is added to, or nil.
func exactDataGrad(c Conv, dx0, dy, w []float32) []exact {
	dx := make([]exact, c.In.C*c.In.H*c.In.W)
	for i, v := range dx0 {
		dx[i].add(float64(v))
	}
	c.eachProduct(func(yi, wi, xi int) {
		if xi >= 0 {
			dx[xi].add(float64(w[wi]) * float64(dy[yi]))
		}
	})
	return dx
}

// exactWeightGrad is ConvWeightGrad; dw0 [K][C][k][k] is added to.
func exactWeightGrad(c Conv, dw0, x, dy []float32) []exact {
	dw := make([]exact, len(dw0))
	for i, v := range dw0 {
		dw[i].add(float64(v))
	}
	c.eachProduct(func(yi, wi, xi int) {
		v := 0.0
		if xi >= 0 {
			v = float64(x[xi])
		}
		dw[wi].add(v * float64(dy[yi]))
	})
	return dw
}

// exactSums returns the sums of y [K][OH][OW] and of its squares, laid out as
// Epilogue.Sums, starting from sums0.
func exactSums(out Map, sums0, y []float32) []exact {
	sums := make([]exact, 2*out.C)
	for i, v := range sums0 {
		sums[i].add(float64(v))
	}
	for i, v := range y {
		c := i / (out.H * out.W)
		at := c/Lanes*2*Lanes + c%Lanes
		sums[at].add(float64(v))
		sums[at+Lanes].add(math.Pow(float64(v), 2))
	}
	return sums
}
