package kernel

import "iter"

// PackedLen returns the length of c's packed weights, in floats.
func (c Conv) PackedLen() int { return c.Out.C * c.In.C * c.Kernel * c.Kernel }

// PackWeights lays PyTorch's weights [K][C][k][k] out for ConvForward.
func (s *Set) PackWeights(c Conv, dst, oihw []float32) {
	c.checkWeights(dst, oihw)
	step := c.In.C * c.Kernel * c.Kernel // between neighbouring output channels
	for at, plain := range c.forwardRuns() {
		gather((*[Lanes]float32)(dst[at:]), oihw[plain:], step)
	}
}

// UnpackWeightGrad is PackWeights' inverse: it lays a gradient summed up by
// ConvWeightGrad out as PyTorch does.
func (s *Set) UnpackWeightGrad(c Conv, oihw, packed []float32) {
	c.checkWeights(packed, oihw)
	step := c.In.C * c.Kernel * c.Kernel
	for at, plain := range c.forwardRuns() {
		scatter(oihw[plain:], (*[Lanes]float32)(packed[at:]), step)
	}
}

// PackWeightsTransposed lays PyTorch's weights [K][C][k][k] out for
// ConvDataGrad.
func (s *Set) PackWeightsTransposed(c Conv, dst, oihw []float32) {
	c.checkWeights(dst, oihw)
	if c.ofImage() {
		panic("kernel: no gradient of the image: " + c.String())
	}
	step := c.Kernel * c.Kernel // between neighbouring input channels
	for at, plain := range c.transposedRuns() {
		gather((*[Lanes]float32)(dst[at:]), oihw[plain:], step)
	}
}

func (c Conv) checkWeights(packed, oihw []float32) {
	c.check()
	need("packed", packed, c.PackedLen())
	need("oihw", oihw, c.PackedLen())
}

// forwardRuns yields, for every run of 16 output channels in
// [K/16][C/16][ky][c][kx][16 k], where it begins there and where its first
// weight is in [K][C][k][k].
func (c Conv) forwardRuns() iter.Seq2[int, int] {
	return func(yield func(at, plain int) bool) {
		src, n := c.source(), c.Kernel
		at := 0
		for k := 0; k < c.Out.C; k += Lanes {
			for b := 0; b < c.In.C; b += src.channels {
				for ky := range n {
					for ch := range src.channels {
						plain := (k*c.In.C+b+ch)*n*n + ky*n
						for kx := range n {
							if !yield(at, plain+kx) {
								return
							}
							at += Lanes
						}
					}
				}
			}
		}
	}
}

// transposedRuns yields the same for runs of 16 input channels in
// [C/16][K/16][ky][k][kx][16 c], taps flipped, or with stride 2
// [C/16][K/16][k][ky][kx][16 c].
func (c Conv) transposedRuns() iter.Seq2[int, int] {
	return func(yield func(at, plain int) bool) {
		taps := c.Kernel * c.Kernel
		outer, inner := c.Kernel, c.Kernel // of the taps' loops, channels being between them
		if c.Stride == 2 {
			outer, inner = 1, taps
		}
		at := 0
		for ch := 0; ch < c.In.C; ch += Lanes {
			for b := 0; b < c.Out.C; b += Lanes {
				for o := range outer {
					for k := range Lanes {
						for i := range inner {
							tap := o*inner + i
							if c.Stride == 1 {
								tap = taps - 1 - tap
							}
							if !yield(at, ((b+k)*c.In.C+ch)*taps+tap) {
								return
							}
							at += Lanes
						}
					}
				}
			}
		}
	}
}

// gather copies every step-th float of src.
func gather(dst *[Lanes]float32, src []float32, step int) {
	src = src[:(Lanes-1)*step+1]
	for l := range dst {
		dst[l] = src[l*step]
	}
}

// scatter writes every step-th float of dst.
func scatter(dst []float32, src *[Lanes]float32, step int) {
	dst = dst[:(Lanes-1)*step+1]
	for l, v := range src {
		dst[l*step] = v
	}
}
