package onnx

import (
	"strings"

	"espalier/model"
)

// Float returns a network in float32: with its batch norms as operators of
// their own, or without any where it is fused.
func Float(n *model.Network, h Header) *Model {
	m := newModel(n.Arch, h)
	f := floatGraph{&m.graph}
	x := f.conv(n.Stem, inputName, true)
	for _, b := range n.Blocks {
		x = f.block(b, x)
	}
	x = f.node("GlobalAveragePool", "pool", "pool.average", []string{x})
	x = f.node("Flatten", "flatten", "pool", []string{x}, intAttribute("axis", 1))
	fc := n.Classifier
	weight, bias := f.weight(fc), f.floats(fc.Name+".bias", []int{fc.Out}, fc.Bias...)
	f.node("Gemm", fc.Name, outputName, []string{x, weight, bias}, intAttribute("transB", 1))
	return m
}

type floatGraph struct{ *graph }

// block adds a residual block of input x and returns its output.
func (f floatGraph) block(b *model.Block, x string) string {
	name, shortcut := strings.TrimSuffix(b.Conv1.Name, ".conv1"), x
	y := f.conv(b.Conv2, f.conv(b.Conv1, x, true), false)
	switch {
	case b.Downsample != nil:
		shortcut = f.conv(b.Downsample, x, false)
	case b.Conv1.In != b.Conv1.Out:
		shortcut = f.padShortcut(name, x, b.Conv1.Out-b.Conv1.In)
	}
	sum := f.node("Add", name+".add", name+".sum", []string{y, shortcut})
	return f.node("Relu", name+".relu", name, []string{sum})
}

// conv adds a convolution with what belongs to it, batch norm and ReLU.
func (f floatGraph) conv(l *model.Layer, x string, relu bool) string {
	inputs := []string{x, f.weight(l)}
	if l.Bias != nil {
		inputs = append(inputs, f.floats(l.Name+".bias", []int{l.Out}, l.Bias...))
	}
	// The last operator's output has the layer's name.
	output := func(name string, last bool) string {
		if last {
			return l.Name
		}
		return name
	}
	y := f.node("Conv", l.Name, output(l.Name+".sum", !relu && l.Norm == nil), inputs, convolution(l.Kernel, l.Stride)...)
	if b := l.Norm; b != nil {
		inputs := []string{y}
		for _, p := range []struct {
			name   string
			values []float32
		}{{"weight", b.Gamma}, {"bias", b.Beta}, {"running_mean", b.Mean}, {"running_var", b.Var}} {
			inputs = append(inputs, f.floats(b.Name+"."+p.name, []int{l.Out}, p.values...))
		}
		y = f.node("BatchNormalization", b.Name, output(b.Name, !relu), inputs, floatAttribute("epsilon", model.NormEpsilon))
	}
	if relu {
		y = f.node("Relu", l.Name+".relu", l.Name, []string{y})
	}
	return y
}

func (f floatGraph) weight(l *model.Layer) string {
	return f.floats(l.Name+".weight", l.Shape(), l.Weight...)
}
