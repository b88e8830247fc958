package model

import (
	"math"
	"math/rand/v2"
	"testing"

	"espalier/model/kernel"
)

// TestOrderedConv: sums in the order that the definition in orderedConv's
// comment gives, bit for bit where there are fused multiply-adds.
func TestOrderedConv(t *testing.T) {
	for _, set := range kernel.All() {
		if set.Name == "go" {
			continue
		}
		for _, c := range []struct{ in, out, stride, size int }{{3, 16, 1, 32}, {16, 16, 1, 32}, {32, 64, 2, 8}, {64, 64, 1, 8}} {
			r := rand.New(rand.NewPCG(5, uint64(c.in)))
			b := NewBuilder("one", Shape{c.in, c.size * c.stride, c.size * c.stride})
			l := b.Bias(b.Add("c", Conv{Out: c.out, Kernel: 3, Stride: c.stride, Padding: Pad2D(1), Groups: 1}, b.Input()))
			for _, p := range [][]float32{l.Weight, l.Bias} {
				for i := range p {
					p[i] = float32(r.NormFloat64())
				}
			}
			side := c.size * c.stride
			x := make([]float32, c.in*side*side)
			for i := range x {
				x[i] = float32(r.NormFloat64())
			}
			e := NewEngine(set, 1, DirectOnly)
			plan := newInferConv(l, e, c.in == 3, 1)
			plan.pack()
			packed := kernel.Floats(kernel.Map{C: kernel.Round(c.in), H: side, W: side}.Len())
			set.PackChannels(plan.in, c.in, packed, x)
			o, m := newOrderedConv(plan), plan.out
			y, got := kernel.Floats(m.Len()), make([]float32, c.out*c.size*c.size)
			o.run(y, packed, true, o.space())
			set.UnpackChannels(m, c.out, got, y)
			for i := range got {
				k, h, w := i/(c.size*c.size), i/c.size%c.size, i%c.size
				if want := max(inOrder(l, x, side, k, h, w), 0); got[i] != want {
					t.Fatalf("%s, %d to %d channels, stride %d: channel %d, pixel %d %d is %g, want %g", set.Name, c.in, c.out, c.stride, k, h, w, got[i], want)
				}
			}
			e.Close()
		}
	}
}

// inOrder computes one output: for every 16 input channels a chain over rows,
// columns and channels; the bias after the first.
func inOrder(l *Node, x []float32, side, k, h, w int) (sum float32) {
	for first := 0; first < l.In(); first += kernel.Lanes {
		var chain float32
		for ky := range 3 {
			for kx := range 3 {
				y, x0 := h*l.Stride()+ky-1, w*l.Stride()+kx-1
				if y < 0 || y >= side || x0 < 0 || x0 >= side {
					continue
				}
				for c := first; c < min(first+kernel.Lanes, l.In()); c++ {
					weight := l.Weight[((k*l.In()+c)*3+ky)*3+kx]
					chain = float32(math.FMA(float64(weight), float64(x[(c*side+y)*side+x0]), float64(chain)))
				}
			}
		}
		if first == 0 {
			sum = chain + l.Bias[k]
		} else {
			sum += chain
		}
	}
	return sum
}
