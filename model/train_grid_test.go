package model_test

import (
	"fmt"
	"math"
	"testing"

	"espalier/model"
	"espalier/model/kernel"
	"espalier/model/reference"
)

// onGrids puts a Quantize node behind every value that is computed, but for the
// logits, and all layers on grids of so many bits. Scales are learned or not.
func onGrids(t *testing.T, g *model.Graph, bits int, learned bool) *model.Graph {
	t.Helper()
	f := g.Clone()
	readers := f.Consumers()
	var nodes []*model.Node
	for i, n := range f.Nodes {
		nodes = append(nodes, n)
		if n.IsLayer() {
			q := &model.Grid{Low: int8(-1 << (bits - 1)), High: int8(1<<(bits-1) - 1), Learned: learned}
			for o := range n.Out() {
				var most float64
				for _, w := range n.Weight[o*n.Fan() : (o+1)*n.Fan()] {
					most = max(most, math.Abs(float64(w)))
				}
				q.Scale = append(q.Scale, float32(1.5*most)/float32(int(1)<<bits)) // some weights are beyond
			}
			n.Grid = q
		}
		if _, norm := n.Op.(model.BatchNorm); n == f.Output() || len(readers[n]) == 1 && norm == false && follows(readers[n][0]) {
			continue
		}
		q := &model.Node{
			Name: n.Name + ".codes", Op: model.Quantize{Bits: bits, Zero: uint8(int(1) << (bits - 1)), Learned: learned && n != f.Input()},
			Inputs: []*model.Node{n}, Shape: n.Shape, Weight: []float32{(3.7 + 0.17*float32(i)) / float32(int(1)<<bits)}, // no two alike: means of codes would lie between two
		}
		for _, r := range readers[n] {
			for j, in := range r.Inputs {
				if in == n {
					r.Inputs[j] = q
				}
			}
		}
		nodes = append(nodes, q)
	}
	f.Nodes = nodes
	if err := f.Check(); err != nil {
		t.Fatal(err)
	}
	return f
}

// follows reports whether a node belongs to what it reads: batch norm, ReLU.
func follows(n *model.Node) bool {
	switch n.Op.(type) {
	case model.BatchNorm, model.ReLU:
		return true
	}
	return false
}

// TestGradientsOnGrids trains with rounded weights and activations as the
// reference does, with fixed and with learned scales, and batch norm's weights of
// both signs.
func TestGradientsOnGrids(t *testing.T) {
	block := func() *model.Graph {
		b := model.NewBuilder("block", model.Shape{C: 3, H: 9, W: 8})
		x := b.Add("relu0", model.ReLU{}, b.Norm("n0", b.Add("c0", conv(12, 3, 1), b.Input())))
		y := b.Add("relu1", model.ReLU{}, b.Norm("n1", b.Add("c1", conv(12, 3, 1), x)))
		y = b.Norm("n2", b.Bias(b.Add("c2", conv(12, 3, 1), y)))
		x = b.Add("relu2", model.ReLU{}, b.Add("sum", model.Add{}, x, y))
		x = b.Add("c3", model.Conv{Out: 12, Kernel: 3, Stride: 2, Padding: model.Pad2D(1), Groups: 12}, x)
		x = b.Add("pool", model.GlobalAvgPool{}, b.Add("max", model.MaxPool{Kernel: 2, Stride: 2}, b.Norm("n3", x)))
		b.Add("fc2", model.Linear{Out: 6}, b.Add("relu4", model.ReLU{}, b.Add("fc1", model.Linear{Out: 20}, x)))
		g, err := b.Graph()
		if err != nil {
			t.Fatal(err)
		}
		fill(g, 5)
		for _, n := range []string{"n0", "n1", "n2"} {
			for i := range 4 {
				g.Node(n).Weight[3*i] *= -1
			}
		}
		return g
	}()
	for _, bits := range []int{8, 4, 2} {
		for _, learned := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d bits, learned %v", bits, learned), func(t *testing.T) {
				holdGradients(t, onGrids(t, block, bits, learned), 11)
			})
		}
	}
}

// TestStepOnGridsAllocatesNothing, with learned scales either.
func TestStepOnGridsAllocatesNothing(t *testing.T) {
	g, err := model.ResNet(model.Arch{Depth: 8, Shortcut: model.Projection, Classes: 10})
	if err != nil {
		t.Fatal(err)
	}
	fill(g, 2)
	k, err := kernel.Select("")
	if err != nil {
		t.Fatal(err)
	}
	e := model.NewEngine(k, 2, model.DirectOnly)
	defer e.Close()
	trainer, err := model.NewTrainer(onGrids(t, g, 4, true), e, 8, model.SGD{Momentum: 0.9})
	if err != nil {
		t.Fatal(err)
	}
	x, labels := draw(3, 8, g.Input().Shape, 10)
	trainer.Step(x, labels, 0.01)
	if n := testing.AllocsPerRun(2, func() { trainer.Step(x, labels, 0.01) }); n > 0 {
		t.Errorf("a step allocates %v times", n)
	}
}

// TestFrozenNorms trains with running statistics as the reference does, and leaves
// them as they are.
func TestFrozenNorms(t *testing.T) {
	g, err := model.ResNet(model.Arch{Depth: 8, Shortcut: model.Projection, Classes: 10})
	if err != nil {
		t.Fatal(err)
	}
	fill(g, 2)
	x, labels := draw(3, 6, g.Input().Shape, 10)
	ref := reference.From(g)
	ref.FrozenNorms = true
	want := ref.Backward(6, wide(x), labels)
	engines(t, 2, func(t *testing.T, e *model.Engine) {
		net := g.Clone()
		trainer, err := model.NewTrainer(net, e, 6, model.SGD{})
		if err != nil {
			t.Fatal(err)
		}
		trainer.FrozenNorms = true
		loss, _ := trainer.Step(x, labels, 0)
		if math.Abs(loss-want) > 2e-5*(1+want) {
			t.Errorf("loss %g, want %g", loss, want)
		}
		for i, p := range ref.Parameters() {
			var off, size float64
			for j, v := range trainer.Velocity()[i].Data {
				d := float64(v) - p.Gradient[j]
				off, size = off+d*d, size+p.Gradient[j]*p.Gradient[j]
			}
			if math.Sqrt(off) > 2e-3*math.Sqrt(size)+1e-6 {
				t.Errorf("%s: gradient is off by %g of %g", p.Name, math.Sqrt(off), math.Sqrt(size))
			}
		}
		for i, n := range net.Nodes {
			for j := range n.Mean {
				if n.Mean[j] != g.Nodes[i].Mean[j] || n.Var[j] != g.Nodes[i].Var[j] {
					t.Fatalf("%s moved its running statistics", n.Name)
				}
			}
		}
	})
}

// TestEvaluatorOnGrids computes what the reference does, takes new scales with
// Reload, and folds batch norm to the same codes.
func TestEvaluatorOnGrids(t *testing.T) {
	g, err := model.ResNet(model.Arch{Depth: 8, Shortcut: model.Projection, Classes: 10})
	if err != nil {
		t.Fatal(err)
	}
	fill(g, 2)
	for i := range 8 {
		g.Node("bn1").Weight[2*i] *= -1
	}
	g = onGrids(t, g, 4, false)
	const n = 12
	x, _ := draw(4, n, g.Input().Shape, 10)
	near := func(t *testing.T, v *model.Evaluator) {
		t.Helper()
		got, want := make([]float32, n*10), reference.From(g).Logits(n, wide(x))
		v.Logits(got, x)
		var off, size float64
		for i, w := range want {
			off, size = off+math.Pow(float64(got[i])-w, 2), size+w*w
		}
		// Values between two codes may round either way.
		if math.Sqrt(off/size) > 0.02 {
			t.Errorf("logits are off by %.2g", math.Sqrt(off/size))
		}
	}
	engines(t, 2, func(t *testing.T, e *model.Engine) {
		v := model.NewEvaluator(g, e, n)
		near(t, v)
		q := g.Node("pool.codes")
		was := q.Weight[0]
		q.Weight[0] *= 1.37
		v.Reload()
		near(t, v)
		q.Weight[0] = was
	})
}
