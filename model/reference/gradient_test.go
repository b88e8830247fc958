package reference

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"gonum.org/v1/gonum/diff/fd"
	"gonum.org/v1/gonum/floats"

	"espalier/model"
)

// checkGradients compares the gradients of Σ r·f(x), r random and f the network
// in training, with central differences, for every value of the input and of
// every parameter. It sets all parameters at random first.
func checkGradients(t *testing.T, g *model.Graph, n int) {
	t.Helper()
	random := rand.New(rand.NewPCG(7, 7))
	net := From(g)
	net.Keep = func(_ *model.Node, image, index int) bool { return (3*image+index)%4 != 0 }
	for _, p := range net.parameters {
		copy(p.Data, normals(random, len(p.Data)))
	}
	x := normals(random, n*g.Input().Shape.Len())
	r := normals(random, n*g.Output().Shape.Len())
	net.forward(n, x, true)
	net.backward(n, r)
	check := func(name string, at, have []float64) {
		start, have := slices.Clone(at), slices.Clone(have)
		want := make([]float64, len(at))
		fd.Gradient(want, func(v []float64) float64 {
			copy(at, v)
			net.forward(n, x, true)
			return floats.Dot(net.last().y, r)
		}, start, &fd.Settings{Formula: fd.Central, Step: 2e-6})
		copy(at, start)
		for i := range want {
			if bound := 1e-6 * (1 + math.Abs(want[i])); !(math.Abs(have[i]-want[i]) <= bound) {
				t.Errorf("%s: gradient %d is %g, differences say %g (bound %g)", name, i, have[i], want[i], bound)
				return
			}
		}
	}
	check("input", x, net.nodes[0].dy)
	for _, p := range net.parameters {
		check(p.Name, p.Data, p.Gradient)
	}
}

func normals(random *rand.Rand, n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = random.NormFloat64()
	}
	return out
}

// build returns the graph that describe adds nodes to, its output flattened.
func build(t *testing.T, in model.Shape, describe func(b *model.Builder, x *model.Node) *model.Node) *model.Graph {
	t.Helper()
	b := model.NewBuilder("test", in)
	b.Add("flat", model.Flatten{}, describe(b, b.Input()))
	g, err := b.Graph()
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// TestGradientsOfOperators has a row for every operator with one input, in the
// shapes that stress it.
func TestGradientsOfOperators(t *testing.T) {
	uneven := model.Padding{Top: 0, Left: 1, Bottom: 2, Right: 1}
	for _, c := range []struct {
		in model.Shape
		op model.Op
	}{
		{model.Shape{C: 2, H: 5, W: 4}, model.Conv{Out: 3, Kernel: 3, Stride: 1, Padding: model.Pad2D(1), Groups: 1}},
		{model.Shape{C: 2, H: 6, W: 4}, model.Conv{Out: 3, Kernel: 3, Stride: 2, Padding: model.Pad2D(1), Groups: 1}},
		{model.Shape{C: 3, H: 5, W: 5}, model.Conv{Out: 2, Kernel: 1, Stride: 2, Groups: 1}},
		{model.Shape{C: 4, H: 5, W: 6}, model.Conv{Out: 6, Kernel: 3, Stride: 1, Padding: uneven, Groups: 2}},
		{model.Shape{C: 3, H: 6, W: 7}, model.Conv{Out: 3, Kernel: 3, Stride: 2, Padding: uneven, Groups: 3}},
		{model.Shape{C: 2, H: 4, W: 4}, model.Conv{Out: 4, Kernel: 3, Stride: 1, Padding: model.Pad2D(1), Groups: 2}},
		{model.Shape{C: 1, H: 9, W: 8}, model.Conv{Out: 2, Kernel: 7, Stride: 2, Padding: model.Pad2D(3), Groups: 1}},
		{model.Shape{C: 2, H: 5, W: 5}, model.Conv{Out: 2, Kernel: 5, Stride: 3, Groups: 1}},
		{model.Shape{C: 2, H: 3, W: 2}, model.Conv{Out: 2, Kernel: 2, Stride: 1, Padding: model.Padding{Bottom: 1, Right: 1}, Groups: 1}},
		{model.Shape{C: 1, H: 1, W: 1}, model.Conv{Out: 2, Kernel: 3, Stride: 1, Padding: model.Pad2D(1), Groups: 1}},
		{model.Shape{C: 5, H: 1, W: 1}, model.Linear{Out: 3}},
		{model.Shape{C: 2, H: 2, W: 2}, model.BatchNorm{Epsilon: 1e-5, Momentum: 0.1}},
		{model.Shape{C: 3, H: 1, W: 1}, model.BatchNorm{Epsilon: 1e-3, Momentum: 0.01}},
		{model.Shape{C: 2, H: 3, W: 3}, model.ReLU{}},
		{model.Shape{C: 2, H: 3, W: 3}, model.Clip{Min: -0.5, Max: 1}},
		{model.Shape{C: 2, H: 3, W: 3}, model.LeakyReLU{Slope: 0.1}},
		{model.Shape{C: 2, H: 3, W: 3}, model.Sigmoid{}},
		{model.Shape{C: 2, H: 3, W: 3}, model.SiLU{}},
		{model.Shape{C: 2, H: 3, W: 3}, model.HardSigmoid{}},
		{model.Shape{C: 2, H: 3, W: 3}, model.HardSwish{}},
		{model.Shape{C: 2, H: 6, W: 4}, model.MaxPool{Kernel: 2, Stride: 2}},
		{model.Shape{C: 2, H: 6, W: 5}, model.MaxPool{Kernel: 3, Stride: 2, Padding: model.Pad2D(1), Ceil: true}},
		{model.Shape{C: 2, H: 5, W: 6}, model.MaxPool{Kernel: 3, Stride: 1, Padding: model.Padding{Top: 1, Right: 1}}},
		{model.Shape{C: 2, H: 4, W: 4}, model.AvgPool{Kernel: 2, Stride: 2}},
		{model.Shape{C: 2, H: 6, W: 5}, model.AvgPool{Kernel: 3, Stride: 2, Padding: model.Pad2D(1), Ceil: true}},
		{model.Shape{C: 2, H: 6, W: 5}, model.AvgPool{Kernel: 3, Stride: 2, Padding: model.Padding{Top: 1, Right: 1}, Ceil: true, CountPadding: true}},
		{model.Shape{C: 2, H: 3, W: 5}, model.GlobalAvgPool{}},
		{model.Shape{C: 2, H: 3, W: 5}, model.Flatten{}},
		{model.Shape{C: 2, H: 5, W: 4}, model.PadShortcut{Stride: 2, Before: 1, After: 2}},
		{model.Shape{C: 2, H: 3, W: 3}, model.Dropout{P: 0.25}},
	} {
		t.Run(fmt.Sprintf("%T%+v of %v", c.op, c.op, c.in), func(t *testing.T) {
			checkGradients(t, build(t, c.in, func(b *model.Builder, x *model.Node) *model.Node {
				n := b.Add("op", c.op, x)
				if _, ok := c.op.(model.Conv); ok {
					b.Bias(n)
				}
				return n
			}), 3)
		})
	}
}

// TestGradientsOfGraphs covers operators with several inputs, values that several
// nodes read, and what whole networks are made of.
func TestGradientsOfGraphs(t *testing.T) {
	conv := func(out, kernel, stride, groups int) model.Conv {
		return model.Conv{Out: out, Kernel: kernel, Stride: stride, Padding: model.Pad2D(kernel / 2), Groups: groups}
	}
	for name, describe := range map[string]func(b *model.Builder, x *model.Node) *model.Node{
		"sum of one value twice": func(b *model.Builder, x *model.Node) *model.Node {
			return b.Add("sum", model.Add{}, x, x)
		},
		"sum of three": func(b *model.Builder, x *model.Node) *model.Node {
			return b.Add("sum", model.Add{}, x, b.Add("a", model.SiLU{}, x), b.Add("b", model.ReLU{}, x))
		},
		"concat": func(b *model.Builder, x *model.Node) *model.Node {
			return b.Add("concat", model.Concat{}, b.Add("a", conv(3, 1, 1, 1), x), x, b.Add("b", model.Sigmoid{}, x))
		},
		"gate": func(b *model.Builder, x *model.Node) *model.Node {
			gate := b.Add("sigmoid", model.Sigmoid{}, b.Add("fc", model.Linear{Out: 4}, b.Add("pool", model.GlobalAvgPool{}, x)))
			return b.Add("mul", model.Mul{}, x, gate)
		},
		"product of maps": func(b *model.Builder, x *model.Node) *model.Node {
			return b.Add("mul", model.Mul{}, b.Add("a", model.HardSigmoid{}, x), x)
		},
		"residual block": func(b *model.Builder, x *model.Node) *model.Node {
			y := b.Add("relu1", model.ReLU{}, b.Norm("bn1", b.Add("conv1", conv(6, 3, 2, 1), x)))
			y = b.Norm("bn2", b.Add("conv2", conv(6, 3, 1, 1), y))
			down := b.Norm("bn3", b.Add("down", conv(6, 1, 2, 1), x))
			return b.Add("relu", model.ReLU{}, b.Add("sum", model.Add{}, y, down))
		},
		"inverted residual": func(b *model.Builder, x *model.Node) *model.Node {
			y := b.Add("relu1", model.Clip{Min: 0, Max: 6}, b.Norm("bn1", b.Add("expand", conv(8, 1, 1, 1), x)))
			y = b.Add("relu2", model.Clip{Min: 0, Max: 6}, b.Norm("bn2", b.Add("depthwise", conv(8, 3, 1, 8), y)))
			return b.Add("sum", model.Add{}, x, b.Norm("bn3", b.Add("project", conv(4, 1, 1, 1), y)))
		},
		"dense block": func(b *model.Builder, x *model.Node) *model.Node {
			for i := range 2 {
				y := b.Add(fmt.Sprint("relu", i), model.ReLU{}, b.Norm(fmt.Sprint("bn", i), x))
				x = b.Add(fmt.Sprint("concat", i), model.Concat{}, x, b.Add(fmt.Sprint("conv", i), conv(3, 3, 1, 1), y))
			}
			return b.Add("pool", model.AvgPool{Kernel: 2, Stride: 2}, x)
		},
		"classifier": func(b *model.Builder, x *model.Node) *model.Node {
			x = b.Add("pool", model.MaxPool{Kernel: 2, Stride: 2}, b.Bias(b.Add("conv", conv(3, 3, 1, 1), x)))
			x = b.Add("relu", model.ReLU{}, b.Add("fc1", model.Linear{Out: 5}, b.Add("flatten", model.Flatten{}, x)))
			return b.Add("fc2", model.Linear{Out: 3}, b.Add("dropout", model.Dropout{P: 0.25}, x))
		},
	} {
		t.Run(name, func(t *testing.T) { checkGradients(t, build(t, model.Shape{C: 4, H: 4, W: 4}, describe), 2) })
	}
}

func TestGradientsOfLosses(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	logits, teacher, labels := normals(random, 12), normals(random, 12), []uint16{0, 3, 1}
	for _, l := range []Loss{{}, {LabelSmoothing: 0.1}, {Distill: 0.5, Temperature: 4}, {0.2, 0.9, 2}} {
		_, have := l.Of(3, logits, teacher, labels)
		want := make([]float64, len(logits))
		fd.Gradient(want, func(v []float64) float64 { loss, _ := l.Of(3, v, teacher, labels); return loss }, logits, &fd.Settings{Formula: fd.Central, Step: 2e-6})
		if !floats.EqualApprox(have, want, 1e-8) {
			t.Errorf("%+v: gradient is %v, differences say %v", l, have, want)
		}
	}
}
