package prune_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"espalier/compress/prune"
	"espalier/model"
	"espalier/model/kernel"
	"espalier/model/reference"
)

// A drawing makes a random network of everything that ties channels.
type drawing struct {
	*model.Builder
	*rand.Rand
	nodes int
}

func (d *drawing) of(op model.Op, in ...*model.Node) *model.Node {
	d.nodes++
	return d.Add(fmt.Sprintf("%s %d", model.OpName(op), d.nodes), op, in...)
}

// conv appends a convolution, most often with batch norm and an activation.
func (d *drawing) conv(x *model.Node, out, stride, groups int) *model.Node {
	k := []int{1, 3, 3, 5}[d.IntN(4)]
	y := d.of(model.Conv{Out: out, Kernel: k, Stride: stride, Padding: model.Pad2D(k / 2), Groups: groups}, x)
	if d.IntN(4) == 0 {
		d.Bias(y)
	} else {
		y = d.of(model.BatchNorm{Epsilon: 1e-5, Momentum: 0.1}, y)
	}
	if d.IntN(4) > 0 {
		y = d.of([]model.Op{model.ReLU{}, model.Clip{Max: 6}, model.HardSwish{}, model.Sigmoid{}}[d.IntN(4)], y)
	}
	return y
}

// block appends one of the patterns that tie channels.
func (d *drawing) block(x *model.Node) *model.Node {
	c := x.Shape.C
	switch d.IntN(9) {
	case 0: // residual block
		return d.of(model.Add{}, d.conv(d.conv(x, 2+d.IntN(12), 1, 1), c, 1, 1), x)
	case 1: // two branches and both sides of a sum
		return d.of(model.Add{}, d.conv(x, 12, 1, 1), d.of(model.Concat{}, d.conv(x, 5, 1, 1), d.conv(x, 7, 1, 1)))
	case 2: // dense block
		return d.of(model.Concat{}, x, d.conv(x, 1+d.IntN(9), 1, 1))
	case 3: // depthwise, with one or two outputs a channel
		return d.conv(x, c*(1+d.IntN(2)), 1, c)
	case 4: // groups
		y := d.conv(x, 12, 1, 1)
		return d.conv(y, 4*(1+d.IntN(4)), 1, []int{2, 4}[d.IntN(2)])
	case 5: // squeeze and excite
		s := d.conv(d.conv(d.of(model.GlobalAvgPool{}, x), 3, 1, 1), c, 1, 1)
		return d.of(model.Mul{}, x, d.of(model.HardSigmoid{}, s))
	case 6: // shortcut with zeros around it
		if x.Shape.H > 4 {
			before, after := d.IntN(4), 1+d.IntN(4)
			return d.of(model.Add{}, d.conv(x, before+c+after, 2, 1), d.of(model.PadShortcut{Stride: 2, Before: before, After: after}, x))
		}
		return d.of(model.MaxPool{Kernel: 3, Stride: 1, Padding: model.Pad2D(1)}, x)
	case 7:
		return d.of(model.Add{}, x, d.conv(x, c, 1, c)) // a channel meets itself
	default:
		return d.conv(x, 2+d.IntN(20), 1, 1)
	}
}

// draw returns a random network with random weights.
func draw(t *testing.T, seed uint64) *model.Graph {
	t.Helper()
	d := &drawing{Rand: rand.New(rand.NewPCG(seed, 5))}
	d.Builder = model.NewBuilder(fmt.Sprint("random ", seed), model.Shape{C: 1 + d.IntN(3), H: 6 + d.IntN(5), W: 6 + d.IntN(5)})
	x := d.conv(d.Input(), 4+d.IntN(8), 1, 1)
	for range 2 + d.IntN(4) {
		x = d.block(x)
	}
	if d.IntN(2) == 0 {
		x = d.of(model.AvgPool{Kernel: 2, Stride: 2}, x)
	}
	x = d.of([]model.Op{model.Flatten{}, model.GlobalAvgPool{}}[d.IntN(2)], x)
	if d.IntN(2) == 0 {
		x = d.of(model.Dropout{P: 0.2}, d.of(model.ReLU{}, d.of(model.Linear{Out: 9}, x)))
	}
	d.of(model.Linear{Out: 4}, x)
	g, err := d.Graph()
	if err != nil {
		t.Fatal(seed, err)
	}
	fill(g, seed)
	return g
}

// fill sets weights and statistics at random, and masks some weights.
func fill(g *model.Graph, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 1))
	for _, n := range g.Nodes {
		for i := range n.Weight {
			if n.Weight[i] = float32(r.NormFloat64()); n.IsLayer() {
				n.Weight[i] *= float32(math.Sqrt(2 / float64(n.Fan())))
			}
		}
		for i := range n.Bias {
			n.Bias[i] = float32(r.NormFloat64() / 4)
		}
		for i := range n.Mean {
			n.Mean[i], n.Var[i] = float32(r.NormFloat64()/4), 0.5+r.Float32()
		}
	}
}

// some keeps channels at random, and at least one of each group.
func some(c *prune.Channels, r *rand.Rand) prune.Kept {
	k := c.All()
	for _, kept := range k {
		share := r.Float64()
		for ch := range kept {
			kept[ch] = r.Float64() < share
		}
		kept[r.IntN(len(kept))] = true
	}
	return k
}

// images returns n random images of a network's shape, and labels.
func images(g *model.Graph, n int, seed uint64) (x []float32, labels []uint16) {
	r := rand.New(rand.NewPCG(seed, 2))
	x, labels = make([]float32, n*g.Input().Shape.Len()), make([]uint16, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	for i := range labels {
		labels[i] = uint16(r.IntN(g.Classes()))
	}
	return x, labels
}

func wide(x []float32) []float64 {
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = float64(v)
	}
	return out
}

func TestRandomGraphsSliced(t *testing.T) {
	n := uint64(120)
	if testing.Short() {
		n = 20
	}
	grouped, removed := 0, 0
	for seed := range n {
		g := draw(t, seed)
		c := prune.GroupChannels(g)
		keep := some(c, rand.New(rand.NewPCG(seed, 9)))
		before := g.Clone()
		s, err := c.Slice(keep)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if !g.SameStructure(before) {
			t.Fatalf("seed %d: slicing changed the network itself", seed)
		}
		holdSize(t, c, keep, s)
		holdAsReference(t, s, seed)
		grouped += len(c.Groups)
		removed += g.ParameterCount() - s.ParameterCount()
	}
	if grouped < 3*int(n) || removed < 100*int(n) {
		t.Errorf("%d groups and %d parameters removed of %d networks: the test tries little", grouped, removed, n)
	}
}

// holdSize compares what Size foretells with what the sliced network has.
func holdSize(t *testing.T, c *prune.Channels, keep prune.Kept, s *model.Graph) {
	t.Helper()
	want := c.Size(keep.Counts())
	if s.MACs() != want.MACs || s.ParameterCount() != want.Parameters {
		t.Errorf("%s: %d multiply-adds and %d parameters, foretold %d and %d", s.Name, s.MACs(), s.ParameterCount(), want.MACs, want.Parameters)
	}
}

// holdAsReference evaluates a network and trains it for a step, and wants what
// the definition in float64 gives.
func holdAsReference(t *testing.T, g *model.Graph, seed uint64) {
	t.Helper()
	const n = 9
	x, labels := images(g, n, seed)
	ref := reference.From(g)
	e := model.NewEngine(kernel.All()[0], 2, model.Auto)
	defer e.Close()
	logits := make([]float32, n*g.Classes())
	model.NewEvaluator(g, e, n).Logits(logits, x)
	near(t, fmt.Sprint(g.Name, ", logits"), logits, ref.Logits(n, wide(x)), 2e-4)

	g = g.DropDropout() // which values it drops is tested elsewhere
	ref = reference.From(g)
	want := ref.Backward(n, wide(x), labels)
	trainer, err := model.NewTrainer(g, e, n, model.SGD{Momentum: 0.9})
	if err != nil {
		t.Fatalf("%s: %v", g.Name, err)
	}
	if loss, _ := trainer.Step(x, labels, 0.01); !(math.Abs(loss-want) <= 1e-4*(1+want)) {
		t.Errorf("%s: loss %g, want %g", g.Name, loss, want)
	}
	var have []float32
	var gradients []float64
	for i, p := range ref.Parameters() {
		have, gradients = append(have, trainer.Velocity()[i].Data...), append(gradients, p.Gradient...)
	}
	near(t, fmt.Sprint(g.Name, ", gradients"), have, gradients, 5e-3)
}

// near wants a relative error, over all values, of at most tolerance.
func near(t *testing.T, what string, have []float32, want []float64, tolerance float64) {
	t.Helper()
	off, size := 0.0, 0.0
	for i, w := range want {
		d := float64(have[i]) - w
		off, size = off+d*d, size+w*w
	}
	if !(math.Sqrt(off) <= tolerance*math.Sqrt(size)) {
		t.Errorf("%s: off by %.2g of %.2g", what, math.Sqrt(off), math.Sqrt(size))
	}
}
