package model

import (
	"cmp"
	"fmt"
)

// ResNet returns a CIFAR ResNet (He et al. 2015, section 4.2): three stages of
// (Depth−2)/6 blocks with Width, 2·Width and 4·Width channels. Names are those
// of torchvision. A block's sum is named after the block, as "layer2.0".
func ResNet(a Arch) (*Graph, error) {
	if err := a.check(); err != nil {
		return nil, err
	}
	b := NewBuilder(a.String(), Shape{3, 32, 32})
	width := cmp.Or(a.Width, MinWidth)
	x := b.Add("conv1", Conv{Out: width, Kernel: 3, Stride: 1, Padding: Pad2D(1), Groups: 1}, b.Input())
	x = b.Add("relu", ReLU{}, b.Norm("bn1", x))
	for stage := range 3 {
		for i := range (a.Depth - 2) / 6 {
			stride := 1
			if i == 0 && stage > 0 {
				stride = 2
			}
			x = b.basicBlock(fmt.Sprintf("layer%d.%d", stage+1, i), x, width<<stage, stride, a.Shortcut)
		}
	}
	b.Add("fc", Linear{Out: a.Classes}, b.Add("pool", GlobalAvgPool{}, x))
	return b.Graph()
}

// basicBlock appends relu(bn(conv(relu(bn(conv(x))))) + shortcut(x)). Where the
// size changes the shortcut is a projection, or padding.
func (b *Builder) basicBlock(name string, x *Node, out, stride int, s Shortcut) *Node {
	y := b.Add(name+".conv1", Conv{Out: out, Kernel: 3, Stride: stride, Padding: Pad2D(1), Groups: 1}, x)
	y = b.Add(name+".relu1", ReLU{}, b.Norm(name+".bn1", y))
	y = b.Add(name+".conv2", Conv{Out: out, Kernel: 3, Stride: 1, Padding: Pad2D(1), Groups: 1}, y)
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
