package kernel

import (
	"fmt"
	"math"
)

// A Pool is the geometry of a max or average pool. Out has one pixel for each
// position of the window, whose number is rounded down or up; see NewPool.
type Pool struct {
	In, Out Map
	Window
}

// NewPool returns the pool of a window over m. With ceil the number of positions
// is rounded up, as PyTorch's ceil_mode does: the last one must begin inside the
// map or the padding before it.
func NewPool(m Map, w Window, ceil bool) Pool {
	h, wide := w.Outputs(m.H, m.W)
	if ceil {
		if (h-1)*w.Stride+w.Kernel < m.H+w.Top+w.Bottom && h*w.Stride < m.H+w.Top {
			h++
		}
		if (wide-1)*w.Stride+w.Kernel < m.W+w.Left+w.Right && wide*w.Stride < m.W+w.Left {
			wide++
		}
	}
	p := Pool{In: m, Out: Map{m.C, h, wide}, Window: w}
	p.check()
	return p
}

// ArgLen returns the length of MaxPool's arg: [C/16][OH][OW][16] without a
// border.
func (p Pool) ArgLen() int { return p.Out.C * p.Out.H * p.Out.W }

// Scratch returns the length of the scratch that the pools' functions need, in
// floats.
func (p Pool) Scratch() int {
	in, out := Map{Lanes, p.In.H, p.In.W}, Map{Lanes, p.Out.H, p.Out.W}
	n := in.framed(p.margins(p.In, p.Out).atLeast(0)).len()
	return Lanes + max(n, out.scratch(p.gradMargins(p.In, p.Out)))
}

// MaxPool computes the maximum over each window of one image. Padding is −Inf; the
// last NaN wins. Unless arg is nil, arg says which tap it was, ky·Kernel+kx, the
// first of equal ones; 0 where all are −Inf.
//
//	y, x      laid out as p.Out and p.In
//	arg       [p.ArgLen()], or nil; needs a kernel of at most 16
//	scratch   [p.Scratch()]
func (s *Set) MaxPool(p Pool, y []float32, arg []uint8, x, scratch []float32) {
	p.checkArgs(y, x, scratch)
	if arg != nil {
		p.checkArg(arg)
	}
	s.pool.max(p, y, arg, x, scratch)
}

// MaxPoolGrad computes the gradient of MaxPool's input for one image, and adds
// it to dx if add is set.
//
//	dx, dy   laid out as p.In and p.Out
//	arg      [p.ArgLen()] from MaxPool
func (s *Set) MaxPoolGrad(p Pool, dx, dy []float32, arg []uint8, add bool) {
	p.check()
	p.checkArg(arg)
	need("dx", dx, p.In.Len())
	need("dy", dy, p.Out.Len())
	if !add {
		p.In.clear(dx)
	}
	s.pool.maxGrad(p, dx, dy, arg)
}

// AveragePoolWindow computes the mean over each window of one image: of its
// pixels inside the map, or with countPadding of those in the padding as well,
// which are zeros. Pixels of a window beyond the padding do not count, as in
// PyTorch.
//
//	y, x      laid out as p.Out and p.In, x's border being zeros
//	scratch   [p.Scratch()]
func (s *Set) AveragePoolWindow(p Pool, y, x, scratch []float32, countPadding bool) {
	p.checkArgs(y, x, scratch)
	weight := fillPixel(scratch, 1)
	uniform := p.uniform(countPadding)
	if uniform {
		fillPixel(scratch, 1/float32(p.Kernel*p.Kernel))
	}
	d := Depthwise{In: p.In, Out: p.Out, Window: p.Window}
	d.slides(x, scratch[Lanes:], func(sl slide, _ int, x []float32) {
		sl.weight, sl.wOut, sl.wRow, sl.wCol = 0, 0, 0, 0
		s.slide.depthwise(sl, y, x, weight, Epilogue{})
	})
	if !uniform {
		p.eachWindow(countPadding, func(at, _ int, count float32) {
			for i := range (*pixel)(y[at:]) {
				y[at+i] /= count
			}
		})
	}
}

// AveragePoolWindowGrad computes the gradient of AveragePoolWindow's input for
// one image, and adds it to dx if add is set.
//
//	dx, dy    laid out as p.In and p.Out, dy's border being zeros
//	scratch   [p.Scratch()]
func (s *Set) AveragePoolWindowGrad(p Pool, dx, dy, scratch []float32, countPadding, add bool) {
	p.checkArgs(dy, dx, scratch)
	if p.uniform(countPadding) {
		weight := fillPixel(scratch, 1/float32(p.Kernel*p.Kernel))
		var e Epilogue
		if add {
			e.Residual = dx
		}
		eachReach(p.Out, dy, scratch[Lanes:], p.gradMargins(p.In, p.Out), 0, func(dy []float32, v view, blocks, block int) {
			p.gradSlides(p.In, v, func(sl slide, _, _ int) {
				sl.outs = blocks
				sl.dst += block * sl.dstPlane
				if sl.empty() {
					if !add {
						sl.clear(dx)
					}
					return
				}
				s.slide.depthwise(sl, dx, dy, weight, e)
			})
		})
		return
	}
	if !add {
		p.In.clear(dx)
	}
	p.eachWindow(countPadding, func(at, block int, count float32) {
		y, x := p.position(at, block)
		for ky := max(0, -y); ky < min(p.Kernel, p.In.H-y); ky++ {
			for kx := max(0, -x); kx < min(p.Kernel, p.In.W-x); kx++ {
				to := p.In.At(block*Lanes, y+ky, x+kx)
				for i, v := range (*pixel)(dy[at:]) {
					dx[to+i] += v / count
				}
			}
		}
	})
}

// eachWindow visits every window: its output's offset, its block of channels and
// the number of pixels that count.
func (p Pool) eachWindow(countPadding bool, visit func(at, block int, count float32)) {
	for block := range p.Out.C / Lanes {
		for oy := range p.Out.H {
			for ox := range p.Out.W {
				visit(p.Out.At(block*Lanes, oy, ox), block, p.count(oy, ox, countPadding))
			}
		}
	}
}

// count returns the number of pixels of a window that count.
func (p Pool) count(oy, ox int, countPadding bool) float32 {
	y, x := oy*p.Stride-p.Top, ox*p.Stride-p.Left
	if countPadding {
		return float32(min(p.Kernel, p.In.H+p.Bottom-y) * min(p.Kernel, p.In.W+p.Right-x))
	}
	return float32((min(y+p.Kernel, p.In.H) - max(y, 0)) * (min(x+p.Kernel, p.In.W) - max(x, 0)))
}

// uniform reports whether all windows have the same count.
func (p Pool) uniform(countPadding bool) bool {
	g := p.margins(p.In, p.Out)
	if countPadding {
		return g.bottom <= p.Bottom && g.right <= p.Right
	}
	return g.within(0)
}

// position returns the first pixel of the window whose output is at an offset.
func (p Pool) position(at, block int) (y, x int) {
	at -= p.Out.At(block*Lanes, 0, 0)
	return at/p.Out.Row()*p.Stride - p.Top, at%p.Out.Row()/Lanes*p.Stride - p.Left
}

// fillPixel sets the first 16 floats of b and returns them.
func fillPixel(b []float32, v float32) []float32 {
	b = b[:Lanes]
	for i := range b {
		b[i] = v
	}
	return b
}

// String returns a text such as "3×3/2+1 pool 64×112×112→56×56".
func (p Pool) String() string {
	return fmt.Sprintf("%v pool %v→%d×%d", p.Window, p.In, p.Out.H, p.Out.W)
}

func (p Pool) checkArgs(y, x, scratch []float32) {
	p.check()
	need("y", y, p.Out.Len())
	need("x", x, p.In.Len())
	need("scratch", scratch, p.Scratch())
}

func (p Pool) checkArg(arg []uint8) {
	if len(arg) < p.ArgLen() || p.Kernel > 16 {
		panic(fmt.Sprintf("kernel: %v: %d bytes for the places of maxima", p, len(arg)))
	}
}

// check panics if p is not a pool, or has a window without any pixel of the map.
func (p Pool) check() {
	p.In.check()
	p.Out.check()
	if !p.valid() || p.In.C != p.Out.C || p.Top >= p.Kernel || p.Left >= p.Kernel ||
		(p.Out.H-1)*p.Stride >= p.In.H+p.Top || (p.Out.W-1)*p.Stride >= p.In.W+p.Left {
		panic("kernel: not a pool: " + p.String())
	}
}

// poolFuncs are the inner functions of pools. Arguments have been checked.
type poolFuncs struct {
	max     func(p Pool, y []float32, arg []uint8, x, scratch []float32)
	maxGrad func(p Pool, dx, dy []float32, arg []uint8)
}

func poolGo() poolFuncs { return poolFuncs{max: maxPoolGo, maxGrad: maxPoolGradGo} }

// maxPoolGo takes a pixel's 16 channels side by side through the window.
func maxPoolGo(p Pool, y []float32, arg []uint8, x, _ []float32) {
	n := 0
	for block := range p.Out.C / Lanes {
		for oy := range p.Out.H {
			for ox := range p.Out.W {
				var best pixel
				var place [Lanes]uint8
				for i := range best {
					best[i] = float32(math.Inf(-1))
				}
				top, left := oy*p.Stride-p.Top, ox*p.Stride-p.Left
				for ky := max(0, -top); ky < min(p.Kernel, p.In.H-top); ky++ {
					for kx := max(0, -left); kx < min(p.Kernel, p.In.W-left); kx++ {
						for i, v := range (*pixel)(x[p.In.At(block*Lanes, top+ky, left+kx):]) {
							if v > best[i] || v != v {
								best[i], place[i] = v, uint8(ky*p.Kernel+kx)
							}
						}
					}
				}
				*(*pixel)(y[p.Out.At(block*Lanes, oy, ox):]) = best
				if arg != nil {
					*(*[Lanes]uint8)(arg[n:]) = place
				}
				n += Lanes
			}
		}
	}
}

// maxPoolGradGo brings each output's gradient to where its maximum was. A window
// of nothing but −Inf may name a tap in the padding; its gradient goes nowhere.
func maxPoolGradGo(p Pool, dx, dy []float32, arg []uint8) {
	n := 0
	for block := range p.Out.C / Lanes {
		for oy := range p.Out.H {
			for ox := range p.Out.W {
				g := (*pixel)(dy[p.Out.At(block*Lanes, oy, ox):])
				for i, tap := range (*[Lanes]uint8)(arg[n:]) {
					iy, ix := oy*p.Stride-p.Top+int(tap)/p.Kernel, ox*p.Stride-p.Left+int(tap)%p.Kernel
					if iy >= 0 && iy < p.In.H && ix >= 0 && ix < p.In.W {
						dx[p.In.At(block*Lanes+i, iy, ix)] += g[i]
					}
				}
				n += Lanes
			}
		}
	}
}
