package model

import (
	"reflect"
	"slices"
	"strings"
	"testing"
)

// TestResNetEqualsNetwork holds the graph of a ResNet to the network that it
// replaces: tensors in the same order, under the same names, with the same
// values, and batch norm folded to the same bits.
func TestResNetEqualsNetwork(t *testing.T) {
	for _, a := range []Arch{
		{Depth: 20, Shortcut: Projection, Classes: 10},
		{Depth: 8, Shortcut: Pad, Classes: 7, Width: 32},
	} {
		n, err := New(a)
		if err != nil {
			t.Fatal(err)
		}
		n.Init(3)
		for _, l := range n.Layers() {
			if l.Norm != nil {
				for i := range l.Norm.Mean {
					l.Norm.Mean[i], l.Norm.Var[i], l.Norm.Beta[i] = float32(i)/7, 1+float32(i)/3, float32(i)/5
				}
			}
		}
		g := n.Graph()
		if err := g.Check(); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(g.Tensors(), n.Tensors()) {
			t.Errorf("%v: the graph's tensors differ from the network's", a)
		}
		if !reflect.DeepEqual(g.FoldNorms().Tensors(), n.Fuse().Tensors()) {
			t.Errorf("%v: folded tensors differ from the network's", a)
		}
		if g.MACs() != n.MACs() || g.Weights() != n.Weights() {
			t.Errorf("%v: %d MACs and %d weights, want %d and %d", a, g.MACs(), g.Weights(), n.MACs(), n.Weights())
		}
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
		{"logits", func(b *Builder) { b.Add("last", conv(4), b.Input()) }, "node last, the last one, gives 4×8×8"},
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
