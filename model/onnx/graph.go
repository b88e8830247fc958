package onnx

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"espalier/model"
)

// producer is the name of this program in files.
const producer = "espalier"

// Names of the graph's input and output.
const (
	inputName  = "input"
	outputName = "logits"
)

// A Header is what a file holds besides the network.
type Header struct {
	Version  string            // of the program
	Metadata map[string]string // kept as it is
	// Int4 writes weights of up to 4 bits as int4, two a byte, which takes operator
	// set 21. Otherwise they are int8.
	Int4 bool
}

// newModel returns a model without nodes.
func newModel(name string, image model.Shape, classes int, h Header) *Model {
	ir, set := int64(irVersion), int64(opset)
	if h.Int4 {
		ir, set = irVersionInt4, opsetInt4
	}
	m := &Model{
		irVersion: ir, producer: producer, producerVersion: h.Version,
		opsets: []opsetID{{version: set}},
		graph: graph{
			name:    strings.ReplaceAll(name, " ", "-"),
			doc:     fmt.Sprintf("input [batch][%d][%d][%d], normalised as the metadata's mean and std say; logits [batch][classes]", image.C, image.H, image.W),
			inputs:  []valueInfo{batched(inputName, int64(image.C), int64(image.H), int64(image.W))},
			outputs: []valueInfo{batched(outputName, int64(classes))},
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

// node adds a node with one output and returns the output's name, which is also
// the node's. No other node may have it.
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
