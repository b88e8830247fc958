package model_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"espalier/model"
	"espalier/model/kernel"
	"espalier/model/reference"
)

// fill sets a graph's weights and statistics at random.
func fill(g *model.Graph, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 1))
	for _, n := range g.Nodes {
		scale := 1.0
		if n.IsLayer() {
			scale = math.Sqrt(2 / float64(n.Fan()))
		}
		for i := range n.Weight {
			n.Weight[i] = float32(scale * r.NormFloat64())
			if n.Mean != nil {
				n.Weight[i] = 0.5 + r.Float32()
				n.Mean[i], n.Var[i] = float32(r.NormFloat64()/4), 0.5+r.Float32()
			}
		}
		for i := range n.Bias {
			n.Bias[i] = float32(r.NormFloat64() / 4)
		}
	}
}

// draw returns n random images of a shape and their labels.
func draw(seed uint64, n int, s model.Shape, classes int) (x []float32, labels []uint16) {
	r := rand.New(rand.NewPCG(seed, 2))
	x, labels = make([]float32, n*s.Len()), make([]uint16, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	for i := range labels {
		labels[i] = uint16(r.IntN(classes))
	}
	return x, labels
}

// holdGradients compares a step of the trainer on every engine with the
// reference's: the loss, every gradient and the running statistics.
func holdGradients(t *testing.T, g *model.Graph, n int) {
	t.Helper()
	x, labels := draw(3, n, g.Input().Shape, g.Classes())
	others, their := draw(4, n+3, g.Input().Shape, g.Classes())
	ref := reference.From(g)
	ref.Backward(n+3, wide(others), their)
	wantLoss := ref.Backward(n, wide(x), labels)
	all := 0.0
	for _, p := range ref.Parameters() {
		for _, v := range p.Gradient {
			all += v * v
		}
	}
	engines(t, 2, func(t *testing.T, e *model.Engine) {
		net := g.Clone()
		trainer, err := model.NewTrainer(net, e, n+3, model.SGD{})
		if err != nil {
			t.Fatal(err)
		}
		trainer.Step(others, their, 0) // what it leaves in memory must not matter
		loss, _ := trainer.Step(x, labels, 0)
		if !(math.Abs(loss-wantLoss) <= 2e-5*(1+wantLoss)) {
			t.Errorf("loss %.9g, want %.9g", loss, wantLoss)
		}
		for i, p := range ref.Parameters() {
			have := trainer.Velocity()[i]
			if have.Name != p.Name {
				t.Fatalf("parameter %d is %s, want %s", i, have.Name, p.Name)
			}
			var off, size float64
			for j, want := range p.Gradient {
				d := float64(have.Data[j]) - want
				off, size = off+d*d, size+want*want
			}
			// Rounding flips a ReLU now and then. A bias before batch norm has no
			// gradient but rounding errors.
			if !(math.Sqrt(off) <= 5e-3*math.Sqrt(size)+2e-5*math.Sqrt(all)) {
				t.Errorf("%s: gradient is off by %.2g of %.2g (all: %.2g)", p.Name, math.Sqrt(off), math.Sqrt(size), math.Sqrt(all))
			}
		}
		for _, tensor := range net.Tensors() {
			if want, ok := ref.Statistics()[tensor.Name]; ok {
				for j, v := range tensor.Data {
					if !(math.Abs(float64(v)-want[j]) <= 1e-4*(1+math.Abs(want[j]))) {
						t.Errorf("%s[%d] is %g, want %g", tensor.Name, j, v, want[j])
						break
					}
				}
			}
		}
	})
}

// TestGradientsOfUnits has a row for what stresses the trainer's compiler: every
// operator, values that several nodes read, sums of all kinds.
func TestGradientsOfUnits(t *testing.T) {
	conv := func(out, kernel, stride, groups int) model.Conv {
		return model.Conv{Out: out, Kernel: kernel, Stride: stride, Padding: model.Pad2D(kernel / 2), Groups: groups}
	}
	uneven := model.Padding{Top: 0, Left: 1, Bottom: 2, Right: 1}
	rows := map[string]func(b *model.Builder, x *model.Node) *model.Node{
		"bias, no norm": func(b *model.Builder, x *model.Node) *model.Node {
			return b.Add("relu", model.ReLU{}, b.Bias(b.Add("c", conv(20, 3, 1, 1), x)))
		},
		"general conv": func(b *model.Builder, x *model.Node) *model.Node {
			return b.Norm("n", b.Bias(b.Add("c", model.Conv{Out: 18, Kernel: 3, Stride: 2, Padding: uneven, Groups: 3}, x)))
		},
		"5×5 and 7×7": func(b *model.Builder, x *model.Node) *model.Node {
			return b.Norm("n", b.Add("d", conv(8, 7, 2, 1), b.Add("c", conv(7, 5, 1, 1), x)))
		},
		"depthwise": func(b *model.Builder, x *model.Node) *model.Node {
			return b.Add("relu6", model.Clip{Min: 0, Max: 6}, b.Norm("n", b.Add("c", conv(12, 3, 2, 12), x)))
		},
		"norm alone": func(b *model.Builder, x *model.Node) *model.Node {
			return b.Add("c", conv(8, 1, 1, 1), b.Add("relu", model.ReLU{}, b.Norm("n", x)))
		},
		"norm of a sum": func(b *model.Builder, x *model.Node) *model.Node {
			y := b.Norm("n1", b.Add("c1", conv(12, 3, 1, 1), x))
			return b.Norm("n2", b.Add("sum", model.Add{}, x, y))
		},
		"sum with one value twice": func(b *model.Builder, x *model.Node) *model.Node {
			return b.Add("sum", model.Add{}, x, x)
		},
		"sum of three": func(b *model.Builder, x *model.Node) *model.Node {
			y := b.Norm("n1", b.Add("c1", conv(12, 3, 1, 1), x))
			z := b.Bias(b.Add("c2", conv(12, 1, 1, 1), x))
			return b.Add("relu", model.ReLU{}, b.Add("sum", model.Add{}, x, y, z))
		},
		"sum of activations": func(b *model.Builder, x *model.Node) *model.Node {
			y := b.Add("relu1", model.ReLU{}, b.Norm("n1", b.Add("c1", conv(12, 3, 1, 1), x)))
			z := b.Add("silu", model.SiLU{}, b.Norm("n2", b.Add("c2", conv(12, 3, 1, 1), x)))
			return b.Add("relu", model.ReLU{}, b.Add("sum", model.Add{}, y, z))
		},
		"sum of a norm and an activation": func(b *model.Builder, x *model.Node) *model.Node {
			y := b.Add("relu1", model.ReLU{}, b.Norm("n1", b.Add("c1", conv(12, 3, 1, 1), x)))
			z := b.Norm("n2", b.Add("c2", conv(12, 3, 1, 1), x))
			return b.Add("sum", model.Add{}, y, z)
		},
		"sums in a row": func(b *model.Builder, x *model.Node) *model.Node {
			for i := range 3 {
				y := b.Norm(fmt.Sprint("n", i), b.Add(fmt.Sprint("c", i), conv(12, 3, 1, 12), x))
				x = b.Add(fmt.Sprint("sum", i), model.Add{}, y, x)
			}
			return x
		},
		"sum of a sum": func(b *model.Builder, x *model.Node) *model.Node {
			y := b.Norm("n1", b.Add("c1", conv(12, 3, 1, 1), x))
			z := b.Norm("n2", b.Add("c2", conv(12, 3, 1, 1), x))
			return b.Add("outer", model.Add{}, b.Add("inner", model.Add{}, x, y), z)
		},
		"padding shortcut": func(b *model.Builder, x *model.Node) *model.Node {
			y := b.Norm("n", b.Add("c", conv(17, 3, 2, 1), x))
			return b.Add("sum", model.Add{}, y, b.Add("pad", model.PadShortcut{Stride: 2, Before: 2, After: 3}, x))
		},
		"concat": func(b *model.Builder, x *model.Node) *model.Node {
			y := b.Add("relu", model.ReLU{}, b.Bias(b.Add("c1", conv(5, 1, 1, 1), x)))
			z := b.Norm("n", b.Add("c2", conv(9, 3, 1, 1), x))
			return b.Add("c3", conv(8, 3, 1, 1), b.Add("concat", model.Concat{}, y, x, z))
		},
		"dense block": func(b *model.Builder, x *model.Node) *model.Node {
			for i := range 3 {
				y := b.Add(fmt.Sprint("relu", i), model.ReLU{}, b.Norm(fmt.Sprint("n", i), x))
				x = b.Add(fmt.Sprint("concat", i), model.Concat{}, x, b.Add(fmt.Sprint("c", i), conv(6, 3, 1, 1), y))
			}
			return b.Add("pool", model.AvgPool{Kernel: 2, Stride: 2}, x)
		},
		"gate": func(b *model.Builder, x *model.Node) *model.Node {
			s := b.Add("silu", model.SiLU{}, b.Bias(b.Add("squeeze", conv(5, 1, 1, 1), b.Add("pool", model.GlobalAvgPool{}, x))))
			return b.Add("mul", model.Mul{}, x, b.Add("sigmoid", model.Sigmoid{}, b.Bias(b.Add("excite", conv(12, 1, 1, 1), s))))
		},
		"product": func(b *model.Builder, x *model.Node) *model.Node {
			y := b.Add("hard", model.HardSigmoid{}, b.Add("c", conv(12, 1, 1, 1), x))
			return b.Add("relu", model.ReLU{}, b.Add("mul", model.Mul{}, y, x))
		},
		"activations": func(b *model.Builder, x *model.Node) *model.Node {
			for i, act := range []model.Op{model.HardSwish{}, model.LeakyReLU{Slope: 0.1}, model.Sigmoid{}, model.SiLU{}, model.HardSigmoid{}, model.Clip{Min: -0.5, Max: 2}} {
				x = b.Add(fmt.Sprint("act", i), act, b.Norm(fmt.Sprint("n", i), b.Add(fmt.Sprint("c", i), conv(12, 1, 1, 1), x)))
			}
			return x
		},
		"activations on their own": func(b *model.Builder, x *model.Node) *model.Node {
			var all []*model.Node
			for i, act := range []model.Op{model.HardSwish{}, model.LeakyReLU{Slope: 0.1}, model.Sigmoid{}, model.SiLU{}, model.ReLU{}, model.HardSigmoid{}} {
				all = append(all, b.Add(fmt.Sprint("act", i), act, x))
			}
			return b.Add("c", conv(8, 1, 1, 1), b.Add("concat", model.Concat{}, all...))
		},
		"max pools": func(b *model.Builder, x *model.Node) *model.Node {
			y := b.Add("p1", model.MaxPool{Kernel: 3, Stride: 2, Padding: model.Pad2D(1)}, x)
			z := b.Add("p2", model.MaxPool{Kernel: 2, Stride: 2, Ceil: true}, x)
			return b.Add("concat", model.Concat{}, y, z)
		},
		"average pools": func(b *model.Builder, x *model.Node) *model.Node {
			y := b.Add("p1", model.AvgPool{Kernel: 3, Stride: 2, Padding: model.Pad2D(1)}, x)
			z := b.Add("p2", model.AvgPool{Kernel: 3, Stride: 2, Padding: model.Pad2D(1), CountPadding: true}, x)
			return b.Add("concat", model.Concat{}, y, z)
		},
		"linear layers": func(b *model.Builder, x *model.Node) *model.Node {
			x = b.Add("f", model.Flatten{}, b.Add("pool", model.MaxPool{Kernel: 2, Stride: 2}, x))
			x = b.Add("relu", model.ReLU{}, b.Norm("n", b.Add("fc1", model.Linear{Out: 70}, x)))
			return b.Add("silu", model.SiLU{}, b.Add("fc2", model.Linear{Out: 21}, x))
		},
	}
	for name, describe := range rows {
		t.Run(name, func(t *testing.T) {
			for i, in := range []model.Shape{{C: 3, H: 8, W: 8}, {C: 1, H: 9, W: 12}} {
				b := model.NewBuilder(name, in)
				x := b.Add("first.relu", model.ReLU{}, b.Norm("first.bn", b.Add("first", conv(12, 3, 1, 1), b.Input())))
				x = describe(b, x)
				if !x.Shape.IsVector() {
					x = b.Add("last.pool", model.GlobalAvgPool{}, x)
				}
				b.Add("last", model.Linear{Out: 4}, x)
				g, err := b.Graph()
				if err != nil {
					t.Fatal(err)
				}
				if i == 1 && testing.Short() {
					continue
				}
				fill(g, uint64(i))
				holdGradients(t, g, 9)
			}
		})
	}
}

// TestAStepAfterOneThatWasNotFinite: what such a step leaves in the trainer's
// memory must not reach the next one.
func TestAStepAfterOneThatWasNotFinite(t *testing.T) {
	for seed := range uint64(12) {
		start := randomGraph(t, seed)
		x, labels := draw(seed, 9, start.Input().Shape, start.Classes())
		broken := slices.Clone(x)
		for i := range broken {
			broken[i] = float32(math.NaN())
		}
		e := model.NewEngine(kernel.All()[0], 1, model.Auto)
		var results [][]model.Tensor
		for _, first := range [][]float32{nil, broken} {
			g := start.Clone()
			trainer, err := model.NewTrainer(g, e, 9, model.SGD{})
			if err != nil {
				t.Fatal(err)
			}
			if first != nil {
				if loss, _ := trainer.Step(first, labels, 0.1); !math.IsNaN(loss) {
					t.Errorf("%s: loss %g of images that are NaN", g.Name, loss)
				}
				for i, tensor := range g.Tensors() { // running statistics
					copy(tensor.Data, start.Tensors()[i].Data)
				}
			}
			trainer.Step(x, labels, 0.1)
			results = append(results, append(g.Tensors(), trainer.Velocity()...))
		}
		e.Close()
		for i, tensor := range results[1] {
			if !slices.Equal(tensor.Data, results[0][i].Data) {
				t.Errorf("%s: %s is another one after a step that was not finite", start.Name, tensor.Name)
				break
			}
		}
	}
}

// TestBuiltInNetworksTrainAsReference takes a step with narrow networks of every
// family, in the variants for small and for large images.
func TestBuiltInNetworksTrainAsReference(t *testing.T) {
	for _, s := range []model.Spec{
		{Network: model.ResNetBasic, Width: 0.2, Input: model.Shape{C: 3, H: 16, W: 16}},
		{Network: model.ResNetBasic, Width: 0.1, Input: model.Shape{C: 3, H: 66, W: 70}},
		{Network: model.WideResNet, Depth: 10, Width: 1, Input: model.Shape{C: 1, H: 12, W: 12}},
		{Network: model.VGG, Depth: 11, Width: 0.2, Input: model.Shape{C: 3, H: 32, W: 32}},
		{Network: model.MobileNetV2, Width: 0.2, Input: model.Shape{C: 3, H: 16, W: 16}},
		{Network: model.DenseNet, Depth: 10, Width: 0.5, Input: model.Shape{C: 1, H: 12, W: 12}},
		{Network: model.SqueezeNet, Width: 0.3, Input: model.Shape{C: 3, H: 24, W: 24}},
	} {
		t.Run(fmt.Sprintf("%s of %v", s.Network, s.Input), func(t *testing.T) {
			s.Classes = 7
			g, err := s.Build()
			if err != nil {
				t.Fatal(err)
			}
			g.Init(1)
			for _, n := range g.Nodes {
				if _, ok := n.Op.(model.Dropout); ok {
					n.Op = model.Dropout{} // the reference has other random numbers
				}
			}
			holdGradients(t, g, 9)
		})
	}
}

// BenchmarkStepOfNetworks trains built-in networks on images of 32 pixels.
func BenchmarkStepOfNetworks(b *testing.B) {
	for _, s := range []model.Spec{{Network: model.VGG, Depth: 11}, {Network: model.MobileNetV2}, {Network: model.ResNetBasic}, {Network: model.SqueezeNet}} {
		b.Run(s.Network, func(b *testing.B) {
			s.Input, s.Classes = model.Shape{C: 3, H: 32, W: 32}, 10
			g, err := s.Build()
			if err != nil {
				b.Fatal(err)
			}
			g.Init(1)
			e := model.NewEngine(kernel.All()[0], 0, model.Auto)
			defer e.Close()
			trainer, err := model.NewTrainer(g, e, 128, model.SGD{Momentum: 0.9})
			if err != nil {
				b.Fatal(err)
			}
			x, labels := draw(1, 128, s.Input, 10)
			for b.Loop() {
				trainer.Step(x, labels, 0.001)
			}
			b.ReportMetric(128*float64(b.N)/b.Elapsed().Seconds(), "images/s")
			b.ReportMetric(float64(trainer.Bytes())/1e6, "MB")
		})
	}
}
