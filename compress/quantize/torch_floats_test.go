package quantize

import (
	"math"

	"espalier/model"
)

// torchFloats shows the activations of a network as PyTorch computes them in
// float32 on x86, to the last bit: histograms' ranges hang on single counts. For
// the order of a convolution's sums see model's orderedConv.
type torchFloats struct{ g *model.Graph }

func (f torchFloats) Observe(x []float32, see func(string, model.Rows)) {
	size := f.g.Input().Shape.Len()
	all := make([]map[*model.Node][]float32, len(x)/size)
	done := make(chan bool)
	for i := range all {
		go func() {
			all[i] = f.image(x[i*size : (i+1)*size])
			done <- true
		}()
	}
	for range all {
		<-done
	}
	show := func(point string, n *model.Node) {
		see(point, func(yield func([]float32) bool) {
			for _, of := range all {
				if !yield(of[n]) {
					return
				}
			}
		})
	}
	for _, u := range f.g.Units() {
		if u.Act != nil && u.Act.Op == (model.ReLU{}) {
			show(u.Name(), u.Act)
			continue
		}
		show(u.Name(), u.Node)
		if u.Act != nil {
			show(u.Act.Name, u.Act)
		}
	}
}

func (f torchFloats) image(x []float32) map[*model.Node][]float32 {
	of := map[*model.Node][]float32{}
	for _, n := range f.g.Nodes {
		y := make([]float32, n.Shape.Len())
		in := func(i int) []float32 { return of[n.Inputs[i]] }
		switch op := n.Op.(type) {
		case model.Input:
			y = x
		case model.Conv:
			torchFloatConv(n, op, y, in(0))
		case model.Linear:
			for o := range y {
				var sum float64
				for i, v := range in(0) {
					sum += float64(v) * float64(n.Weight[o*n.In()+i])
				}
				y[o] = float32(sum + float64(n.Bias[o]))
			}
		case model.ReLU:
			for i, v := range in(0) {
				y[i] = max(v, 0)
			}
		case model.Add:
			for i, v := range in(0) {
				y[i] = v + in(1)[i]
			}
		case model.Concat:
			y = y[:0]
			for i := range n.Inputs {
				y = append(y, in(i)...)
			}
		case model.Flatten:
			y = in(0)
		case model.MaxPool:
			s := n.Inputs[0].Shape
			for i := range y {
				c, h, w := i/(n.Shape.H*n.Shape.W), i/n.Shape.W%n.Shape.H, i%n.Shape.W
				y[i] = float32(math.Inf(-1))
				for iy := max(0, h*op.Stride-op.Padding.Top); iy < min(s.H, h*op.Stride-op.Padding.Top+op.Kernel); iy++ {
					for ix := max(0, w*op.Stride-op.Padding.Left); ix < min(s.W, w*op.Stride-op.Padding.Left+op.Kernel); ix++ {
						y[i] = max(y[i], in(0)[(c*s.H+iy)*s.W+ix])
					}
				}
			}
		case model.GlobalAvgPool, model.AvgPool:
			size := len(in(0)) / len(y)
			for c := range y {
				var sum float32
				for _, v := range in(0)[c*size : (c+1)*size] {
					sum += v
				}
				y[c] = sum / float32(size)
			}
		default:
			panic(model.OpName(op))
		}
		of[n] = y
	}
	return of
}

func torchFloatConv(n *model.Node, op model.Conv, y, x []float32) {
	s, k := n.Inputs[0].Shape, op.Kernel
	lanes := 16
	if k == 1 {
		lanes = s.C
	}
	for o := range op.Out {
		for h := range n.Shape.H {
			for w := range n.Shape.W {
				var total float32
				for first := 0; first < s.C; first += lanes {
					var chain float32
					for ky := range k {
						iy := h*op.Stride + ky - op.Padding.Top
						if iy < 0 || iy >= s.H {
							continue
						}
						for kx := range k {
							ix := w*op.Stride + kx - op.Padding.Left
							if ix < 0 || ix >= s.W {
								continue
							}
							for c := first; c < min(first+lanes, s.C); c++ {
								a, b := x[(c*s.H+iy)*s.W+ix], n.Weight[((o*s.C+c)*k+ky)*k+kx]
								chain = float32(math.FMA(float64(a), float64(b), float64(chain)))
							}
						}
					}
					if first == 0 {
						total = chain + n.Bias[o]
					} else {
						total += chain
					}
				}
				y[(o*n.Shape.H+h)*n.Shape.W+w] = total
			}
		}
	}
}

// torchFold folds batch norm in PyTorch's order, of which model's differs by a
// rounding (torch.nn.utils.fusion.fuse_conv_bn_weights, in float32).
func torchFold(g *model.Graph) *model.Graph {
	f := g.ForInference()
	for _, b := range g.Nodes {
		op, ok := b.Op.(model.BatchNorm)
		if !ok {
			continue
		}
		from, conv := b.Inputs[0], f.Node(b.Inputs[0].Name)
		fan := from.Fan()
		for o := range from.Out() {
			root := float32(math.Sqrt(float64(b.Var[o] + float32(op.Epsilon))))
			rstd := 1 / root
			scale := b.Weight[o] * rstd
			for i := o * fan; i < (o+1)*fan; i++ {
				conv.Weight[i] = from.Weight[i] * scale
			}
			var bias float32
			if from.Bias != nil {
				bias = from.Bias[o]
			}
			centred := float32(bias-b.Mean[o]) * rstd
			conv.Bias[o] = float32(centred*b.Weight[o]) + b.Bias[o]
		}
	}
	return f
}
