package onnx

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"slices"

	"espalier/model"
)

// Names of the graph's input and output.
const (
	inputName  = "input"
	outputName = "logits"
)

// A Header is what a file says beside the network.
type Header struct {
	Version  string            // of the program
	Metadata map[string]string // kept as it is
}

// newModel returns a model without nodes.
func newModel(arch model.Arch, h Header) *Model {
	m := &Model{
		irVersion: irVersion, producer: "espalier", producerVersion: h.Version,
		opsets: []opsetID{{version: opset}},
		graph: graph{
			name:    fmt.Sprintf("resnet%d-%s", arch.Depth, arch.Shortcut),
			doc:     "input [batch][3][32][32], normalised as the metadata's mean and std say; logits [batch][classes]",
			inputs:  []valueInfo{batched(inputName, 3, 32, 32)},
			outputs: []valueInfo{batched(outputName, int64(arch.Classes))},
		},
	}
	for _, key := range slices.Sorted(maps.Keys(h.Metadata)) {
		m.metadata = append(m.metadata, entry{key, h.Metadata[key]})
	}
	return m
}

// batched describes float32 values with a free number of images.
func batched(name string, dims ...int64) valueInfo {
	v := valueInfo{name: name, kind: typeInfo{tensorType{element: typeFloat}}}
	shape := &v.kind.tensor.shape.dims
	*shape = append(*shape, dimension{name: "batch"})
	for _, d := range dims {
		*shape = append(*shape, dimension{size: d})
	}
	return v
}

// node adds a node with one output, which it returns. The node's name is that
// of what it computes, which no other node may have.
func (g *graph) node(op, name, output string, inputs []string, attributes ...attribute) string {
	g.nodes = append(g.nodes, node{inputs: inputs, outputs: []string{output}, name: name, op: op, attributes: attributes})
	return output
}

func intAttribute(name string, i int64) attribute {
	return attribute{name: name, i: &i, kind: attributeInt}
}

func intsAttribute(name string, ints ...int64) attribute {
	return attribute{name: name, ints: ints, kind: attributeInts}
}

func floatAttribute(name string, f float32) attribute {
	return attribute{name: name, f: &f, kind: attributeFloat}
}

// initializer adds a constant and returns its name.
func (g *graph) initializer(name string, dataType int64, shape []int, raw []byte) string {
	t := tensor{name: name, dataType: dataType, raw: raw}
	for _, d := range shape {
		t.dims = append(t.dims, int64(d))
	}
	g.initializers = append(g.initializers, t)
	return name
}

func (g *graph) floats(name string, shape []int, values ...float32) string {
	raw := make([]byte, 0, 4*len(values))
	for _, v := range values {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
	}
	return g.initializer(name, typeFloat, shape, raw)
}

func (g *graph) int64s(name string, values ...int64) string {
	raw := make([]byte, 0, 8*len(values))
	for _, v := range values {
		raw = binary.LittleEndian.AppendUint64(raw, uint64(v))
	}
	return g.initializer(name, typeInt64, []int{len(values)}, raw)
}

// convolution returns the attributes of a convolution with padding kernel/2.
func convolution(kernel, stride int) []attribute {
	k, s, p := int64(kernel), int64(stride), int64(kernel/2)
	return []attribute{intsAttribute("kernel_shape", k, k), intsAttribute("strides", s, s), intsAttribute("pads", p, p, p, p)}
}

// padShortcut adds the shortcut without parameters of a block where the size
// changes: every second pixel of x, and zero channels, half of the new ones
// before x's and half after.
func (g *graph) padShortcut(block, x string, channels int) string {
	name := block + ".shortcut"
	// The same constants serve all blocks.
	if !slices.ContainsFunc(g.initializers, func(t tensor) bool { return t.name == "pixels.start" }) {
		g.int64s("pixels.start", 0, 0)
		g.int64s("pixels.end", math.MaxInt64, math.MaxInt64)
		g.int64s("pixels.axes", 2, 3)
		g.int64s("pixels.step", 2, 2)
	}
	y := g.node("Slice", name+".pixels", name+".pixels", []string{x, "pixels.start", "pixels.end", "pixels.axes", "pixels.step"})
	half := int64(channels / 2)
	pads := g.int64s(name+".pads", 0, half, 0, 0, 0, half, 0, 0)
	return g.node("Pad", name, name, []string{y, pads})
}
