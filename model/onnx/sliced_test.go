package onnx

import (
	"math/rand/v2"
	"testing"

	"espalier/compress/prune"
	"espalier/compress/quantize"
	"espalier/model"
)

// TestSlicedInRuntime: networks that lost channels at random give the same logits
// in onnxruntime, in floating point and in integers.
func TestSlicedInRuntime(t *testing.T) {
	r := newRuntime(t)
	const images = 40
	x := randomImages(images)
	for i, s := range []model.Spec{
		{Network: model.CIFARResNet, Depth: 20, Shortcut: model.Projection},
		{Network: model.CIFARResNet, Depth: 8, Shortcut: model.Pad},
		{Network: model.VGG, Depth: 11, Width: 0.25},
		{Network: model.MobileNetV2, Width: 0.25},
		{Network: model.DenseNet, Depth: 10},
		{Network: model.SqueezeNet, Width: 0.5},
	} {
		t.Run(s.String(), func(t *testing.T) {
			s.Input, s.Classes = model.Shape{C: 3, H: 32, W: 32}, 10
			g, err := s.Build()
			if err != nil {
				t.Fatal(err)
			}
			g.Init(uint64(i))
			n := sliced(t, g, uint64(i))
			if n.MACs() >= g.MACs() {
				t.Fatal("no channel is gone")
			}
			want := make([]float32, images*10)
			model.NewEvaluator(n, newEngine(t), images).Logits(want, x)
			for _, level := range levels {
				got := r.logits(t, Float(n, Header{}), level, x)
				if worst, size := farthest(got, want), farthest(want, make([]float32, len(want))); !(worst <= 1e-4*(1+size)) {
					t.Errorf("level %s: logits differ by %g of %g", level, worst, size)
				}
			}
			q := quantized(t, n, "ort", x[:32*pixels])
			q.RoundBiases()
			quantize.NewEvaluator(q, newEngine(t)).Logits(want, x)
			compareCodes(t, "int8", r.logits(t, Integer(q, Header{}), "disabled", x), want, q.Output().Output.Scale, 1)
		})
	}
}

// sliced removes about 40 % of the channels of each group.
func sliced(t *testing.T, g *model.Graph, seed uint64) *model.Graph {
	c := prune.GroupChannels(g)
	keep, random := c.All(), rand.New(rand.NewPCG(seed, 8))
	for _, kept := range keep {
		for ch := range kept[1:] {
			kept[ch] = random.Float64() > 0.4
		}
	}
	n, err := c.Slice(keep)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
