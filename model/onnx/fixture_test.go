package onnx

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"

	"espalier/model"
)

// A fixture is a file as another program writes it, made node by node.
type fixture struct {
	*Model
	random *rand.Rand
	last   string // the latest node's output
}

// other begins a file of another program with an input "x" of these dimensions;
// 0 is a free number.
func other(opset int64, dims ...int64) *fixture {
	f := &fixture{Model: &Model{irVersion: 8, producer: "pytorch", opsets: []opsetID{{version: opset}}}, random: rand.New(rand.NewPCG(5, 6)), last: "x"}
	v := valueInfo{name: "x", kind: typeInfo{tensorType{element: typeFloat}}}
	for _, d := range dims {
		size := dimension{size: d}
		if d == 0 {
			size.name = "n"
		}
		v.kind.tensor.shape.dims = append(v.kind.tensor.shape.dims, size)
	}
	f.graph.name = "main_graph"
	f.graph.inputs = []valueInfo{v}
	return f
}

// images is an other with images of 3×8×8.
func images(opset int64) *fixture { return other(opset, 0, 3, 8, 8) }

// op adds a node that reads the latest output, and behind it these inputs.
func (f *fixture) op(op string, inputs []string, attributes ...attribute) *fixture {
	return f.on(op, append([]string{f.last}, inputs...), attributes...)
}

// on adds a node with these inputs.
func (f *fixture) on(op string, inputs []string, attributes ...attribute) *fixture {
	k := len(f.graph.nodes)
	f.last = fmt.Sprintf("v%d", k)
	domain, op, found := strings.Cut(op, "::")
	if !found {
		domain, op = "", domain
	}
	f.graph.nodes = append(f.graph.nodes, node{inputs: inputs, outputs: []string{f.last}, name: fmt.Sprintf("%s_%d", op, k), op: op, domain: domain, attributes: attributes})
	return f
}

// weight adds random numbers as an initializer.
func (f *fixture) weight(name string, shape ...int) string {
	values := make([]float32, product(shape))
	for i := range values {
		values[i] = float32(f.random.NormFloat64() / 3)
	}
	return f.graph.floats(name, shape, values...)
}

// coarse adds random multiples of 1/64 as an initializer, which every type of
// numbers holds.
func (f *fixture) coarse(name string, shape ...int) string {
	values := make([]float32, product(shape))
	for i := range values {
		values[i] = float32(f.random.IntN(65)-32) / 64
	}
	return f.graph.floats(name, shape, values...)
}

// positive adds random positive numbers as an initializer.
func (f *fixture) positive(name string, shape ...int) string {
	values := make([]float32, product(shape))
	for i := range values {
		values[i] = float32(0.5 + f.random.Float64())
	}
	return f.graph.floats(name, shape, values...)
}

func (f *fixture) scalar(name string, x float32) string { return f.graph.floats(name, nil, x) }

func (f *fixture) int64s(name string, values ...int64) string { return f.graph.int64s(name, values...) }

// conv adds a 3×3 convolution, and returns the fixture.
func (f *fixture) conv(name string, in, out int, attributes ...attribute) *fixture {
	if attributes == nil {
		attributes = []attribute{intsAttribute("pads", 1, 1, 1, 1)}
	}
	return f.op("Conv", []string{f.weight(name+".weight", out, in, 3, 3), f.weight(name+".bias", out)}, attributes...)
}

// head adds a global pool, a Flatten and a Gemm to five classes.
func (f *fixture) head(channels int) *Model {
	f.op("GlobalAveragePool", nil).op("Flatten", nil)
	return f.gemm(channels)
}

// gemm adds a Gemm to five classes and ends the file.
func (f *fixture) gemm(in int) *Model {
	return f.op("Gemm", []string{f.weight("fc.weight", 5, in), f.weight("fc.bias", 5)}, intAttribute("transB", 1)).end()
}

// end makes the latest output the file's.
func (f *fixture) end() *Model {
	f.graph.outputs = []valueInfo{batched(f.last, 5)}
	return f.Model
}

func textAttribute(name, s string) attribute { return attribute{name: name, s: s, kind: 3} }

func tensorAttribute(name string, t *tensor) attribute { return attribute{name: name, t: t, kind: 4} }

// constant returns an initializer.
func (f *fixture) constant(name string) *tensor {
	for i := range f.graph.initializers {
		if f.graph.initializers[i].name == name {
			return &f.graph.initializers[i]
		}
	}
	panic("no initializer " + name)
}

// move takes an initializer out of the list and returns it.
func (f *fixture) move(name string) *tensor {
	t := *f.constant(name)
	for i := range f.graph.initializers {
		if f.graph.initializers[i].name == name {
			f.graph.initializers = append(f.graph.initializers[:i:i], f.graph.initializers[i+1:]...)
			break
		}
	}
	return &t
}

// typed moves a float32 tensor's elements from raw into a list, as another type.
func typed(t *tensor, dataType int64) {
	values := make([]float32, len(t.raw)/4)
	for i := range values {
		values[i] = math.Float32frombits(binary.LittleEndian.Uint32(t.raw[4*i:]))
	}
	t.raw, t.dataType = nil, dataType
	for _, x := range values {
		switch dataType {
		case typeFloat:
			t.floats = append(t.floats, x)
		case typeDouble:
			t.doubles = append(t.doubles, float64(x))
		case typeFloat16:
			t.int32s = append(t.int32s, int64(halfBits(x)))
		}
	}
}

// halfBits returns a number as a 16-bit float, which must be exact.
func halfBits(x float32) uint16 {
	bits := math.Float32bits(x)
	if x == 0 {
		return uint16(bits >> 16)
	}
	return uint16(bits>>16&0x8000) | uint16(((bits>>23&255)-112)<<10) | uint16(bits>>13&1023)
}

// plan describes a network's nodes, one a line.
func plan(g *model.Graph) string {
	var lines []string
	for _, n := range g.Nodes[1:] {
		var in []string
		for _, x := range n.Inputs {
			in = append(in, x.Name)
		}
		op := strings.TrimPrefix(fmt.Sprintf("%T%+v", n.Op, n.Op), "model.")
		lines = append(lines, fmt.Sprintf("%s = %s(%s) %v", n.Name, strings.ReplaceAll(op, "{}", ""), strings.Join(in, ", "), n.Shape))
	}
	return strings.Join(lines, "\n")
}
