package onnx

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"espalier/model"
)

// identity reads operators that pass their input on: Identity, and casts, since
// the network computes in float32.
func (im *importer) identity(n *node, in []*value) (*value, error) {
	if !given(in, 0) {
		return nil, errInputs
	}
	if n.op == "Cast" {
		switch to := n.int("to", 0); to {
		case typeFloat, typeFloat16, typeDouble, typeBfloat16:
		default:
			return nil, fmt.Errorf("a cast to data type %d is not supported: export the network in float32", to)
		}
	}
	return im.through(in[0], n.input(0))
}

// dropout keeps a Dropout for training.
func (im *importer) dropout(n *node, in []*value) (*value, error) {
	if !given(in, 0) {
		return nil, errInputs
	}
	p := n.float("ratio", 0.5)
	if given(in, 1) {
		if x, ok := in[1].scalar(); ok {
			p = x
		}
	}
	if !(p > 0 && p < 1) {
		return im.through(in[0], n.input(0))
	}
	return im.unary(im.names.name(n), model.Dropout{P: decimal(float64(p))}, in[0])
}

// softmax marks a value that may only be the output.
func (im *importer) softmax(n *node, in []*value) (*value, error) {
	if !given(in, 0) {
		return nil, errInputs
	}
	x, err := im.settled(in[0])
	if err != nil {
		return nil, err
	}
	w := *x
	w.softmax, w.alone = n.op, false
	return &w, nil
}

// concat joins values along the channels.
func (im *importer) concat(n *node, in []*value) (*value, error) {
	if len(in) == 0 || slices.Contains(in, nil) {
		return nil, errInputs
	}
	if len(in) == 1 {
		return im.through(in[0], n.input(0))
	}
	var first *value
	var nodes []*model.Node
	channels := 0
	for _, v := range in {
		x, err := im.settled(v)
		if err != nil {
			return nil, err
		}
		if first == nil {
			first = x
		}
		if len(x.dims) != len(first.dims) || x.nhwc != first.nhwc {
			return nil, fmt.Errorf("it joins values of shapes %s and %s: only channels of maps of one size are joined", first, x)
		}
		nodes = append(nodes, x.node)
		channels += x.node.Shape.C
	}
	at, err := axis(n.int("axis", 1), len(first.dims)+1)
	if err != nil {
		return nil, err
	}
	c, err := first.channelAxis()
	if err != nil {
		return nil, err
	}
	if at != c+1 || !first.isMap() && !first.isMapNHWC() && len(first.dims) != 1 {
		return nil, fmt.Errorf("it joins values of shape %s along axis %d: only channels are joined", first, at)
	}
	y, err := im.add(im.names.name(n), model.Concat{}, nodes...)
	if err != nil {
		return nil, err
	}
	dims := slices.Clone(first.dims)
	dims[c] = channels
	return &value{node: y, dims: dims, nhwc: first.nhwc, alone: true}, nil
}

// view returns v with other dimensions and as many values. A map that becomes a
// vector is flattened; a map [h][w][c] is flattened when it is read.
func (im *importer) view(n *node, v *value, dims []int) (*value, error) {
	if v.special() && v.softmax == "" || v.stride > 1 {
		var err error
		if v, err = im.settled(v); err != nil {
			return nil, err
		}
	}
	if slices.Contains(dims, 0) || product(dims) != product(v.dims) {
		return nil, fmt.Errorf("%s does not become shape batch×%v: only reshapes within each image are supported", v, dims)
	}
	w := *v
	w.dims = dims
	s := v.node.Shape
	switch {
	case s.IsVector():
		w.nhwc = false
	case v.nhwc && len(dims) != 1 && !slices.Equal(dims, v.dims):
		return nil, fmt.Errorf("%s does not become shape batch×%v in this order of axes: export the network as [batch][channels][height][width]", v, dims)
	case !v.nhwc && len(dims) == 1:
		x, err := im.settled(v)
		if err != nil {
			return nil, err
		}
		f, err := im.add(im.names.name(n), model.Flatten{}, x.node)
		if err != nil {
			return nil, err
		}
		return &value{node: f, dims: dims, alone: true}, nil
	}
	return &w, nil
}

func (im *importer) flatten(n *node, in []*value) (*value, error) {
	if !given(in, 0) {
		return nil, errInputs
	}
	v, err := im.through(in[0], n.input(0))
	if err != nil {
		return nil, err
	}
	at := n.int("axis", 1)
	if at < 0 {
		at += int64(len(v.dims)) + 1
	}
	if at != 1 {
		return nil, fmt.Errorf("it flattens from axis %d on: only axis 1 is supported", at)
	}
	return im.view(n, v, []int{product(v.dims)})
}

// reshape reads a Reshape. The first number of the shape is the batch: 0, -1, the
// file's own number or a Shape's result.
func (im *importer) reshape(n *node, in []*value) (*value, error) {
	if !given(in, 0) {
		return nil, errInputs
	}
	shape := n.ints("shape")
	if given(in, 1) {
		if in[1].constant == nil {
			return nil, errors.New("its shape is not constant: simplify the file with onnxsim first")
		}
		shape = in[1].constant.i
	}
	v, err := im.through(in[0], n.input(0))
	if err != nil {
		return nil, err
	}
	if len(shape) < 2 || len(shape) > maxRank {
		return nil, fmt.Errorf("shape %v mixes the images of a batch: only reshapes within each image are supported", shape)
	}
	copies := n.int("allowzero", 0) == 0
	size := product(v.dims)
	dims, infer, known := []int{}, -1, 1
	for k, d := range shape[1:] {
		switch {
		case d == -1 && infer < 0:
			infer, d = k, 1
		case d == 0 && copies && k < len(v.dims):
			d = int64(v.dims[k])
		case d < 1 || d > maxMap:
			return nil, fmt.Errorf("shape %v has %d where a size is expected: export the network with images of a fixed size", shape, d)
		}
		dims = append(dims, int(d))
		if known *= int(d); known > maxMap {
			return nil, fmt.Errorf("shape %v has more values than are read", shape)
		}
	}
	if infer >= 0 {
		dims[infer] = max(size/known, 1)
	}
	// If the batch is not named, the remaining factor must be exactly the batch.
	switch batch := shape[0]; {
	case batch == batchSize, batch == 0 && copies, batch == -1 && infer < 0, im.batch > 0 && batch == im.batch:
	case batch == 1:
		im.noteOnce("the file has a batch of 1 baked into a reshape: it is read as any batch")
	default:
		return nil, fmt.Errorf("shape %v begins with %d, which is not the batch: export the network with a batch of 1, or a free one", shape, batch)
	}
	return im.view(n, v, dims)
}

// expand reads an Expand to the same shape, or of one value for each channel to the
// size of a map, as before the product of squeeze and excitation.
func (im *importer) expand(n *node, in []*value) (*value, error) {
	if !given(in, 0) || !given(in, 1) {
		return nil, errInputs
	}
	if in[1].constant == nil || in[1].constant.i == nil {
		return nil, errors.New("its shape is not constant: simplify the file with onnxsim first")
	}
	v, err := im.through(in[0], n.input(0))
	if err != nil {
		return nil, err
	}
	if v, err = im.settled(v); err != nil {
		return nil, err
	}
	shape := in[1].constant.i
	if len(shape) != len(v.dims)+1 {
		return nil, fmt.Errorf("it repeats a value of shape %s to %d dimensions: only as many as it has are supported", v, len(shape))
	}
	dims := slices.Clone(v.dims)
	for k, d := range shape[1:] {
		switch {
		case d == 1 || d == int64(dims[k]):
		case dims[k] == 1 && d > 1 && d <= maxMap:
			dims[k] = int(d)
		default:
			return nil, fmt.Errorf("a value of shape %s cannot be repeated to %v; the file is damaged", v, shape)
		}
	}
	w := *v
	if slices.Equal(dims, v.dims) {
		return &w, nil
	}
	if s := v.node.Shape; !s.IsVector() || !slices.Equal(v.dims, []int{s.C, 1, 1}) || dims[0] != s.C {
		return nil, fmt.Errorf("it repeats a value of shape %s to batch×%v: only one value for each channel is repeated, over a map", v, dims)
	}
	w.wide = dims
	return &w, nil
}

// squeeze reads Squeeze and Unsqueeze, which drop and insert dimensions of 1.
func (im *importer) squeeze(n *node, in []*value) (*value, error) {
	if !given(in, 0) {
		return nil, errInputs
	}
	v, err := im.through(in[0], n.input(0))
	if err != nil {
		return nil, err
	}
	axes, err := axesOf(n, constants(in), 1)
	if err != nil {
		return nil, err
	}
	all := append([]int{2}, v.dims...) // the batch is not dropped
	change := squeezed
	if n.op == "Unsqueeze" {
		change = unsqueezed
	}
	dims, err := change(all, axes)
	if err != nil {
		return nil, err
	}
	if len(dims) == 0 || dims[0] != 2 || len(dims) > maxRank {
		return nil, errors.New("it moves the batch: only dimensions of each image are supported")
	}
	if v.rows {
		w := *v
		w.dims = dims[1:]
		return &w, nil
	}
	return im.view(n, v, dims[1:])
}

// transpose reads a Transpose between [c][h][w] and [h][w][c].
func (im *importer) transpose(n *node, in []*value) (*value, error) {
	if !given(in, 0) {
		return nil, errInputs
	}
	v, err := im.through(in[0], n.input(0))
	if err != nil {
		return nil, err
	}
	perm, err := permutation(n, len(v.dims)+1)
	if err != nil {
		return nil, err
	}
	if perm[0] != 0 {
		return nil, fmt.Errorf("perm %v moves the batch, which is not supported", perm)
	}
	w := *v
	w.dims = make([]int, len(v.dims))
	for k := range w.dims {
		w.dims[k] = v.dims[perm[k+1]-1]
	}
	switch {
	case slices.IsSorted(perm):
	case v.node.Shape.IsVector() && !v.special() && v.stride <= 1:
		w.nhwc = false
	case !v.nhwc && len(v.dims) == 3 && slices.Equal(perm, []int{0, 2, 3, 1}):
		w.nhwc = true
	case v.nhwc && len(v.dims) == 3 && slices.Equal(perm, []int{0, 3, 1, 2}):
		w.nhwc = false
	default:
		return nil, fmt.Errorf("perm %v of shape %s is not supported, but changes between [batch][channels][height][width] and [batch][height][width][channels] are: use a network without a shuffle of channels", perm, v)
	}
	return &w, nil
}

// shapeOf reads the Shape of a value. The batch stays unknown.
func (im *importer) shapeOf(n *node, in []*value) (*value, error) {
	if !given(in, 0) {
		return nil, errInputs
	}
	shape := []int64{batchSize}
	for _, d := range in[0].dims {
		shape = append(shape, int64(d))
	}
	return &value{constant: shapeSlice(n, shape), source: n.outputs[0]}, nil
}

// slice reads a Slice that takes every pixel, or every few, as shortcuts do.
func (im *importer) slice(n *node, in []*value) (*value, error) {
	if !given(in, 0) {
		return nil, errInputs
	}
	v, err := im.through(in[0], n.input(0))
	if err != nil {
		return nil, err
	}
	if v.special() && v.half == 0 {
		if v, err = im.settled(v); err != nil {
			return nil, err
		}
	}
	for _, w := range in[1:] {
		if w != nil && (w.constant == nil || w.constant.i == nil) {
			return nil, errors.New("what it takes is not constant: simplify the file with onnxsim first")
		}
	}
	all, err := spans(n, constants(in), len(v.dims)+1)
	if err != nil {
		return nil, err
	}
	w := *v
	w.dims = slices.Clone(v.dims)
	steps := slices.Repeat([]int{1}, len(v.dims)+1)
	for _, s := range all {
		size := math.MaxInt32
		if s.axis > 0 {
			size = v.dims[s.axis-1]
		}
		if s.start != 0 || s.step < 1 || s.step > maxWindow || s.end < int64(size) || s.axis == 0 && s.step != 1 {
			return nil, fmt.Errorf("it takes a part of axis %d of shape %s: only whole axes, and every few pixels, are supported", s.axis, v)
		}
		steps[s.axis] = int(s.step)
		if s.axis > 0 {
			w.dims[s.axis-1] = (size-1)/int(s.step) + 1
		}
	}
	return im.strided(v, &w, steps)
}

// strided adds a slice's steps to w. PyTorch writes one slice for the height and
// one for the width.
func (im *importer) strided(v, w *value, steps []int) (*value, error) {
	if slices.Max(steps) == 1 {
		return w, nil
	}
	if len(v.dims) != 3 {
		return nil, fmt.Errorf("it takes a part of shape %s: only pixels of maps are supported", v)
	}
	c, h, x := 1, 2, 3
	if v.nhwc {
		c, h, x = 3, 1, 2
	}
	if steps[c] != 1 {
		return nil, errors.New("it takes every few channels, which is not supported")
	}
	switch {
	case steps[h] == steps[x] && v.stride <= 1 && v.half == 0:
		w.stride = steps[h]
	case steps[x] == 1 && v.stride <= 1 && v.half == 0:
		w.half = steps[h]
	case steps[h] == 1 && v.half == steps[x]:
		w.half, w.stride = 0, steps[x]
	default:
		return nil, errors.New("it takes pixels in steps that differ for height and width, which is not supported")
	}
	return w, nil
}
