package model

import (
	"reflect"
	"strings"
	"testing"
)

// everyOperator returns a graph that has all operators, with settings that are
// not the zero value.
func everyOperator(t testing.TB) *Graph {
	b := NewBuilder("all", Shape{3, 9, 8})
	x := b.Add("conv", Conv{Out: 8, Kernel: 3, Stride: 1, Padding: Padding{1, 0, 1, 2}, Groups: 1}, b.Input())
	x = b.Add("clip", Clip{0, 6}, b.Norm("bn", b.Bias(x)))
	y := b.Add("depthwise", Conv{Out: 8, Kernel: 5, Stride: 1, Padding: Pad2D(2), Groups: 8}, x)
	y = b.Add("silu", SiLU{}, y)
	x = b.Add("add", Add{}, x, y, b.Add("leaky", LeakyReLU{0.1}, x))
	x = b.Add("concat", Concat{}, b.Add("relu", ReLU{}, x), b.Add("hardswish", HardSwish{}, y))
	x = b.Add("maxpool", MaxPool{Kernel: 3, Stride: 2, Padding: Pad2D(1), Ceil: true}, x)
	x = b.Add("avgpool", AvgPool{Kernel: 2, Stride: 1, Padding: Padding{0, 1, 0, 0}, CountPadding: true}, x)
	x = b.Add("shortcut", PadShortcut{Stride: 2, Before: 3, After: 1}, x)
	gate := b.Add("gate", HardSigmoid{}, b.Add("squeeze", Conv{Out: 20, Kernel: 1, Stride: 1, Groups: 1}, b.Add("pool", GlobalAvgPool{}, x)))
	x = b.Add("mul", Mul{}, x, gate)
	x = b.Add("dropout", Dropout{0.25}, b.Add("flatten", Flatten{}, x))
	b.Add("sigmoid", Sigmoid{}, b.Add("fc", Linear{4}, x))
	g, err := b.Graph()
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// withoutWeights returns what a description holds of g.
func withoutWeights(g *Graph) *Graph {
	g = g.Clone()
	g.Mean, g.Std = nil, nil
	for _, n := range g.Nodes {
		n.Weight, n.Bias, n.Mean, n.Var, n.Mask = nil, nil, nil, nil, nil
	}
	return g
}

func TestDescribe(t *testing.T) {
	resnet, err := ResNet(Arch{Depth: 8, Shortcut: Pad, Classes: 10})
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range []*Graph{everyOperator(t), everyOperator(t).ForInference(), resnet} {
		text, err := g.Describe()
		if err != nil {
			t.Fatal(err)
		}
		got, err := ParseGraph(text)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, withoutWeights(g)) {
			t.Errorf("%s: another graph came back from %s", g.Name, text)
		}
		if err := got.Check(); err == nil || !strings.Contains(err.Error(), "weight has 0 values") {
			t.Errorf("%s: a graph without weights passes Check: %v", g.Name, err)
		}
	}
}

func TestParseGraphRefuses(t *testing.T) {
	good, err := everyOperator(t).Describe()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ old, new, want string }{
		{good, "{", "the file is damaged"},
		{`"name":"all"`, `"name":"all","bits":4`, "unknown field"},
		{`"input":[3,9,8]`, `"input":[3,9,0]`, "input: shape 3×9×0"},
		{`"input":[3,9,8]`, `"input":[1048576,1048576,1048576]`, "input: shape"},
		{`"input":[3,9,8]`, `"input":[3,9000,9000]`, "activations of one image come to more than"},
		{`"op":"silu"`, `"op":"gelu"`, `"silu": operator "gelu" is unknown`},
		{`"name":"silu"`, `"name":"conv"`, "another node has this name"},
		{`"in":["mul"]`, `"in":["fc"]`, `its input "fc" does not come before it`},
		{`"out":4`, `"out":-4`, "the number -4"},
		{`"out":4`, `"out":1048576`, ""}, // a large layer is allowed
		{`"out":4`, `"out":99999999`, "the number 99999999"},
		{`"kernel":5`, `"kernel":9`, "want a kernel from 1 to 7"},
		{`"groups":8`, `"groups":3`, "3 groups do not divide"},
		{`"max":6`, `"max":-6`, "want a range"},
		{`"in":["conv"]`, `"in":[]`, "0 inputs"},
	} {
		text := strings.Replace(good, c.old, c.new, 1)
		if text == good {
			t.Errorf("%s is not in %s", c.old, good)
		}
		_, err := ParseGraph(text)
		if c.want == "" {
			if err != nil {
				t.Errorf("%s: %v", c.new, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %s", c.new, err, c.want)
		}
	}
}

// FuzzParseGraph: no text makes the reader panic or ask for much memory, and
// what it accepts is described as it was.
func FuzzParseGraph(f *testing.F) {
	text, err := everyOperator(f).Describe()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add(`{"input":[3,8,8],"input_name":"x","nodes":[{"name":"p","op":"global average pool","in":["x"]}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		g, err := ParseGraph(text)
		if err != nil {
			return
		}
		again, err := g.Describe()
		if err != nil {
			t.Fatal(err)
		}
		if got, err := ParseGraph(again); err != nil || !reflect.DeepEqual(got, g) {
			t.Errorf("%s read again: %v", again, err)
		}
	})
}
