package kernel

// A slide is a convolution as the inner loops see it. It serves the forward
// pass, one phase of a data gradient, or a linear layer. Offsets and distances
// are in floats and may be negative, except in dst.
//
//	y[dst + o·dstPlane + oy·dstRow + ox·dstCol + l] = Σ over b, ky, kx, c of
//	    x[src + b·srcPlane + oy·srcRow + ox·srcCol + ky·tapRow + kx·tapCol + c] ·
//	    w[weight + o·wOut + b·wBlock + ky·wRow + kx·wCol + c·wChannel + l]
//
// for 16 lanes l. A depthwise slide has one block and no sum over c: lane l of y
// comes from lane l of x, and block o from block o.
type slide struct {
	outs, rows, cols              int // blocks, rows and columns of outputs
	dst, dstPlane, dstRow, dstCol int
	src, srcPlane, srcRow, srcCol int
	tapRows, tapCols              int // size of the kernel
	tapRow, tapCol                int // distances between taps in x
	blocks, channels, last        int // blocks of input, channels in one and in the last one
	weight, wOut, wBlock          int
	wRow, wCol, wChannel          int
}

// slideFuncs are the inner functions of general convolutions.
type slideFuncs struct {
	forward       func(s slide, y, x, w []float32, e Epilogue)
	weightGrad    func(s slide, dw, x, dy []float32)
	depthwise     func(s slide, y, x, w []float32, e Epilogue)
	depthwiseGrad func(s slide, dw, x, dy []float32)
}

func slideGo() slideFuncs {
	return slideFuncs{
		forward:       slideForwardGo,
		weightGrad:    slideWeightGradGo,
		depthwise:     slideDepthwiseGo,
		depthwiseGrad: slideDepthwiseGradGo,
	}
}

// slide returns the slide of a window over a source laid out as v, with one
// output for each position of out. The caller sets blocks, channels and
// weights.
func (w Window) slide(out Map, v view) slide {
	y := out.view()
	return slide{
		rows: out.H, cols: out.W,
		dst: y.origin, dstPlane: y.plane, dstRow: y.row, dstCol: y.pixel,
		src: v.at(-w.Top, -w.Left), srcPlane: v.plane, srcRow: w.Stride * v.row, srcCol: w.Stride * v.pixel,
		tapRows: w.Kernel, tapCols: w.Kernel, tapRow: v.row, tapCol: v.pixel,
	}
}

// inBlock returns the number of channels in block b of the input.
func (s slide) inBlock(b int) int {
	if b == s.blocks-1 {
		return s.last
	}
	return s.channels
}

// empty reports whether there are no taps: the stride is wider than the kernel.
func (s slide) empty() bool { return s.tapRows == 0 || s.tapCols == 0 }

// clear sets all outputs to zero.
func (s slide) clear(y []float32) {
	for o := range s.outs {
		for oy := range s.rows {
			at := s.dst + o*s.dstPlane + oy*s.dstRow
			for range s.cols {
				*(*pixel)(y[at:]) = pixel{}
				at += s.dstCol
			}
		}
	}
}

// slideForwardGo computes the output pixel by pixel, 16 channels at a time.
func slideForwardGo(s slide, y, x, w []float32, e Epilogue) {
	s, e = s.shared(e)
	for o := range s.outs {
		end := newEpilogue(e, o)
		for oy := range s.rows {
			for ox := range s.cols {
				acc := end.bias
				for b := range s.blocks {
					n := s.inBlock(b)
					for ky := range s.tapRows {
						for kx := range s.tapCols {
							p := s.src + b*s.srcPlane + oy*s.srcRow + ox*s.srcCol + ky*s.tapRow + kx*s.tapCol
							q := s.weight + o*s.wOut + b*s.wBlock + ky*s.wRow + kx*s.wCol
							addProducts(&acc, x[p:], 1, w[q:], s.wChannel, n)
						}
					}
				}
				end.store(&acc, y, s.dst+o*s.dstPlane+oy*s.dstRow+ox*s.dstCol)
			}
		}
		end.addSums(e.Sums)
	}
}

// slideWeightGradGo adds to each weight's gradient row by row.
func slideWeightGradGo(s slide, dw, x, dy []float32) {
	for o := range s.outs {
		for b := range s.blocks {
			for ky := range s.tapRows {
				for c := range s.inBlock(b) {
					for kx := range s.tapCols {
						sum := (*pixel)(dw[s.weight+o*s.wOut+b*s.wBlock+ky*s.wRow+kx*s.wCol+c*s.wChannel:])
						for oy := range s.rows {
							p := s.src + b*s.srcPlane + oy*s.srcRow + ky*s.tapRow + kx*s.tapCol + c
							q := s.dst + o*s.dstPlane + oy*s.dstRow
							addProducts(sum, x[p:], s.srcCol, dy[q:], s.dstCol, s.cols)
						}
					}
				}
			}
		}
	}
}

// slideDepthwiseGo computes the output pixel by pixel, each lane for itself.
func slideDepthwiseGo(s slide, y, x, w []float32, e Epilogue) {
	s, e = s.shared(e)
	for o := range s.outs {
		end := newEpilogue(e, o)
		for oy := range s.rows {
			for ox := range s.cols {
				acc := end.bias
				for ky := range s.tapRows {
					for kx := range s.tapCols {
						p := (*pixel)(x[s.src+o*s.srcPlane+oy*s.srcRow+ox*s.srcCol+ky*s.tapRow+kx*s.tapCol:])
						q := (*pixel)(w[s.weight+o*s.wOut+ky*s.wRow+kx*s.wCol:])
						for l := range acc {
							acc[l] += p[l] * q[l]
						}
					}
				}
				end.store(&acc, y, s.dst+o*s.dstPlane+oy*s.dstRow+ox*s.dstCol)
			}
		}
		end.addSums(e.Sums)
	}
}

// slideDepthwiseGradGo adds to each weight's gradient pixel by pixel.
func slideDepthwiseGradGo(s slide, dw, x, dy []float32) {
	for o := range s.outs {
		for ky := range s.tapRows {
			for kx := range s.tapCols {
				sum := (*pixel)(dw[s.weight+o*s.wOut+ky*s.wRow+kx*s.wCol:])
				for oy := range s.rows {
					for ox := range s.cols {
						p := (*pixel)(x[s.src+o*s.srcPlane+oy*s.srcRow+ox*s.srcCol+ky*s.tapRow+kx*s.tapCol:])
						q := (*pixel)(dy[s.dst+o*s.dstPlane+oy*s.dstRow+ox*s.dstCol:])
						for l := range sum {
							sum[l] += p[l] * q[l]
						}
					}
				}
			}
		}
	}
}

// A phase says which taps contribute to the gradient of every stride-th row (or
// column) of a convolution's input, starting with one of them. Row
// first+i·stride of dx gets, for j from 0 to taps−1, row i+start+j of dy times
// tap last−j·stride.
type phase struct {
	first, count int // rows of dx
	taps, last   int
	start        int
}

// phase returns the phase of that number, from 0 to stride−1, for size pixels
// with that padding before them. Row iy of the input took part in output oy as
// tap iy+before−oy·stride.
func (w Window) phase(n, before, size int) phase {
	p := phase{first: n, count: (size - n + w.Stride - 1) / w.Stride}
	lowest := (n + before) % w.Stride // the smallest tap
	if lowest < w.Kernel {
		p.taps = (w.Kernel-1-lowest)/w.Stride + 1
	}
	p.last = lowest + (p.taps-1)*w.Stride
	p.start = (n+before-lowest)/w.Stride - (p.taps - 1)
	return p
}

// gradMargins returns how far the data gradient reaches out of dy.
func (w Window) gradMargins(in, out Map) margins {
	var g margins
	for n := range w.Stride {
		y, x := w.phase(n, w.Top, in.H), w.phase(n, w.Left, in.W)
		g.top, g.left = max(g.top, -y.start), max(g.left, -x.start)
		if y.count > 0 && y.taps > 0 {
			g.bottom = max(g.bottom, y.count-1+y.start+y.taps-out.H)
		}
		if x.count > 0 && x.taps > 0 {
			g.right = max(g.right, x.count-1+x.start+x.taps-out.W)
		}
	}
	return g
}

// gradSlides calls run for each phase of the data gradient, with the part of its
// slide that the window determines; run adds blocks and channels. ky and kx are
// the first taps of the phase; the next ones are −stride further. Outputs of an
// empty phase are zero.
func (w Window) gradSlides(in Map, dy view, run func(s slide, ky, kx int)) {
	dx := in.view()
	for py := range w.Stride {
		for px := range w.Stride {
			y, x := w.phase(py, w.Top, in.H), w.phase(px, w.Left, in.W)
			if y.count < 1 || x.count < 1 {
				continue
			}
			run(slide{
				rows: y.count, cols: x.count,
				dst: dx.at(y.first, x.first), dstPlane: dx.plane, dstRow: w.Stride * dx.row, dstCol: w.Stride * dx.pixel,
				src: dy.at(y.start, x.start), srcPlane: dy.plane, srcRow: dy.row, srcCol: dy.pixel,
				tapRows: y.taps, tapCols: x.taps, tapRow: dy.row, tapCol: dy.pixel,
			}, y.last, x.last)
		}
	}
}
