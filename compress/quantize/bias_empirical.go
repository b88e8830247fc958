package quantize

import (
	"slices"

	"espalier/model"
)

// observedAtOnce is how many images the integer network is observed on at a time:
// it keeps all their values.
const observedAtOnce = 8

// A biasShift is how far a layer's biases were moved, as the mean magnitude over its
// channels, in real units.
type biasShift struct {
	Layer string
	Mean  float64
}

// correctBiases moves the biases of n so that the mean of every output channel,
// before the activation, is that of g over images x, layer by layer: each sees the
// corrections before it. The difference of the means is W·E[x] − Ŵ·E[x̂], with inputs x
// of g and x̂ of n (Nagel et al. 2019, "Data-Free Quantization Through Weight
// Equalization and Bias Correction", section 4.2 and appendix D). It calls between
// before each layer; an error from it ends the correction.
func correctBiases(n *Network, g *model.Graph, v Floats, e *model.Engine, x []float32, between func() error) ([]biasShift, error) {
	folded := g.ForInference()
	images := len(x) / folded.Input().Shape.Len()
	float := map[string][]float64{} // what g gives before the bias, by layer
	readers := map[string][]*Node{}
	for _, l := range n.Layers() {
		readers[l.observedInput().Point()] = append(readers[l.observedInput().Point()], l)
	}
	v.Observe(x, func(point string, rows model.Rows) {
		for _, l := range readers[point] {
			values := planes(rows, l.Inputs[0].Shape, images)
			float[l.Name] = meanOutputs(l, folded.Node(l.Name).Weight, values)
		}
	})
	var all []biasShift
	for _, l := range n.Layers() {
		want, ok := float[l.Name]
		if !ok {
			continue
		}
		if err := between(); err != nil {
			return nil, err
		}
		have := make([]float64, len(want))
		v := NewEvaluator(n, e)
		for part := range slices.Chunk(x, observedAtOnce*v.pixels) {
			v.Observe(part, func(a Activation) {
				if a.Point == l.observedInput().Point() {
					if in := l.Inputs[0]; in != l.observedInput() { // fewer bits
						for i, v := range a.Values {
							a.Values[i] = in.Output.Dequantize(min(in.Output.Quantize(v), in.largest()))
						}
					}
					for k, mean := range meanOutputs(l, l.weights(), a.Values) {
						have[k] += mean * float64(len(part)) / float64(len(x))
					}
				}
			})
		}
		shift := biasShift{Layer: l.Name}
		for k := range want {
			shift.Mean += max(want[k]-have[k], have[k]-want[k]) / float64(len(want))
			l.Bias[k] += float32(want[k] - have[k])
		}
		if n.Recipe.IntegerBias {
			l.roundBias(l.Inputs[0].Output)
		}
		all = append(all, shift)
	}
	return all, nil
}

// weights returns what a layer's codes stand for.
func (n *Node) weights() []float32 {
	w := make([]float32, len(n.Weight))
	for i, code := range n.Weight {
		w[i] = n.Scale[i/n.Fan()] * float32(code)
	}
	return w
}

// meanOutputs returns the mean of every output channel, without the bias, of weights
// on inputs x [n][c][h][w].
func meanOutputs(l *Node, weight, x []float32) []float64 {
	p := newPatcher(l.Op, l.Inputs[0].Shape, l.Shape)
	means := p.means(x)
	y := make([]float64, l.Shape.C)
	for k := range y {
		for i, m := range means[k/(l.Shape.C/p.groups)] {
			y[k] += float64(weight[k*p.fan+i]) * m
		}
	}
	return y
}
