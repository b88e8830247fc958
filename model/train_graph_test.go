package model_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
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

// randomGraph draws a network of a few nodes with everything that graphs may
// have.
func randomGraph(t *testing.T, seed uint64) *model.Graph {
	r := rand.New(rand.NewPCG(seed, 3))
	b := model.NewBuilder(fmt.Sprint("random ", seed), model.Shape{C: []int{1, 3, 5}[r.IntN(3)], H: 6 + r.IntN(5), W: 6 + r.IntN(5)})
	read := map[*model.Node]bool{}
	all := []*model.Node{b.Input()}
	add := func(op model.Op, in ...*model.Node) *model.Node {
		for _, x := range in {
			read[x] = true
		}
		n := b.Add(fmt.Sprint("n", len(all)), op, in...)
		all = append(all, n)
		return n
	}
	act := func() model.Op {
		return []model.Op{model.ReLU{}, model.Clip{Min: 0, Max: 6}, model.LeakyReLU{Slope: 0.2}, model.SiLU{}, model.HardSwish{}, model.Sigmoid{}}[r.IntN(6)]
	}
	conv := func(x *model.Node, out, groups int) *model.Node {
		k := []int{1, 3, 5}[r.IntN(3)]
		n := add(model.Conv{Out: out, Kernel: k, Stride: 1, Padding: model.Pad2D(k / 2), Groups: groups}, x)
		if r.IntN(2) == 0 {
			b.Bias(n)
		}
		return n
	}
	x := conv(b.Input(), 8, 1)
	for range 8 {
		from := all[1+r.IntN(len(all)-1)]
		if r.IntN(2) == 0 {
			from = all[len(all)-1]
		}
		c := from.Shape.C
		switch r.IntN(10) {
		case 0, 1:
			x = add(act(), add(model.BatchNorm{Epsilon: 1e-3, Momentum: 0.2}, conv(from, 4+r.IntN(30), 1)))
		case 2:
			x = add(model.BatchNorm{Epsilon: 1e-5, Momentum: 0.1}, conv(from, c, c))
		case 3:
			x = add(act(), from)
		case 4:
			x = add(model.BatchNorm{Epsilon: 1e-5, Momentum: 0.1}, from)
		case 5, 6, 7:
			var same, near []*model.Node
			for _, n := range all[1:] {
				if n.Shape == from.Shape && r.IntN(2) == 0 {
					same = append(same, n)
				} else if n.Shape.H == from.Shape.H && n.Shape.W == from.Shape.W && n.Shape.C < 40 && r.IntN(3) == 0 {
					near = append(near, n)
				}
			}
			switch {
			case len(same) > 0 && r.IntN(4) == 0:
				x = add(model.Mul{}, from, add(model.HardSigmoid{}, same[0]))
			case len(same) > 0:
				x = add(model.Add{}, append(same, from)...)
				if r.IntN(2) == 0 {
					x = add(model.ReLU{}, x)
				}
			default:
				x = add(model.Concat{}, append(near, from)...)
			}
		case 8:
			if from.Shape.H >= 5 && from.Shape.W >= 5 {
				x = add([]model.Op{
					model.MaxPool{Kernel: 2, Stride: 2, Ceil: true},
					model.AvgPool{Kernel: 3, Stride: 2, Padding: model.Pad2D(1)},
					model.PadShortcut{Stride: 2, Before: 1, After: 1},
				}[r.IntN(3)], from)
			}
		case 9:
			s := conv(add(model.GlobalAvgPool{}, from), c, 1)
			x = add(model.Mul{}, from, add(model.Sigmoid{}, s))
		}
	}
	var heads []*model.Node
	for _, n := range all {
		if !read[n] {
			heads = append(heads, add([]model.Op{model.GlobalAvgPool{}, model.Flatten{}}[r.IntN(2)], n))
		}
	}
	add(model.Linear{Out: 5}, add(model.ReLU{}, add(model.Linear{Out: 10}, add(model.Concat{}, heads...))))
	g, err := b.Graph()
	if err != nil {
		t.Fatal(seed, err)
	}
	fill(g, seed)
	return g
}

// TestGradientsOfRandomGraphs trains whatever can be drawn.
func TestGradientsOfRandomGraphs(t *testing.T) {
	n := uint64(40)
	if testing.Short() {
		n = 8
	}
	for seed := range n {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { holdGradients(t, randomGraph(t, seed), 11) })
	}
}

// TestDropoutIsThatOfAnyThreadsAndGoesOn: what is dropped follows from the seed,
// the step, the node and the image alone.
func TestDropoutIsThatOfAnyThreadsAndGoesOn(t *testing.T) {
	b := model.NewBuilder("dropout", model.Shape{C: 3, H: 8, W: 8})
	x := b.Add("d1", model.Dropout{P: 0.25}, b.Norm("n", b.Add("c", conv(20, 3, 1), b.Input())))
	b.Add("fc", model.Linear{Out: 4}, b.Add("d2", model.Dropout{P: 0.5}, b.Add("pool", model.GlobalAvgPool{}, x)))
	g, err := b.Graph()
	if err != nil {
		t.Fatal(err)
	}
	fill(g, 1)
	images, labels := draw(2, 21, g.Input().Shape, 4)
	// train takes steps first to end−1 of a training.
	train := func(net *model.Graph, velocity []model.Tensor, threads, first, end int, seed uint64) []model.Tensor {
		e := model.NewEngine(kernel.All()[0], threads, model.Auto)
		defer e.Close()
		trainer, err := model.NewTrainer(net, e, 21, model.SGD{Momentum: 0.9})
		if err != nil {
			t.Fatal(err)
		}
		trainer.Seed, trainer.Steps = seed, first
		for i, v := range velocity {
			copy(trainer.Velocity()[i].Data, v.Data)
		}
		for range end - first {
			trainer.Step(images, labels, 0.1)
		}
		return trainer.Velocity()
	}
	one, two, other := g.Clone(), g.Clone(), g.Clone()
	train(one, nil, 1, 0, 4, 7)
	train(two, train(two, nil, 2, 0, 2, 7), 3, 2, 4, 7)
	train(other, nil, 1, 0, 4, 8)
	same := func(a, b *model.Graph) bool {
		for i, tensor := range a.Tensors() {
			if !slices.Equal(tensor.Data, b.Tensors()[i].Data) {
				return false
			}
		}
		return true
	}
	if !same(one, two) {
		t.Error("a training that was interrupted, with other threads, has other weights")
	}
	if same(one, other) {
		t.Error("another seed drops the same")
	}
}

// TestDropoutHasItsShare trains a network that is one gain for each value: those
// that were dropped have no gradient, the others have one over what is kept.
func TestDropoutHasItsShare(t *testing.T) {
	b := model.NewBuilder("dropout", model.Shape{C: 16, H: 16, W: 16})
	x := b.Add("drop", model.Dropout{P: 0.3}, b.Norm("n", b.Input()))
	b.Add("fc", model.Linear{Out: 2}, b.Add("f", model.Flatten{}, x))
	g, err := b.Graph()
	if err != nil {
		t.Fatal(err)
	}
	fill(g, 1)
	e := model.NewEngine(kernel.All()[0], 1, model.Auto)
	defer e.Close()
	trainer, err := model.NewTrainer(g, e, 1, model.SGD{})
	if err != nil {
		t.Fatal(err)
	}
	images, labels := draw(2, 1, g.Input().Shape, 2)
	trainer.Step(images, labels, 0)
	dropped, n := 0, 16*16*16
	for _, v := range trainer.Velocity()[2].Data[:n] { // of the first logit's weights: value × gradient
		if v == 0 {
			dropped++
		}
	}
	if share := float64(dropped) / float64(n); math.Abs(share-0.3) > 0.03 {
		t.Errorf("%.3f of the values were dropped, want 0.3", share)
	}
}

// TestDropoutScalesAsReference finds out which values were dropped from the
// gradients of a layer that reads them, and gives the same to the reference.
func TestDropoutScalesAsReference(t *testing.T) {
	b := model.NewBuilder("dropout", model.Shape{C: 3, H: 4, W: 4})
	x := b.Add("drop", model.Dropout{P: 0.4}, b.Add("relu", model.LeakyReLU{Slope: 0.5}, b.Bias(b.Add("c", conv(20, 3, 1), b.Input()))))
	b.Add("fc", model.Linear{Out: 2}, b.Add("f", model.Flatten{}, x))
	g, err := b.Graph()
	if err != nil {
		t.Fatal(err)
	}
	fill(g, 1)
	images, labels := draw(2, 1, g.Input().Shape, 2)
	e := model.NewEngine(kernel.All()[0], 1, model.Auto)
	defer e.Close()
	trainer, err := model.NewTrainer(g.Clone(), e, 1, model.SGD{})
	if err != nil {
		t.Fatal(err)
	}
	loss, _ := trainer.Step(images, labels, 0)
	gradient := trainer.Velocity()[2].Data
	ref := reference.From(g)
	ref.Keep = func(_ *model.Node, _, index int) bool { return gradient[index] != 0 }
	if want := ref.Backward(1, wide(images), labels); math.Abs(loss-want) > 1e-5 {
		t.Errorf("loss %g, want %g", loss, want)
	}
	for i, p := range ref.Parameters() {
		if d := distance(trainer.Velocity()[i].Data, p.Gradient); !(d < 1e-4) {
			t.Errorf("%s: gradient is off by %.2g", p.Name, d)
		}
	}
}

// TestThreadsDoNotChangeABitOfRandomGraphs trains with one, two and three threads.
func TestThreadsDoNotChangeABitOfRandomGraphs(t *testing.T) {
	for seed := uint64(100); seed < 106; seed++ {
		start := randomGraph(t, seed)
		x, labels := draw(seed, 27, start.Input().Shape, start.Classes())
		var want []model.Tensor
		for threads := 1; threads <= 3; threads++ {
			e := model.NewEngine(kernel.All()[0], threads, model.Auto)
			g := start.Clone()
			trainer, err := model.NewTrainer(g, e, 40, model.SGD{Momentum: 0.9})
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				trainer.Step(x, labels, 0.01)
			}
			e.Close()
			have := append(g.Tensors(), trainer.Velocity()...)
			if threads == 1 {
				want = have
			}
			for i, tensor := range have {
				for j, v := range tensor.Data {
					if math.Float32bits(v) != math.Float32bits(want[i].Data[j]) {
						t.Fatalf("%s: %s[%d]: %g with one thread, %g with %d", g.Name, tensor.Name, j, want[i].Data[j], v, threads)
					}
				}
			}
		}
	}
}

// TestPlanIsWhatRuns looks for a few things in the printed plan: the regions that
// batch norm makes, who shares one, and what is computed again.
func TestPlanIsWhatRuns(t *testing.T) {
	g, err := model.ResNet(model.Arch{Depth: 8, Shortcut: model.Projection, Classes: 10})
	if err != nil {
		t.Fatal(err)
	}
	e := model.NewEngine(kernel.All()[0], 2, model.Auto)
	defer e.Close()
	trainer, err := model.NewTrainer(g, e, 32, model.SGD{})
	if err != nil {
		t.Fatal(err)
	}
	plan := trainer.Plan()
	for _, want := range []string{
		"a training step on 32 images of resnet8 projection: 15 regions\n",
		fmt.Sprintf("memory: %.2f MB in all", float64(trainer.Bytes())/1e6),
		"region 2, 1 image at a time\n  value of layer1.0.conv1\n  winograd 3×3/1 16×32×32→16×32×32 layer1.0.conv2\n  then the statistics of layer1.0.bn2\n",
		"  direct 3×3/2 16×32×32→32×16×16 layer2.0.conv1\n  direct 1×1/2 16×32×32→32×16×16 layer2.0.downsample.0\n  then the statistics of layer2.0.bn1\n  then the statistics of layer2.0.downsample.1\n",
		"  loss\n",
		"  then the gradients of layer3.0.bn2\n  then the gradients of layer3.0.downsample.1\n",
		"value of layer1.0.conv1                  16×32×32     worker",
		"value of layer1.0                        16×32×32     batch ",
	} {
		if !strings.Contains(plan, want) {
			t.Errorf("the plan lacks %q:\n%s", want, plan)
			break
		}
	}
}

// TestNewTrainerSaysWhatCannotBe.
func TestNewTrainerSaysWhatCannotBe(t *testing.T) {
	e := model.NewEngine(kernel.All()[0], 1, model.Auto)
	defer e.Close()
	describe := func(op model.Op) *model.Graph {
		b := model.NewBuilder("test", model.Shape{C: 3, H: 20, W: 20})
		b.Add("f", model.Flatten{}, b.Add("op", op, b.Add("c", conv(4, 3, 1), b.Input())))
		g, err := b.Graph()
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	broken := describe(model.ReLU{})
	broken.Nodes[1].Weight = nil
	for _, c := range []struct {
		g     *model.Graph
		batch int
		want  string
	}{
		{describe(model.ReLU{}), 0, "batch size 0"},
		{describe(model.MaxPool{Kernel: 20, Stride: 1}), 1, "node op: a max pool of 20 pixels"},
		{describe(model.LeakyReLU{Slope: -1}), 1, "node op: a leaky ReLU with a slope of -1"},
		{broken, 1, "node c (conv): weight has 0 values"},
	} {
		if _, err := model.NewTrainer(c.g, e, c.batch, model.SGD{}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("have %v, want %q", err, c.want)
		}
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
