package quantize

import (
	"math"
	"slices"
	"sync"
	"testing"

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
	x := grid{kernel.Map{C: 3, H: imageSize, W: imageSize}, make([]uint8, pixels), q.Input}
	for i, v := range image {
		x.codes[i] = q.Input.Quantize(v)
	}
	x = torchConv(q.Stem, x, d)
	for _, b := range q.Blocks {
		y, shortcut := torchConv(b.Conv2, torchConv(b.Conv1, x, d), d), x
		if b.Downsample != nil {
			shortcut = torchConv(b.Downsample, x, d)
		}
		x = torchAdd(y, shortcut, b.Sum, d)
	}
	pooled := grid{kernel.Map{C: x.C, H: 1, W: 1}, make([]uint8, x.C), q.Pool}
	for c := range pooled.codes {
		sum := 0
		for _, code := range x.codes[c*x.H*x.W : (c+1)*x.H*x.W] {
			sum += int(code)
		}
		pooled.codes[c] = uint8(math.RoundToEven(float64(sum) / float64(x.H*x.W)))
	}
	y := torchConv(q.Classifier, pooled, d)
	logits := make([]float32, len(y.codes))
	for k, code := range y.codes {
		logits[k] = y.Dequantize(code)
	}
	return logits
}

func torchConv(l *Layer, x grid, d *differences) grid {
	y := grid{kernel.Map{C: l.Out, H: l.Size, W: l.Size}, make([]uint8, l.Out*l.Size*l.Size), l.Output}
	scale, bias := l.requantization(x.Affine, l.Output.Scale)
	size := max(l.Kernel, 1) // 0 of a linear layer
	stride, padding := max(l.Stride, 1), size/2
	sums, values := make([]int32, y.H*y.W), make([]int32, len(x.codes))
	for i, code := range x.codes {
		values[i] = int32(code) - int32(x.Zero)
	}
	for k := range l.Out {
		clear(sums)
		for c := range l.In {
			for tap := range size * size {
				w := int32(l.Weight[(k*l.In+c)*size*size+tap])
				if w == 0 {
					continue
				}
				addTap(sums, y.Map, values[c*x.H*x.W:][:x.H*x.W], w, tap/size-padding, tap%size-padding, stride)
			}
		}
		unit, reciprocal := x.Scale*l.Scale[k], 1/l.Output.Scale
		for i, sum := range sums {
			v := float32(float32(sum)*unit) + l.Bias[k]
			if l.ReLU {
				v = max(v, 0)
			}
			code := clamp(float32(v*reciprocal) + float32(y.Zero))
			own := clamp(float32(math.RoundToEven(float64(float32(float32(sum)*scale[k])+bias[k]))) + float32(y.Zero))
			y.codes[k*len(sums)+i] = code
			d.all++
			if l.ReLU {
				own = max(own, y.Zero)
			}
			switch {
			case own == code:
			case l.ReLU:
				d.rectified++
			default:
				d.plain++
			}
		}
	}
	return y
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

func torchAdd(a, b grid, out kernel.Affine, d *differences) grid {
	y := grid{a.Map, make([]uint8, len(a.codes)), out}
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
	return y
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
