package quantize

import (
	"math"
	"math/rand/v2"
	"testing"

	"espalier/model"
	float64s "espalier/model/reference"
)

// drawn gives a graph random weights and batch norms, with channels of very
// different ranges.
func drawn(t testing.TB, b *model.Builder) *model.Graph {
	t.Helper()
	g, err := b.Graph()
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(3, 4))
	for _, n := range g.Nodes {
		for i := range n.Weight {
			if n.IsLayer() {
				wide := math.Exp(2 * math.Sin(float64(i/n.Fan())))
				n.Weight[i] = float32(r.NormFloat64() * wide / math.Sqrt(float64(n.Fan())))
			} else {
				n.Weight[i] = float32(0.2 + r.Float64())
			}
		}
		for i := range n.Bias {
			n.Bias[i] = float32(r.NormFloat64() / 8)
		}
		for i := range n.Mean {
			n.Mean[i], n.Var[i] = float32(r.NormFloat64()), float32(0.5+r.Float64())
		}
	}
	return g
}

// separable is a network with a depthwise convolution and a clipping, as
// MobileNet's.
func separable(t testing.TB, act model.Op) *model.Graph {
	b := model.NewBuilder("separable", model.Shape{C: 3, H: 8, W: 8})
	x := b.Input()
	conv := func(name string, out, kernel, groups int) {
		x = b.Norm(name+".bn", b.Add(name, model.Conv{Out: out, Kernel: kernel, Stride: 1, Padding: model.Pad2D(kernel / 2), Groups: groups}, x))
		x = b.Add(name+".act", act, x)
	}
	conv("expand", 24, 1, 1)
	conv("depthwise", 24, 3, 24)
	conv("project", 16, 1, 1)
	x = b.Add("pool", model.GlobalAvgPool{}, x)
	b.Add("fc", model.Linear{Out: 10}, b.Add("flatten", model.Flatten{}, x))
	return drawn(t, b)
}

func wideOf(x []float32) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = float64(v)
	}
	return y
}

func normals(n int, seed uint64) []float32 {
	r := rand.New(rand.NewPCG(seed, seed))
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

// TestEqualise: the network computes the same, in float64; each pair's ranges are
// equal, which is the definition's fixed point; one pass over one pair is
// √(r1·r2) to the bit of float64.
func TestEqualise(t *testing.T) {
	g := separable(t, model.ReLU{})
	f, pairs, absorbed := equalise(g)
	if pairs != 3 || absorbed != 0 { // no bias is high
		t.Fatalf("%d pairs, %d biases absorbed", pairs, absorbed)
	}
	x := wideOf(normals(4*3*64, 1))
	want, got := float64s.From(g).Logits(4, x), float64s.From(f).Logits(4, x)
	for i := range want {
		if math.Abs(want[i]-got[i]) > 1e-4*(1+math.Abs(want[i])) {
			t.Errorf("logit %d: %g, before %g", i, got[i], want[i])
		}
	}
	spread := func(g *model.Graph) (worst float64) {
		for _, p := range pairsOf(g.ForInference()) {
			fan := p.first.Fan()
			for c := range p.first.Out() {
				r1, r2 := maxAbs(p.first.Weight[c*fan:(c+1)*fan]), float32(0)
				p.reads(c, func(i, _ int) { r2 = max(r2, p.second.Weight[i], -p.second.Weight[i]) })
				worst = max(worst, math.Abs(math.Log(float64(r1)/float64(r2))))
			}
		}
		return worst
	}
	if before, after := spread(g), spread(f); before < 1 || after > 0.02 {
		t.Errorf("log of a pair's ranges: %g before, %g after", before, after)
	}
	// One pair against the formula.
	p := pairsOf(g.ForInference())[0]
	own, next := wideOf(p.first.Weight), wideOf(p.second.Weight)
	bias := wideOf(p.first.Bias)
	p.equalise(nil)
	for c := range 24 {
		var r1, r2 float64
		for _, w := range own[c*3 : c*3+3] {
			r1 = max(r1, math.Abs(w))
		}
		for _, w := range next[c*9 : c*9+9] {
			r2 = max(r2, math.Abs(w))
		}
		s := math.Sqrt(r1 / r2)
		if got, want := p.first.Weight[c*3], float32(own[c*3]/s); got != want {
			t.Errorf("channel %d: weight %g, want %g", c, got, want)
		}
		if got, want := p.second.Weight[c*9+4], float32(next[c*9+4]*s); got != want {
			t.Errorf("channel %d: next layer's weight %g, want %g", c, got, want)
		}
		if got, want := p.first.Bias[c], float32(bias[c]/s); got != want {
			t.Errorf("channel %d: bias %g, want %g", c, got, want)
		}
	}
	// A clipping becomes a ReLU.
	clipped, _, _ := equalise(separable(t, model.Clip{Max: 6}))
	if op := clipped.Node("expand.act").Op; op != (model.ReLU{}) {
		t.Errorf("between equalised layers: %v", op)
	}
}

// TestAbsorb: a channel far above 0 gives its bias to the next layer, and the logits
// stay. A pool that counts the zeros around a map would pass less of it on at the
// edges: there it stays where it is.
func TestAbsorb(t *testing.T) {
	for counted, want := range map[bool]int{false: 8, true: 0} {
		b := model.NewBuilder("high", model.Shape{C: 3, H: 8, W: 8})
		x := b.Norm("bn", b.Add("a", model.Conv{Out: 8, Kernel: 1, Stride: 1, Groups: 1}, b.Input()))
		x = b.Add("relu", model.ReLU{}, x)
		x = b.Add("mean", model.AvgPool{Kernel: 3, Stride: 1, Padding: model.Pad2D(1), CountPadding: counted}, x)
		x = b.Bias(b.Add("b", model.Conv{Out: 5, Kernel: 1, Stride: 1, Groups: 1}, x))
		b.Add("flatten", model.Flatten{}, b.Add("pool", model.GlobalAvgPool{}, x))
		g := drawn(t, b)
		for i := range g.Node("a").Weight {
			g.Node("a").Weight[i] /= 50
		}
		norm := g.Node("bn")
		for c := range norm.Bias { // no value is 3·γ below 40
			norm.Bias[c], norm.Mean[c], norm.Weight[c] = 40, 0, 1
		}
		f, pairs, absorbed := equalise(g)
		if pairs != 1 || absorbed != want {
			t.Errorf("padding counted %v: %d pairs, %d biases absorbed, want 1 and %d", counted, pairs, absorbed, want)
		}
		images := wideOf(normals(2*3*64, 2))
		before, after := float64s.From(g).Logits(2, images), float64s.From(f).Logits(2, images)
		for i := range before {
			if math.Abs(before[i]-after[i]) > 1e-4*(1+math.Abs(before[i])) {
				t.Errorf("padding counted %v: logit %d is %g, before %g", counted, i, after[i], before[i])
			}
		}
	}
}
