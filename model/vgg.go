package model

import "fmt"

// vgg appends VGG-11, -13 or -16 with batch norm (Simonyan and Zisserman 2014,
// configurations A, B and D), with torchvision's names. Convolutions have biases,
// as in torchvision. Large images get two hidden layers of 4,096, small ones of
// 512, as in chenyaofo/pytorch-cifar-models. Maps of a single pixel are not
// pooled further.
func (b *Builder) vgg(s Spec) {
	stages := map[int][5]int{11: {1, 1, 2, 2, 2}, 13: {2, 2, 2, 2, 2}, 16: {2, 2, 3, 3, 3}}[s.Depth]
	x, at := b.Input(), 0
	add := func(op Op) {
		x = b.Add(fmt.Sprintf("features.%d", at), op, x)
		at++
	}
	for stage, n := range stages {
		out := s.channels(min(64<<stage, 512))
		for range n {
			add(convOf(out, 3, 1))
			b.Bias(x)
			add(BatchNorm{Epsilon: NormEpsilon, Momentum: NormMomentum})
			add(ReLU{})
		}
		if min(x.Shape.H, x.Shape.W) > 1 {
			add(MaxPool{Kernel: 2, Stride: 2})
		} else {
			at++
		}
	}
	hidden := s.channels(4096)
	if s.small() {
		hidden = s.channels(512)
	}
	x = b.Add("flatten", Flatten{}, x)
	for i := range 2 {
		name := fmt.Sprintf("classifier.%d", 3*i)
		x = b.Add(name+".relu", ReLU{}, b.Add(name, Linear{Out: hidden}, x))
		x = b.Add(fmt.Sprintf("classifier.%d", 3*i+2), Dropout{P: 0.5}, x)
	}
	b.Add("classifier.6", Linear{Out: s.Classes}, x)
}
