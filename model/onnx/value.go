package onnx

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"espalier/model"
)

// A value is what a name in the file stands for: a constant, or the output of a
// node of the network in some shape, possibly with pending operations.
type value struct {
	constant *array
	source   string // the constant's name, which gives layers their name

	node *model.Node
	dims []int // without the batch, as in the file
	// nhwc says that in the file the value is a map [h][w][c], or flat in that
	// order, as converters from TensorFlow write. The node's value is [c][h][w].
	nhwc bool
	// alone says that all readers of the node read it through this value.
	alone bool

	// Pending operations on the node's value, in this order.
	affine *affine
	stride int  // every stride-th pixel is taken; 0 or 1: all
	half   int  // every half-th row is taken, with all columns; 0: all rows
	pad    *pad // zeros around the map
	rows   bool // the mean over the width was taken, but not over the height

	// wide is a map's shape [c][h][w] over which an Expand repeats one value for each
	// channel, or nil. Dims are those before it.
	wide []int

	softmax string // the operator after the logits, which is left out
}

// An affine is scale·x + shift, of one number or one for each channel.
type affine struct {
	scale, shift []float64
	name         string // of the operator
}

// A pad is a border that the next operator may use as its own padding.
type pad struct {
	model.Padding
	value float32
	name  string
}

// isMap reports whether the value is a map [c][h][w] in the file.
func (v *value) isMap() bool {
	s := v.node.Shape
	return !v.nhwc && slices.Equal(v.dims, []int{s.C, s.H, s.W})
}

// isMapNHWC reports whether the value is a map [h][w][c] in the file.
func (v *value) isMapNHWC() bool {
	s := v.node.Shape
	return (v.nhwc || s.IsVector()) && slices.Equal(v.dims, []int{s.H, s.W, s.C})
}

// channelAxis returns the index of the channels among the dimensions, or an
// error if the value has no dimension for them.
func (v *value) channelAxis() (int, error) {
	s := v.node.Shape
	switch {
	case v.nhwc && len(v.dims) == 3:
		return 2, nil
	case !v.nhwc && len(v.dims) > 0 && v.dims[0] == s.C:
		return 0, nil
	case !v.nhwc && slices.Equal(v.dims, []int{1, 1, s.C}):
		return 2, nil
	}
	return 0, fmt.Errorf("a value of shape %s has no channels of its own here", v)
}

// String returns the shape, such as "batch×16×32×32".
func (v *value) String() string {
	text := "batch"
	for _, d := range v.dims {
		text += fmt.Sprintf("×%d", d)
	}
	return text
}

// through returns a copy for an operator that passes its input on or adds a
// pending operation. input is the name that it reads.
func (im *importer) through(v *value, input string) (*value, error) {
	if v.constant != nil {
		return nil, errConstant
	}
	if v.affine != nil && im.reads[input] > 1 {
		var err error
		if v, err = im.shaped(v); err != nil {
			return nil, err
		}
	}
	w := *v
	w.alone = v.alone && im.reads[input] == 1
	return &w, nil
}

var errConstant = errors.New("a constant is where the network's values are expected: simplify the file with onnxsim first")

// special reports whether an operation is pending that only some operators
// can take.
func (v *value) special() bool {
	return v.pad != nil || v.rows || v.half != 0 || v.softmax != "" || v.wide != nil
}

// settled returns the value with all pending operations applied. It fails if
// one is pending that only some operators can take.
func (im *importer) settled(v *value) (*value, error) {
	if v.pad != nil {
		return nil, fmt.Errorf("it reads the output of the Pad node %s: padding is supported before a convolution or a pool", v.pad.name)
	}
	return im.bordered(v)
}

// bordered is settled for operators that accept padding.
func (im *importer) bordered(v *value) (*value, error) {
	switch {
	case v.constant != nil:
		return nil, errConstant
	case v.softmax != "":
		return nil, fmt.Errorf("it reads the output of a %s: that is supported as the last operator only", v.softmax)
	case v.wide != nil:
		return nil, errors.New("it reads the output of an Expand: that is supported as a factor of a product only")
	case v.half != 0:
		return nil, errors.New("it reads every few rows with all columns: the same step for both is supported")
	case v.rows:
		return nil, errors.New("it reads the mean over one axis: a mean is supported over height and width")
	}
	return im.shaped(v)
}

// shaped is settled that ignores padding.
func (im *importer) shaped(v *value) (*value, error) {
	if v.affine == nil && v.stride <= 1 {
		return v, nil
	}
	if done := im.done[v]; done != nil {
		return done, nil
	}
	w := *v
	if v.affine != nil {
		n, err := im.scaled(v)
		if err != nil {
			return nil, err
		}
		w.node, w.affine = n, nil
	}
	if v.stride > 1 {
		n, err := im.add(w.node.Name+".pixels", model.PadShortcut{Stride: v.stride}, w.node)
		if err != nil {
			return nil, err
		}
		w.node, w.stride = n, 0
	}
	im.done[v] = &w
	return &w, nil
}

// scaled applies a pending affine map: to the weights of the layer before it,
// if nothing else reads that layer, otherwise as a batch norm.
func (im *importer) scaled(v *value) (*model.Node, error) {
	n, channels := v.node, v.node.Shape.C
	wide := func(x []float64) []float64 {
		if len(x) == 1 {
			return slices.Repeat(x, channels)
		}
		return x
	}
	if err := im.spend(4 * channels); err != nil {
		return nil, err
	}
	scale, shift := wide(v.affine.scale), wide(v.affine.shift)
	for c := range scale {
		if scale[c]-scale[c] != 0 || shift[c]-shift[c] != 0 {
			return nil, fmt.Errorf("node %s scales by %g and adds %g: want finite numbers", v.affine.name, scale[c], shift[c])
		}
	}
	if !v.alone {
		return im.affineNorm(v.affine.name, n, scale, shift)
	}
	switch n.Op.(type) {
	case model.Conv, model.Linear:
		if n.Bias == nil && slices.ContainsFunc(shift, func(x float64) bool { return x != 0 }) {
			n.Bias = make([]float32, channels)
		}
		fan := n.Fan()
		for c := range channels {
			for i := c * fan; scale[c] != 1 && i < (c+1)*fan; i++ {
				n.Weight[i] = float32(float64(n.Weight[i]) * scale[c])
			}
			if n.Bias != nil {
				n.Bias[c] = float32(float64(n.Bias[c])*scale[c] + shift[c])
			}
		}
		return n, nil
	case model.BatchNorm:
		for c := range channels {
			n.Weight[c] = float32(float64(n.Weight[c]) * scale[c])
			n.Bias[c] = float32(float64(n.Bias[c])*scale[c] + shift[c])
		}
		return n, nil
	}
	return im.affineNorm(v.affine.name, n, scale, shift)
}

// affineNorm adds scale·x + shift as a batch norm, whose variance and epsilon
// add up to 1.
func (im *importer) affineNorm(name string, x *model.Node, scale, shift []float64) (*model.Node, error) {
	n, err := im.add(name, model.BatchNorm{Epsilon: model.NormEpsilon, Momentum: model.NormMomentum}, x)
	if err != nil {
		return nil, err
	}
	for c := range scale {
		n.Weight[c], n.Bias[c] = float32(scale[c]), float32(shift[c])
		n.Var[c] = float32(1 - model.NormEpsilon)
	}
	return n, nil
}

// constants returns the arrays of values, nil for one that is missing or not a
// constant.
func constants(in []*value) []*array {
	arrays := make([]*array, len(in))
	for k, v := range in {
		if v != nil {
			arrays[k] = v.constant
		}
	}
	return arrays
}

// scalar returns the number in a constant with one element.
func (v *value) scalar() (float32, bool) {
	if v == nil || v.constant == nil || v.constant.len() != 1 {
		return 0, false
	}
	if v.constant.f != nil {
		return v.constant.f[0], true
	}
	return float32(v.constant.i[0]), true
}

func near(a, b float64) bool { return math.Abs(a-b) <= 1e-4*math.Abs(b) }
