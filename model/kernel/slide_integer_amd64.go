package kernel

import "unsafe"

// integerSlideAsm is one instruction set's assembly for integer convolutions.
type integerSlideAsm struct {
	group           int                    // input channels in a group
	outs            int                    // blocks of outputs that a kernel can take at a time
	pixels          int                    // in the largest tile of a convolution
	depthwisePixels int                    // and of a depthwise one
	forward         [3][15]func(slideArgs) // by blocks of outputs and pixels
	depthwise       [15]func(slideArgs)
}

func (k *integerSlideAsm) funcs() integerSlideFuncs {
	return integerSlideFuncs{group: k.group, forward: k.runForward, depthwise: k.runDepthwise}
}

// codes sets the arguments that turn sums into codes, starting at a block of
// outputs.
func (a *slideArgs) codes(p *integerPacked, block int, o Output) {
	a.zero, a.low, a.top = int32(o.Zero), int32(o.Low), int32(o.High)
	a.bias = unsafe.Pointer(&p.offset[block*Lanes])
	a.scale, a.shift = unsafe.Pointer(&p.scale[block*Lanes]), unsafe.Pointer(&p.bias[block*Lanes])
}

// runForward calls the assembly once per column of tiles and group of blocks of
// outputs, or more often where a call would take long. Layers whose values may
// not fit int32 do not use assembly.
func (k *integerSlideAsm) runForward(s slide, dst, src []uint8, c *IntegerGeneral, share Share) {
	if !c.packed.fits {
		generalIntegerGo(s, dst, src, c, share)
		return
	}
	lanes := c.lanes4()
	s.outs = c.Out.C / Lanes
	s.wChannel, s.wCol = k.group*Lanes, lanes*Lanes
	s.wRow = c.Kernel * s.wCol
	s.wBlock = c.Kernel * s.wRow
	c.bands(c.Out.C, c.K, c.C, s, c.inBlock(), func(sl slide, block int) {
		sl.channels, sl.last = lanes/k.group, (sl.last+k.group-1)/k.group
		b0, sl := sl.part(share)
		k.run(sl, dst, src, c, block+b0)
	})
}

// run is runForward for one band, which begins with a block of outputs.
func (k *integerSlideAsm) run(s slide, dst, src []uint8, c *IntegerGeneral, block int) {
	a := s.args(1)
	work := s.blocks * s.channels * s.tapRows * s.tapCols * k.pixels * 2
	s.tiles(k.pixels, func(t tile) {
		a.set(t, 1)
		rows := max(1, 2*callWork/work)
		for o := 0; o < s.outs; o += a.outs {
			a.outs = min(k.outs, s.outs-o)
			a.weights = unsafe.Pointer(&c.packed.weight[s.weight+o*s.wOut])
			a.codes(&c.packed, block+o, c.Output)
			for r := 0; r < t.rows; r += rows {
				a.rows = min(rows, t.rows-r)
				a.dst = unsafe.Pointer(&dst[t.at+o*s.dstPlane+r*t.dstRow])
				a.src = unsafe.Pointer(&src[t.offset+r*t.srcRow])
				k.forward[a.outs][t.pixels](a)
			}
		}
	})
}

// runDepthwise calls the assembly once per column of tiles, or more often where
// a call would take long.
func (k *integerSlideAsm) runDepthwise(s slide, dst, src []uint8, d *IntegerDepthwise, block int, share Share) {
	if !d.packed.fits {
		depthwiseIntegerGo(s, dst, src, d, block, share)
		return
	}
	b0, s := s.part(share)
	block += b0
	s.weight -= b0 * s.wOut // which the block counts
	a := s.args(1)
	a.srcPlaneNext = s.srcPlane
	s.tiles(k.depthwisePixels, func(t tile) {
		a.set(t, 1)
		most := max(1, callWork/2/(t.rows*t.pixels*s.tapRows*s.tapCols))
		for o := 0; o < s.outs; o += most {
			a.outs, a.rows = min(most, s.outs-o), t.rows
			a.dst, a.src = unsafe.Pointer(&dst[t.at+o*s.dstPlane]), unsafe.Pointer(&src[t.offset+o*s.srcPlane])
			a.weights = unsafe.Pointer(&d.packed.weight[(block+o)*s.wOut])
			a.codes(&d.packed, block+o, d.Output)
			k.depthwise[t.pixels](a)
		}
	})
}

func integerSlideAVX512() integerSlideFuncs {
	k := &integerSlideAsm{group: 4, outs: 2, pixels: 14, depthwisePixels: 14}
	k.forward[1] = [15]func(slideArgs){
		1: slideInteger1x1AVX512, 2: slideInteger2x1AVX512, 3: slideInteger3x1AVX512, 4: slideInteger4x1AVX512,
		5: slideInteger5x1AVX512, 6: slideInteger6x1AVX512, 7: slideInteger7x1AVX512, 8: slideInteger8x1AVX512,
		9: slideInteger9x1AVX512, 10: slideInteger10x1AVX512, 11: slideInteger11x1AVX512, 12: slideInteger12x1AVX512,
		13: slideInteger13x1AVX512, 14: slideInteger14x1AVX512,
	}
	k.forward[2] = [15]func(slideArgs){
		1: slideInteger1x2AVX512, 2: slideInteger2x2AVX512, 3: slideInteger3x2AVX512, 4: slideInteger4x2AVX512,
		5: slideInteger5x2AVX512, 6: slideInteger6x2AVX512, 7: slideInteger7x2AVX512, 8: slideInteger8x2AVX512,
		9: slideInteger9x2AVX512, 10: slideInteger10x2AVX512, 11: slideInteger11x2AVX512, 12: slideInteger12x2AVX512,
		13: slideInteger13x2AVX512, 14: slideInteger14x2AVX512,
	}
	k.depthwise = [15]func(slideArgs){
		1: slideIntegerDepthwise1AVX512, 2: slideIntegerDepthwise2AVX512, 3: slideIntegerDepthwise3AVX512, 4: slideIntegerDepthwise4AVX512,
		5: slideIntegerDepthwise5AVX512, 6: slideIntegerDepthwise6AVX512, 7: slideIntegerDepthwise7AVX512, 8: slideIntegerDepthwise8AVX512,
		9: slideIntegerDepthwise9AVX512, 10: slideIntegerDepthwise10AVX512, 11: slideIntegerDepthwise11AVX512, 12: slideIntegerDepthwise12AVX512,
		13: slideIntegerDepthwise13AVX512, 14: slideIntegerDepthwise14AVX512,
	}
	return k.funcs()
}

func integerSlideAVX2() integerSlideFuncs {
	k := &integerSlideAsm{group: 2, outs: 1, pixels: 5, depthwisePixels: 5}
	k.forward[1] = [15]func(slideArgs){
		1: slideInteger1AVX2, 2: slideInteger2AVX2, 3: slideInteger3AVX2, 4: slideInteger4AVX2,
		5: slideInteger5AVX2,
	}
	k.depthwise = [15]func(slideArgs){
		1: slideIntegerDepthwise1AVX2, 2: slideIntegerDepthwise2AVX2, 3: slideIntegerDepthwise3AVX2, 4: slideIntegerDepthwise4AVX2,
		5: slideIntegerDepthwise5AVX2,
	}
	return k.funcs()
}
