package onnx

import (
	"fmt"
	"math"
	"slices"

	"espalier/model"
)

// Float returns a network in float32. Batch norms that are not folded are
// operators of their own. Dropout is left out.
//
// The output of a unit of the graph (see model.Unit) has the unit's name.
func Float(g *model.Graph, h Header) *Model {
	g = g.DropDropout()
	m := newModel(g.Name, g.Input().Shape, g.Classes(), h)
	f := &floatGraph{graph: &m.graph, values: map[*model.Unit]string{}, maps: map[string]bool{}, readers: g.Consumers()}
	units := g.Units()
	for i, u := range units {
		f.unit(u, i == len(units)-1)
	}
	return m
}

// A floatGraph is a graph being written.
type floatGraph struct {
	*graph
	values  map[*model.Unit]string // the name of each unit's output
	maps    map[string]bool        // values with height and width, also of 1
	readers map[*model.Node][]*model.Node
}

// unit adds a unit's operators.
func (f *floatGraph) unit(u *model.Unit, last bool) {
	n := u.Node
	if _, ok := n.Op.(model.Input); ok {
		f.values[u], f.maps[inputName] = inputName, true
		return
	}
	var inputs []string
	for _, in := range u.Inputs {
		inputs = append(inputs, f.values[in])
	}
	// The last operator's output has the unit's name.
	final := n.Name
	if last {
		final = outputName
	}
	output := func(name string, isLast bool) string {
		if isLast {
			return final
		}
		return name
	}
	y := f.operator(n, inputs, output(n.Name+".sum", u.Norm == nil && u.Act == nil))
	if b := u.Norm; b != nil {
		y = f.norm(b, y, output(b.Name, u.Act == nil))
	}
	if u.Act != nil {
		name := u.Act.Name
		if _, ok := u.Act.Op.(model.ReLU); ok {
			name = n.Name + ".relu" // as earlier versions named it
		}
		y = f.activation(u.Act.Op, name, y, final)
	}
	f.values[u] = y
	f.maps[y] = f.isMap(n, inputs[0])
}

// isMap reports whether a node's output has height and width in the file, also
// if both are 1. input is the name of its input.
func (f *floatGraph) isMap(n *model.Node, input string) bool {
	if !n.Shape.IsVector() {
		return true
	}
	switch n.Op.(type) {
	case model.Conv, model.MaxPool, model.AvgPool, model.PadShortcut:
		return true
	case model.GlobalAvgPool:
		return !f.flattened(n)
	case model.Flatten, model.Linear:
		return false
	}
	return f.maps[input] // elementwise operators keep a vector a vector
}

// flattened reports whether a global pool's mean is only read as a vector.
func (f *floatGraph) flattened(n *model.Node) bool {
	return !slices.ContainsFunc(f.readers[n], func(r *model.Node) bool {
		_, linear := r.Op.(model.Linear)
		return !linear
	})
}

// operator adds one operator and returns its output.
func (f *floatGraph) operator(n *model.Node, x []string, output string) string {
	switch op := n.Op.(type) {
	case model.Conv:
		return f.node("Conv", n.Name, output, f.parameters(n, x[0]), convolution(op)...)
	case model.Linear:
		return f.node("Gemm", n.Name, output, f.parameters(n, f.vector(n.Name, x[0])), intAttribute("transB", 1))
	case model.BatchNorm:
		return f.norm(n, x[0], output)
	case model.Add:
		y := x[0]
		for i, other := range x[1:] {
			name, to := n.Name+".add", output
			if i > 0 {
				name = fmt.Sprintf("%s%d", name, i+1)
			}
			if i < len(x)-2 {
				to = fmt.Sprintf("%s.partial%d", n.Name, i+1)
			}
			y = f.node("Add", name, to, []string{y, other})
		}
		return y
	case model.Mul:
		return f.node("Mul", n.Name, output, x)
	case model.Concat:
		return f.node("Concat", n.Name, output, x, intAttribute("axis", 1))
	case model.MaxPool:
		return f.node("MaxPool", n.Name, output, x, pool(op.Kernel, op.Stride, op.Padding, op.Ceil)...)
	case model.AvgPool:
		attributes := pool(op.Kernel, op.Stride, op.Padding, op.Ceil)
		if op.CountPadding {
			attributes = append(attributes, intAttribute("count_include_pad", 1))
		}
		return f.node("AveragePool", n.Name, output, x, attributes...)
	case model.GlobalAvgPool:
		if !f.flattened(n) {
			return f.node("GlobalAveragePool", n.Name, output, x)
		}
		y := f.node("GlobalAveragePool", n.Name, n.Name+".average", x)
		return f.node("Flatten", flattenName(n.Name), output, []string{y}, intAttribute("axis", 1))
	case model.Flatten:
		return f.node("Flatten", n.Name, output, x, intAttribute("axis", 1))
	case model.PadShortcut:
		return f.padShortcut(n.Name, x[0], output, op)
	}
	return f.activation(n.Op, n.Name, x[0], output)
}

// vector returns x without height and width, as Gemm needs it.
func (f *floatGraph) vector(name, x string) string {
	if !f.maps[x] {
		return x
	}
	return f.node("Flatten", name+".flatten", name+".flat", []string{x}, intAttribute("axis", 1))
}

// flattenName returns the name of the flattening after a global pool. After "pool"
// it is the name of earlier versions.
func flattenName(pool string) string {
	if pool == "pool" {
		return "flatten"
	}
	return pool + ".flatten"
}

// parameters returns the inputs of a layer that reads x.
func (f *floatGraph) parameters(l *model.Node, x string) []string {
	inputs := []string{x, f.floats(l.Name+".weight", l.WeightShape(), l.Weight...)}
	if l.Bias != nil {
		inputs = append(inputs, f.floats(l.Name+".bias", []int{l.Out()}, l.Bias...))
	}
	return inputs
}

// norm adds a batch norm of x.
func (f *floatGraph) norm(b *model.Node, x, output string) string {
	inputs := []string{x}
	for _, p := range []struct {
		name   string
		values []float32
	}{{"weight", b.Weight}, {"bias", b.Bias}, {"running_mean", b.Mean}, {"running_var", b.Var}} {
		inputs = append(inputs, f.floats(b.Name+"."+p.name, []int{b.Out()}, p.values...))
	}
	return f.node("BatchNormalization", b.Name, output, inputs, floatAttribute("epsilon", float32(b.Op.(model.BatchNorm).Epsilon)))
}

// activation adds an elementwise function of x.
func (f *floatGraph) activation(op model.Op, name, x, output string) string {
	switch op := op.(type) {
	case model.ReLU:
		return f.node("Relu", name, output, []string{x})
	case model.Clip:
		low, high := f.floats(name+".min", nil, op.Min), f.floats(name+".max", nil, op.Max)
		return f.node("Clip", name, output, []string{x, low, high})
	case model.LeakyReLU:
		return f.node("LeakyRelu", name, output, []string{x}, floatAttribute("alpha", op.Slope))
	case model.Sigmoid:
		return f.node("Sigmoid", name, output, []string{x})
	case model.HardSigmoid:
		return f.hardSigmoid(name, x, output)
	case model.SiLU: // operator set 13 has neither of these two as one operator
		gate := f.node("Sigmoid", name+".gate", name+".gate", []string{x})
		return f.node("Mul", name, output, []string{x, gate})
	case model.HardSwish:
		return f.node("Mul", name, output, []string{x, f.hardSigmoid(name+".gate", x, name+".gate")})
	}
	panic("onnx: no operator for " + model.OpName(op))
}

func (f *floatGraph) hardSigmoid(name, x, output string) string {
	return f.node("HardSigmoid", name, output, []string{x}, floatAttribute("alpha", 1.0/6), floatAttribute("beta", 0.5))
}

// convolution returns a convolution's attributes.
func convolution(op model.Conv) []attribute {
	all := windows(op.Kernel, op.Stride, op.Padding)
	if op.Groups != 1 {
		all = append(all, intAttribute("group", int64(op.Groups)))
	}
	return all
}

func pool(kernel, stride int, p model.Padding, ceil bool) []attribute {
	all := windows(kernel, stride, p)
	if ceil {
		all = append(all, intAttribute("ceil_mode", 1))
	}
	return all
}

func windows(kernel, stride int, p model.Padding) []attribute {
	k, s := int64(kernel), int64(stride)
	return []attribute{
		intsAttribute("kernel_shape", k, k), intsAttribute("strides", s, s),
		intsAttribute("pads", int64(p.Top), int64(p.Left), int64(p.Bottom), int64(p.Right)),
	}
}

// padShortcut adds the shortcut without parameters: every few pixels of x, with
// zero channels before and after.
func (g *graph) padShortcut(name, x, output string, op model.PadShortcut) string {
	step := fmt.Sprintf("pixels.step%d", op.Stride)
	if op.Stride == 2 {
		step = "pixels.step" // as earlier versions named it
	}
	// The same constants serve all nodes.
	constant := func(name string, values ...int64) string {
		if !slices.ContainsFunc(g.initializers, func(t tensor) bool { return t.name == name }) {
			g.int64s(name, values...)
		}
		return name
	}
	y := x
	if op.Stride > 1 {
		y = g.node("Slice", name+".pixels", name+".pixels", []string{
			x, constant("pixels.start", 0, 0), constant("pixels.end", math.MaxInt64, math.MaxInt64),
			constant("pixels.axes", 2, 3), constant(step, int64(op.Stride), int64(op.Stride)),
		})
	}
	pads := g.int64s(name+".pads", 0, int64(op.Before), 0, 0, 0, int64(op.After), 0, 0)
	return g.node("Pad", name, output, []string{y, pads})
}
