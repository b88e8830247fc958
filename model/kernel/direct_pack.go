package kernel

// PackedLen returns the length of c's packed weights, in floats.
func (c Conv) PackedLen() int { return c.Out.C * c.In.C * c.Kernel * c.Kernel }

// PackWeights lays PyTorch's weights [K][C][k][k] out for ConvForward.
func (s *Set) PackWeights(c Conv, dst, oihw []float32) {
	dst, oihw = dst[:c.PackedLen()], oihw[:c.PackedLen()]
	c.eachPacked(func(packed, plain int) { dst[packed] = oihw[plain] })
}

// UnpackWeightGrad is PackWeights' inverse: it lays a gradient summed up by
// ConvWeightGrad out as PyTorch does.
func (s *Set) UnpackWeightGrad(c Conv, oihw, packed []float32) {
	oihw, packed = oihw[:c.PackedLen()], packed[:c.PackedLen()]
	c.eachPacked(func(at, plain int) { oihw[plain] = packed[at] })
}

// eachPacked visits every weight in PyTorch's order with its packed place.
func (c Conv) eachPacked(visit func(packed, plain int)) {
	src := c.source()
	plain := 0
	for k := range c.Out.C {
		for ch := range c.In.C {
			for ky := range c.Kernel {
				for kx := range c.Kernel {
					at := k/Lanes*src.blocks + ch/src.channels
					at = at*c.Kernel + ky
					at = at*src.channels + ch%src.channels
					at = at*c.Kernel + kx
					visit(at*Lanes+k%Lanes, plain)
					plain++
				}
			}
		}
	}
}

// PackWeightsTransposed lays PyTorch's weights [K][C][k][k] out for
// ConvDataGrad.
func (s *Set) PackWeightsTransposed(c Conv, dst, oihw []float32) {
	dst, oihw = dst[:c.PackedLen()], oihw[:c.PackedLen()]
	n := c.Kernel
	plain := 0
	for k := range c.Out.C {
		for ch := range c.In.C {
			block := (ch/Lanes*(c.Out.C/Lanes) + k/Lanes) * n * n * Lanes
			for ky := range n {
				for kx := range n {
					at := block + k%Lanes*n*n + ky*n + kx
					if c.Stride == 1 {
						at = block + ((n-1-ky)*Lanes+k%Lanes)*n + n - 1 - kx
					}
					dst[at*Lanes+ch%Lanes] = oihw[plain]
					plain++
				}
			}
		}
	}
}
