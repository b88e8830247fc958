package model_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"espalier/model"
	"espalier/model/kernel"
)

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
