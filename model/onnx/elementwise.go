package onnx

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"

	"espalier/model"
)

// decimal returns the number that a float32 was written for: 0.1 and not
// 0.10000000149.
func decimal(x float64) float64 {
	y, err := strconv.ParseFloat(strconv.FormatFloat(x, 'g', -1, 32), 64)
	if err != nil {
		return x
	}
	return y
}

// unary adds an elementwise function of v.
func (im *importer) unary(name string, op model.Op, v *value) (*value, error) {
	x, err := im.settled(v)
	if err != nil {
		return nil, err
	}
	n, err := im.add(name, op, x.node)
	if err != nil {
		return nil, err
	}
	return like(n, x), nil
}

// activation reads the functions of one value except Clip.
func (im *importer) activation(n *node, in []*value) (*value, error) {
	if !given(in, 0) {
		return nil, errInputs
	}
	name := im.names.name(n)
	switch n.op {
	case "Relu":
		return im.unary(name, model.ReLU{}, in[0])
	case "LeakyRelu":
		return im.unary(name, model.LeakyReLU{Slope: n.float("alpha", 0.01)}, in[0])
	case "PRelu":
		slopes, err := weights32(in, 1, "slope")
		if err != nil {
			return nil, err
		}
		if len(slopes.f) == 0 || slices.Min(slopes.f) != slices.Max(slopes.f) {
			return nil, errors.New("slopes that differ by channel are not supported: use LeakyReLU")
		}
		return im.unary(name, model.LeakyReLU{Slope: slopes.f[0]}, in[0])
	case "Sigmoid":
		return im.unary(name, model.Sigmoid{}, in[0])
	case "HardSwish":
		return im.unary(name, model.HardSwish{}, in[0])
	}
	return im.hardSigmoid(name, in[0], float64(n.float("alpha", 0.2)), float64(n.float("beta", 0.5)))
}

// hardSigmoid adds min(max(alpha·x + beta, 0), 1).
func (im *importer) hardSigmoid(name string, v *value, alpha, beta float64) (*value, error) {
	if near(alpha, 1.0/6) && near(beta, 0.5) {
		return im.unary(name, model.HardSigmoid{}, v)
	}
	x, err := im.settled(v)
	if err != nil {
		return nil, err
	}
	c := x.node.Shape.C
	if err := im.spend(6 * c); err != nil {
		return nil, err
	}
	line, err := im.affineNorm(name+".line", x.node, slices.Repeat([]float64{alpha}, c), slices.Repeat([]float64{beta}, c))
	if err != nil {
		return nil, err
	}
	return im.clipped(name, like(line, x), 0, 1)
}

// clip reads Clip, whose bounds are attributes before operator set 11 and inputs
// since then, and Max and Min with one number. A bound may be missing.
func (im *importer) clip(n *node, in []*value) (*value, error) {
	low, high := float32(-math.MaxFloat32), float32(math.MaxFloat32)
	bound := func(k int, to *float32) error {
		if !given(in, k) {
			return nil
		}
		x, ok := in[k].scalar()
		if !ok || x != x {
			return errors.New("a bound is not one constant number: only fixed bounds are supported")
		}
		*to = max(min(x, math.MaxFloat32), -math.MaxFloat32)
		return nil
	}
	var x *value
	switch {
	case n.op == "Clip":
		low, high = n.float("min", low), n.float("max", high)
		if err := errors.Join(bound(1, &low), bound(2, &high)); err != nil {
			return nil, err
		}
		if given(in, 0) {
			x = in[0]
		}
	case len(in) == 2 && in[0] != nil && in[1] != nil:
		k := 0 // the data's place
		if in[0].constant != nil {
			k = 1
		}
		x = in[k]
		to := &low
		if n.op == "Min" {
			to = &high
		}
		if err := bound(1-k, to); err != nil {
			return nil, err
		}
	}
	if x == nil || x.constant != nil {
		return nil, errInputs
	}
	if low == -math.MaxFloat32 && high == math.MaxFloat32 {
		return im.through(x, n.input(0))
	}
	return im.clipped(im.names.name(n), x, low, high)
}

// clipped adds a clip, or an equal operator: a clip from 0 to 6 of x + 3 is
// 6·hardsigmoid(x).
func (im *importer) clipped(name string, v *value, low, high float32) (*value, error) {
	switch {
	case low == 0 && high == math.MaxFloat32:
		return im.unary(name, model.ReLU{}, v)
	case low == 0 && high == 6 && v.affine.is(1, 3) && v.stride <= 1 && !v.special():
		n, err := im.add(name, model.HardSigmoid{}, v.node)
		if err != nil {
			return nil, err
		}
		y := like(n, v)
		y.affine = &affine{[]float64{6}, []float64{0}, name}
		return y, nil
	}
	return im.unary(name, model.Clip{Min: low, Max: high}, v)
}

// is reports whether a pending map is scale·x + shift with these numbers.
func (a *affine) is(scale, shift float64) bool {
	return a != nil && len(a.scale) == 1 && len(a.shift) == 1 && a.scale[0] == scale && a.shift[0] == shift
}

// sum reads Add and Sum: of values, or of a value and a constant.
func (im *importer) sum(n *node, in []*value) (*value, error) {
	if len(in) == 0 || slices.Contains(in, nil) {
		return nil, errInputs
	}
	if n.op == "Sum" && len(in) == 1 {
		return im.through(in[0], n.input(0))
	}
	if len(in) == 2 && (in[0].constant != nil || in[1].constant != nil) {
		return im.scale(n, in)
	}
	first, err := im.settled(in[0])
	if err != nil {
		return nil, err
	}
	all := []*value{}
	for _, v := range in[1:] {
		w, err := im.settled(v)
		if err != nil {
			return nil, err
		}
		all = append(all, w)
	}
	return im.added(im.names.name(n), first, all...)
}

// added adds a sum of values.
func (im *importer) added(name string, first *value, others ...*value) (*value, error) {
	nodes := []*model.Node{first.node}
	for _, v := range others {
		if !slices.Equal(v.dims, first.dims) || v.nhwc != first.nhwc {
			return nil, fmt.Errorf("it adds values of shapes %s and %s: only sums of equal shapes are supported", first, v)
		}
		nodes = append(nodes, v.node)
	}
	n, err := im.add(name, model.Add{}, nodes...)
	if err != nil {
		return nil, err
	}
	return like(n, first), nil
}

// scale reads Add, Sub, Mul and Div of a value and a constant: one number, or
// one for each channel.
func (im *importer) scale(n *node, in []*value) (*value, error) {
	if len(in) != 2 || in[0] == nil || in[1] == nil || in[0].constant == nil && in[1].constant == nil {
		return nil, errors.New("it works on two values of the network: only sums and products of two are supported")
	}
	data := 0
	if in[0].constant != nil {
		data = 1
	}
	v, err := im.through(in[data], n.input(data))
	if err != nil {
		return nil, err
	}
	if v.special() || v.stride > 1 {
		if v, err = im.settled(v); err != nil {
			return nil, err
		}
	}
	numbers, err := im.channelConstant(v, in, 1-data)
	if err != nil {
		return nil, err
	}
	w := *v
	w.affine = &affine{[]float64{1}, []float64{0}, im.names.name(n)}
	if v.affine != nil {
		w.affine.scale, w.affine.shift = v.affine.scale, v.affine.shift
	}
	a := w.affine
	switch {
	case n.op == "Mul":
		a.scale, a.shift = zip(a.scale, numbers, times), zip(a.shift, numbers, times)
	case n.op == "Div" && data == 0:
		a.scale, a.shift = zip(a.scale, numbers, over), zip(a.shift, numbers, over)
	case n.op == "Add" || n.op == "Sum":
		a.shift = zip(a.shift, numbers, func(x, y float64) float64 { return x + y })
	case n.op == "Sub" && data == 0:
		a.shift = zip(a.shift, numbers, func(x, y float64) float64 { return x - y })
	case n.op == "Sub": // constant − x
		a.scale = zip(a.scale, []float64{-1}, times)
		a.shift = zip(numbers, a.shift, func(x, y float64) float64 { return x - y })
	default:
		return nil, errors.New("it divides by the network's values: only division by a constant is supported")
	}
	if len(a.scale) == 1 && len(a.shift) == 1 && math.Abs(a.scale[0]-1) < 1e-6 && a.shift[0] == 0 {
		w.affine = nil
	}
	return &w, nil
}

func times(x, y float64) float64 { return x * y }
func over(x, y float64) float64  { return x / y }

// zip applies f to pairs; a single number pairs with all.
func zip(x, y []float64, f func(x, y float64) float64) []float64 {
	z := make([]float64, max(len(x), len(y)))
	for k := range z {
		z[k] = f(x[min(k, len(x)-1)], y[min(k, len(y)-1)])
	}
	return z
}

// channelConstant returns a constant that is combined with v: one number, or one
// for each channel after broadcasting.
func (im *importer) channelConstant(v *value, in []*value, k int) ([]float64, error) {
	a, err := weights32(in, k, "constant")
	if err != nil {
		return nil, err
	}
	if err := im.spend(4 * len(a.f)); err != nil {
		return nil, err
	}
	if len(a.f) == 1 {
		return []float64{float64(a.f[0])}, nil
	}
	at, err := v.channelAxis()
	if err != nil {
		return nil, err
	}
	place := len(a.dims) - len(v.dims) + at // of the channels among a's dimensions
	if len(a.dims) > len(v.dims)+1 || place < 0 || a.dims[place] != v.node.Shape.C || len(a.f) != v.node.Shape.C {
		return nil, fmt.Errorf("it combines a value of shape %s with a constant of shape %v: only one number, or one for each channel, is supported", v, a.dims)
	}
	all := make([]float64, len(a.f))
	for c, x := range a.f {
		all[c] = float64(x)
	}
	return all, nil
}

// mul reads a Mul: a scale, x·sigmoid(x), x·hardsigmoid(x), or a gate.
func (im *importer) mul(n *node, in []*value) (*value, error) {
	if len(in) != 2 || in[0] == nil || in[1] == nil {
		return nil, errInputs
	}
	if in[0].constant != nil || in[1].constant != nil {
		return im.scale(n, in)
	}
	name := im.names.name(n)
	for k := range 2 {
		if g := in[k]; g.wide != nil && slices.Equal(g.wide, in[1-k].dims) {
			w := *g
			w.wide = nil
			in[k] = &w // a product repeats it by itself
		}
	}
	for k := range 2 {
		if y, err := im.gated(name, in[k], in[1-k]); y != nil || err != nil {
			return y, err
		}
	}
	x, err := im.settled(in[0])
	if err != nil {
		return nil, err
	}
	g, err := im.settled(in[1])
	if err != nil {
		return nil, err
	}
	if !gates(x, g) && !slices.Equal(x.dims, g.dims) {
		x, g = g, x
	}
	if !gates(x, g) && !(slices.Equal(x.dims, g.dims) && x.nhwc == g.nhwc) {
		return nil, fmt.Errorf("it multiplies values of shapes %s and %s: only equal shapes, or one value for each channel, are supported", x, g)
	}
	m, err := im.add(name, model.Mul{}, x.node, g.node)
	if err != nil {
		return nil, err
	}
	return like(m, x), nil
}

// gates reports whether g holds one value for each channel of x.
func gates(x, g *value) bool {
	c := x.node.Shape.C
	if !g.node.Shape.IsVector() || g.node.Shape.C != c {
		return false
	}
	return x.isMap() && slices.Equal(g.dims, []int{c, 1, 1}) || x.isMapNHWC() && slices.Equal(g.dims, []int{1, 1, c})
}

// gated returns x·sigmoid(x) or x·hardsigmoid(x) as one operator, if gate is
// computed from x. A scale of the gate becomes one of the product.
func (im *importer) gated(name string, v, gate *value) (*value, error) {
	if gate.node == nil || v.node == nil || gate.stride > 1 || gate.special() {
		return nil, nil
	}
	var op model.Op
	switch gate.node.Op.(type) {
	case model.Sigmoid:
		op = model.SiLU{}
	case model.HardSigmoid:
		op = model.HardSwish{}
	default:
		return nil, nil
	}
	if a := gate.affine; a != nil && (len(a.shift) != 1 || a.shift[0] != 0) {
		return nil, nil
	}
	x, err := im.settled(v)
	if err != nil {
		return nil, err
	}
	if gate.node.Inputs[0] != x.node || !slices.Equal(x.dims, gate.dims) || x.nhwc != gate.nhwc {
		return nil, nil
	}
	y, err := im.unary(name, op, x)
	if err == nil {
		y.affine = gate.affine
	}
	return y, err
}
