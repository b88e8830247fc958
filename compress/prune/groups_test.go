package prune_test

import (
	"fmt"
	"strings"
	"testing"

	"espalier/compress/prune"
	"espalier/model"
)

// list writes groups down, a line each.
func list(c *prune.Channels) string {
	var b strings.Builder
	for _, g := range c.Groups {
		fmt.Fprintf(&b, "%s %d:", g.Name, g.Size)
		for _, m := range g.Members {
			fmt.Fprintf(&b, " %s.%s", m.Node.Name, m.Side)
			if first := m.Index[0]; len(first) > 1 || first[0] > 0 {
				fmt.Fprintf(&b, "%v", first)
			}
		}
		for _, t := range g.Ties {
			fmt.Fprintf(&b, "; %s %s", t.Node, t.Why)
		}
		b.WriteString("\n")
	}
	return b.String()
}

func TestGroups(t *testing.T) {
	conv := func(out, stride, groups int) model.Conv {
		return model.Conv{Out: out, Kernel: 3, Stride: stride, Padding: model.Pad2D(1), Groups: groups}
	}
	head := func(b *model.Builder, x *model.Node) {
		b.Add("fc", model.Linear{Out: 2}, b.Add("pool", model.GlobalAvgPool{}, x))
	}
	for _, c := range []struct {
		name  string
		build func(b *model.Builder, x *model.Node)
		want  string
	}{
		{"a chain", func(b *model.Builder, x *model.Node) {
			head(b, b.Norm("bn", b.Add("b", conv(5, 1, 1), b.Add("a", conv(4, 1, 1), x))))
		}, "a 4: a.out b.in\nb 5: b.out bn.out fc.in\n"},
		{"a sum", func(b *model.Builder, x *model.Node) {
			a := b.Add("a", conv(4, 1, 1), x)
			head(b, b.Add("sum", model.Add{}, a, b.Add("c", conv(4, 1, 1), b.Add("b", conv(6, 1, 1), a))))
		}, "a 4: a.out b.in c.out fc.in; sum adds a and c\nb 6: b.out c.in\n"},
		{"a concatenation", func(b *model.Builder, x *model.Node) {
			head(b, b.Add("cat", model.Concat{}, b.Add("a", conv(4, 1, 1), x), b.Add("b", conv(6, 1, 1), x)))
		}, "a 4: a.out fc.in; cat joins a and b\nb 6: b.out fc.in[4]; cat joins a and b\n"},
		{"depthwise", func(b *model.Builder, x *model.Node) {
			head(b, b.Add("b", conv(8, 1, 4), b.Add("a", conv(4, 1, 1), x)))
		}, "a 4: a.out b.out[0 1] fc.in[0 1]; b computes each channel from one of a\n"},
		{"groups", func(b *model.Builder, x *model.Node) {
			head(b, b.Add("b", conv(6, 1, 2), b.Add("a", conv(4, 1, 1), x)))
		}, "a 2: a.out[0 2] b.in[0 2]\nb 3: b.out[0 3] fc.in[0 3]; b has 2 groups, which stay equally wide\n"},
		{"flatten", func(b *model.Builder, x *model.Node) {
			b.Add("fc", model.Linear{Out: 2}, b.Add("flat", model.Flatten{}, b.Add("a", conv(4, 4, 1), x)))
		}, "a 4: a.out fc.in[0 1 2 3]; flat makes 4 values of each channel of a\n"},
		{"a padding shortcut", func(b *model.Builder, x *model.Node) {
			a := b.Add("a", conv(4, 1, 1), x)
			head(b, b.Add("sum", model.Add{}, b.Add("b", conv(7, 2, 1), a), b.Add("pad", model.PadShortcut{Stride: 2, Before: 1, After: 2}, a)))
		}, "a 4: a.out b.out[1] b.in fc.in[1]; pad puts 3 channels of zeros around a; sum adds b and pad\n" +
			"b 3: b.out fc.in; pad puts 3 channels of zeros around a; sum adds b and pad\n"},
		{"a gate", func(b *model.Builder, x *model.Node) {
			a := b.Add("a", conv(4, 1, 1), x)
			s := b.Add("s", model.Conv{Out: 4, Kernel: 1, Stride: 1, Groups: 1}, b.Add("mean", model.GlobalAvgPool{}, a))
			head(b, b.Add("mul", model.Mul{}, a, b.Add("gate", model.Sigmoid{}, s)))
		}, "a 4: a.out s.out s.in fc.in; mul multiplies a and gate\n"},
		{"the input and the classes stay", func(b *model.Builder, x *model.Node) {
			y := b.Add("a", conv(3, 1, 1), x)
			b.Add("pool", model.GlobalAvgPool{}, b.Add("b", conv(2, 1, 1), b.Add("sum", model.Add{}, x, y)))
		}, ""},
	} {
		b := model.NewBuilder(c.name, model.Shape{C: 3, H: 8, W: 8})
		c.build(b, b.Input())
		g, err := b.Graph()
		if err != nil {
			t.Fatal(c.name, err)
		}
		if have := list(prune.GroupChannels(g)); have != c.want {
			t.Errorf("%s:\n%swant\n%s", c.name, have, c.want)
		}
	}
}

// TestGroupsOfNetworks counts the groups of well-known networks: each stage of a
// ResNet is one, and so is the inner convolution of each block.
func TestGroupsOfNetworks(t *testing.T) {
	for _, c := range []struct {
		spec   model.Spec
		groups int
		sizes  map[string]int
	}{
		{model.Spec{Network: model.CIFARResNet, Depth: 20, Shortcut: model.Projection}, 12, map[string]int{"conv1": 16, "layer2.0.conv2": 32, "layer3.0.conv2": 64, "layer3.2.conv1": 64}},
		// Both later stages continue the channels of those before.
		{model.Spec{Network: model.CIFARResNet, Depth: 20, Shortcut: model.Pad}, 12, map[string]int{"conv1": 16, "layer2.0.conv2": 16, "layer3.0.conv2": 32}},
		{model.Spec{Network: model.DenseNet, Depth: 10}, 9, map[string]int{"features.conv0": 24, "features.denseblock1.denselayer1.conv2": 12}},
	} {
		c.spec.Input, c.spec.Classes = model.Shape{C: 3, H: 32, W: 32}, 10
		g, err := c.spec.Build()
		if err != nil {
			t.Fatal(err)
		}
		channels := prune.GroupChannels(g)
		if len(channels.Groups) != c.groups {
			t.Errorf("%s has %d groups, want %d:\n%s", c.spec, len(channels.Groups), c.groups, list(channels))
		}
		for name, size := range c.sizes {
			if group := channels.Group(name); group == nil || group.Size != size {
				t.Errorf("%s, %s: %+v, want %d channels\n%s", c.spec, name, group, size, list(channels))
			}
		}
	}
}
