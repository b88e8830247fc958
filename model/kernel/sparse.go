package kernel

import (
	"fmt"
	"unsafe"
)

// Sparse convolution, for inference with pruned networks: its work is
// proportional to the weights that are left, wherever they are.
//
// A vector holds neighbouring pixels of one channel (see Planes), so a weight
// multiplies whole vectors of its input's plane, moved by its tap's place. A
// move up or down is an offset. A move to the side would need vectors that
// straddle two others; instead each output's weights are sorted by column, and
// the sums are moved between the columns:
//
//	sum weights of the column right of the centre    Σ w·x[i]
//	move the sums one pixel to the left              lane i−1 now holds Σ w·x[i]
//	sum weights of the centre on top of them
//	move, sum weights of the left column, move back
//
// With stride 2 the same is done on the input sorted by parity (Planes.Split).
// Park et al., "Faster CNNs with Direct Sparse Convolutions and Guided
// Pruning", 2017, describe the lists of weights and offsets.
//
// A weight of zero is no weight: unlike in dense convolution, NaN and Inf in
// the input reach an output only through weights that are not zero.

// sparseFuncs are the inner functions of sparse convolution. Arguments have
// been checked.
type sparseFuncs struct {
	forward func(p *Sparse, y, x []float32, e Epilogue) // one image
	split   func(p Planes, dst, src []float32)
	fromMap func(m Map, dst, src []float32)
	toMap   func(m Map, dst, src []float32)
	pool    func(p Planes, dst, a []float32)
}

func sparseGo() sparseFuncs {
	return sparseFuncs{
		forward: sparseForwardGo,
		split:   splitPlanesGo,
		fromMap: mapToPlanesGo,
		toMap:   planesToMapGo,
		pool:    averagePoolPlanesGo,
	}
}

// A Sparse is a convolution as lists of weights that are not zero. It is
// immutable and may be used from any number of goroutines.
type Sparse struct {
	conv    Conv
	in, out Planes
	entries []sparseEntry // by output channel, column (right, centre, left), input channel, row
	columns []sparseColumns
}

// A sparseEntry is a weight and where its input for output (0, 0) is, before
// the move to the side. The layout is known to the generator.
type sparseEntry struct {
	offset uint32 // floats
	weight float32
}

// sparseColumns says how many entries each column of one output channel has.
type sparseColumns struct {
	right, centre, left int32
	_                   int32
}

// NewSparse lists the weights of c, w [K][C][k][k]. The channels of c may have
// any number.
func NewSparse(c Conv, w []float32) *Sparse {
	in, out := Planes(c.In), Planes(c.Out)
	if c.Kernel != 1 && c.Kernel != 3 || c.Stride != 1 && c.Stride != 2 || in.C < 1 || out.C < 1 || in.H < 1 || in.W < 1 ||
		out.H != (in.H-1)/c.Stride+1 || out.W != (in.W-1)/c.Stride+1 {
		panic("kernel: not a convolution: " + c.String())
	}
	need("w", w, out.C*in.C*c.Kernel*c.Kernel)
	p := &Sparse{conv: c, in: in, out: out, columns: make([]sparseColumns, out.C)}
	if c.Stride == 2 {
		p.in = in.Split()
	}
	for k := range p.columns {
		n := &p.columns[k]
		if c.Stride == 1 {
			n.right = p.list(k, 2, w)
		}
		n.centre = p.list(k, 1, w)
		if c.Stride == 2 { // the odd column of the same index, so nothing moves
			n.centre += p.list(k, 2, w)
		}
		n.left = p.list(k, 0, w)
	}
	return p
}

// list appends the weights of output channel k that are in column kx of a 3×3
// kernel, and returns their number. The only column of a 1×1 kernel is 1.
func (p *Sparse) list(k, kx int, w []float32) int32 {
	before := len(p.entries)
	edge := 1 - p.conv.Kernel/2
	if kx -= edge; kx < 0 || kx >= p.conv.Kernel {
		return 0
	}
	for c := range p.conv.In.C {
		for ky := range p.conv.Kernel {
			v := w[((k*p.conv.In.C+c)*p.conv.Kernel+ky)*p.conv.Kernel+kx]
			if v != 0 {
				p.entries = append(p.entries, sparseEntry{uint32(p.offset(c, ky+edge, kx+edge)), v})
			}
		}
	}
	return int32(len(p.entries) - before)
}

// offset returns where output (0, 0) finds its input for tap (ky, kx) of a 3×3
// kernel, but for the move to the side that is left to the sums.
func (p *Sparse) offset(c, ky, kx int) int {
	if p.conv.Stride == 1 {
		return c*p.in.Plane() + ky*p.in.W
	}
	// The tap's row is 2y + ky − 1 and its column 2x + kx − 1.
	plane := 4*c + 2*(ky%2) + (kx+1)%2
	return plane*p.in.Plane() + ky/2*p.in.W
}

// Source returns the layout of the input: that of the image as planes, sorted
// by parity if the stride is 2.
func (p *Sparse) Source() Planes { return p.in }

// Output returns the layout of the output.
func (p *Sparse) Output() Planes { return p.out }

// NonZero returns the number of weights that are not zero.
func (p *Sparse) NonZero() int { return len(p.entries) }

// Density returns the share of weights that are not zero.
func (p *Sparse) Density() float64 {
	return float64(len(p.entries)) / float64(p.out.C*p.conv.In.C*p.conv.Kernel*p.conv.Kernel)
}

// Bytes returns the size of the lists.
func (p *Sparse) Bytes() int64 {
	return int64(len(p.entries))*int64(unsafe.Sizeof(sparseEntry{})) + int64(len(p.columns))*int64(unsafe.Sizeof(sparseColumns{}))
}

// SparseForward computes y = relu(conv2d(x, w) + bias + residual) for so many
// images, one behind the other.
//
//	x   each laid out as p.Source()
//	y   and e.Residual, each laid out as p.Output()
//
// e.Sums is not for inference and must be nil. Accuracy: |y − exact| ≤
// γ(n)·Σ|terms|, n being the number of terms added up.
func (s *Set) SparseForward(p *Sparse, y, x []float32, images int, e Epilogue) {
	in, out := p.in.Len(), p.out.Len()
	need("y", y, images*out)
	need("x", x, images*in)
	if e.Bias != nil {
		need("bias", e.Bias, p.out.C)
	}
	residual := e.Residual
	if residual != nil {
		need("residual", residual, images*out)
	}
	if e.Sums != nil {
		panic(fmt.Sprintf("kernel: sparse convolution %v computes no sums", p.conv))
	}
	for i := range images {
		if residual != nil {
			e.Residual = residual[i*out:][:out]
		}
		s.sparse.forward(p, y[i*out:][:out], x[i*in:][:in], e)
	}
}

// sparseForwardGo starts from bias and residual and adds one entry at a time,
// to all pixels.
func sparseForwardGo(p *Sparse, y, x []float32, e Epilogue) {
	entries := p.entries
	for k, n := range p.columns {
		plane := y[p.out.At(k, 0, 0):][:p.out.H*p.out.W]
		if e.Residual != nil {
			copy(plane, e.Residual[p.out.At(k, 0, 0):])
		} else {
			clear(plane)
		}
		if e.Bias != nil {
			for i := range plane {
				plane[i] += e.Bias[k]
			}
		}
		for i, n := range [3]int32{n.right, n.centre, n.left} {
			for _, entry := range entries[:n] {
				accumulate(plane, p.out.W, x[entry.offset:], entry.weight, 1-i)
			}
			entries = entries[n:]
		}
		if e.ReLU {
			for i, v := range plane {
				if v < 0 {
					plane[i] = 0
				}
			}
		}
	}
}

// accumulate adds weight·x to y, rows of width pixels, x being taken move
// pixels to the right and as zero beyond its row.
func accumulate(y []float32, width int, x []float32, weight float32, move int) {
	if move == 0 {
		x = x[:len(y)]
		for i, v := range x {
			y[i] += weight * v
		}
		return
	}
	for len(y) > 0 {
		out, in := y[:width], x[:width]
		if move > 0 {
			out, in = out[:width-1], in[1:]
		} else {
			out, in = out[1:], in[:width-1]
		}
		for i, v := range in {
			out[i] += weight * v
		}
		y, x = y[width:], x[width:]
	}
}
