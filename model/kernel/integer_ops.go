package kernel

// Operators of the integer network beside convolutions. All are maps of codes
// whose real values are Affine.

// AddCodes computes dst = out(a + b) for one image: both are dequantized, added
// and quantized with the output's scale, as PyTorch's quantized::add. bounds
// holds the output's zero point and limits; see Output.
//
//	dst, a, b   laid out as m; dst may be a or b
func (s *Set) AddCodes(dst, a, b []uint8, m Map, q *IntegerAdd, bounds Output) {
	need("dst", dst, m.Len())
	need("a", a, m.Len())
	need("b", b, m.Len())
	s.codes.add(dst, a, b, m, q, bounds)
}

// addCodesGo is the definition of AddCodes.
func addCodesGo(dst, a, b []uint8, m Map, q *IntegerAdd, bounds Output) {
	inverse := 1 / q.Out.Scale
	m.rows(func(_, from, to int) {
		for i := from; i < to; i++ {
			v := q.A.Dequantize(a[i]) + q.B.Dequantize(b[i])
			dst[i] = bounds.code(v * inverse)
		}
	})
}

// MaxPoolCodes computes the maximum over each window of one image. Padding never
// wins.
//
//	y, x   laid out as p.Out and p.In
func (s *Set) MaxPoolCodes(p Pool, y, x []uint8) {
	p.check()
	need("y", y, p.Out.Len())
	need("x", x, p.In.Len())
	s.codes.maxPool(p, y, x)
}

// maxPoolCodesGo is the definition of MaxPoolCodes.
func maxPoolCodesGo(p Pool, y, x []uint8) {
	maxPoolCodesEdges(p, y, x, 0, 0, 0, 0)
}

// maxPoolCodesEdges computes all outputs except those from (top, left) up to
// (bottom, right), which is not included.
func maxPoolCodesEdges(p Pool, y, x []uint8, top, left, bottom, right int) {
	for block := range p.Out.C / Lanes {
		for oy := range p.Out.H {
			for ox := 0; ox < p.Out.W; ox++ {
				if oy >= top && oy < bottom && ox == left && right > left {
					ox = right - 1
					continue
				}
				iy, ix := oy*p.Stride-p.Top, ox*p.Stride-p.Left
				var best [Lanes]uint8
				for ky := max(0, -iy); ky < min(p.Kernel, p.In.H-iy); ky++ {
					for kx := max(0, -ix); kx < min(p.Kernel, p.In.W-ix); kx++ {
						for i, v := range (*[Lanes]uint8)(x[p.In.At(block*Lanes, iy+ky, ix+kx):]) {
							best[i] = max(best[i], v)
						}
					}
				}
				*(*[Lanes]uint8)(y[p.Out.At(block*Lanes, oy, ox):]) = best
			}
		}
	}
}

// eachClipped visits every window: its output's offset, its block of channels,
// and its part inside the map.
func (p Pool) eachClipped(visit func(at, block, top, left, bottom, right int)) {
	for block := range p.Out.C / Lanes {
		for oy := range p.Out.H {
			for ox := range p.Out.W {
				y, x := oy*p.Stride-p.Top, ox*p.Stride-p.Left
				visit(p.Out.At(block*Lanes, oy, ox), block,
					max(y, 0), max(x, 0), min(y+p.Kernel, p.In.H), min(x+p.Kernel, p.In.W))
			}
		}
	}
}

// AveragePoolCodes computes the mean over each window of one image; see
// AveragePoolWindow for what counts. The code of a pixel is
//
//	clamp(round(float32(Σ(q − in.Zero)) · (in.Scale/out.Scale/count)) + out.Zero, 0, 255)
//
//	y, x   laid out as p.Out and p.In
func (s *Set) AveragePoolCodes(p Pool, y, x []uint8, in, out Affine, countPadding bool) {
	p.check()
	need("y", y, p.Out.Len())
	need("x", x, p.In.Len())
	s.codes.averagePool(p, y, x, in, out, countPadding)
}

// averagePoolCodesGo is the definition of AveragePoolCodes.
func averagePoolCodesGo(p Pool, y, x []uint8, in, out Affine, countPadding bool) {
	ratio := in.Scale / out.Scale
	p.eachClipped(func(at, block, top, left, bottom, right int) {
		var sums [Lanes]int32
		for iy := top; iy < bottom; iy++ {
			from := p.In.At(block*Lanes, iy, left)
			for range right - left {
				for i, v := range (*[Lanes]uint8)(x[from:]) {
					sums[i] += int32(v) - int32(in.Zero)
				}
				from += Lanes
			}
		}
		px := at - p.Out.At(block*Lanes, 0, 0)
		scale := ratio / p.count(px/p.Out.Row(), px%p.Out.Row()/Lanes, countPadding)
		for i, sum := range sums {
			y[at+i] = requantize(float32(sum)*scale, int32(out.Zero), 0)
		}
	})
}

// A CodeTable maps every code to another: it changes a map's scale and zero
// point, and may apply a function of one value.
type CodeTable [256]uint8

// NewCodeTable returns the table of out(f(in(q))); f may be nil.
func NewCodeTable(in, out Affine, f func(x float32) float32) *CodeTable {
	var t CodeTable
	for q := range t {
		v := in.Dequantize(uint8(q))
		if f != nil {
			v = f(v)
		}
		t[q] = out.Quantize(v)
	}
	return &t
}

// TranslateCodes applies a table to one image.
//
//	dst, src   laid out as m; dst may be src
func (s *Set) TranslateCodes(m Map, dst, src []uint8, t *CodeTable) {
	need("dst", dst, m.Len())
	need("src", src, m.Len())
	m.rows(func(_, from, to int) { t.translate(dst[from:to], src[from:to]) })
}

// TranslateVector applies a table to a vector.
func (s *Set) TranslateVector(dst, src []uint8, t *CodeTable) {
	need("dst", dst, len(src))
	t.translate(dst[:len(src)], src)
}

func (t *CodeTable) translate(dst, src []uint8) {
	for i, q := range src {
		dst[i] = t[q]
	}
}

// CopyChannelCodes copies n channels of one image, starting at channel from of
// src and channel to of dst: a part of a concatenation. Unless table is nil, it
// maps the codes.
//
//	dst, src   laid out as d and m, which have the same height and width
func (s *Set) CopyChannelCodes(d Map, dst []uint8, to int, m Map, src []uint8, from, n int, t *CodeTable) {
	need("dst", dst, d.Len())
	need("src", src, m.Len())
	eachRun(d, to, m, from, n, func(at, of, lanes, pixels int) {
		if lanes == Lanes {
			lanes, pixels = pixels*Lanes, 1
		}
		for range pixels {
			if t == nil {
				copy(dst[at:at+lanes], src[of:])
			} else {
				t.translate(dst[at:at+lanes], src[of:of+lanes])
			}
			at, of = at+Lanes, of+Lanes
		}
	})
}

// ScaleChannelCodes multiplies every channel of one image by its gate: dst =
// out(x·gate), both dequantized first.
//
//	dst, src   laid out as m; dst may be src
//	gate       [m.C]
func (s *Set) ScaleChannelCodes(m Map, dst, src, gate []uint8, x, g, out Affine) {
	need("dst", dst, m.Len())
	need("src", src, m.Len())
	need("gate", gate, m.C)
	m.rows(func(block, from, to int) {
		var factor pixel
		for i := range factor {
			factor[i] = g.Dequantize(gate[block*Lanes+i])
		}
		for i := from; i < to; i++ {
			dst[i] = out.Quantize(x.Dequantize(src[i]) * factor[(i-from)%Lanes])
		}
	})
}

// codeFuncs are the inner functions of the integer network's operators.
type codeFuncs struct {
	add         func(dst, a, b []uint8, m Map, q *IntegerAdd, bounds Output)
	maxPool     func(p Pool, y, x []uint8)
	averagePool func(p Pool, y, x []uint8, in, out Affine, countPadding bool)
}

func codesGo() codeFuncs {
	return codeFuncs{add: addCodesGo, maxPool: maxPoolCodesGo, averagePool: averagePoolCodesGo}
}
