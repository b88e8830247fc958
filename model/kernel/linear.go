package kernel

import "fmt"

// A Linear is the geometry of a fully connected layer. A batch of n vectors lies
// in memory as [n][Round(In)] and [n][Round(Out)], with zeros behind In and Out.
//
// Weights are packed as [Out/16][In][16] for the forward pass and the gradient
// of the weights, as [In/16][Out][16] for the data gradient, with zeros for the
// added lanes.
type Linear struct{ In, Out int }

// PackedLen returns the length of l's packed weights, in floats.
func (l Linear) PackedLen() int { return Round(l.Out) * l.In }

// TransposedLen returns the length of l's weights packed for the data gradient.
func (l Linear) TransposedLen() int { return Round(l.In) * l.Out }

// LinearForward computes y = relu(x·wᵀ + bias + residual) for n vectors; e says
// which of these steps there are. Its slices have Round(Out) channels, and its
// residual is laid out like y.
//
//	y   [n][Round(Out)]
//	x   [n][Round(In)]
//	w   [l.PackedLen()] from PackLinear
//
// Accuracy is ConvForward's.
func (s *Set) LinearForward(l Linear, n int, y, x, w []float32, e Epilogue) {
	l.check(n)
	need("y", y, n*Round(l.Out))
	need("x", x, n*Round(l.In))
	need("w", w, l.PackedLen())
	if e.Bias != nil {
		need("bias", e.Bias, Round(l.Out))
	}
	if e.Residual != nil {
		need("residual", e.Residual, n*Round(l.Out))
	}
	if e.Sums != nil {
		need("sums", e.Sums, 2*Round(l.Out))
	}
	s.slide.forward(l.slide(n), y, x, w, e)
}

// LinearDataGrad computes dx = dy·w for n vectors, and adds it to dx if add is
// set.
//
//	dx   [n][Round(In)]
//	dy   [n][Round(Out)]
//	wT   [l.TransposedLen()] from PackLinearTransposed
func (s *Set) LinearDataGrad(l Linear, n int, dx, dy, wT []float32, add bool) {
	l.check(n)
	need("dx", dx, n*Round(l.In))
	need("dy", dy, n*Round(l.Out))
	need("wT", wT, l.TransposedLen())
	var e Epilogue
	if add {
		e.Residual = dx
	}
	s.slide.forward(Linear{l.Out, l.In}.slide(n), dx, dy, wT, e)
}

// LinearWeightGrad adds dyᵀ·x of n vectors to dw, which is laid out as
// PackLinear does.
//
//	dw   [l.PackedLen()]
//	x    [n][Round(In)]
//	dy   [n][Round(Out)]
func (s *Set) LinearWeightGrad(l Linear, n int, dw, x, dy []float32) {
	l.check(n)
	need("dw", dw, l.PackedLen())
	need("x", x, n*Round(l.In))
	need("dy", dy, n*Round(l.Out))
	s.slide.weightGrad(l.slide(n), dw, x, dy)
}

// LinearBiasGrad adds the sum of dy's n vectors [n][Round(Out)] to db
// [Round(Out)].
func (s *Set) LinearBiasGrad(l Linear, n int, db, dy []float32) {
	l.check(n)
	width := Round(l.Out)
	need("db", db, width)
	need("dy", dy, n*width)
	for i := range n {
		s.Add(db[:width], dy[i*width:][:width])
	}
}

// linearBlock is how many inputs are added up at a time.
const linearBlock = 1024

// slide is the layer as a 1×1 convolution over a row of n pixels, whose blocks
// have 1,024 channels.
func (l Linear) slide(n int) slide {
	blocks := (l.In + linearBlock - 1) / linearBlock
	return slide{
		outs: Round(l.Out) / Lanes, rows: 1, cols: n,
		dstPlane: Lanes, dstCol: Round(l.Out), dstRow: n * Round(l.Out),
		srcCol: Round(l.In), srcRow: n * Round(l.In),
		tapRows: 1, tapCols: 1,
		blocks: blocks, channels: linearBlock, last: l.In - (blocks-1)*linearBlock, srcPlane: linearBlock,
		wOut: l.In * Lanes, wBlock: linearBlock * Lanes, wChannel: Lanes,
	}
}

// PackLinear lays PyTorch's weights [Out][In] out for LinearForward.
func (s *Set) PackLinear(l Linear, dst, weight []float32) {
	l.checkWeights(dst, weight, l.PackedLen())
	clear(dst[:l.PackedLen()])
	for k := range l.Out {
		at := k/Lanes*l.In*Lanes + k%Lanes
		for i, v := range weight[k*l.In:][:l.In] {
			dst[at+i*Lanes] = v
		}
	}
}

// UnpackLinearGrad is PackLinear's inverse.
func (s *Set) UnpackLinearGrad(l Linear, weight, packed []float32) {
	l.checkWeights(packed, weight, l.PackedLen())
	for k := range l.Out {
		at := k/Lanes*l.In*Lanes + k%Lanes
		for i := range l.In {
			weight[k*l.In+i] = packed[at+i*Lanes]
		}
	}
}

// PackLinearTransposed lays PyTorch's weights [Out][In] out for LinearDataGrad.
func (s *Set) PackLinearTransposed(l Linear, dst, weight []float32) {
	l.checkWeights(dst, weight, l.TransposedLen())
	clear(dst[:l.TransposedLen()])
	for k := range l.Out {
		for i, v := range weight[k*l.In:][:l.In] {
			dst[(i/Lanes*l.Out+k)*Lanes+i%Lanes] = v
		}
	}
}

func (l Linear) checkWeights(packed, weight []float32, n int) {
	l.check(1)
	need("packed", packed, n)
	need("weight", weight, l.In*l.Out)
}

// check panics if l is not a layer or n not a batch.
func (l Linear) check(n int) {
	if l.In < 1 || l.Out < 1 || n < 1 {
		panic(fmt.Sprintf("kernel: not a linear layer: %d×%d on %d vectors", l.Out, l.In, n))
	}
}
