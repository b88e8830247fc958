package onnx

import (
	"encoding/binary"
	"math"

	"espalier/model"
	"espalier/model/kernel"
)

// An IntegerNetwork is what this package needs of an integer network.
type IntegerNetwork interface {
	// Graph returns the graph that is computed, without weights.
	Graph() *model.Graph
	// Quantization returns the scale and zero point of a node's output. It is not
	// ok if the output stays real: before an activation that is computed in the
	// same step, and for logits in float32.
	Quantization(node string) (a kernel.Affine, ok bool)
	// Parameters returns what belongs to a convolution or linear layer: codes
	// laid out as weights, and for each output channel their scale and the bias.
	// Of a batch norm it returns each channel's factor and term, and no codes.
	Parameters(node string) (codes []int8, scale, bias []float32)
	// WeightBits returns how many bits a layer's codes have: 8, or fewer.
	WeightBits(layer string) int
}

// Integer returns an integer network. DequantizeLinear turns codes into real
// values, an operator works on them, and QuantizeLinear turns the results into
// codes. A runtime fuses the three; without fusion the results are the same up
// to rounding.
//
// A layer's weights are int8 with one scale for each output channel, its bias
// is int32 in units of input scale · weight scale, as integer kernels need it.
func Integer(n IntegerNetwork, h Header) *Model {
	g := n.Graph()
	m := newModel(g.Name, g.Input().Shape, g.Classes(), h)
	q := &integerGraph{
		floatGraph: &floatGraph{graph: &m.graph, maps: map[string]bool{}, readers: g.Consumers()},
		net:        n, int4: h.Int4, of: map[*model.Node]string{}, scales: map[*model.Node]float32{}, last: g.Output(),
	}
	for _, u := range g.Units() {
		if _, own := n.Quantization(u.Node.Name); own && u.Act != nil {
			q.step(u.Node, u.Node) // the activation is a step of its own
			q.step(u.Act, u.Act)
		} else {
			q.step(u.Node, u.Output())
		}
	}
	return m
}

// An integerGraph is a graph being written.
type integerGraph struct {
	*floatGraph
	net    IntegerNetwork
	int4   bool                    // weights of up to 4 bits are int4
	of     map[*model.Node]string  // the name of each node's value after DequantizeLinear
	scales map[*model.Node]float32 // of values that have codes
	last   *model.Node
}

// step adds one operator, its activation if end is one, and the rounding to
// codes. The resulting value has the operator's name.
func (q *integerGraph) step(n, end *model.Node) {
	a, quantized := q.net.Quantization(end.Name)
	q.scales[end] = a.Scale
	if _, ok := n.Op.(model.Input); ok {
		q.of[end] = q.requantize(n.Name, inputName, n.Name+".dequantized", a)
		q.maps[q.of[end]] = true
		return
	}
	final := n.Name
	if end == q.last {
		final = outputName
	}
	_, global := n.Op.(model.GlobalAvgPool)
	flatten := global && q.flattened(n)
	// The value is rounded before it is flattened.
	before, after := n.Name+".sum", final
	if global {
		before = n.Name + ".average"
	}
	if flatten {
		after = n.Name + ".dequantized"
	}
	if !quantized && !flatten && end == n {
		before = final
	}
	y := q.compute(n, before)
	if end != n {
		real := n.Name + ".real"
		if !quantized {
			real = final
		}
		name := end.Name
		if _, ok := end.Op.(model.ReLU); ok {
			name = n.Name + ".relu" // as earlier versions named it
		}
		y = q.activation(end.Op, name, y, real)
	}
	if quantized {
		y = q.requantize(n.Name, y, after, a)
	}
	if flatten {
		y = q.node("Flatten", flattenName(n.Name), final, []string{y}, intAttribute("axis", 1))
	}
	q.of[end] = y
	q.maps[y] = q.isMap(n, q.of[n.Inputs[0]])
}

// compute adds an operator on real values and returns its output.
func (q *integerGraph) compute(n *model.Node, output string) string {
	var x []string
	for _, in := range n.Inputs {
		x = append(x, q.of[in])
	}
	switch op := n.Op.(type) {
	case model.Conv:
		return q.node("Conv", n.Name, output, q.layer(n, x[0]), convolution(op)...)
	case model.Linear:
		return q.node("Gemm", n.Name, output, q.layer(n, q.vector(n.Name, x[0])), intAttribute("transB", 1))
	case model.BatchNorm:
		return q.scaled(n, x[0], output)
	case model.GlobalAvgPool:
		return q.node("GlobalAveragePool", n.Name, output, x)
	case model.Quantize:
		return q.limited(n, op.Bits, x[0], output)
	}
	return q.operator(n, x, output)
}

// limited holds real values to those that codes of so many bits stand for, which
// QuantizeLinear does not know of: it gives all 256 codes.
func (q *integerGraph) limited(n *model.Node, bits int, x, output string) string {
	a, _ := q.net.Quantization(n.Name)
	most := uint8(1<<bits - 1)
	return q.node("Clip", n.Name, output, []string{x, q.floats(n.Name+".min", nil, a.Dequantize(0)), q.floats(n.Name+".max", nil, a.Dequantize(most))})
}

// scaled adds a batch norm, which is a factor and a term for each channel.
func (q *integerGraph) scaled(n *model.Node, x, output string) string {
	_, factor, term := q.net.Parameters(n.Name)
	shape := []int{n.Out()}
	if q.maps[x] {
		shape = append(shape, 1, 1)
	}
	y := q.node("Mul", n.Name+".mul", n.Name+".scaled", []string{x, q.floats(n.Name+".factor", shape, factor...)})
	return q.node("Add", n.Name+".add", output, []string{y, q.floats(n.Name+".bias", shape, term...)})
}

// requantize turns real values x into codes and back. output names the result.
func (q *integerGraph) requantize(point, x, output string, a kernel.Affine) string {
	scale := q.floats(point+".output_scale", nil, a.Scale)
	zero := q.initializer(point+".output_zero_point", typeUint8, nil, []byte{a.Zero})
	codes := q.node("QuantizeLinear", point+".quantize", point+".codes", []string{x, scale, zero})
	return q.node("DequantizeLinear", point+".dequantize", output, []string{codes, scale, zero})
}

// layer adds a layer's weight and bias and returns the inputs of its operator,
// which reads x.
func (q *integerGraph) layer(n *model.Node, x string) []string {
	p := newParameters(q.net, n.Name, q.scales[n.Inputs[0]])
	int4 := q.int4 && q.net.WeightBits(n.Name) <= 4
	biases := make([]byte, 0, 4*n.Out())
	for _, b := range p.bias {
		biases = binary.LittleEndian.AppendUint32(biases, uint32(b))
	}
	out := []int{n.Out()}
	perChannel := intAttribute("axis", 0)
	weight := q.node("DequantizeLinear", n.Name+".weight.dequantize", n.Name+".weight.real", []string{
		q.codes(n.Name+".weight", n.WeightShape(), int4, p.weight),
		q.floats(n.Name+".weight_scale", out, p.scale...),
		q.codes(n.Name+".weight_zero_point", out, int4, make([]int8, n.Out())),
	}, perChannel)
	bias := q.node("DequantizeLinear", n.Name+".bias.dequantize", n.Name+".bias.real", []string{
		q.initializer(n.Name+".bias", typeInt32, out, biases),
		q.floats(n.Name+".bias_scale", out, p.biasScale...),
	}, perChannel)
	return []string{x, weight, bias}
}

// codes adds codes as int8, or as int4.
func (q *integerGraph) codes(name string, shape []int, int4 bool, codes []int8) string {
	if !int4 {
		raw := make([]byte, len(codes))
		for i, c := range codes {
			raw[i] = byte(c)
		}
		return q.initializer(name, typeInt8, shape, raw)
	}
	raw := make([]byte, (len(codes)+1)/2)
	for i, c := range codes {
		raw[i/2] |= byte(c) & 15 << (i % 2 * 4)
	}
	return q.initializer(name, typeInt4, shape, raw)
}

// parameters are a layer's weights and biases with the biases in integers.
type parameters struct {
	weight    []int8
	scale     []float32 // of weights, [out]
	bias      []int32
	biasScale []float32 // input scale · weight scale
}

// newParameters converts the bias to units of input scale · weight scale. If a
// channel's weights are all zero, its bias chooses the scale. If they are so small
// that its bias overflows, the channel gets a larger scale, and its codes are
// rounded to it. A code loses at most a half, times an activation of at most 255,
// so that a sum over f weights loses at most ½ · 255 · f · 2⁻³⁰ of the bias: 0.4 %
// where f is 32,768, the most that a network in integers may have, and 0.007 %
// where f is 576.
func newParameters(n IntegerNetwork, layer string, in float32) parameters {
	codes, scales, biases := n.Parameters(layer)
	out := len(biases)
	p := parameters{
		weight: append([]int8(nil), codes...), scale: append([]float32(nil), scales...),
		bias: make([]int32, out), biasScale: make([]float32, out),
	}
	fan := len(codes) / out
	for k := range out {
		p.scale[k] = fitBias(p.weight[k*fan:(k+1)*fan], scales[k], in, biases[k])
		p.biasScale[k] = in * p.scale[k]
		p.bias[k] = int32(math.RoundToEven(float64(biases[k]) / float64(p.biasScale[k])))
	}
	return p
}

// fitBias returns a scale for one channel's weights with which its bias fits 31
// bits, and converts the codes to it.
func fitBias(codes []int8, scale, in, bias float32) float32 {
	const (
		most     = 1 << 30  // leaves as much room to the sum of up to 32,768 products
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
