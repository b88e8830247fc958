package kernel

// PackedLen returns the length of c's packed weights, in floats.
func (c GeneralConv) PackedLen() int {
	return c.packedBlocks(c.Out.C, c.K, c.C, c.inBlock()) * Lanes * c.inBlock() * c.Kernel * c.Kernel
}

// TransposedLen returns the length of c's weights packed for the data gradient.
func (c GeneralConv) TransposedLen() int {
	return c.packedBlocks(c.In.C, c.C, c.K, Lanes) * Lanes * Lanes * c.Kernel * c.Kernel
}

// packedBlocks returns the number of pairs of blocks that have weights.
func (c GeneralConv) packedBlocks(outs, to, from, n int) int {
	total := 0
	for block := range outs / Lanes {
		first, end := band(block, to/c.Groups, from/c.Groups, to, n)
		total += end - first
	}
	return total
}

// WeightLen returns the length of the weights in PyTorch's layout,
// [K][C/Groups][k][k].
func (c GeneralConv) WeightLen() int { return c.K * c.C / c.Groups * c.Kernel * c.Kernel }

// PackGeneral lays PyTorch's weights [K][C/Groups][k][k] out for GeneralForward.
func (s *Set) PackGeneral(c GeneralConv, dst, oihw []float32) {
	c.check()
	need("dst", dst, c.PackedLen())
	need("oihw", oihw, c.WeightLen())
	clear(dst[:c.PackedLen()])
	c.eachRun(func(at, plain int) {
		for kx := range c.Kernel {
			dst[at+kx*Lanes] = oihw[plain+kx]
		}
	})
}

// UnpackGeneralGrad is PackGeneral's inverse: it lays a gradient summed up by
// GeneralWeightGrad out as PyTorch does.
func (s *Set) UnpackGeneralGrad(c GeneralConv, oihw, packed []float32) {
	c.check()
	need("packed", packed, c.PackedLen())
	need("oihw", oihw, c.WeightLen())
	c.eachRun(func(at, plain int) {
		for kx := range c.Kernel {
			oihw[plain+kx] = packed[at+kx*Lanes]
		}
	})
}

// eachRun visits every row of taps: where it begins in the packed weights, 16
// floats between two taps, and where in PyTorch's layout.
func (c GeneralConv) eachRun(visit func(at, plain int)) {
	n, in, out := c.inBlock(), c.C/c.Groups, c.K/c.Groups
	size := n * c.Kernel * c.Kernel * Lanes // of a pair of blocks
	base := 0
	for block := range c.Out.C / Lanes {
		first, end := band(block, out, in, c.K, n)
		for k := block * Lanes; k < min(c.K, (block+1)*Lanes); k++ {
			for i := range in {
				ch := k/out*in + i
				pair := base + (ch/n-first)*size
				for ky := range c.Kernel {
					visit(pair+(ky*n+ch%n)*c.Kernel*Lanes+k%Lanes, ((k*in+i)*c.Kernel+ky)*c.Kernel)
				}
			}
		}
		base += (end - first) * size
	}
}

// PackGeneralTransposed lays PyTorch's weights [K][C/Groups][k][k] out for
// GeneralDataGrad.
func (s *Set) PackGeneralTransposed(c GeneralConv, dst, oihw []float32) {
	c.check()
	c.mustHaveDataGrad()
	need("dst", dst, c.TransposedLen())
	need("oihw", oihw, c.WeightLen())
	clear(dst[:c.TransposedLen()])
	in, out, taps := c.C/c.Groups, c.K/c.Groups, c.Kernel*c.Kernel
	base := 0
	for block := range c.In.C / Lanes {
		first, end := band(block, in, out, c.C, Lanes)
		for ch := block * Lanes; ch < min(c.C, (block+1)*Lanes); ch++ {
			for o := range out {
				k := ch/in*out + o
				pair := base + (k/Lanes-first)*taps*Lanes*Lanes
				for tap, v := range oihw[(k*in+ch%in)*taps:][:taps] {
					dst[pair+c.transposedTap(tap, k%Lanes)*Lanes+ch%Lanes] = v
				}
			}
		}
		base += (end - first) * taps * Lanes * Lanes
	}
}

// transposedTap returns the place of a tap of channel k in its pair of blocks,
// in units of 16 floats.
func (c GeneralConv) transposedTap(tap, k int) int {
	taps := c.Kernel * c.Kernel
	if c.Stride != 1 {
		return k*taps + tap
	}
	tap = taps - 1 - tap
	return (tap/c.Kernel*Lanes+k)*c.Kernel + tap%c.Kernel
}

// PackChannels lays src [c][H][W] out as m: as the image [H+2][W+2][4] if m.C is
// at most 4, else in blocks of 16. Channels from c on become zero; the border
// stays as it is.
func (s *Set) PackChannels(m Map, c int, dst, src []float32) {
	v := m.view()
	need("dst", dst, v.len())
	need("src", src, c*m.H*m.W)
	for b := range v.blocks {
		n := min(c-b*v.size, v.size)
		for y := range m.H {
			row := dst[b*v.plane+v.at(y, 0):][:m.W*v.pixel]
			if n < v.size {
				clear(row)
			}
			for i := range n {
				plain := src[((b*v.size+i)*m.H+y)*m.W:][:m.W]
				for x, p := range plain {
					row[x*v.pixel+i] = p
				}
			}
		}
	}
}

// UnpackChannels writes the first c channels of src, laid out as m, to dst
// [c][H][W]: it flattens a map into a vector.
func (s *Set) UnpackChannels(m Map, c int, dst, src []float32) {
	need("dst", dst, c*m.H*m.W)
	need("src", src, m.Len())
	for ch := range c {
		for y := range m.H {
			at := m.At(ch, y, 0)
			row := dst[(ch*m.H+y)*m.W:][:m.W]
			for x := range row {
				row[x] = src[at+x*Lanes]
			}
		}
	}
}
