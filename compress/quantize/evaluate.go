package quantize

import (
	"fmt"

	"espalier/model"
	"espalier/model/kernel"
)

// An Evaluator computes a quantized network's logits: uint8 activations, int8
// weights, int32 sums. Every image is computed by one worker from the input to
// the logits; nothing depends on the number of workers, the batch, or the
// instruction set.
type Evaluator struct {
	net        *Network
	engine     *model.Engine
	stem       *kernel.IntegerConv
	blocks     []evalBlock
	classifier *kernel.IntegerLinear
	mean       float32   // takes a channel's sum to units of the pool
	scale      []float32 // takes a class's sum to the unit of its bias
	bias       []float32
	workers    []*space

	logits, x []float32 // of the call in progress
	run       func(worker, image int)
}

type evalBlock struct {
	from               *Block
	conv1, conv2, down *kernel.IntegerConv
	add                kernel.IntegerAdd
	stage              int
}

// A space is one worker's memory for one image.
type space struct {
	image  []uint8
	maps   [3][4][]uint8 // by stage: input, middle, sum, and shortcut, used in turn
	sums   []int32
	pooled []uint8
	totals []int32
	see    func(Activation) // shown every map while observing, or nil
}

const (
	imageSize = 32
	pixels    = 3 * imageSize * imageSize
)

// NewEvaluator packs n for e's kernels.
func NewEvaluator(n *Network, e *model.Engine) *Evaluator {
	v := &Evaluator{net: n, engine: e}
	input := kernel.Map{C: 3, H: imageSize, W: imageSize}
	in := n.Input
	v.stem = v.conv(n.Stem, input, in)
	at := v.stem.Out
	in = n.Stem.Output
	for _, b := range n.Blocks {
		out := evalBlock{from: b, conv1: v.conv(b.Conv1, at, in)}
		out.conv2 = v.conv(b.Conv2, out.conv1.Out, b.Conv1.Output)
		out.add = kernel.IntegerAdd{A: b.Conv2.Output, B: in, Out: b.Sum}
		if b.Downsample != nil {
			out.down = v.conv(b.Downsample, at, in)
			out.add.B = b.Downsample.Output
		}
		at, in = out.conv2.Out, b.Sum
		for size := imageSize; size > at.H; size /= 2 {
			out.stage++
		}
		v.blocks = append(v.blocks, out)
	}
	// The zero points of a block's sum and of the pool are 0, behind a ReLU.
	v.mean = float32(float64(in.Scale) / float64(n.Pool.Scale) / float64(at.H*at.W))
	v.linear(n.Classifier)
	for range e.Threads() {
		v.workers = append(v.workers, v.space())
	}
	v.run = v.image
	return v
}

// conv packs one convolution. Its sums are in units of input scale · weight
// scale, which one multiplication takes to those of the output.
func (v *Evaluator) conv(l *Layer, in kernel.Map, from kernel.Affine) *kernel.IntegerConv {
	c := kernel.IntegerConv{
		Conv: kernel.Conv{In: in, Out: kernel.Map{C: l.Out, H: l.Size, W: l.Size}, Kernel: l.Kernel, Stride: l.Stride},
		Zero: l.Output.Zero, ReLU: l.ReLU,
	}
	c.Scale, c.Bias = l.requantization(from, l.Output.Scale)
	return v.engine.Kernels.NewIntegerConv(c, l.Weight, from.Zero)
}

// requantization returns what takes sums of l to units of out: the sum's
// factor and the bias, per channel.
func (l *Layer) requantization(from kernel.Affine, out float32) (scale, bias []float32) {
	scale, bias = make([]float32, l.Out), make([]float32, l.Out)
	for k := range scale {
		scale[k] = float32(float64(from.Scale) * float64(l.Scale[k]) / float64(out))
		bias[k] = l.Bias[k] / out
	}
	return scale, bias
}

// linear packs the classifier. Float logits are in units of 1.
func (v *Evaluator) linear(l *Layer) {
	unit := l.Output.Scale
	if v.net.Recipe.FloatLogits {
		unit = 1
	}
	v.classifier = v.engine.Kernels.NewIntegerLinear(l.In, l.Out, l.Weight)
	v.scale, v.bias = l.requantization(v.net.Pool, unit)
}

func (v *Evaluator) space() *space {
	s := &space{
		image:  make([]uint8, (imageSize+2)*(imageSize+2)*4),
		sums:   make([]int32, v.net.Classifier.In),
		pooled: make([]uint8, v.net.Classifier.In),
		totals: make([]int32, v.classifier.Sums()),
	}
	for _, b := range v.blocks {
		for i := range s.maps[b.stage] {
			s.maps[b.stage][i] = make([]uint8, b.conv2.Out.Len())
		}
	}
	return s
}

// Bytes returns the memory that evaluating takes: packed weights, and every
// worker's activations of one image.
func (v *Evaluator) Bytes() int64 {
	total := v.stem.Bytes() + v.classifier.Bytes() + 4*int64(len(v.scale)+len(v.bias))
	for _, b := range v.blocks {
		total += b.conv1.Bytes() + b.conv2.Bytes()
		if b.down != nil {
			total += b.down.Bytes()
		}
	}
	for _, s := range v.workers {
		total += int64(len(s.image) + len(s.pooled) + 4*len(s.sums) + 4*len(s.totals))
		for _, stage := range s.maps {
			for _, m := range stage {
				total += int64(len(m))
			}
		}
	}
	return total
}

// Logits computes logits [n][classes] of x [n][3][32][32], normalised.
func (v *Evaluator) Logits(logits, x []float32) {
	n := len(x) / pixels
	if len(x) != n*pixels || len(logits) != n*v.net.Classifier.Out {
		panic(fmt.Sprintf("quantize: %d logits of %d values", len(logits), len(x)))
	}
	v.logits, v.x = logits, x
	v.engine.Each(n, v.run)
}

// Classes returns the number of logits per image.
func (v *Evaluator) Classes() int { return v.net.Classifier.Out }

// image computes the logits of image i of the batch.
func (v *Evaluator) image(worker, i int) {
	v.compute(v.workers[worker], v.logits[i*v.Classes():(i+1)*v.Classes()], v.x[i*pixels:(i+1)*pixels])
}

// compute computes the logits of one image.
func (v *Evaluator) compute(s *space, logits, image []float32) {
	k := v.engine.Kernels
	k.QuantizeImage(s.image, image, imageSize, imageSize, v.net.Input)
	x := s.maps[0][0]
	k.ConvInteger(x, s.image, v.stem)
	s.show(v.net.Stem.Name, v.net.Stem.Output, v.stem.Out, x)
	for b := range v.blocks {
		x = v.block(&v.blocks[b], s, x)
	}
	v.classify(logits, s, x)
}

// block computes one block of input x and returns its output.
func (v *Evaluator) block(b *evalBlock, s *space, x []uint8) []uint8 {
	k, maps := v.engine.Kernels, &s.maps[b.stage]
	middle, sum := maps[1], maps[2]
	if &x[0] == &sum[0] {
		sum = maps[0]
	}
	out := b.conv2.Out
	k.ConvInteger(middle, x, b.conv1)
	s.show(b.from.Conv1.Name, b.from.Conv1.Output, out, middle)
	switch {
	case b.down != nil:
		k.ConvInteger(maps[3], x, b.down)
		x = maps[3]
	case b.conv1.In != b.conv1.Out:
		padShortcut(maps[3], b.conv1.Out, x, b.conv1.In)
		x = maps[3]
	}
	if s.see == nil {
		k.ConvAddInteger(sum, middle, x, b.conv2, &b.add)
		return sum
	}
	// The same step by step, to show what is between.
	k.ConvInteger(sum, middle, b.conv2)
	s.show(b.from.Conv2.Name, b.from.Conv2.Output, out, sum)
	if b.down != nil {
		s.show(b.from.Downsample.Name, b.from.Downsample.Output, out, x)
	}
	k.AddInteger(sum, sum, x, out, &b.add)
	s.show(b.from.Name(), b.from.Sum, out, sum)
	return sum
}

// padShortcut takes every second pixel of x, with as many zero channels before
// x's channels as after them. The zero point is 0: x comes out of a ReLU.
func padShortcut(y []uint8, out kernel.Map, x []uint8, in kernel.Map) {
	clear(y)
	// Channels move in halves of a block: the padding is a multiple of 8.
	const half = kernel.Lanes / 2
	before := (out.C - in.C) / 2
	for c := 0; c < in.C; c += half {
		for h := range out.H {
			to, from := out.At(c+before, h, 0), in.At(c, 2*h, 0)
			for w := range out.W {
				*(*[half]uint8)(y[to+w*kernel.Lanes:]) = [half]uint8(x[from+2*w*kernel.Lanes:])
			}
		}
	}
}

// classify pools x and computes one image's logits.
func (v *Evaluator) classify(logits []float32, s *space, x []uint8) {
	v.engine.Kernels.PoolInteger(s.sums, x, v.blocks[len(v.blocks)-1].conv2.Out)
	for c, sum := range s.sums {
		s.pooled[c] = steps(v.net.Pool).Quantize(float32(sum) * v.mean)
	}
	v.engine.Kernels.LinearInteger(s.totals, s.pooled, v.classifier)
	output := v.net.Classifier.Output
	for k := range logits {
		y := float32(float32(s.totals[k])*v.scale[k]) + v.bias[k]
		if !v.net.Recipe.FloatLogits {
			y = output.Dequantize(steps(output).Quantize(y))
		}
		logits[k] = y
	}
}

// steps returns a for values that already are in units of a's scale.
func steps(a kernel.Affine) kernel.Affine { return kernel.Affine{Scale: 1, Zero: a.Zero} }
