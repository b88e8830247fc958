package model

import "fmt"

// mobileNetV2 appends MobileNetV2 (Sandler et al. 2018, table 2) with
// torchvision's names. For small images the first convolution and the second
// stage have stride 1, as in chenyaofo/pytorch-cifar-models.
func (b *Builder) mobileNetV2(s Spec) {
	settings := []struct{ expand, channels, blocks, stride int }{
		{1, 16, 1, 1}, {6, 24, 2, 2}, {6, 32, 3, 2}, {6, 64, 4, 2}, {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1},
	}
	stem := 2
	if s.small() {
		stem, settings[1].stride = 1, 1
	}
	x := b.convReLU6("features.0", convOf(s.divisible(32), 3, stem), b.Input())
	at := 1
	for _, t := range settings {
		for i := range t.blocks {
			stride := 1
			if i == 0 {
				stride = t.stride
			}
			x = b.invertedResidual(fmt.Sprintf("features.%d", at), x, t.expand, s.divisible(t.channels), stride)
			at++
		}
	}
	last := 1280 // a width below 1 keeps it
	if s.Width > 1 {
		last = s.divisible(last)
	}
	x = b.convReLU6(fmt.Sprintf("features.%d", at), convOf(last, 1, 1), x)
	x = b.Add("classifier.0", Dropout{P: 0.2}, b.Add("pool", GlobalAvgPool{}, x))
	b.Add("classifier.1", Linear{Out: s.Classes}, x)
}

// convReLU6 appends a convolution, its batch norm and a ReLU6.
func (b *Builder) convReLU6(name string, op Conv, x *Node) *Node {
	return b.Add(name+".2", Clip{Max: 6}, b.Norm(name+".1", b.Add(name+".0", op, x)))
}

// invertedResidual appends a block: 1×1 convolution to expand times the channels,
// depthwise 3×3, 1×1 to out channels, and, if the shape stays the same, the sum
// with the input.
func (b *Builder) invertedResidual(name string, x *Node, expand, out, stride int) *Node {
	hidden, at := expand*x.Shape.C, 0
	next := func() string {
		at++
		return fmt.Sprintf("%s.conv.%d", name, at-1)
	}
	y := x
	if expand != 1 {
		y = b.convReLU6(next(), convOf(hidden, 1, 1), y)
	}
	y = b.convReLU6(next(), Conv{Out: hidden, Kernel: 3, Stride: stride, Padding: Pad2D(1), Groups: hidden}, y)
	y = b.Add(next(), convOf(out, 1, 1), y)
	y = b.Norm(next(), y)
	if stride == 1 && out == x.Shape.C {
		return b.Add(name, Add{}, y, x)
	}
	return y
}

// divisible scales a number of channels by the width, to a multiple of 8 that is
// at least 90 % of it, as the paper's authors do.
func (s Spec) divisible(n int) int {
	v := float64(n)
	if s.Width != 0 {
		v *= s.Width
	}
	rounded := max(8, int(v+4)/8*8)
	if float64(rounded) < 0.9*v {
		rounded += 8
	}
	return min(rounded, maxChannels)
}
