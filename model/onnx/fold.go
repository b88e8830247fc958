package onnx

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// folds are the operators that are computed while reading, where all inputs are
// constants: what exporters write of shapes, and between weights and the
// operators that use them. A missing input is nil.
var folds = map[string]func(n *node, in []*array) (*array, error){
	"Constant": nil, // see constant, which has the folder
	"Identity": foldIdentity, "Dropout": foldIdentity, "Cast": foldCast, "ConstantOfShape": foldConstantOfShape,
	"Shape": foldShape, "Gather": foldGather, "Unsqueeze": foldUnsqueeze, "Squeeze": foldSqueeze,
	"Concat": foldConcat, "Slice": foldSlice, "Reshape": foldReshape, "Flatten": foldFlatten, "Transpose": foldTranspose,
	"DequantizeLinear": foldDequantize,
	"Add":              foldBinary, "Sub": foldBinary, "Mul": foldBinary, "Div": foldBinary,
	"Neg": foldUnary, "Sqrt": foldUnary, "Exp": foldUnary, "Reciprocal": foldUnary, "Floor": foldUnary, "Ceil": foldUnary,
	"ReduceProd": foldReduceProd,
}

// batchSize stands for the number of images where an array holds a shape: any
// number. It passes through what is folded but for arithmetic. No file has a
// reason to hold it; exporters write the ends of the range of int64 for "all".
const batchSize = -1<<62 - 271828

var errBatch = errors.New("it computes with the number of images, which is free: export the network with shapes that are fixed but for the batch")

var errInputs = errors.New("inputs are missing; the file is damaged")

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
	if y.f == nil && y.i == nil { // of no elements
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

// shapeSlice returns the part of a shape that a Shape operator is asked for.
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

// take returns an array of other dimensions whose element k is x's element at(k).
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

// grown refuses results that are large and much larger than what they are
// computed from, before they take memory.
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

// foldGather picks along one axis. An index without dimensions takes the axis
// away.
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

// axesOf returns the axes that a node names as an input, since operator set 13
// or 18, or as an attribute. A nil result means none are named.
func axesOf(n *node, in []*array, k int) ([]int64, error) {
	if len(in) > k && in[k] != nil {
		if in[k].i == nil || len(in[k].i) > maxRank {
			return nil, errors.New("axes are not whole numbers; the file is damaged")
		}
		return in[k].i, nil
	}
	return n.ints("axes"), nil
}

// unsqueezed inserts dimensions of 1.
func unsqueezed(dims []int, axes []int64) ([]int, error) {
	rank := len(dims) + len(axes)
	one := make([]bool, rank)
	for _, k := range axes {
		a, err := axis(k, rank)
		if err != nil {
			return nil, err
		}
		if one[a] {
			return nil, fmt.Errorf("axis %d is named twice; the file is damaged", a)
		}
		one[a] = true
	}
	var all []int
	for _, isOne := range one {
		if isOne {
			all = append(all, 1)
		} else {
			all, dims = append(all, dims[0]), dims[1:]
		}
	}
	return all, nil
}

// squeezed drops dimensions of 1: those named, or all.
func squeezed(dims []int, axes []int64) ([]int, error) {
	drop := make([]bool, len(dims))
	for _, k := range axes {
		a, err := axis(k, len(dims))
		if err != nil {
			return nil, err
		}
		if dims[a] != 1 {
			return nil, fmt.Errorf("axis %d has %d elements and cannot be dropped; the file is damaged", a, dims[a])
		}
		drop[a] = true
	}
	all := []int{}
	for k, d := range dims {
		if !drop[k] && (len(axes) > 0 || d != 1) {
			all = append(all, d)
		}
	}
	return all, nil
}

// with returns the elements under other dimensions of as many elements.
func (a *array) with(dims []int) (*array, error) {
	count, err := elements(dims)
	if err != nil {
		return nil, err
	}
	if count != a.len() {
		return nil, fmt.Errorf("%d elements do not have shape %v; the file is damaged", a.len(), dims)
	}
	return &array{dims: dims, f: a.f, i: a.i}, nil
}

func foldUnsqueeze(n *node, in []*array) (*array, error) {
	x, err := need(in, 1, 0)
	if err != nil {
		return nil, err
	}
	axes, err := axesOf(n, in, 1)
	if err != nil {
		return nil, err
	}
	dims, err := unsqueezed(x.dims, axes)
	if err != nil {
		return nil, err
	}
	return x.with(dims)
}

func foldSqueeze(n *node, in []*array) (*array, error) {
	x, err := need(in, 1, 0)
	if err != nil {
		return nil, err
	}
	axes, err := axesOf(n, in, 1)
	if err != nil {
		return nil, err
	}
	dims, err := squeezed(x.dims, axes)
	if err != nil {
		return nil, err
	}
	return x.with(dims)
}

func foldConcat(n *node, in []*array) (*array, error) {
	x, err := need(in, 1, 0)
	if err != nil {
		return nil, err
	}
	a, err := axis(n.int("axis", 0), len(x.dims))
	if err != nil {
		return nil, err
	}
	dims := slices.Clone(x.dims)
	dims[a] = 0
	for _, y := range in {
		if y == nil || len(y.dims) != len(x.dims) || (y.f == nil) != (x.f == nil) {
			return nil, errors.New("inputs do not fit together; the file is damaged")
		}
		for k, d := range y.dims {
			if k != a && d != x.dims[k] {
				return nil, errors.New("inputs do not fit together; the file is damaged")
			}
		}
		dims[a] += y.dims[a]
	}
	count, err := elements(dims)
	if err != nil {
		return nil, err
	}
	all := &array{dims: dims}
	if x.f != nil {
		all.f = []float32{}
	} else {
		all.i = []int64{}
	}
	if count == 0 {
		return all, nil
	}
	inner := product(dims[a+1:])
	for outer := range product(dims[:a]) {
		for _, y := range in {
			size := y.dims[a] * inner
			if x.f != nil {
				all.f = append(all.f, y.f[outer*size:(outer+1)*size]...)
			} else {
				all.i = append(all.i, y.i[outer*size:(outer+1)*size]...)
			}
		}
	}
	return all, nil
}

func foldReshape(n *node, in []*array) (*array, error) {
	if len(in) < 2 || in[0] == nil || in[1] == nil {
		return nil, errInputs
	}
	x := in[0]
	dims := make([]int, 0, maxRank)
	infer, known := -1, 1
	for k, d := range in[1].i {
		switch {
		case d == batchSize:
			return nil, errBatch
		case k >= maxRank || d < -1 || d > maxElements:
			return nil, fmt.Errorf("a shape of %d dimensions, one of them %d; the file is damaged", len(in[1].i), d)
		case d == -1 && infer < 0:
			infer, d = k, 1
		case d == 0 && n.int("allowzero", 0) == 0 && k < len(x.dims):
			d = int64(x.dims[k])
		}
		dims = append(dims, int(d))
	}
	var err error
	if known, err = elements(dims); err != nil {
		return nil, err
	}
	if infer >= 0 {
		if known == 0 || x.len()%known != 0 {
			return nil, fmt.Errorf("%d elements do not have shape %v; the file is damaged", x.len(), dims)
		}
		dims[infer] = x.len() / known
	}
	return x.with(dims)
}

func foldFlatten(n *node, in []*array) (*array, error) {
	x, err := need(in, 1, 0)
	if err != nil {
		return nil, err
	}
	a := n.int("axis", 1)
	if a < 0 {
		a += int64(len(x.dims))
	}
	if a < 0 || a > int64(len(x.dims)) {
		return nil, fmt.Errorf("axis %d of %d dimensions; the file is damaged", a, len(x.dims))
	}
	return x.with([]int{product(x.dims[:a]), product(x.dims[a:])})
}

// permutation returns a Transpose's order of axes: reversed if none is given.
func permutation(n *node, rank int) ([]int, error) {
	perm := make([]int, rank)
	given := n.ints("perm")
	if given == nil {
		for k := range perm {
			perm[k] = rank - 1 - k
		}
		return perm, nil
	}
	seen := make([]bool, rank)
	if len(given) != rank {
		return nil, fmt.Errorf("perm %v of %d dimensions; the file is damaged", given, rank)
	}
	for k, p := range given {
		if p < 0 || p >= int64(rank) || seen[p] {
			return nil, fmt.Errorf("perm %v of %d dimensions; the file is damaged", given, rank)
		}
		perm[k], seen[p] = int(p), true
	}
	return perm, nil
}

func foldTranspose(n *node, in []*array) (*array, error) {
	x, err := need(in, 1, 0)
	if err != nil {
		return nil, err
	}
	perm, err := permutation(n, len(x.dims))
	if err != nil {
		return nil, err
	}
	dims, steps := make([]int, len(perm)), make([]int, len(perm))
	for k, p := range perm {
		dims[k], steps[k] = x.dims[p], product(x.dims[p+1:])
	}
	return x.take(dims, func(k int) int {
		at := 0
		for a := len(dims) - 1; a >= 0; a-- {
			at += k % dims[a] * steps[a]
			k /= dims[a]
		}
		return at
	})
}
