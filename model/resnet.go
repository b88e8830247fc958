package model

import (
	"cmp"
	"fmt"
)

// ResNet returns a CIFAR ResNet (He et al. 2015, section 4.2) for images of
// 3×32×32: three stages of (Depth−2)/6 blocks with Width, 2·Width and 4·Width
// channels. Names are those of torchvision. A block's sum is named after the
// block, such as "layer2.0".
func ResNet(a Arch) (*Graph, error) {
	if err := a.check(); err != nil {
		return nil, err
	}
	width := 1.0
	if a.Width != 0 {
		width = float64(a.Width) / usualWidth
	}
	s := Spec{Network: CIFARResNet, Depth: a.Depth, Width: width, Shortcut: a.Shortcut, Input: Shape{3, 32, 32}, Classes: a.Classes}
	return s.Build()
}

// cifarResNet appends the network that ResNet describes, for any input.
func (b *Builder) cifarResNet(s Spec) {
	width := s.channels(usualWidth)
	x := b.Add("conv1", convOf(width, 3, 1), b.Input())
	x = b.Add("relu", ReLU{}, b.Norm("bn1", x))
	for stage := range 3 {
		for i := range (s.Depth - 2) / 6 {
			stride := 1
			if i == 0 && stage > 0 {
				stride = 2
			}
			x = b.basicBlock(fmt.Sprintf("layer%d.%d", stage+1, i), x, width<<stage, stride, s.Shortcut)
		}
	}
	b.Add("fc", Linear{Out: s.Classes}, b.Add("pool", GlobalAvgPool{}, x))
}

// resNet appends ResNet-18 or -34 (He et al. 2015, table 1): four stages of basic
// blocks, behind a 7×7 convolution and a max pool, or for small images behind a
// 3×3 convolution. Names are those of torchvision.
func (b *Builder) resNet(s Spec) {
	blocks := map[int][4]int{18: {2, 2, 2, 2}, 34: {3, 4, 6, 3}}[s.Depth]
	width := s.channels(64)
	stem := Conv{Out: width, Kernel: 7, Stride: 2, Padding: Pad2D(3), Groups: 1}
	if s.small() {
		stem = convOf(width, 3, 1)
	}
	x := b.Add("relu", ReLU{}, b.Norm("bn1", b.Add("conv1", stem, b.Input())))
	if !s.small() {
		x = b.Add("maxpool", MaxPool{Kernel: 3, Stride: 2, Padding: Pad2D(1)}, x)
	}
	for stage, n := range blocks {
		for i := range n {
			stride := 1
			if i == 0 && stage > 0 {
				stride = 2
			}
			x = b.basicBlock(fmt.Sprintf("layer%d.%d", stage+1, i), x, width<<stage, stride, Projection)
		}
	}
	b.Add("fc", Linear{Out: s.Classes}, b.Add("avgpool", GlobalAvgPool{}, x))
}

// basicBlock appends relu(bn(conv(relu(bn(conv(x))))) + shortcut(x)). If the
// shape changes, the shortcut is a projection or padding.
func (b *Builder) basicBlock(name string, x *Node, out, stride int, s Shortcut) *Node {
	y := b.Add(name+".conv1", convOf(out, 3, stride), x)
	y = b.Add(name+".relu1", ReLU{}, b.Norm(name+".bn1", y))
	y = b.Add(name+".conv2", convOf(out, 3, 1), y)
	y = b.Norm(name+".bn2", y)
	switch {
	case stride == 1 && out == x.Shape.C:
	case s == Pad:
		before := (out - x.Shape.C) / 2
		x = b.Add(name+".shortcut", PadShortcut{Stride: stride, Before: before, After: out - x.Shape.C - before}, x)
	default:
		x = b.Add(name+".downsample.0", Conv{Out: out, Kernel: 1, Stride: stride, Groups: 1}, x)
		x = b.Norm(name+".downsample.1", x)
	}
	return b.Add(name+".relu", ReLU{}, b.Add(name, Add{}, y, x))
}

// wideFactor is the usual widening factor of a WideResNet.
const wideFactor = 10

// wideResNet appends a WideResNet (Zagoruyko and Komodakis 2016): three stages of
// (Depth−4)/6 pre-activation blocks, with 16, 32 and 64 times the widening factor
// channels. Names are those of xternalz/WideResNet-pytorch.
func (b *Builder) wideResNet(s Spec) {
	s.Width = cmp.Or(s.Width, wideFactor)
	x := b.Add("conv1", convOf(16, 3, 1), b.Input())
	for stage := range 3 {
		out := s.channels(16 << stage)
		for i := range (s.Depth - 4) / 6 {
			stride := 1
			if i == 0 && stage > 0 {
				stride = 2
			}
			x = b.wideBlock(fmt.Sprintf("block%d.layer.%d", stage+1, i), x, out, stride)
		}
	}
	x = b.Add("relu", ReLU{}, b.Norm("bn1", x))
	b.Add("fc", Linear{Out: s.Classes}, b.Add("pool", GlobalAvgPool{}, x))
}

// wideBlock appends conv(relu(bn(conv(relu(bn(x)))))) + shortcut. If the shape
// changes, the shortcut is a 1×1 convolution of the first ReLU's output.
func (b *Builder) wideBlock(name string, x *Node, out, stride int) *Node {
	a := b.Add(name+".relu1", ReLU{}, b.Norm(name+".bn1", x))
	y := b.Add(name+".conv1", convOf(out, 3, stride), a)
	y = b.Add(name+".bn2.relu", ReLU{}, b.Norm(name+".bn2", y))
	y = b.Add(name+".conv2", convOf(out, 3, 1), y)
	if out != x.Shape.C || stride != 1 {
		x = b.Add(name+".convShortcut", Conv{Out: out, Kernel: 1, Stride: stride, Groups: 1}, a)
	}
	return b.Add(name, Add{}, y, x)
}
