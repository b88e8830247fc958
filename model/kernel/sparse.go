package kernel

import (
	"fmt"
	"unsafe"
)

// Sparse convolution, for inference with pruned networks. Its work is
// proportional to the number of nonzero weights, wherever they are.
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
// Unlike in dense convolution, NaN and Inf in the input reach an output only
// through weights that are not zero.

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
	entries []sparseEntry // by output channel, column (left, centre, right), length of run, input channel, row
	columns []sparseColumns
}

// A sparseEntry is a weight and the offset of the row that holds its input for
// output (0, 0); for stride 2, of the half row. The layout is known to the
// generator.
type sparseEntry struct {
	offset uint32 // floats
	weight float32
}

// sparseColumns are the columns of one output channel: left, centre, right. With
// stride 2 the entries of the right column, which differ from those of the
// centre in their offsets only, are counted there, unless the input ends with an
// even column that has no neighbour.
type sparseColumns [3]sparseColumn

// A sparseColumn says how many entries a column has and in how many runs of
// one, two and three they are, in this order.
type sparseColumn struct {
	entries int32
	runs    [3]int32
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
	columns := [3][]int{{0}, {1}, {2}} // of the kernel
	if c.Stride == 2 && in.W%2 == 0 {
		columns = [3][]int{{0}, {1, 2}, {}}
	}
	var runs [3][]sparseEntry // of one column, by length
	for k := range p.columns {
		for i, kxs := range columns {
			n := &p.columns[k][i]
			for c := range in.C {
				for _, kx := range kxs {
					p.addRuns(&runs, k, c, kx, w)
				}
			}
			for j := range runs {
				p.entries = append(p.entries, runs[j]...)
				n.entries += int32(len(runs[j]))
				n.runs[j] = int32(len(runs[j]) / (j + 1))
				runs[j] = runs[j][:0]
			}
		}
	}
	return p
}

// addRuns splits the taps of column kx of the kernel from c to k into runs such
// that each tap reads, for one row of outputs, what the tap before it reads for
// the next row: kernels load it once. Where their vectors are two rows, it is
// the row after the next. The columns are those of a 3×3 kernel; a 1×1 kernel is
// its centre.
func (p *Sparse) addRuns(runs *[3][]sparseEntry, k, c, kx int, w []float32) {
	size, edge := p.conv.Kernel, 1-p.conv.Kernel/2
	at := c*p.in.Plane() + edge*p.in.W
	if p.conv.Stride == 2 && kx != 1 {
		at += (p.in.W + 1) / 2 // the input's column, 2x + kx − 1, is odd
	}
	if kx -= edge; kx < 0 || kx >= size {
		return
	}
	var all [3]sparseEntry
	taps := all[:0]
	for ky := range size {
		if v := w[((k*p.in.C+c)*size+ky)*size+kx]; v != 0 {
			taps = append(taps, sparseEntry{uint32(at + ky*p.in.W), v})
		}
	}
	step := uint32(p.conv.Stride * p.in.W)
	if p.out.W == 8 && p.conv.Stride == 1 {
		step *= 2
	}
	for len(taps) > 0 {
		var run [3]sparseEntry
		n, others := 0, taps[:0]
		for _, t := range taps {
			if n == 0 || t.offset == run[n-1].offset+step {
				run[n] = t
				n++
			} else {
				others = append(others, t)
			}
		}
		runs[n-1] = append(runs[n-1], run[:n]...)
		taps = others
	}
}

// Input returns the layout of the input.
func (p *Sparse) Input() Planes { return p.in }

// Output returns the layout of the output.
func (p *Sparse) Output() Planes { return p.out }

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
	e.checkUnbounded()
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
	for k, columns := range p.columns {
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
		for i, n := range columns {
			for _, entry := range entries[:n.entries] {
				p.accumulate(plane, x[entry.offset:], entry.weight, i-1)
			}
			entries = entries[n.entries:]
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

// accumulate adds weight·x to the rows of y. x is shifted by move pixels and is
// zero beyond its row.
func (p *Sparse) accumulate(y, x []float32, weight float32, move int) {
	if move == 0 && p.conv.Stride == 1 {
		addTo(y, x, weight) // all rows at once
		return
	}
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
		if move < 0 {
			addTo(even[1:], xOdd, weight)
			addTo(odd, xEven, weight)
			continue
		}
		addTo(even[:len(odd)], xOdd, weight)
		addTo(odd[:len(even)-1], xEven[1:], weight)
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
