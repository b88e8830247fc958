package model

import "fmt"

// denseNet appends a DenseNet-BC (Huang et al. 2016) with a growth of 12 times
// the width: three dense blocks of (Depth−4)/6 layers, bottlenecks of four times
// the growth, transitions that halve the channels. Names are torchvision's. Large
// images go through a 7×7 convolution and a max pool first.
func (b *Builder) denseNet(s Spec) {
	growth := s.channels(12)
	stem := convOf(2*growth, 3, 1)
	if !s.small() {
		stem = Conv{Out: 2 * growth, Kernel: 7, Stride: 2, Padding: Pad2D(3), Groups: 1}
	}
	x := b.Add("features.conv0", stem, b.Input())
	if !s.small() {
		x = b.Add("features.relu0", ReLU{}, b.Norm("features.norm0", x))
		x = b.Add("features.pool0", MaxPool{Kernel: 3, Stride: 2, Padding: Pad2D(1)}, x)
	}
	for block := range 3 {
		for i := range (s.Depth - 4) / 6 {
			name := fmt.Sprintf("features.denseblock%d.denselayer%d", block+1, i+1)
			y := b.Add(name+".relu1", ReLU{}, b.Norm(name+".norm1", x))
			y = b.Add(name+".relu2", ReLU{}, b.Norm(name+".norm2", b.Add(name+".conv1", convOf(4*growth, 1, 1), y)))
			x = b.Add(name, Concat{}, x, b.Add(name+".conv2", convOf(growth, 3, 1), y))
		}
		if block < 2 {
			name := fmt.Sprintf("features.transition%d", block+1)
			y := b.Add(name+".relu", ReLU{}, b.Norm(name+".norm", x))
			y = b.Add(name+".conv", convOf(x.Shape.C/2, 1, 1), y)
			x = b.Add(name+".pool", AvgPool{Kernel: 2, Stride: 2}, y)
		}
	}
	x = b.Add("relu", ReLU{}, b.Norm("features.norm5", x))
	b.Add("classifier", Linear{Out: s.Classes}, b.Add("pool", GlobalAvgPool{}, x))
}
