package onnx

// Versions of the format that files have.
const (
	irVersion = 8
	opset     = 13
	// Those of files with weights in int4.
	irVersionInt4 = 10
	opsetInt4     = 21
)

// The messages of onnx.proto that networks need. Each lists its fields with
// their numbers; wire.go encodes and decodes them with package protowire.

// A Model is a file: ModelProto.
type Model struct {
	irVersion       int64
	producer        string
	producerVersion string
	graph           graph
	opsets          []opsetID
	metadata        []entry
}

func (m *Model) fields() []field {
	return []field{
		{1, &m.irVersion}, {2, &m.producer}, {3, &m.producerVersion}, {7, &m.graph},
		{8, list[opsetID](&m.opsets)}, {14, list[entry](&m.metadata)},
	}
}

// An opsetID names a set of operators; the empty domain is ONNX's own.
type opsetID struct {
	domain  string
	version int64
}

func (o *opsetID) fields() []field { return []field{{1, &o.domain}, {2, &o.version}} }

// An entry is a line of metadata: StringStringEntryProto.
type entry struct{ key, value string }

func (e *entry) fields() []field { return []field{{1, &e.key}, {2, &e.value}} }

// A graph is a network: nodes in an order in which they can be computed.
type graph struct {
	nodes        []node
	name         string
	initializers []tensor
	doc          string
	inputs       []valueInfo
	outputs      []valueInfo
}

func (g *graph) fields() []field {
	return []field{
		{1, list[node](&g.nodes)}, {2, &g.name}, {5, list[tensor](&g.initializers)}, {10, &g.doc},
		{11, list[valueInfo](&g.inputs)}, {12, list[valueInfo](&g.outputs)},
	}
}

// A node applies an operator to values.
type node struct {
	inputs, outputs []string
	name, op        string
	domain          string // of the operator; empty for ONNX's own
	attributes      []attribute
}

func (n *node) fields() []field {
	return []field{{1, &n.inputs}, {2, &n.outputs}, {3, &n.name}, {4, &n.op}, {5, list[attribute](&n.attributes)}, {7, &n.domain}}
}

// An attribute is a constant parameter of a node. It has exactly one of the
// values.
type attribute struct {
	name   string
	f      *float32
	i      *int64
	s      string
	t      *tensor
	floats []float32
	ints   []int64
	kind   int64
}

// Kinds of attributes.
const (
	attributeFloat = 1
	attributeInt   = 2
	attributeInts  = 7
)

func (a *attribute) fields() []field {
	return []field{
		{1, &a.name}, {2, &a.f}, {3, &a.i}, {4, &a.s}, {5, &a.t}, {7, &a.floats}, {8, &a.ints}, {20, &a.kind},
	}
}

// A tensor is a constant. Its elements lie in raw, little-endian, or in the list
// for its type, or in another file.
type tensor struct {
	dims     []int64
	dataType int64
	name     string
	raw      []byte

	floats   []float32 // of typeFloat
	int32s   []int64   // of integers up to 32 bits and booleans; bits of 16-bit floats
	int64s   []int64   // of typeInt64
	doubles  []float64 // of typeDouble
	uint64s  []int64   // of typeUint32 and typeUint64
	external []entry   // if they are in another file: location, offset, length
	location int64     // 1: in another file
}

// Data types.
const (
	typeFloat    = 1
	typeUint8    = 2
	typeInt8     = 3
	typeUint16   = 4
	typeInt16    = 5
	typeInt32    = 6
	typeInt64    = 7
	typeBool     = 9
	typeFloat16  = 10
	typeDouble   = 11
	typeUint32   = 12
	typeUint64   = 13
	typeBfloat16 = 16
	typeInt4     = 22 // two a byte, the first in its lower half
)

func (t *tensor) fields() []field {
	return []field{
		{1, &t.dims}, {2, &t.dataType}, {4, &t.floats}, {5, &t.int32s}, {7, &t.int64s}, {8, &t.name}, {9, &t.raw},
		{10, &t.doubles}, {11, &t.uint64s}, {13, list[entry](&t.external)}, {14, &t.location},
	}
}

// A valueInfo describes an input or an output of the graph.
type valueInfo struct {
	name string
	kind typeInfo
}

func (v *valueInfo) fields() []field { return []field{{1, &v.name}, {2, &v.kind}} }

type typeInfo struct{ tensor tensorType }

func (t *typeInfo) fields() []field { return []field{{1, &t.tensor}} }

type tensorType struct {
	element int64
	shape   shapeInfo
}

func (t *tensorType) fields() []field { return []field{{1, &t.element}, {2, &t.shape}} }

type shapeInfo struct{ dims []dimension }

func (s *shapeInfo) fields() []field { return []field{{1, list[dimension](&s.dims)}} }

// A dimension is a number or has a name: then any number does.
type dimension struct {
	size int64
	name string
}

func (d *dimension) fields() []field { return []field{{1, &d.size}, {2, &d.name}} }
