package model_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"espalier/model"
	"espalier/model/reference"
)

// everyOperator returns a graph with all operators, on maps and on vectors.
func everyOperator(t *testing.T) *model.Graph {
	b := model.NewBuilder("every operator", model.Shape{C: 3, H: 20, W: 16})
	x := b.Bias(b.Add("stem", model.Conv{Out: 20, Kernel: 5, Stride: 1, Padding: model.Padding{Top: 2, Left: 1, Bottom: 2, Right: 3}, Groups: 1}, b.Input()))
	x = b.Add("clip", model.Clip{Max: 6}, b.Norm("stem.norm", x))
	d := b.Norm("depth.norm", b.Add("depth", model.Conv{Out: 20, Kernel: 3, Stride: 1, Padding: model.Pad2D(1), Groups: 20}, x))
	x = b.Add("sum", model.Add{}, d, x, b.Add("leaky", model.LeakyReLU{Slope: 0.1}, x))
	x = b.Add("swish", model.HardSwish{}, b.Norm("norm alone", x))
	// Squeeze-and-excite.
	gate := b.Add("squeeze", model.GlobalAvgPool{}, x)
	gate = b.Add("reduce.silu", model.SiLU{}, b.Bias(b.Add("reduce", model.Conv{Out: 5, Kernel: 1, Stride: 1, Groups: 1}, gate)))
	gate = b.Add("gate", model.HardSigmoid{}, b.Bias(b.Add("expand", model.Conv{Out: 20, Kernel: 1, Stride: 1, Groups: 1}, gate)))
	x = b.Add("excite", model.Mul{}, x, gate)
	p := b.Add("max", model.MaxPool{Kernel: 3, Stride: 2, Padding: model.Pad2D(1)}, x)
	a := b.Add("average", model.AvgPool{Kernel: 3, Stride: 2, Padding: model.Pad2D(1), CountPadding: true}, x)
	s := b.Add("shortcut", model.PadShortcut{Stride: 2, Before: 3, After: 2}, x)
	x = b.Add("join", model.Concat{}, p, a, s)
	x = b.Add("drop", model.Dropout{P: 0.5}, x)
	x = b.Add("groups.relu", model.ReLU{}, b.Add("groups", model.Conv{Out: 26, Kernel: 3, Stride: 2, Padding: model.Pad2D(1), Groups: 13}, x))
	x = b.Add("product", model.Mul{}, x, b.Add("sigmoid", model.Sigmoid{}, x))
	last := b.Add("5x4", model.MaxPool{Kernel: 4, Stride: 3, Ceil: true}, x)
	y := b.Add("to vector", model.Conv{Out: 7, Kernel: 2, Stride: 1, Padding: model.Padding{Right: 1}, Groups: 1}, last)
	y = b.Add("hidden.relu", model.ReLU{}, b.Norm("vector norm", b.Add("vector sum", model.Add{}, y, b.Add("hidden", model.Linear{Out: 7}, b.Add("flatten", model.Flatten{}, x)))))
	b.Add("logits", model.Linear{Out: 4}, b.Add("vectors", model.Concat{}, y, b.Add("pool", model.GlobalAvgPool{}, x)))
	return built(t, b)
}

// mobileBlocks returns inverted residuals on a map of odd size.
func mobileBlocks(t *testing.T) *model.Graph {
	b := model.NewBuilder("inverted residuals", model.Shape{C: 1, H: 15, W: 17})
	x := b.Add("relu6", model.Clip{Max: 6}, b.Norm("bn", b.Add("conv", conv(24, 3, 2), b.Input())))
	for i, stride := range []int{1, 2, 1} {
		name := fmt.Sprint("block", i)
		y := b.Add(name+".a", model.Clip{Max: 6}, b.Norm(name+".bn1", b.Add(name+".expand", conv(72, 1, 1), x)))
		y = b.Add(name+".b", model.Clip{Max: 6}, b.Norm(name+".bn2", b.Add(name+".depth", model.Conv{Out: 72, Kernel: 3, Stride: stride, Padding: model.Pad2D(1), Groups: 72}, y)))
		y = b.Norm(name+".bn3", b.Add(name+".project", conv(24, 1, 1), y))
		if stride == 1 {
			y = b.Add(name+".sum", model.Add{}, y, x)
		}
		x = y
	}
	b.Add("fc", model.Linear{Out: 300}, b.Add("pool", model.GlobalAvgPool{}, b.Add("last.relu", model.Clip{Max: 6}, b.Add("last", conv(100, 1, 1), x))))
	return built(t, b)
}

func built(t *testing.T, b *model.Builder) *model.Graph {
	t.Helper()
	g, err := b.Graph()
	if err != nil {
		t.Fatal(err)
	}
	scatter(g, 4)
	return g
}

// scatter draws weights and statistics of a sensible size.
func scatter(g *model.Graph, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 5))
	for _, n := range g.Nodes {
		scale := 0.5
		if n.IsLayer() {
			scale = math.Sqrt(2 / float64(n.Fan()))
		}
		for i := range n.Weight {
			n.Weight[i] = float32(r.NormFloat64() * scale)
		}
		for i := range n.Bias {
			n.Bias[i] = float32(r.NormFloat64() / 4)
		}
		for i := range n.Mean {
			n.Mean[i], n.Var[i] = float32(r.NormFloat64()/4), 0.5+r.Float32()
		}
	}
}

// TestGraphsAgreeWithReference compares logits, and every value that Observe
// shows, with the reference's on every engine.
func TestGraphsAgreeWithReference(t *testing.T) {
	for _, g := range []*model.Graph{everyOperator(t), mobileBlocks(t)} {
		holdGraph(t, g, 11)
	}
	for seed := range uint64(60) {
		if g := randomChain(seed); g != nil {
			holdGraph(t, g, 3)
		}
	}
}

func holdGraph(t *testing.T, g *model.Graph, images int) {
	t.Helper()
	r := rand.New(rand.NewPCG(6, 6))
	x := make([]float32, images*g.Input().Shape.Len())
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	ref := reference.From(g)
	want := ref.Logits(images, wide(x))
	values := ref.Values(images, wide(x))
	// By unit what its last node gives, but what stands before an activation that is
	// no ReLU is a point of its own.
	points := map[string][]float64{}
	for _, u := range g.DropDropout().Units() {
		before := u.Output()
		if u.Act != nil && u.Act.Op != (model.ReLU{}) {
			points[u.Act.Name] = values[u.Act.Name]
			if before = u.Node; u.Norm != nil {
				before = u.Norm
			}
		}
		points[u.Name()] = values[before.Name]
	}
	engines(t, 2, func(t *testing.T, e *model.Engine) {
		v := model.NewEvaluator(g, e, 16)
		have := make([]float32, len(want))
		v.Logits(have, x)
		v.Logits(have, x) // memory that was used before
		if d := distance(have, want); !(d < 2e-5) {
			t.Errorf("%s: logits are off by %.2g", g.Name, d)
		}
		v.Observe(x, func(point string, rows model.Rows) {
			var sum, squares, wantSum, wantSquares float64
			count := 0
			for row := range rows {
				for _, v := range row {
					sum += float64(v)
					squares += float64(v) * float64(v)
					count++
				}
			}
			for _, v := range points[point] {
				wantSum += v
				wantSquares += v * v
			}
			if count != len(points[point]) || !(math.Abs(sum-wantSum) <= 1e-5*(float64(count)+wantSquares)) || !(math.Abs(squares-wantSquares) <= 1e-4*wantSquares+1e-9) {
				t.Errorf("%s, %s: saw %d values, sum %g, of squares %g; want %d, %g, %g", g.Name, point, count, sum, squares, len(points[point]), wantSum, wantSquares)
			}
		})
	})
}

// randomChain draws a graph: a chain of operators that now and then joins what
// came before. It is nil where the drawn operators fit no map.
func randomChain(seed uint64) *model.Graph {
	r := rand.New(rand.NewPCG(seed, 9))
	side := 4 + r.IntN(14)
	b := model.NewBuilder(fmt.Sprint("random graph ", seed), model.Shape{C: 1 + 2*r.IntN(2), H: side, W: side + r.IntN(4)})
	x := b.Input()
	seen := []*model.Node{}
	for i := range 4 + r.IntN(9) {
		name := fmt.Sprint("n", i)
		s := x.Shape
		switch r.IntN(10) {
		case 0, 1, 2:
			k := 1 + 2*r.IntN(4)
			x = b.Add(name, model.Conv{Out: 1 + r.IntN(40), Kernel: k, Stride: 1 + r.IntN(2), Padding: model.Pad2D(k / 2), Groups: 1}, x)
			if r.IntN(2) == 0 {
				x = b.Norm(name+".bn", x)
			}
			x = b.Add(name+".relu", model.ReLU{}, x)
		case 3:
			x = b.Add(name, model.Conv{Out: s.C, Kernel: 3, Stride: 1, Padding: model.Pad2D(1), Groups: s.C}, x)
		case 4:
			x = b.Add(name, model.Conv{Out: 2 * s.C, Kernel: 3, Stride: 1, Padding: model.Pad2D(1), Groups: s.C}, x)
		case 5:
			if _, twice := x.Op.(model.BatchNorm); !twice { // one convolution would take both
				x = b.Norm(name, x)
			}
		case 6:
			if min(s.H, s.W) > 2 {
				x = b.Add(name, model.MaxPool{Kernel: 3, Stride: 2, Padding: model.Pad2D(1), Ceil: r.IntN(2) == 0}, x)
			}
		case 7:
			if min(s.H, s.W) > 2 {
				x = b.Add(name, model.AvgPool{Kernel: 2, Stride: 2}, x)
			}
		default:
			for _, y := range seen {
				if y != x && y.Shape == s && r.IntN(2) == 0 {
					x = b.Add(name, model.Add{}, x, y)
				} else if y != x && y.Shape.H == s.H && y.Shape.W == s.W && y.Shape.C+s.C < 90 {
					x = b.Add(name, model.Concat{}, y, x)
				} else {
					continue
				}
				break
			}
		}
		seen = append(seen, x)
	}
	b.Add("fc", model.Linear{Out: 5}, b.Add("flatten", model.Flatten{}, x))
	g, err := b.Graph()
	if err != nil {
		return nil
	}
	scatter(g, seed)
	return g
}
