package model

import "fmt"

// squeezeNet appends SqueezeNet 1.1 (Iandola et al. 2016, and the authors' later
// version) with torchvision's names: fire modules with a 1×1 layer that
// squeezes, followed by 1×1 and 3×3 layers that expand and are concatenated. For
// small images the first convolution has stride 1.
func (b *Builder) squeezeNet(s Spec) {
	layer := func(name string, op Conv, x *Node) *Node {
		return b.Add(name+".relu", ReLU{}, b.Bias(b.Add(name, op, x)))
	}
	stem := Conv{Out: s.channels(64), Kernel: 3, Stride: 2, Groups: 1}
	if s.small() {
		stem = convOf(stem.Out, 3, 1)
	}
	x := layer("features.0", stem, b.Input())
	at := 2
	pool := func() {
		x = b.Add(fmt.Sprintf("features.%d", at), MaxPool{Kernel: 3, Stride: 2, Ceil: true}, x)
		at++
	}
	fire := func(squeeze, expand int) {
		name := fmt.Sprintf("features.%d", at)
		x = layer(name+".squeeze", convOf(s.channels(squeeze), 1, 1), x)
		x = b.Add(name, Concat{},
			layer(name+".expand1x1", convOf(s.channels(expand), 1, 1), x), layer(name+".expand3x3", convOf(s.channels(expand), 3, 1), x))
		at++
	}
	pool()
	fire(16, 64)
	fire(16, 64)
	pool()
	fire(32, 128)
	fire(32, 128)
	pool()
	fire(48, 192)
	fire(48, 192)
	fire(64, 256)
	fire(64, 256)
	x = b.Add("classifier.0", Dropout{P: 0.5}, x)
	x = layer("classifier.1", convOf(s.Classes, 1, 1), x)
	b.Add("pool", GlobalAvgPool{}, x)
}
