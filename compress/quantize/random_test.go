package quantize_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"espalier/compress/quantize"
	"espalier/compress/quantize/reference"
	"espalier/model"
	"espalier/model/kernel"
)

// A randomGraph makes graphs of all operators in shapes that no kernel likes.
type randomGraph struct {
	*model.Builder
	*rand.Rand
	count int
}

func (r *randomGraph) name(what string) string {
	r.count++
	return fmt.Sprintf("%s%d", what, r.count)
}

// of appends an operator.
func (r *randomGraph) of(op model.Op, inputs ...*model.Node) *model.Node {
	return r.Add(r.name(model.OpName(op)), op, inputs...)
}

// chance is true once in n times.
func (r *randomGraph) chance(n int) bool { return r.IntN(n) == 0 }

// graph returns a random network.
func (r *randomGraph) graph(t testing.TB) *model.Graph {
	shape := model.Shape{C: 3, H: 8 + r.IntN(6), W: 8 + r.IntN(6)}
	if r.chance(4) {
		shape.C = 1
	}
	r.Builder = model.NewBuilder("random", shape)
	x := r.conv(r.Input())
	for range 2 + r.IntN(4) {
		x = r.block(x)
	}
	r.head(x)
	g, err := r.Graph()
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range g.Nodes {
		for i := range n.Weight {
			n.Weight[i] = float32(r.NormFloat64())
		}
		for i := range n.Bias {
			n.Bias[i] = float32(r.NormFloat64())
		}
		for i := range n.Mean {
			n.Mean[i], n.Var[i] = float32(r.NormFloat64()), float32(0.1+r.Float64())
		}
	}
	return g
}

// activation appends an activation, mostly a ReLU or none.
func (r *randomGraph) activation(x *model.Node) *model.Node {
	switch r.IntN(12) {
	case 0, 1, 2, 3:
		return r.of(model.ReLU{}, x)
	case 4, 5:
		return r.of(model.Clip{Min: 0, Max: 6}, x)
	case 6:
		return r.of(model.Clip{Min: -1, Max: 1}, x)
	case 7:
		return r.of([]model.Op{model.LeakyReLU{Slope: 0.1}, model.Sigmoid{}, model.SiLU{}, model.HardSigmoid{}, model.HardSwish{}}[r.IntN(5)], x)
	}
	return x
}

// conv appends a convolution and what may follow it.
func (r *randomGraph) conv(x *model.Node) *model.Node {
	c := x.Shape.C
	op := model.Conv{Out: 2 + r.IntN(39), Kernel: []int{1, 1, 3, 3, 3, 5, 2}[r.IntN(7)], Stride: 1 + r.IntN(4)/3, Groups: 1}
	op.Padding = model.Pad2D(op.Kernel / 2)
	switch r.IntN(8) {
	case 0:
		op.Padding = model.Padding{Top: r.IntN(max(op.Kernel, 2)), Left: r.IntN(max(op.Kernel, 2)), Bottom: r.IntN(max(op.Kernel, 2)), Right: r.IntN(max(op.Kernel, 2))}
	case 1:
		op.Groups, op.Out = c, c*(1+r.IntN(2))
	case 2:
		if c%2 == 0 {
			op.Groups, op.Out = 2, 2*(1+r.IntN(9))
		}
	case 3:
		op.Out = 16 * (1 + r.IntN(2))
	}
	if x.Shape.H < op.Kernel || x.Shape.W < op.Kernel {
		op.Kernel, op.Padding = 1, model.Padding{}
	}
	x = r.of(op, x)
	if r.chance(2) {
		x = r.Norm(r.name("bn"), x)
	} else {
		r.Bias(x)
	}
	return r.activation(x)
}

// block appends one of the patterns that networks are made of.
func (r *randomGraph) block(x *model.Node) *model.Node {
	same := func(x *model.Node) *model.Node { // keeps the shape
		return r.of(model.Conv{Out: x.Shape.C, Kernel: 3, Stride: 1, Padding: model.Pad2D(1), Groups: 1}, x)
	}
	switch r.IntN(9) {
	case 0, 1:
		inputs := []*model.Node{same(x), x}
		if r.chance(2) {
			inputs[0], inputs[1] = x, inputs[0]
		}
		if r.chance(3) {
			inputs = append(inputs, same(x))
		}
		return r.activation(r.of(model.Add{}, inputs...))
	case 2:
		return r.activation(r.of(model.Concat{}, r.activation(same(x)), r.activation(same(x)), x))
	case 3:
		if s := x.Shape; s.H > 2 && s.W > 2 {
			op := model.MaxPool{Kernel: 2 + r.IntN(2), Stride: 1 + r.IntN(2), Ceil: r.chance(2)}
			op.Padding = model.Pad2D(r.IntN(op.Kernel/2 + 1))
			return r.of(op, x)
		}
	case 4:
		if s := x.Shape; s.H > 2 && s.W > 2 {
			op := model.AvgPool{Kernel: 2 + r.IntN(2), Stride: 1 + r.IntN(2), Ceil: r.chance(2), CountPadding: r.chance(2)}
			op.Padding = model.Pad2D(r.IntN(op.Kernel/2 + 1))
			return r.of(op, x)
		}
	case 5:
		gate := r.of(model.Conv{Out: x.Shape.C, Kernel: 1, Stride: 1, Groups: 1}, r.of(model.GlobalAvgPool{}, x))
		return r.activation(r.of(model.Mul{}, x, r.of(model.Sigmoid{}, gate)))
	case 6:
		return r.activation(r.Norm(r.name("bn"), x))
	case 7:
		return r.of(model.PadShortcut{Stride: 1 + r.IntN(2), Before: r.IntN(17), After: r.IntN(9)}, x)
	}
	return r.conv(x)
}

// head appends what gives the logits.
func (r *randomGraph) head(x *model.Node) {
	classes := 2 + r.IntN(20)
	switch r.IntN(4) {
	case 0:
		x = r.of(model.Flatten{}, x)
		if r.chance(2) {
			x = r.activation(r.of(model.Linear{Out: 33}, x))
		}
		r.of(model.Linear{Out: classes}, r.of(model.Dropout{P: 0.5}, x))
	case 1:
		x = r.of(model.Conv{Out: classes, Kernel: 1, Stride: 1, Groups: 1}, x)
		r.of(model.Flatten{}, r.of(model.GlobalAvgPool{}, r.activation(x)))
	default:
		r.of(model.Linear{Out: classes}, r.of(model.GlobalAvgPool{}, x))
	}
}

// ranges invents a calibration: a range for each node.
func (r *randomGraph) ranges(g *model.Graph) *quantize.Calibration {
	c := &quantize.Calibration{Ranges: map[string]quantize.Range{}}
	relu := map[string]bool{}
	for _, u := range g.Units() {
		if u.Act != nil && u.Act.Op == (model.ReLU{}) {
			relu[u.Name()] = true
		}
	}
	for _, n := range g.Nodes {
		x := quantize.Range{Min: float32(-4 * r.Float64()), Max: float32(4 * r.Float64())}
		if relu[n.Name] || r.chance(3) {
			x.Min = 0
		}
		c.Ranges[n.Name] = x
	}
	return c
}

// TestEqualsReference holds networks of all operators to their definition, code
// for code, at every quantization point, with every recipe and set of kernels. In a
// second round, layers have weights and inputs of any number of bits.
func TestEqualsReference(t *testing.T) {
	for _, c := range []struct {
		what            string
		networks, short int
		stream          uint64
		widths          func(r *randomGraph, g *model.Graph) map[string]quantize.Width
	}{
		{"wide", 60, 12, 7, func(*randomGraph, *model.Graph) map[string]quantize.Width { return nil }},
		{"narrow", 40, 8, 8, (*randomGraph).widths},
	} {
		networks := c.networks
		if testing.Short() {
			networks = c.short
		}
		for seed := range networks {
			r := &randomGraph{Rand: rand.New(rand.NewPCG(c.stream, uint64(seed)))}
			g := r.graph(t).ForInference()
			names := quantize.Recipes()
			recipe, err := quantize.RecipeNamed(names[seed%len(names)])
			if err != nil {
				t.Fatal(err)
			}
			widths := c.widths(r, g)
			if recipe, err = recipe.WithWidths(widths); err != nil {
				t.Fatal(err)
			}
			q, err := quantize.Build(g, r.ranges(g), recipe)
			if err != nil {
				t.Fatal(err)
			}
			what := fmt.Sprintf("network %d, recipe %s, %s", seed, recipe.Name, c.what)
			checkWidths(t, what, q, widths)
			x := make([]float32, 2*g.Input().Shape.Len())
			for i := range x {
				x[i] = float32(2 * r.NormFloat64())
			}
			x[0] = float32(math.NaN())
			compareWithReference(t, what, q, x)
		}
	}
}

// widths draws a width for each layer.
func (r *randomGraph) widths(g *model.Graph) map[string]quantize.Width {
	bits, widths := quantize.Bits(), map[string]quantize.Width{}
	for _, l := range g.Layers() {
		widths[l.Name] = quantize.Width{Weights: bits[r.IntN(len(bits))], Activations: bits[r.IntN(len(bits))]}
	}
	return widths
}

// checkWidths holds codes of weights, and of what layers read, to the layers' widths.
func checkWidths(t *testing.T, what string, q *quantize.Network, widths map[string]quantize.Width) {
	t.Helper()
	for _, n := range q.Layers() {
		width, ok := widths[n.Name]
		if !ok {
			width = quantize.Eight
		}
		half := 1 << (width.Weights - 1)
		for _, c := range n.Weight {
			if int(c) < -half || int(c) >= half {
				t.Fatalf("%s: %s has a code of %d with %d bits", what, n.Name, c, width.Weights)
			}
		}
		if _, most := n.Inputs[0].Codes(); int(most) >= 1<<width.Activations {
			t.Fatalf("%s: %s reads codes up to %d with %d bits", what, n.Name, most, width.Activations)
		}
	}
}

// compareWithReference computes x [n][c][h][w] with all sets.
func compareWithReference(t *testing.T, what string, q *quantize.Network, x []float32) {
	t.Helper()
	pixels := q.Input().Shape.Len()
	var want []float32
	var values [][]reference.Value
	for i := 0; i < len(x); i += pixels {
		all := reference.Values(q, x[i:i+pixels])
		values = append(values, all)
		want = append(want, all[len(all)-1].Floats...)
	}
	for _, set := range kernel.All() {
		e := model.NewEngine(set, 2, model.DirectOnly)
		v := quantize.NewEvaluator(q, e)
		one := make([]float32, q.Classes()) // by both workers together
		if v.Logits(one, x[:pixels]); !slices.Equal(one, want[:len(one)]) {
			t.Fatalf("%s, %s: logits of one image are %v, want %v", what, set.Name, one, want[:len(one)])
		}
		p := 0
		v.Observe(x, func(a quantize.Activation) {
			for model.OpName(q.Nodes[p].Op) == "padding shortcut" || model.OpName(q.Nodes[p].Op) == "quantize" {
				p++ // no quantization point
			}
			n := q.Nodes[p]
			if a.Point != n.Point() {
				t.Errorf("%s, %s: point %s, want %s", what, set.Name, a.Point, n.Point())
			}
			size := n.Shape.Len()
			for i, all := range values {
				for j := range size {
					if n.Float && a.Values[i*size+j] != all[p].Floats[j] || !n.Float && a.Codes[i*size+j] != all[p].Codes[j] {
						t.Fatalf("%s, %s: node %s (%s) of %v: image %d, value %d differs from the definition", what, set.Name, n.Name, model.OpName(n.Op), n.Shape, i, j)
					}
				}
			}
			p++
		})
		got := make([]float32, len(want))
		v.Logits(got, x)
		for i := range want {
			if got[i] != want[i] {
				t.Fatalf("%s, %s: logit %d is %g, want %g", what, set.Name, i, got[i], want[i])
			}
		}
		e.Close()
	}
}
