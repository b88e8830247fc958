package onnx

import (
	"encoding/binary"
	"math"

	"espalier/compress/quantize"
	"espalier/model"
	"espalier/model/kernel"
)

// Integer returns a network in integers: every operator works on real values
// that DequantizeLinear makes of codes and QuantizeLinear takes back to codes.
// A runtime fuses the three; one that does not computes the same up to
// rounding.
//
// A layer's weights are int8 with one scale for each output channel, its bias
// is int32 in units of input scale · weight scale, as integer kernels want it.
func Integer(n *quantize.Network, h Header) *Model {
	m := newModel(n.Arch.String(), model.Shape{C: 3, H: 32, W: 32}, n.Classifier.Out, h)
	q := integerGraph{&m.graph}
	x := q.requantize("input", inputName, "input.dequantized", n.Input)
	x = q.conv(n.Stem, x, n.Input, true)
	in := n.Stem.Output
	for _, b := range n.Blocks {
		x = q.block(b, x, in)
		in = b.Sum
	}
	x = q.node("GlobalAveragePool", "pool", "pool.average", []string{x})
	x = q.requantize("pool", x, "pool.dequantized", n.Pool)
	x = q.node("Flatten", "flatten", "pool", []string{x}, intAttribute("axis", 1))
	q.classifier(n, x)
	return m
}

type integerGraph struct{ *graph }

// block adds a residual block of input x and returns its output.
func (q integerGraph) block(b *quantize.Block, x string, in kernel.Affine) string {
	name, shortcut := b.Name(), x
	y := q.conv(b.Conv2, q.conv(b.Conv1, x, in, true), b.Conv1.Output, false)
	switch {
	case b.Downsample != nil:
		shortcut = q.conv(b.Downsample, x, in, false)
	case b.Conv1.In != b.Conv1.Out:
		half := (b.Conv1.Out - b.Conv1.In) / 2
		shortcut = q.padShortcut(name+".shortcut", x, name+".shortcut", model.PadShortcut{Stride: 2, Before: half, After: half})
	}
	sum := q.node("Add", name+".add", name+".sum", []string{y, shortcut})
	sum = q.node("Relu", name+".relu", name+".real", []string{sum})
	return q.requantize(name, sum, name, b.Sum)
}

// conv adds a convolution of values that have the quantization in.
func (q integerGraph) conv(l *quantize.Layer, x string, in kernel.Affine, relu bool) string {
	weight, bias := q.parameters(l, in.Scale)
	y := q.node("Conv", l.Name, l.Name+".sum", []string{x, weight, bias}, convolution(model.Conv{Kernel: l.Kernel, Stride: l.Stride, Padding: model.Pad2D(l.Kernel / 2), Groups: 1})...)
	if relu {
		y = q.node("Relu", l.Name+".relu", l.Name+".real", []string{y})
	}
	return q.requantize(l.Name, y, l.Name, l.Output)
}

// classifier adds the last layer; its output is quantized where the recipe
// does so.
func (q integerGraph) classifier(n *quantize.Network, x string) {
	l := n.Classifier
	weight, bias := q.parameters(l, n.Pool.Scale)
	output := outputName
	if !n.Recipe.FloatLogits {
		output = l.Name + ".sum"
	}
	y := q.node("Gemm", l.Name, output, []string{x, weight, bias}, intAttribute("transB", 1))
	if !n.Recipe.FloatLogits {
		q.requantize(l.Name, y, outputName, l.Output)
	}
}

// requantize takes real values x to codes and back: output holds real values
// that have codes.
func (q integerGraph) requantize(point, x, output string, a kernel.Affine) string {
	scale := q.floats(point+".output_scale", nil, a.Scale)
	zero := q.initializer(point+".output_zero_point", typeUint8, nil, []byte{a.Zero})
	codes := q.node("QuantizeLinear", point+".quantize", point+".codes", []string{x, scale, zero})
	return q.node("DequantizeLinear", point+".dequantize", output, []string{codes, scale, zero})
}

// parameters adds a layer's weight and bias and returns their real values.
func (q integerGraph) parameters(l *quantize.Layer, in float32) (weight, bias string) {
	p := newParameters(l, in)
	shape := []int{l.Out, l.In, l.Kernel, l.Kernel}
	if l.Kind == model.LinearKind {
		shape = shape[:2]
	}
	codes := make([]byte, len(p.weight))
	for i, w := range p.weight {
		codes[i] = byte(w)
	}
	biases := make([]byte, 0, 4*l.Out)
	for _, b := range p.bias {
		biases = binary.LittleEndian.AppendUint32(biases, uint32(b))
	}
	out := []int{l.Out}
	perChannel := intAttribute("axis", 0)
	weight = q.node("DequantizeLinear", l.Name+".weight.dequantize", l.Name+".weight.real", []string{
		q.initializer(l.Name+".weight", typeInt8, shape, codes),
		q.floats(l.Name+".weight_scale", out, p.scale...),
		q.initializer(l.Name+".weight_zero_point", typeInt8, out, make([]byte, l.Out)),
	}, perChannel)
	bias = q.node("DequantizeLinear", l.Name+".bias.dequantize", l.Name+".bias.real", []string{
		q.initializer(l.Name+".bias", typeInt32, out, biases),
		q.floats(l.Name+".bias_scale", out, p.biasScale...),
	}, perChannel)
	return weight, bias
}

// parameters are a layer's weights and biases with the biases in integers.
type parameters struct {
	weight    []int8
	scale     []float32 // of weights, [out]
	bias      []int32
	biasScale []float32 // input scale · weight scale
}

// newParameters brings the bias to units of input scale · weight scale. A
// channel whose weights are all zero has no scale of its own to keep: its bias
// decides. One whose weights are so small that its bias overflows gets a
// larger scale, and its codes are rounded to it: what they lose is less than
// a ten-thousandth of the bias (½ · 255 · 576 weights · 2⁻³⁰).
func newParameters(l *quantize.Layer, in float32) parameters {
	p := parameters{
		weight: append([]int8(nil), l.Weight...), scale: append([]float32(nil), l.Scale...),
		bias: make([]int32, l.Out), biasScale: make([]float32, l.Out),
	}
	fan := len(l.Weight) / l.Out
	for k := range l.Out {
		p.scale[k] = fitBias(p.weight[k*fan:(k+1)*fan], l.Scale[k], in, l.Bias[k])
		p.biasScale[k] = in * p.scale[k]
		p.bias[k] = int32(math.RoundToEven(float64(l.Bias[k]) / float64(p.biasScale[k])))
	}
	return p
}

// fitBias returns a scale for one channel's weights with which its bias fits
// 31 bits, and takes the codes to it.
func fitBias(codes []int8, scale, in, bias float32) float32 {
	const (
		most     = 1 << 30  // leaves as much room to the sum
		smallest = 0x1p-126 // normal float32
		exact    = 1 << 24  // float32 holds whole numbers up to here
	)
	magnitude := math.Abs(float64(bias))
	if allZero(codes) {
		if bias == 0 {
			return 1
		}
		return float32(magnitude / exact / float64(in))
	}
	least := float32(max(magnitude/most, smallest) / float64(in))
	if scale >= least {
		return scale
	}
	for i, c := range codes {
		codes[i] = int8(math.RoundToEven(float64(c) * float64(scale) / float64(least)))
	}
	return least
}

func allZero(codes []int8) bool {
	for _, c := range codes {
		if c != 0 {
			return false
		}
	}
	return true
}
