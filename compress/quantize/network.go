package quantize

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"espalier/model"
	"espalier/model/kernel"
)

// A Network is a ResNet in integers. It is plain data; an Evaluator runs it.
type Network struct {
	Arch      model.Arch
	Mean, Std [3]float32 // as in model.Network
	Recipe    Recipe
	// Calibration says what the activations' ranges were observed on.
	Calibration Calibrated

	Input      kernel.Affine
	Stem       *Layer
	Blocks     []*Block
	Pool       kernel.Affine
	Classifier *Layer
}

// A Block is a residual block: the shortcut is Downsample's output, or the
// block's input, every second pixel of it and with zero channels around where
// the size changes.
type Block struct {
	Conv1, Conv2 *Layer
	Downsample   *Layer // or nil
	Sum          kernel.Affine
}

// Name returns the block's name, as layer2.0.
func (b *Block) Name() string { return strings.TrimSuffix(b.Conv1.Name, ".conv1") }

// A Layer is a convolution or the classifier, with batch norm folded in.
type Layer struct {
	Name            string
	Kind            model.Kind
	In, Out, Kernel int
	Stride          int
	Size            int       // height and width of the output
	ReLU            bool      // whether one follows at once
	Weight          []int8    // [Out][In][Kernel][Kernel] or [Out][In]
	Scale           []float32 // [Out], of the weights
	Bias            []float32 // [Out], in float32
	Output          kernel.Affine
}

// Calibrated describes a calibration.
type Calibrated struct {
	Observer string
	Images   int
	Batch    int // images observed at a time
}

// Layers returns the layers in the order of model.Network.Layers.
func (n *Network) Layers() []*Layer {
	all := []*Layer{n.Stem}
	for _, b := range n.Blocks {
		all = append(all, b.Conv1, b.Conv2)
		if b.Downsample != nil {
			all = append(all, b.Downsample)
		}
	}
	return append(all, n.Classifier)
}

// Bytes returns the size of the weights, scales, zero points and biases.
func (n *Network) Bytes() int64 {
	const affine = 4 + 1
	total := int64(2+len(n.Blocks)) * affine // input, pool and sums
	for _, l := range n.Layers() {
		total += int64(len(l.Weight)+4*len(l.Scale)+4*len(l.Bias)) + affine
	}
	return total
}

// FloatBytes returns the size that a network's weights and biases have in
// float32 once batch norm is folded in.
func FloatBytes(n *model.Graph) int64 {
	var total int64
	for _, l := range n.Layers() {
		total += 4 * int64(len(l.Weight)+l.Out())
	}
	return total
}

// Build quantizes a network: batch norm is folded into the convolutions unless
// it already is, weights are quantized, and activations get the scales that
// the recipe makes of the calibrated ranges.
func Build(g *model.Graph, c *Calibration, r Recipe) (*Network, error) {
	n, err := model.NetworkOf(g)
	if err != nil {
		return nil, err
	}
	if !n.Fused() {
		n = n.Fuse()
	}
	b := builder{ranges: c.Ranges, recipe: r}
	q := &Network{
		Arch: n.Arch, Mean: n.Mean, Std: n.Std, Recipe: r, Calibration: c.Calibrated,
		Input: b.activation("input"),
		Stem:  b.layer(n.Stem, true),
	}
	last := q.Stem.Output
	for _, from := range n.Blocks {
		to := &Block{Conv1: b.layer(from.Conv1, true), Conv2: b.layer(from.Conv2, false)}
		if from.Downsample != nil {
			to.Downsample = b.layer(from.Downsample, false)
		}
		to.Sum = b.rectified(to.Name())
		last = to.Sum
		q.Blocks = append(q.Blocks, to)
	}
	q.Pool = last
	if r.OwnPool {
		q.Pool = b.rectified("pool")
	}
	q.Classifier = b.layer(n.Classifier, false)
	if b.err != nil {
		return nil, b.err
	}
	if r.IntegerBias {
		q.RoundBiases()
	}
	return q, nil
}

// RoundBiases takes every bias to a multiple of input scale · weight scale, for
// which integer arithmetic holds it exactly: recipes with IntegerBias do so, and
// a runtime that adds int32 biases cannot do otherwise. Where all weights of a
// channel are zero, or so small that the bias would need more than 30 bits, the
// bias stays as it is.
func (n *Network) RoundBiases() {
	n.Stem.roundBias(n.Input)
	in := n.Stem.Output
	for _, b := range n.Blocks {
		b.Conv1.roundBias(in)
		b.Conv2.roundBias(b.Conv1.Output)
		if b.Downsample != nil {
			b.Downsample.roundBias(in)
		}
		in = b.Sum
	}
	n.Classifier.roundBias(n.Pool)
}

func (l *Layer) roundBias(in kernel.Affine) {
	fan := len(l.Weight) / l.Out
	for k, bias := range l.Bias {
		unit := float64(in.Scale) * float64(l.Scale[k])
		multiple := math.RoundToEven(float64(bias) / unit)
		zeros := !slices.ContainsFunc(l.Weight[k*fan:(k+1)*fan], func(code int8) bool { return code != 0 })
		if math.Abs(multiple) <= 1<<30 && !zeros {
			l.Bias[k] = float32(multiple * unit)
		}
	}
}

// A builder makes parts of a Network and remembers the first error.
type builder struct {
	ranges map[string]Range
	recipe Recipe
	err    error
}

func (b *builder) activation(point string) kernel.Affine {
	x, ok := b.ranges[point]
	if !ok && b.err == nil {
		b.err = fmt.Errorf("quantizing: calibration gave no range for %s; calibrate this network again", point)
	}
	if !finite(x.Min) || !finite(x.Max) {
		b.fail(point, "its range, %g to %g, is not finite", x.Min, x.Max)
	}
	return b.recipe.Activation(x)
}

// rectified is activation for values that come out of a ReLU, so that their
// zero point is 0.
func (b *builder) rectified(point string) kernel.Affine {
	a := b.activation(point)
	if a.Zero != 0 {
		b.fail(point, "its range goes below 0, behind a ReLU")
	}
	return a
}

func (b *builder) layer(l *model.Layer, relu bool) *Layer {
	q := emptyLayer(l, relu)
	q.Bias = make([]float32, l.Out)
	copy(q.Bias, l.Bias)
	for i, w := range l.Weight {
		if !finite(w) {
			b.fail(l.Name, "weight %d is %g", i, w)
			break
		}
	}
	for i, v := range q.Bias {
		if !finite(v) {
			b.fail(l.Name, "bias %d is %g", i, v)
			break
		}
	}
	q.Weight, q.Scale = b.recipe.Weights(l.Weight, l.Out)
	if relu {
		q.Output = b.rectified(l.Name)
	} else {
		q.Output = b.activation(l.Name)
	}
	return q
}

// emptyLayer returns a layer of l's shape.
func emptyLayer(l *model.Layer, relu bool) *Layer {
	return &Layer{
		Name: l.Name, Kind: l.Kind, In: l.In, Out: l.Out, Kernel: l.Kernel, Stride: l.Stride, Size: l.Size, ReLU: relu,
	}
}

func (b *builder) fail(where, format string, args ...any) {
	if b.err == nil {
		b.err = fmt.Errorf("quantizing %s: %s; train from a checkpoint without such values", where, fmt.Sprintf(format, args...))
	}
}

// finite reports whether v is neither NaN nor infinite.
func finite(v float32) bool { return v-v == 0 }
