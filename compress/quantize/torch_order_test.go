package quantize

import (
	"math"
	"slices"
	"sync"
	"testing"

	"espalier/model"
	"espalier/model/kernel"
)

// The own integer network and PyTorch's add up the same integers and differ in
// how float32 takes the sums to codes. This file computes a network in PyTorch's
// order, which gives PyTorch's logits to the last bit, and counts where the own
// order gives another code for the same inputs.
//
// A convolution in PyTorch 2.6 on x86 (oneDNN) is
//
//	y = float32(sum)·(input scale · weight scale) + bias, then the ReLU
//	code = clamp(round(y·(1/output scale) + zero point))
//
// each operation rounded to float32. The own one is
//
//	code = clamp(round(float32(sum)·scale + bias') + zero point)
//
// where scale and bias' hold the division by the output scale already. So behind
// a ReLU, where the zero point is 0, only values within a rounding of the middle
// between two codes can differ; without one PyTorch rounds sum and zero point
// together, on the coarser grid of the larger number, and a tie goes to the even
// code instead of the even distance from the zero point.
//
// A sum of two maps is the same, but for one fused multiply-add: PyTorch takes a
// code to its value as code·scale + (−scale·zero point).

// A grid is one image's activation, [C][H][W].
type grid struct {
	kernel.Map
	codes []uint8
	kernel.Affine
}

// differences counts codes that the own order gives otherwise, by kind of
// operation.
type differences struct{ rectified, plain, sums, all int }

// torchLogits computes one image's logits in PyTorch's order.
func torchLogits(q *Network, image []float32, d *differences) []float32 {
	of := map[*Node]grid{}
	for _, n := range q.Nodes {
		y := newGrid(n)
		switch op := n.Op.(type) {
		case model.Input:
			for i, v := range image {
				y.codes[i] = n.Output.Quantize(v)
			}
		case model.Conv:
			torchConv(n, of[n.Inputs[0]], y, op.Kernel, op.Stride, d)
		case model.Linear:
			torchConv(n, of[n.Inputs[0]], y, 1, 1, d)
		case model.Add:
			torchAdd(of[n.Inputs[0]], of[n.Inputs[1]], y, d)
		case model.GlobalAvgPool:
			torchPool(of[n.Inputs[0]], y)
		case model.AvgPool:
			if y.H*y.W != 1 {
				panic("only pools over everything")
			}
			torchPool(of[n.Inputs[0]], y)
		case model.MaxPool:
			x := of[n.Inputs[0]]
			for i := range y.codes {
				c, h, w := i/(y.H*y.W), i/y.W%y.H*op.Stride-op.Padding.Top, i%y.W*op.Stride-op.Padding.Left
				for iy := max(0, h); iy < min(x.H, h+op.Kernel); iy++ {
					for ix := max(0, w); ix < min(x.W, w+op.Kernel); ix++ {
						y.codes[i] = max(y.codes[i], x.codes[(c*x.H+iy)*x.W+ix])
					}
				}
			}
		case model.Concat:
			i := 0
			for _, in := range n.Inputs {
				i += copy(y.codes[i:], of[in].codes) // all of one scale
			}
		case model.Flatten:
			for i, code := range of[n.Inputs[0]].codes {
				v := of[n.Inputs[0]].Dequantize(code)
				y.codes[i] = clamp(float32(math.RoundToEven(float64(v*(1/y.Scale)))) + float32(y.Zero))
			}
		default:
			panic(model.OpName(op))
		}
		of[n] = y
	}
	y := of[q.Output()]
	logits := make([]float32, len(y.codes))
	for k, code := range y.codes {
		logits[k] = y.Dequantize(code)
	}
	return logits
}

func newGrid(n *Node) grid {
	return grid{kernel.Map{C: n.Shape.C, H: n.Shape.H, W: n.Shape.W}, make([]uint8, n.Shape.Len()), n.Output}
}

// torchPool takes the mean over all pixels, which keeps the scale.
func torchPool(x, y grid) {
	for c := range y.codes {
		sum := 0
		for _, code := range x.codes[c*x.H*x.W : (c+1)*x.H*x.W] {
			sum += int(code) - int(x.Zero)
		}
		y.codes[c] = clamp(float32(math.RoundToEven(float64(sum)/float64(x.H*x.W))) + float32(y.Zero))
	}
}

func torchConv(l *Node, x, y grid, size, stride int, d *differences) {
	scale, bias := l.requantization(l.Shape.C)
	padding, relu := size/2, l.Act != nil
	sums, values := make([]int32, y.H*y.W), make([]int32, len(x.codes))
	for i, code := range x.codes {
		values[i] = int32(code) - int32(x.Zero)
	}
	for k := range y.C {
		clear(sums)
		for c := range x.C {
			for tap := range size * size {
				w := int32(l.Weight[(k*x.C+c)*size*size+tap])
				if w == 0 {
					continue
				}
				addTap(sums, y.Map, values[c*x.H*x.W:][:x.H*x.W], w, tap/size-padding, tap%size-padding, stride)
			}
		}
		unit, reciprocal := x.Scale*l.Scale[k], 1/l.Output.Scale
		for i, sum := range sums {
			v := float32(float32(sum)*unit) + l.Bias[k]
			if relu {
				v = max(v, 0)
			}
			code := clamp(float32(v*reciprocal) + float32(y.Zero))
			own := clamp(float32(math.RoundToEven(float64(float32(float32(sum)*scale[k])+bias[k]))) + float32(y.Zero))
			y.codes[k*len(sums)+i] = code
			d.all++
			if relu {
				own = max(own, y.Zero)
			}
			switch {
			case own == code:
			case relu:
				d.rectified++
			default:
				d.plain++
			}
		}
	}
}

// addTap adds one weight's products: of values x of one channel, which are moved
// by dy and dx.
func addTap(sums []int32, m kernel.Map, x []int32, w int32, dy, dx, stride int) {
	size := m.H * stride // of x
	first, end := 0, m.W // columns whose pixel lies inside
	if dx < 0 {
		first = 1
	}
	if (end-1)*stride+dx >= size {
		end--
	}
	for h := range m.H {
		from := h*stride + dy
		if from < 0 || from >= size {
			continue
		}
		row, at := sums[h*m.W:][first:end], x[from*size+first*stride+dx:]
		if stride == 1 {
			for i, v := range at[:len(row)] {
				row[i] += w * v
			}
			continue
		}
		for i := range row {
			row[i] += w * at[i*stride]
		}
	}
}

func torchAdd(a, b, y grid, d *differences) {
	out := y.Affine
	value := func(g grid, code uint8) float32 {
		return float32(math.FMA(float64(code), float64(g.Scale), float64(float32(-g.Scale*float32(g.Zero)))))
	}
	for i := range y.codes {
		v := max(value(a, a.codes[i])+value(b, b.codes[i]), 0)
		y.codes[i] = clamp(float32(v*(1/out.Scale)) + float32(out.Zero))
		own := max(a.Dequantize(a.codes[i])+b.Dequantize(b.codes[i]), 0)
		d.all++
		if clamp(float32(own*(1/out.Scale))+float32(out.Zero)) != y.codes[i] {
			d.sums++
		}
	}
}

func clamp(v float32) uint8 {
	return uint8(min(max(math.RoundToEven(float64(v)), 0), 255))
}

// TestTorchOrder: in PyTorch's order, logits are PyTorch's, all of them to the
// last bit, so that the orders above are all that differs. The own one gives
// another code to fewer than three values in a million.
func TestTorchOrder(t *testing.T) {
	images := 40 // of 200; all give what these do, in 20 seconds of a core
	if testing.Short() {
		images = 4
	}
	x, _ := goldenImages(t)
	for _, c := range goldenCases(t) {
		q := c.build(t, "")
		adoptScales(c.golden, q)
		want := c.golden.floats("logits")
		got := make([]float32, 10*images)
		var total differences
		var m sync.Mutex
		testEngine(t, "").Each(images, func(_, i int) {
			var d differences
			copy(got[10*i:], torchLogits(q, x[i*pixels:(i+1)*pixels], &d))
			m.Lock()
			defer m.Unlock()
			total.rectified += d.rectified
			total.plain += d.plain
			total.sums += d.sums
			total.all += d.all
		})
		if !slices.Equal(got, want[:10*images]) {
			same := 0
			for i, v := range got {
				if v == want[i] {
					same++
				}
			}
			t.Errorf("%s: %d of %d logits are PyTorch's", c.file, same, len(got))
		}
		if differ := total.rectified + total.plain + total.sums; 1_000_000*differ > 3*total.all {
			t.Errorf("%s: the own order changes %d of %d codes", c.file, differ, total.all)
		}
		t.Logf("%s: of %d codes the own order changes %d behind a ReLU, %d of convolutions without one, %d of sums", c.file, total.all, total.rectified, total.plain, total.sums)
	}
}
