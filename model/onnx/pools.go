package onnx

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"espalier/model"
)

// A win is the window that a convolution or pool slides over a map.
type win struct {
	kernel, stride int
	padding        model.Padding
	// A kernel that is not square, or dilated, lies in a square one: its element
	// (y, x) at (first[0]+y·step[0], first[1]+x·step[1]).
	first, step [2]int
	spread      bool // it is such a kernel
}

// maxWindow is the largest kernel and stride of a pool.
const maxWindow = 1 << 10

// windowed returns input 0 as a map [c][h][w], and the border that a Pad before
// it adds, or nil.
func (im *importer) windowed(in []*value) (*value, *pad, error) {
	if !given(in, 0) {
		return nil, nil, errInputs
	}
	x, err := im.bordered(in[0])
	if err != nil {
		return nil, nil, err
	}
	s, border := x.node.Shape, x.pad
	if border != nil {
		s.H += border.Top + border.Bottom
		s.W += border.Left + border.Right
	}
	if x.nhwc || !slices.Equal(x.dims, []int{s.C, s.H, s.W}) {
		return nil, nil, fmt.Errorf("it reads a value of shape %s: want [batch][channels][height][width]", x)
	}
	return x, border, nil
}

// window returns a node's kernel, stride and padding on x, as those of a square
// kernel. The dims of x include borders that a Pad has added. kernel is the
// weight's, or nil.
func window(n *node, x *value, kernel []int) (w win, err error) {
	if shape := n.ints("kernel_shape"); shape != nil {
		if len(shape) != 2 || kernel != nil && (shape[0] != int64(kernel[0]) || shape[1] != int64(kernel[1])) {
			return w, fmt.Errorf("kernel_shape is %v: want height and width, those of the weight; the file is damaged", shape)
		}
		if kernel == nil {
			kernel = []int{int(shape[0]), int(shape[1])}
		}
	}
	if len(kernel) != 2 || slices.Min(kernel) < 1 || slices.Max(kernel) > maxWindow {
		return w, fmt.Errorf("the kernel is %v: want a height and a width; the file is damaged", kernel)
	}
	w.step = [2]int{1, 1}
	if d := n.ints("dilations"); len(d) == 2 && min(d[0], d[1]) >= 1 && max(d[0], d[1]) <= maxWindow {
		w.step = [2]int{int(d[0]), int(d[1])}
	} else if d != nil {
		return w, fmt.Errorf("dilations are %v: want two numbers of at least 1; the file is damaged", d)
	}
	size := [2]int{(kernel[0]-1)*w.step[0] + 1, (kernel[1]-1)*w.step[1] + 1}
	w.kernel = max(size[0], size[1])
	w.first = [2]int{(w.kernel - size[0]) / 2, (w.kernel - size[1]) / 2}
	w.spread = kernel[0] != w.kernel || kernel[1] != w.kernel
	pair := func(name string) (int, error) {
		v := n.ints(name)
		if v == nil {
			return 1, nil
		}
		if len(v) != 2 || v[0] != v[1] || v[0] < 1 || v[0] > maxWindow {
			return 0, fmt.Errorf("%s is %v: only the same for height and width is supported", name, v)
		}
		return int(v[0]), nil
	}
	if w.stride, err = pair("strides"); err != nil {
		return w, err
	}
	switch auto := n.text("auto_pad", "NOTSET"); auto {
	case "NOTSET":
		p := n.ints("pads")
		if p == nil {
			break
		}
		if len(p) != 4 || slices.Min(p) < 0 || slices.Max(p) > maxWindow {
			return w, fmt.Errorf("pads are %v: want four numbers that are not negative", p)
		}
		w.padding = model.Padding{Top: int(p[0]), Left: int(p[1]), Bottom: int(p[2]), Right: int(p[3])}
	case "VALID":
	case "SAME_UPPER", "SAME_LOWER":
		// One window begins at each stride in the map. An odd pixel of padding
		// goes after the map, or before it.
		same := func(pixels, size int) (before, after int) {
			total := max(((pixels+w.stride-1)/w.stride-1)*w.stride+size-pixels, 0)
			if auto == "SAME_LOWER" {
				return total - total/2, total / 2
			}
			return total / 2, total - total/2
		}
		w.padding.Top, w.padding.Bottom = same(x.dims[1], size[0])
		w.padding.Left, w.padding.Right = same(x.dims[2], size[1])
	default:
		return w, fmt.Errorf("auto_pad is %q; the file is damaged", auto)
	}
	w.padding = plus(w.padding, model.Padding{
		Top: w.first[0], Left: w.first[1], Bottom: w.kernel - size[0] - w.first[0], Right: w.kernel - size[1] - w.first[1],
	})
	return w, nil
}

// pool reads MaxPool and AveragePool. An average over the whole map becomes a
// global one.
func (im *importer) pool(n *node, in []*value) (*value, error) {
	x, border, err := im.windowed(in)
	if err != nil {
		return nil, err
	}
	w, err := window(n, x, nil)
	if err != nil {
		return nil, err
	}
	if w.spread {
		return nil, fmt.Errorf("its window is %v with dilations %v: pools of square windows without dilation are supported; change it to one of these", n.ints("kernel_shape"), w.step)
	}
	if len(n.outputs) > 1 && n.outputs[1] != "" && im.reads[n.outputs[1]] > 0 {
		return nil, errors.New("the places of maxima are not supported: export the network without unpooling")
	}
	ceil := n.int("ceil_mode", 0) != 0
	count := n.int("count_include_pad", 0) != 0
	s, name := x.node.Shape, im.names.name(n)
	var op model.Op
	switch {
	case n.op == "MaxPool":
		if border != nil {
			// Zeros that never win are padding, and so is a number below all
			// others.
			if !(border.value == 0 && notNegative(x.node) || border.value <= -math.MaxFloat32) {
				return nil, fmt.Errorf("the Pad node %s before it pads with %v, which may win the maximum: pad in the pool", border.name, border.value)
			}
			w.padding = plus(w.padding, border.Padding)
		}
		op = maxPool(x.node.Shape, w, ceil)
	case border != nil:
		if border.value != 0 || w.padding != (model.Padding{}) && !count {
			return nil, fmt.Errorf("the Pad node %s before it and its own padding cannot be combined: pad in the pool", border.name)
		}
		op = model.AvgPool{Kernel: w.kernel, Stride: w.stride, Padding: plus(w.padding, border.Padding), Ceil: ceil, CountPadding: true}
	case w.kernel == s.H && w.kernel == s.W && w.padding == (model.Padding{}):
		op = model.GlobalAvgPool{}
	default:
		op = model.AvgPool{Kernel: w.kernel, Stride: w.stride, Padding: w.padding, Ceil: ceil, CountPadding: count && w.padding != (model.Padding{})}
	}
	p, err := im.add(name, op, x.node)
	if err != nil {
		return nil, err
	}
	return mapOf(p), nil
}

// maxPool returns a maximum pool. Before operator set 10 there is no ceil_mode, and
// PyTorch instead writes more padding after the map than is otherwise allowed. That
// equals rounding up with less padding.
func maxPool(s model.Shape, w win, ceil bool) model.MaxPool {
	p := w.padding
	p.Bottom, p.Right = min(p.Bottom, w.kernel/2), min(p.Right, w.kernel/2)
	if ceil || p == w.padding {
		return model.MaxPool{Kernel: w.kernel, Stride: w.stride, Padding: w.padding, Ceil: ceil}
	}
	// count returns how many windows fit into size pixels with their padding.
	count := func(size int) int { return max(size-w.kernel, 0)/w.stride + 1 }
	up := w.stride - 1
	if count(s.H+w.padding.Top+w.padding.Bottom) != count(s.H+p.Top+p.Bottom+up) || count(s.W+w.padding.Left+w.padding.Right) != count(s.W+p.Left+p.Right+up) {
		p = w.padding // the network's Check refuses it
	}
	return model.MaxPool{Kernel: w.kernel, Stride: w.stride, Padding: p, Ceil: p != w.padding}
}

// notNegative reports whether a node's values cannot be below zero.
func notNegative(n *model.Node) bool {
	switch op := n.Op.(type) {
	case model.ReLU, model.Sigmoid, model.HardSigmoid:
		return true
	case model.Clip:
		return op.Min >= 0
	case model.MaxPool, model.AvgPool, model.Dropout, model.Concat:
		return !slices.ContainsFunc(n.Inputs, func(x *model.Node) bool { return !notNegative(x) })
	}
	return false
}

// globalPool reads GlobalAveragePool and GlobalMaxPool.
func (im *importer) globalPool(n *node, in []*value) (*value, error) {
	if !given(in, 0) {
		return nil, errInputs
	}
	x, err := im.settled(in[0])
	if err != nil {
		return nil, err
	}
	if !x.isMap() {
		return nil, fmt.Errorf("it reads a value of shape %s: want [batch][channels][height][width]", x)
	}
	s := x.node.Shape
	var op model.Op = model.GlobalAvgPool{}
	if n.op == "GlobalMaxPool" {
		if s.H != s.W {
			return nil, fmt.Errorf("the maximum over %d×%d pixels is supported for square maps only", s.H, s.W)
		}
		op = model.MaxPool{Kernel: s.H, Stride: s.H}
	}
	p, err := im.add(im.names.name(n), op, x.node)
	if err != nil {
		return nil, err
	}
	return mapOf(p), nil
}

// mean reads a ReduceMean over height and width, in one node or in two.
func (im *importer) mean(n *node, in []*value) (*value, error) {
	if !given(in, 0) {
		return nil, errInputs
	}
	axes, err := axesOf(n, constants(in), 1)
	if err != nil {
		return nil, err
	}
	v := in[0]
	rows := v.rows
	if rows { // the other half of a mean
		w := *v
		w.rows = false
		v = &w
	}
	x, err := im.settled(v)
	if err != nil {
		return nil, err
	}
	over := make([]bool, len(x.dims))
	for _, k := range axes {
		a, err := axis(k, len(x.dims)+1)
		if err != nil {
			return nil, err
		}
		if a == 0 {
			return nil, errors.New("a mean over the batch is not supported")
		}
		over[a-1] = true
	}
	keep := n.int("keepdims", 1) != 0
	s := x.node.Shape
	reduced := func() []int {
		dims := []int{}
		for k, d := range x.dims {
			if !over[k] {
				dims = append(dims, d)
			} else if keep {
				dims = append(dims, 1)
			}
		}
		return dims
	}
	switch {
	case x.isMap() && slices.Equal(over, []bool{false, false, true}) && !rows:
		w := *x
		w.rows, w.dims = true, reduced()
		return &w, nil
	case rows && len(over) > 1 && over[1] && x.dims[0] == s.C && x.dims[1] == s.H && !slices.Contains(over[2:], true):
	case !rows && x.isMap() && slices.Equal(over, []bool{false, true, true}):
	case !rows && x.isMapNHWC() && slices.Equal(over, []bool{true, true, false}):
	case !rows && !x.nhwc && slices.Equal(x.dims, []int{s.C, s.H * s.W}) && slices.Equal(over, []bool{false, true}):
	default:
		return nil, fmt.Errorf("a mean of axes %v of shape %s is not supported, but over height and width it is", axes, x)
	}
	p, err := im.add(im.names.name(n), model.GlobalAvgPool{}, x.node)
	if err != nil {
		return nil, err
	}
	return &value{node: p, dims: reduced(), alone: true}, nil
}

// padding reads a Pad. The next operator takes zeros around maps; zero channels
// are those of a shortcut.
func (im *importer) padding(n *node, in []*value) (*value, error) {
	if !given(in, 0) {
		return nil, errInputs
	}
	v, err := im.through(in[0], n.input(0))
	if err != nil {
		return nil, err
	}
	if v.special() {
		if v, err = im.settled(v); err != nil {
			return nil, err
		}
	}
	if mode := n.text("mode", "constant"); mode != "constant" {
		return nil, fmt.Errorf("padding in mode %s is not supported: pad with zeros", mode)
	}
	pads, fill := n.ints("pads"), n.float("value", 0)
	if given(in, 1) {
		if in[1].constant == nil {
			return nil, errors.New("its pads are not constant: simplify the file with onnxsim first")
		}
		pads = in[1].constant.i
	}
	if given(in, 2) {
		x, ok := in[2].scalar()
		if !ok {
			return nil, errors.New("its value is not one constant number: pad with zeros")
		}
		fill = x
	}
	rank := len(v.dims) + 1
	axes := make([]int64, 0, rank)
	if given(in, 3) && in[3].constant != nil {
		axes = in[3].constant.i
	} else {
		for k := range rank {
			axes = append(axes, int64(k))
		}
	}
	if len(pads) != 2*len(axes) {
		return nil, fmt.Errorf("it has pads %v for %d axes; the file is damaged", pads, len(axes))
	}
	before, after := make([]int, rank), make([]int, rank)
	for k, a := range axes {
		at, err := axis(a, rank)
		if err != nil {
			return nil, err
		}
		if p, q := pads[k], pads[len(axes)+k]; p < 0 || q < 0 || p > 1<<16 || q > 1<<16 {
			return nil, fmt.Errorf("it has pads %v: only numbers that are not negative are supported", pads)
		}
		before[at], after[at] = int(pads[k]), int(pads[len(axes)+k])
	}
	return im.padded(n, v, before, after, fill)
}

// padded adds a border to v, given for the batch and each of its dimensions.
func (im *importer) padded(n *node, v *value, before, after []int, fill float32) (*value, error) {
	if !slices.ContainsFunc(slices.Concat(before, after), func(p int) bool { return p != 0 }) {
		return v, nil
	}
	if len(v.dims) != 3 || before[0]+after[0] != 0 {
		return nil, fmt.Errorf("it pads a value of shape %s: only maps are supported", v)
	}
	c, h, w := 1, 2, 3
	if v.nhwc {
		c, h, w = 3, 1, 2
	}
	border := model.Padding{Top: before[h], Left: before[w], Bottom: after[h], Right: after[w]}
	y := *v
	y.dims = slices.Clone(v.dims)
	for k := range y.dims {
		y.dims[k] += before[k+1] + after[k+1]
	}
	if before[c]+after[c] == 0 {
		var err error
		if v, err = im.shaped(v); err != nil {
			return nil, err
		}
		y.node, y.affine, y.stride = v.node, nil, 0
		y.pad = &pad{border, fill, nodeName(n)}
		return &y, nil
	}
	if border != (model.Padding{}) || fill != 0 {
		return nil, errors.New("it pads channels with other numbers than zero, or pixels too: only channels of zeros are supported")
	}
	stride := max(v.stride, 1)
	if v.affine != nil {
		bare := *v
		bare.stride = 0
		settled, err := im.shaped(&bare)
		if err != nil {
			return nil, err
		}
		y.node, y.affine = settled.node, nil
	}
	p, err := im.add(im.names.name(n), model.PadShortcut{Stride: stride, Before: before[c], After: after[c]}, y.node)
	if err != nil {
		return nil, err
	}
	return &value{node: p, dims: y.dims, nhwc: v.nhwc, alone: true}, nil
}
