package model

import (
	"math"
	"slices"
	"strings"
	"testing"
)

// TestFoldNorms compares what folding leaves with the formula in float64, for a
// convolution with a bias and one without, and looks that nothing else changes.
func TestFoldNorms(t *testing.T) {
	b := NewBuilder("two", Shape{3, 8, 8})
	x := b.Norm("bn1", b.Add("conv1", convOf(4, 3, 1), b.Input()))
	x = b.Norm("bn2", b.Bias(b.Add("conv2", convOf(4, 1, 1), x)))
	x = b.Norm("alone", b.Add("relu", ReLU{}, x))
	b.Add("fc", Linear{Out: 2}, b.Add("pool", GlobalAvgPool{}, x))
	g, err := b.Graph()
	if err != nil {
		t.Fatal(err)
	}
	g.Init(3)
	for _, n := range g.Nodes {
		for i := range n.Mean {
			n.Mean[i], n.Var[i], n.Bias[i] = float32(i)/7, 1+float32(i)/3, float32(i)/5
		}
	}
	copy(g.Node("conv2").Bias, []float32{1, -2, 3, 0})
	f := g.FoldNorms()
	if err := f.Check(); err != nil {
		t.Fatal(err)
	}
	if f.Node("bn1") != nil || f.Node("bn2") != nil || f.Node("alone") == nil || !f.Fused() || g.Fused() {
		t.Fatalf("nodes left: %d", len(f.Nodes))
	}
	for _, pair := range [][2]string{{"conv1", "bn1"}, {"conv2", "bn2"}} {
		from, norm, to := g.Node(pair[0]), g.Node(pair[1]), f.Node(pair[0])
		for o := range to.Out() {
			scale := float64(norm.Weight[o]) / math.Sqrt(float64(norm.Var[o])+NormEpsilon)
			bias := 0.0
			if from.Bias != nil {
				bias = float64(from.Bias[o])
			}
			want := float64(norm.Bias[o]) + (bias-float64(norm.Mean[o]))*scale
			if math.Abs(float64(to.Bias[o])-want) > 1e-6 {
				t.Errorf("%s: bias %d is %g, want %g", pair[0], o, to.Bias[o], want)
			}
			for i := o * to.Fan(); i < (o+1)*to.Fan(); i++ {
				if math.Abs(float64(to.Weight[i])-float64(from.Weight[i])*scale) > 1e-6 {
					t.Errorf("%s: weight %d is %g, want %g", pair[0], i, to.Weight[i], float64(from.Weight[i])*scale)
				}
			}
		}
	}
}

// A convolution that something else reads, too, keeps its output: its batch norm is
// not folded.
func TestFoldNormsLeavesWhatOthersRead(t *testing.T) {
	b := NewBuilder("shared", Shape{3, 8, 8})
	conv := b.Add("conv", convOf(4, 3, 1), b.Input())
	sum := b.Add("sum", Add{}, b.Norm("bn", conv), conv)
	b.Add("fc", Linear{Out: 2}, b.Add("pool", GlobalAvgPool{}, sum))
	g, err := b.Graph()
	if err != nil {
		t.Fatal(err)
	}
	if f := g.FoldNorms(); f.Node("bn") == nil || !f.Fused() {
		t.Error("it was folded, or something seems left to fold")
	}
}

func TestUnits(t *testing.T) {
	g, err := ResNet(Arch{Depth: 8, Shortcut: Projection, Classes: 10})
	if err != nil {
		t.Fatal(err)
	}
	var have []string
	for _, u := range g.Units() {
		s := u.Name() + " → " + u.Output().Name + " ("
		for _, in := range u.Inputs {
			s += in.Name() + " "
		}
		have = append(have, s+")")
	}
	want := []string{
		"input → input ()",
		"conv1 → relu (input )",
		"layer1.0.conv1 → layer1.0.relu1 (conv1 )",
		"layer1.0.conv2 → layer1.0.bn2 (layer1.0.conv1 )",
		"layer1.0 → layer1.0.relu (layer1.0.conv2 conv1 )",
		"layer2.0.conv1 → layer2.0.relu1 (layer1.0 )",
		"layer2.0.conv2 → layer2.0.bn2 (layer2.0.conv1 )",
		"layer2.0.downsample.0 → layer2.0.downsample.1 (layer1.0 )",
		"layer2.0 → layer2.0.relu (layer2.0.conv2 layer2.0.downsample.0 )",
	}
	if len(have) < len(want) || !slices.Equal(have[:len(want)], want) {
		t.Errorf("units are\n%s\nwant\n%s", strings.Join(have, "\n"), strings.Join(want, "\n"))
	}
}

func TestCheckNamesTheNode(t *testing.T) {
	build := func(f func(b *Builder)) error {
		b := NewBuilder("test", Shape{3, 8, 8})
		f(b)
		_, err := b.Graph()
		return err
	}
	conv := func(out int) Conv { return Conv{Out: out, Kernel: 3, Stride: 1, Padding: Pad2D(1), Groups: 1} }
	for _, c := range []struct {
		name string
		make func(b *Builder)
		want string // part of the message
	}{
		{"vector", func(b *Builder) { b.Add("fc", Linear{Out: 2}, b.Input()) }, "node fc (linear): input 3×8×8: want a vector"},
		{"sum", func(b *Builder) {
			b.Add("sum", Add{}, b.Add("a", conv(4), b.Input()), b.Add("b", conv(5), b.Input()))
		}, "node sum (add): inputs 4×8×8 and 5×8×8"},
		{"groups", func(b *Builder) { b.Add("g", Conv{Out: 4, Kernel: 3, Stride: 1, Groups: 2}, b.Input()) }, "node g (conv): 2 groups"},
		{"kernel", func(b *Builder) { b.Add("k", MaxPool{Kernel: 9, Stride: 1}, b.Input()) }, "node k (max pool): input 3×8×8 is smaller than the kernel"},
		{"unread", func(b *Builder) {
			b.Add("lost", conv(4), b.Input())
			b.Add("fc", Linear{Out: 2}, b.Add("pool", GlobalAvgPool{}, b.Input()))
		}, "node lost: no other node reads"},
		{"logits", func(b *Builder) { b.Add("last", conv(4), b.Input()) }, "the last node last gives 4×8×8"},
		{"names", func(b *Builder) {
			b.Add("a", Linear{Out: 2}, b.Add("a", GlobalAvgPool{}, b.Input()))
		}, "is called \"a\""},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := build(c.make)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error is %v, want it to contain %q", err, c.want)
			}
		})
	}
}

// TestWindows holds the size of pools to PyTorch's rules.
func TestWindows(t *testing.T) {
	for _, c := range []struct {
		size, kernel, stride, padding int
		ceil                          bool
		want                          int
	}{
		{32, 3, 1, 1, false, 32},
		{32, 3, 2, 1, false, 16},
		{31, 3, 2, 0, true, 15},
		{32, 3, 2, 0, true, 16},
		{4, 2, 3, 0, true, 2},
		{3, 2, 2, 1, true, 2}, // the third window would begin in the padding behind
		{2, 3, 1, 0, false, 0},
	} {
		if got := windows(c.size, c.kernel, c.stride, 2*c.padding, c.ceil, c.padding); got != c.want {
			t.Errorf("%+v: %d windows", c, got)
		}
	}
}

func TestCloneSharesNothing(t *testing.T) {
	n, err := ResNet(Arch{Depth: 8, Shortcut: Projection, Classes: 10})
	if err != nil {
		t.Fatal(err)
	}
	n.Init(1)
	c := n.Clone()
	for _, tensor := range c.Tensors() {
		for i := range tensor.Data {
			tensor.Data[i] = -77
		}
	}
	for _, tensor := range n.Tensors() {
		for _, v := range tensor.Data {
			if v == -77 {
				t.Fatalf("%s is shared", tensor.Name)
			}
		}
	}
}
