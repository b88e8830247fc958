package model

import "fmt"

// denseBlocks are the layers of each dense block of the networks for ImageNet, by
// depth (Huang et al. 2016, table 1).
var denseBlocks = map[int][]int{121: {6, 12, 24, 16}, 161: {6, 12, 36, 24}, 169: {6, 12, 32, 32}, 201: {6, 12, 48, 32}}

// denseNet appends a DenseNet-BC (Huang et al. 2016): dense blocks with bottlenecks
// of four times the growth, transitions that halve the channels. Those for CIFAR have
// three blocks of (Depth−4)/6 layers and a growth of 12 times the width, those for
// ImageNet four and a growth of 32, of 48 at depth 161. Names are torchvision's.
// Large images pass a 7×7 convolution and a max pool first.
func (b *Builder) denseNet(s Spec) {
	n := (s.Depth - 4) / 6
	blocks, growth := []int{n, n, n}, s.channels(12)
	if of, ok := denseBlocks[s.Depth]; ok {
		blocks, growth = of, s.channels(denseGrowth(s.Depth))
	}
	stem := convOf(2*growth, 3, 1)
	if !s.small() {
		stem = Conv{Out: 2 * growth, Kernel: 7, Stride: 2, Padding: Pad2D(3), Groups: 1}
	}
	x := b.Add("features.conv0", stem, b.Input())
	if !s.small() {
		x = b.Add("features.relu0", ReLU{}, b.Norm("features.norm0", x))
		x = b.Add("features.pool0", MaxPool{Kernel: 3, Stride: 2, Padding: Pad2D(1)}, x)
	}
	for block, layers := range blocks {
		for i := range layers {
			name := fmt.Sprintf("features.denseblock%d.denselayer%d", block+1, i+1)
			y := b.Add(name+".relu1", ReLU{}, b.Norm(name+".norm1", x))
			y = b.Add(name+".relu2", ReLU{}, b.Norm(name+".norm2", b.Add(name+".conv1", convOf(4*growth, 1, 1), y)))
			x = b.Add(name, Concat{}, x, b.Add(name+".conv2", convOf(growth, 3, 1), y))
		}
		if block < len(blocks)-1 {
			name := fmt.Sprintf("features.transition%d", block+1)
			y := b.Add(name+".relu", ReLU{}, b.Norm(name+".norm", x))
			y = b.Add(name+".conv", convOf(x.Shape.C/2, 1, 1), y)
			x = b.Add(name+".pool", AvgPool{Kernel: 2, Stride: 2}, y)
		}
	}
	x = b.Add("relu", ReLU{}, b.Norm("features.norm5", x))
	b.Add("classifier", Linear{Out: s.Classes}, b.Add("pool", GlobalAvgPool{}, x))
}

// denseGrowth is the growth of a network for ImageNet.
func denseGrowth(depth int) int {
	if depth == 161 {
		return 48
	}
	return 32
}
