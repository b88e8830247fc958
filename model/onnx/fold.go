package onnx

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// folds are the operators that are computed while reading if all inputs are
// constants. Exporters write them for shapes, and between weights and the
// operators that use them. A missing input is nil.
var folds = map[string]func(n *node, in []*array) (*array, error){
	"Constant": nil, // see importer.literal, which has the folder
	"Identity": foldIdentity, "Dropout": foldIdentity, "Cast": foldCast, "ConstantOfShape": foldConstantOfShape,
	"Shape": foldShape, "Gather": foldGather, "Unsqueeze": foldUnsqueeze, "Squeeze": foldSqueeze,
	"Concat": foldConcat, "Slice": foldSlice, "Reshape": foldReshape, "Flatten": foldFlatten, "Transpose": foldTranspose,
	"DequantizeLinear": foldDequantize,
	"Add":              foldBinary, "Sub": foldBinary, "Mul": foldBinary, "Div": foldBinary,
	"Neg": foldUnary, "Sqrt": foldUnary, "Exp": foldUnary, "Reciprocal": foldUnary, "Floor": foldUnary, "Ceil": foldUnary,
	"ReduceProd": foldReduceProd,
}

// batchSize stands for the unknown number of images in an array that holds a
// shape. Folded operators pass it on, except arithmetic. Files have no reason
// to contain this number; for "all", exporters write the limits of int64.
const batchSize = -1<<62 - 271828

var errBatch = errors.New("it computes with the number of images, which is not fixed: export the network with every dimension fixed except the batch")

var errInputs = errors.New("inputs are missing; the file is damaged")

// fold computes a node of constants.
func (im *importer) fold(n *node, in []*value) (*value, error) {
	out := &value{source: n.outputs[0]}
	if n.op == "Constant" {
		a, err := im.literal(n)
		out.constant = a
		return out, err
	}
	a, err := folds[n.op](n, constants(in))
	if err != nil {
		return nil, err
	}
	if len(in) > 0 && in[0] != nil && layerOf(out.source) == "" {
		out.source = in[0].source
	}
	out.constant = a
	return out, im.spend(a.len())
}

// literal returns the value of a Constant node.
func (im *importer) literal(n *node) (*array, error) {
	for i := range n.attributes {
		switch a := &n.attributes[i]; a.name {
		case "value":
			if a.t != nil {
				return im.read(a.t)
			}
		case "value_int":
			if a.i != nil {
				return &array{dims: []int{}, i: []int64{*a.i}}, nil
			}
		case "value_ints":
			return ints(a.ints...), im.spend(len(a.ints))
		case "value_float":
			if a.f != nil {
				return &array{dims: []int{}, f: []float32{*a.f}}, nil
			}
		case "value_floats":
			return &array{dims: []int{len(a.floats)}, f: slices.Clone(a.floats)}, im.spend(len(a.floats))
		}
	}
	return nil, errors.New("only numbers are supported as constants: export the network in float32")
}

func foldIdentity(_ *node, in []*array) (*array, error) { return need(in, 1, 0) }

// need returns an input that must be there.
func need(in []*array, count, k int) (*array, error) {
	if len(in) < count || in[k] == nil {
		return nil, errInputs
	}
	return in[k], nil
}

func foldCast(n *node, in []*array) (*array, error) {
	x, err := need(in, 1, 0)
	if err != nil {
		return nil, err
	}
	y := &array{dims: x.dims}
	switch to := n.int("to", 0); to {
	case typeFloat, typeDouble, typeFloat16, typeBfloat16:
		if x.f != nil {
			return x, nil
		}
		y.f = make([]float32, len(x.i))
		for k, v := range x.i {
			if v == batchSize {
				return nil, errBatch
			}
			y.f[k] = float32(v)
		}
	case typeBool, typeInt8, typeUint8, typeInt16, typeUint16, typeInt32, typeUint32, typeInt64, typeUint64:
		if x.i != nil {
			return x, nil
		}
		y.i = make([]int64, len(x.f))
		for k, v := range x.f {
			y.i[k] = int64(v)
		}
	default:
		return nil, fmt.Errorf("a cast to data type %d is not supported: export the network in float32", to)
	}
	return y, nil
}

func foldConstantOfShape(n *node, in []*array) (*array, error) {
	shape, err := need(in, 1, 0)
	if err != nil {
		return nil, err
	}
	dims, err := shape.shape()
	if err != nil {
		return nil, err
	}
	count, err := elements(dims)
	if err != nil {
		return nil, err
	}
	if err := grown(count, 0); err != nil {
		return nil, err
	}
	value := &array{f: []float32{0}}
	if a := n.attribute("value"); a != nil && a.t != nil {
		if value, err = a.t.array(nil); err != nil {
			return nil, err
		}
		if value.len() != 1 {
			return nil, fmt.Errorf("the value has %d elements: want one", value.len())
		}
	}
	y := &array{dims: dims}
	if value.f != nil {
		y.f = slices.Repeat(value.f, count)
	} else {
		y.i = slices.Repeat(value.i, count)
	}
	if y.f == nil && y.i == nil { // no elements
		y.i = []int64{}
	}
	return y, nil
}

// shape returns the elements as dimensions.
func (a *array) shape() ([]int, error) {
	dims := make([]int, 0, min(len(a.i), maxRank))
	for _, d := range a.i {
		if d == batchSize {
			return nil, errBatch
		}
		if d < 0 || d > maxElements || len(dims) >= maxRank {
			return nil, fmt.Errorf("a shape of %d dimensions, one of them %d; the file is damaged", len(a.i), d)
		}
		dims = append(dims, int(d))
	}
	return dims, nil
}

func foldShape(n *node, in []*array) (*array, error) {
	x, err := need(in, 1, 0)
	if err != nil {
		return nil, err
	}
	shape := make([]int64, len(x.dims))
	for k, d := range x.dims {
		shape[k] = int64(d)
	}
	return shapeSlice(n, shape), nil
}

// shapeSlice returns the part of a shape that a Shape operator selects.
func shapeSlice(n *node, shape []int64) *array {
	clamp := func(k int64) int64 {
		if k < 0 {
			k += int64(len(shape))
		}
		return min(max(k, 0), int64(len(shape)))
	}
	start, end := clamp(n.int("start", 0)), clamp(n.int("end", math.MaxInt64))
	return ints(shape[start:max(start, end)]...)
}

// axis returns an axis counted from the front.
func axis(k int64, rank int) (int, error) {
	if k < 0 {
		k += int64(rank)
	}
	if k < 0 || k >= int64(rank) {
		return 0, fmt.Errorf("axis %d of %d dimensions; the file is damaged", k, rank)
	}
	return int(k), nil
}

// take returns an array of the given dimensions whose element k is x's element
// at(k).
func (a *array) take(dims []int, at func(k int) int) (*array, error) {
	count, err := elements(dims)
	if err != nil {
		return nil, err
	}
	if err := grown(count, a.len()); err != nil {
		return nil, err
	}
	y := &array{dims: dims}
	if a.f != nil {
		y.f = make([]float32, count)
		for k := range y.f {
			y.f[k] = a.f[at(k)]
		}
		return y, nil
	}
	y.i = make([]int64, count)
	for k := range y.i {
		y.i[k] = a.i[at(k)]
	}
	return y, nil
}

// grown returns an error for results that are large and much larger than their
// inputs, before memory is allocated.
func grown(count, from int) error {
	if count > 1<<20 && count > 2*from {
		return fmt.Errorf("it makes %d elements of %d: simplify the file with onnxsim first", count, from)
	}
	return nil
}

func product(dims []int) int {
	p := 1
	for _, d := range dims {
		p *= d
	}
	return p
}

// foldGather selects along one axis. An index without dimensions removes the
// axis.
func foldGather(n *node, in []*array) (*array, error) {
	if len(in) < 2 || in[0] == nil || in[1] == nil || in[1].i == nil {
		return nil, errInputs
	}
	x, index := in[0], in[1]
	a, err := axis(n.int("axis", 0), len(x.dims))
	if err != nil {
		return nil, err
	}
	for _, k := range index.i {
		if k < -int64(x.dims[a]) || k >= int64(x.dims[a]) {
			return nil, fmt.Errorf("index %d of %d elements; the file is damaged", k, x.dims[a])
		}
	}
	dims := slices.Concat(x.dims[:a], index.dims, x.dims[a+1:])
	inner := product(x.dims[a+1:])
	return x.take(dims, func(k int) int {
		rest, in := k/inner, k%inner
		outer, at := rest/len(index.i), int(index.i[rest%len(index.i)])
		if at < 0 {
			at += x.dims[a]
		}
		return (outer*x.dims[a]+at)*inner + in
	})
}
