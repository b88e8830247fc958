package onnx

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"espalier/model"
)

// faults holds a file to what ONNX's IR demands of a graph, and to what this
// package promises beyond that: each value is made once, before it is used; no
// two nodes have one name; an initializer has as many bytes as its shape says;
// what is made is used; codes have the types that the documentation names.
func faults(m *Model) (all []string) {
	fault := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	made, used, names := map[string]bool{}, map[string]bool{}, map[string]bool{}
	add := func(set map[string]bool, what, name string) {
		if name == "" || set[name] {
			fault("%s %q is empty or there twice", what, name)
		}
		set[name] = true
	}
	if m.irVersion != 8 || !slices.Equal(m.opsets, []opsetID{{version: 13}}) {
		fault("IR version %d, operator sets %v; want 8 and 13", m.irVersion, m.opsets)
	}
	for _, v := range m.graph.inputs {
		add(made, "input", v.name)
	}
	types := map[string]int64{}
	for _, i := range m.graph.initializers {
		add(made, "initializer", i.name)
		types[i.name] = i.dataType
		size := sizes[i.dataType]
		for _, d := range i.dims {
			size *= d
		}
		if size != int64(len(i.raw)) || size == 0 {
			fault("initializer %s of type %d and shape %v has %d bytes", i.name, i.dataType, i.dims, len(i.raw))
		}
	}
	for _, n := range m.graph.nodes {
		add(names, "node", n.name)
		for _, x := range n.inputs {
			if !made[x] {
				fault("node %s takes %q, which is not made before it", n.name, x)
			}
			used[x] = true
		}
		for _, y := range n.outputs {
			add(made, "value", y)
		}
		if n.op != "DequantizeLinear" {
			continue
		}
		want := int64(0) // of an activation's codes, which a node makes
		switch {
		case strings.HasSuffix(n.inputs[0], ".weight"):
			want = typeInt8
		case strings.HasSuffix(n.inputs[0], ".bias"):
			want = typeInt32
		}
		if got := types[n.inputs[0]]; got != want {
			fault("%s has type %d, want %d", n.inputs[0], got, want)
		}
		if got := types[n.inputs[1]]; got != typeFloat {
			fault("scale %s has type %d, want %d", n.inputs[1], got, typeFloat)
		}
		if len(n.inputs) > 2 {
			if got := types[n.inputs[2]]; got != typeUint8 && want == 0 || want != 0 && got != want {
				fault("zero point %s has type %d", n.inputs[2], got)
			}
		}
	}
	for _, v := range m.graph.outputs {
		used[v.name] = true
	}
	for name := range made {
		if !used[name] {
			fault("%s is never used", name)
		}
	}
	return all
}

func TestGraphIsValid(t *testing.T) {
	each(t, func(t *testing.T, m *Model) {
		for _, f := range faults(m) {
			t.Error(f)
		}
	})
}

// TestFaults: each rule finds what breaks it.
func TestFaults(t *testing.T) {
	q := quantized(t, randomNetwork(t, model.Pad), "lab", randomImages(1))
	for want, damage := range map[string]func(m *Model){
		"operator sets [{ 999}]": func(m *Model) { m.opsets[0].version = 999 },
		"IR version 9":           func(m *Model) { m.irVersion = 9 },
		`input "" is empty`:      func(m *Model) { m.graph.inputs[0].name = "" },
		`initializer "fc.bias" is empty or there twice`: func(m *Model) {
			m.graph.initializers = append(m.graph.initializers, *initializerNamed(t, m, "fc.bias"))
		},
		"initializer fc.weight of type 3 and shape [10 64] has 9":     func(m *Model) { w := initializerNamed(t, m, "fc.weight"); w.raw = w.raw[:9] },
		"initializer layer1.0.conv1.weight of type 3 and shape [0 16": func(m *Model) { initializerNamed(t, m, "layer1.0.conv1.weight").dims[0] = 0 },
		`node "fc" is empty or there twice`:                           func(m *Model) { nodeNamed(t, m, "conv1").name = "fc" },
		`node conv1 takes "nothing"`:                                  func(m *Model) { nodeNamed(t, m, "conv1").inputs[0] = "nothing" },
		`value "pool.average" is empty or there twice`:                func(m *Model) { nodeNamed(t, m, "flatten").outputs[0] = "pool.average" },
		"fc.bias has type 3, want 6":                                  func(m *Model) { b := initializerNamed(t, m, "fc.bias"); b.dataType, b.raw = typeInt8, make([]byte, 10) },
		"conv1.weight has type 2, want 3":                             func(m *Model) { initializerNamed(t, m, "conv1.weight").dataType = typeUint8 },
		"scale conv1.output_scale has type 6":                         func(m *Model) { initializerNamed(t, m, "conv1.output_scale").dataType = typeInt32 },
		"zero point conv1.output_zero_point has type 3":               func(m *Model) { initializerNamed(t, m, "conv1.output_zero_point").dataType = typeInt8 },
		"spare is never used":                                         func(m *Model) { m.graph.int64s("spare", 1) },
	} {
		m := Integer(q, Header{})
		damage(m)
		if got := strings.Join(faults(m), "; "); !strings.Contains(got, want) {
			t.Errorf("faults %q, want %q", got, want)
		}
	}
}

func nodeNamed(t *testing.T, m *Model, name string) *node {
	t.Helper()
	i := slices.IndexFunc(m.graph.nodes, func(n node) bool { return n.name == name })
	if i < 0 {
		t.Fatalf("no node %s", name)
	}
	return &m.graph.nodes[i]
}

func initializerNamed(t *testing.T, m *Model, name string) *tensor {
	t.Helper()
	i := slices.IndexFunc(m.graph.initializers, func(x tensor) bool { return x.name == name })
	if i < 0 {
		t.Fatalf("no initializer %s", name)
	}
	return &m.graph.initializers[i]
}
