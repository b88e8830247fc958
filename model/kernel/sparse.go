package kernel

import (
	"fmt"
	"unsafe"
)

// Sparse convolution, for inference with pruned networks: its work is
// proportional to the weights that are left, wherever they are.
//
// A vector holds pixels of one channel, either of even or of odd columns (see
// Planes), so a weight multiplies whole vectors of its input's plane, taken from
// its tap's place. A move up or down is an offset. The neighbours of an odd
// column at its left, and those of an even column at its right, are in the same
// lanes of the other half of the row. The other two are one lane further; their
// sums are kept apart, moved by that lane once they are complete, and added. So
// each output's weights are sorted by column. With stride 2 the outputs are a
// row's even columns, and only the left taps are a lane further.
//
// Park et al., "Faster CNNs with Direct Sparse Convolutions and Guided
// Pruning", 2017, describe the lists of weights and offsets.
//
// A weight of zero is no weight: unlike in dense convolution, NaN and Inf in
// the input reach an output only through weights that are not zero.

// sparseFuncs are the inner functions of sparse convolution. Arguments have
// been checked.
type sparseFuncs struct {
	forward func(p *Sparse, y, x []float32, e Epilogue) // one image
	pack    func(p Planes, dst, src []float32)
	fromMap func(m Map, dst, src []float32)
	toMap   func(m Map, dst, src []float32)
	pool    func(p Planes, dst, a []float32)
}

func sparseGo() sparseFuncs {
	return sparseFuncs{
		forward: sparseForwardGo,
		pack:    packPlanesGo,
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
	entries []sparseEntry // by output channel, column (left, centre, right), input channel, row
	columns []sparseColumns
}

// A sparseEntry is a weight and the offset of the row that holds its input for
// output (0, 0); for stride 2, of the half row. The layout is known to the
// generator.
type sparseEntry struct {
	offset uint32 // floats
	weight float32
}

// sparseColumns says how many entries each column of one output channel has.
// With stride 2 those of the right column, which differ from those of the centre
// in their offsets only, are counted there, unless the input ends with an even
// column that has no neighbour.
type sparseColumns struct {
	left, centre, right int32
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
	for k := range p.columns {
		n := &p.columns[k]
		n.left = p.list(k, 0, w)
		n.centre = p.list(k, 1, w)
		n.right = p.list(k, 2, w)
		if c.Stride == 2 && in.W%2 == 0 {
			n.centre, n.right = n.centre+n.right, 0
		}
	}
	return p
}

// list appends the weights of output channel k that are in column kx of a 3×3
// kernel, and returns their number. The only column of a 1×1 kernel is 1.
func (p *Sparse) list(k, kx int, w []float32) int32 {
	before := len(p.entries)
	edge := 1 - p.conv.Kernel/2
	half := 0
	if p.conv.Stride == 2 && kx != 1 {
		half = (p.in.W + 1) / 2 // the input's column, 2x + kx − 1, is odd
	}
	if kx -= edge; kx < 0 || kx >= p.conv.Kernel {
		return 0
	}
	for c := range p.in.C {
		for ky := range p.conv.Kernel {
			v := w[((k*p.in.C+c)*p.conv.Kernel+ky)*p.conv.Kernel+kx]
			if v != 0 {
				at := c*p.in.Plane() + (ky+edge)*p.in.W + half
				p.entries = append(p.entries, sparseEntry{uint32(at), v})
			}
		}
	}
	return int32(len(p.entries) - before)
}

// Input returns the layout of the input.
func (p *Sparse) Input() Planes { return p.in }

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
//	x   each laid out as p.Input()
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
		plane := y[p.out.row(k, 0):][:p.out.H*p.out.W]
		if e.Residual != nil {
			copy(plane, e.Residual[p.out.row(k, 0):])
		} else {
			clear(plane)
		}
		if e.Bias != nil {
			for i := range plane {
				plane[i] += e.Bias[k]
			}
		}
		for i, n := range [3]int32{n.left, n.centre, n.right} {
			for _, entry := range entries[:n] {
				p.accumulate(plane, x[entry.offset:], entry.weight, i-1)
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

// accumulate adds weight·x to the rows of y, x being taken move pixels to the
// right and as zero beyond its row.
func (p *Sparse) accumulate(y, x []float32, weight float32, move int) {
	for row := range p.out.H {
		even, odd := p.out.halves(y[row*p.out.W:])
		x := x[row*p.conv.Stride*p.in.W:]
		if p.conv.Stride == 2 {
			// Neighbours in x belong to outputs that are in turn even and odd.
			switch {
			case move < 0:
				even, x = even[1:], x[:p.in.W/2]
				addSecond(odd, x, weight)
				addSecond(even, x[min(1, len(x)):], weight)
				continue
			case move > 0:
				n := p.in.W / 2 // the last output may have no neighbour at its right
				even, odd = even[:(n+1)/2], odd[:n/2]
			}
			addSecond(even, x, weight)
			addSecond(odd, x[1:], weight)
			continue
		}
		xEven, xOdd := p.in.halves(x)
		switch {
		case move < 0:
			addTo(even[1:], xOdd, weight)
			addTo(odd, xEven, weight)
		case move > 0:
			addTo(even[:len(odd)], xOdd, weight)
			addTo(odd[:len(even)-1], xEven[1:], weight)
		default:
			addTo(even, xEven, weight)
			addTo(odd, xOdd, weight)
		}
	}
}

// addTo adds weight·x to y; x may be longer.
func addTo(y, x []float32, weight float32) {
	x = x[:len(y)]
	for i, v := range x {
		y[i] += weight * v
	}
}

// addSecond adds weight times every second element of x to y.
func addSecond(y, x []float32, weight float32) {
	for i := range y {
		y[i] += weight * x[2*i]
	}
}
