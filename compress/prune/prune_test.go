package prune

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"espalier/model"
)

// network returns a ResNet-20 whose weights are drawn from a normal
// distribution, none of them zero.
func network(t *testing.T) *model.Graph {
	t.Helper()
	n, err := model.ResNet(model.Arch{Depth: 20, Shortcut: model.Projection, Classes: 10})
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(3, 4))
	for _, l := range n.Layers() {
		for i := range l.Weight {
			for l.Weight[i] == 0 {
				l.Weight[i] = float32(rng.NormFloat64())
			}
		}
	}
	return n
}

// edges and targets are those of the built-in experiments.
var (
	edges   = Edges{Share: 0.3, Until: 0.6}
	targets = []float64{0.30, 0.50, 0.70, 0.80, 0.90, 0.92}
)

// TestRounds runs the whole schedule with masks baked after every round, and
// counts: 269,824 candidates, 432 weights in conv1 and 640 in fc.
func TestRounds(t *testing.T) {
	n := network(t)
	for i, want := range []struct{ candidates, stem, classifier int }{
		{80947, 39, 58}, // edges to 9 %
		{134912, 65, 96},
		{188877, 65, 96}, // edges as they are
		{215859, 65, 96},
		{242842, 65, 96},
		{248238, 65, 96},
	} {
		if err := Magnitude(n, targets[i], edges); err != nil {
			t.Fatal(err)
		}
		masked := Measure(n)
		Bake(n)
		s := Measure(n)
		if masked.Zero != s.Zero {
			t.Errorf("%d zeros under masks, %d after baking", masked.Zero, s.Zero)
		}
		stem, classifier := s.Layers[0].Zero, s.Layers[len(s.Layers)-1].Zero
		if got := s.Zero - stem - classifier; got != want.candidates || stem != want.stem || classifier != want.classifier {
			t.Errorf("round %d: %d, %d, %d zeros in candidates, conv1 and fc, want %v", i+1, got, stem, classifier, want)
		}
		if z, total := n.Sparsity(); z != s.Zero || total != s.Total || s.Share() != float64(z)/float64(total) {
			t.Errorf("measured %d of %d, the network says %d of %d", s.Zero, s.Total, z, total)
		}
	}
}

func TestBakeAndHold(t *testing.T) {
	n := network(t)
	if err := Magnitude(n, 0.5, edges); err != nil {
		t.Fatal(err)
	}
	masks := all(n.Layers(), func(l *model.Node) []float32 { return l.Mask })
	for _, l := range n.Layers() { // as an optimiser without masks would
		for i := range l.Weight {
			l.Weight[i] += 100
		}
	}
	Bake(n)
	for _, l := range n.Layers() {
		if l.Mask != nil {
			t.Fatalf("%s still has a mask", l.Name)
		}
	}
	Hold(n)
	if !slices.Equal(masks, all(n.Layers(), func(l *model.Node) []float32 { return l.Mask })) {
		t.Error("masks made from a baked network's zeros differ from those it was baked with")
	}
}

func TestDeadChannels(t *testing.T) {
	n := network(t)
	l := n.Node("layer2.0.conv1")
	for _, channel := range []int{0, 31} {
		clear(l.Weight[channel*l.Fan() : (channel+1)*l.Fan()])
	}
	clear(l.Weight[l.Fan() : 2*l.Fan()-1]) // one weight left
	s := Measure(n)
	for _, ls := range s.Layers {
		want := LayerSparsity{Name: ls.Name, Total: ls.Total}
		if ls.Name == l.Name {
			want.DeadChannels, want.Zero = 2, 3*l.Fan()-1
		}
		if ls != want {
			t.Errorf("%+v, want %+v", ls, want)
		}
	}
}

func TestEdges(t *testing.T) {
	for target, want := range map[float64]float64{0.3: 0.09, 0.5: 0.15, 0.6: 0.18, 0.61: 0, 0.9: 0} {
		if got := edges.Target(target); math.Abs(got-want) > 1e-15 {
			t.Errorf("edge target at %v is %v, want %v", target, got, want)
		}
	}
}

func TestGate(t *testing.T) {
	for _, c := range []struct {
		gate        Gate
		dense, top1 float64
		passed      bool
		reason      string
	}{
		{Gate{MinTop1: 0.9, Split: "test"}, 0.9259, 0.9050, true,
			"top-1 90.50 % on test reaches the gate's minimum of 90.00 %"},
		{Gate{MinTop1: 0.9, Split: "test"}, 0.9259, 0.9, true,
			"top-1 90.00 % on test reaches the gate's minimum of 90.00 %"},
		{Gate{MinTop1: 0.9, Split: "test"}, 0.9259, 0.8999, false,
			"top-1 89.99 % on test is below the gate's minimum of 90.00 %"},
		{Gate{MaxDrop: 0.021, Split: "validation"}, 0.9259, 0.9049, true, // 0.021000000000000019 in float64
			"top-1 90.49 % on validation is 2.10 points below the dense network's 92.59 %, within the allowed 2.10 points"},
		{Gate{MaxDrop: 0.021, Split: "validation"}, 0.9259, 0.9048, false,
			"top-1 90.48 % on validation is 2.11 points below the dense network's 92.59 %, more than the 2.10 points that the gate allows"},
		{Gate{MaxDrop: 0.021, Split: "validation"}, 0.9259, 0.93, true,
			"top-1 93.00 % on validation is 0.41 points above the dense network's 92.59 %, within the allowed 2.10 points"},
		{Gate{MinTop1: 0.9, MaxDrop: 0.021, Split: "test"}, 0.95, 0.91, false,
			"top-1 91.00 % on test is 4.00 points below the dense network's 95.00 %, more than the 2.10 points that the gate allows"},
		{Gate{MinTop1: 0.9, MaxDrop: 0.021, Split: "test"}, 0.92, 0.91, true,
			"top-1 91.00 % on test reaches the gate's minimum of 90.00 % and is 1.00 points below the dense network's 92.00 %, within the allowed 2.10 points"},
		{Gate{Split: "test"}, 0.9, 0.1, true, "top-1 10.00 % on test; no gate is set"},
		{Gate{MinTop1: 0.9, Split: "test"}, 0.9, math.NaN(), false, "top-1 on test is not a number"},
		{Gate{Split: "test"}, 0.9, math.NaN(), false, "top-1 on test is not a number"},
		{Gate{MaxDrop: 0.02, Split: "test"}, math.NaN(), 0.9, false,
			"top-1 90.00 % on test is NaN points below the dense network's NaN %, more than the 2.00 points that the gate allows"},
	} {
		passed, reason := c.gate.Judge(c.dense, c.top1)
		if passed != c.passed || reason != c.reason {
			t.Errorf("%s, dense %v, top-1 %v:\nhave %v, %s\nwant %v, %s", c.gate, c.dense, c.top1, passed, reason, c.passed, c.reason)
		}
	}
	for _, c := range []struct {
		gate Gate
		want string
	}{
		{Gate{}, "none"},
		{Gate{MinTop1: 0.9, Split: "test"}, "top-1 ≥ 90.00 % on test"},
		{Gate{MinTop1: 0.9, MaxDrop: 0.021, Split: "validation"}, "top-1 ≥ 90.00 %, drop ≤ 2.10 points on validation"},
	} {
		if got := c.gate.String(); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}
