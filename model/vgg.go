package model

import "fmt"

// vggStages are the convolutions of each stage by depth (table 1: A, B, D and E).
var vggStages = map[int][5]int{11: {1, 1, 2, 2, 2}, 13: {2, 2, 2, 2, 2}, 16: {2, 2, 3, 3, 3}, 19: {2, 2, 4, 4, 4}}

// vgg appends VGG-11, -13, -16 or -19 with batch norm (Simonyan and Zisserman 2014,
// configurations A, B, D and E), with torchvision's names. Convolutions have biases
// as there. Large images get two hidden layers of 4,096, small ones of 512, as in
// chenyaofo/pytorch-cifar-models. Pools stop where a map is a single pixel.
func (b *Builder) vgg(s Spec) {
	x, at := b.Input(), 0
	add := func(op Op) {
		x = b.Add(fmt.Sprintf("features.%d", at), op, x)
		at++
	}
	for stage, n := range vggStages[s.Depth] {
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
	switch {
	case s.Hidden > 0:
		hidden = s.Hidden
	case s.small():
		hidden = s.channels(512)
	}
	x = b.Add("flatten", Flatten{}, x)
	if s.Hidden < 0 {
		b.Add("classifier", Linear{Out: s.Classes}, x)
		return
	}
	for i := range 2 {
		name := fmt.Sprintf("classifier.%d", 3*i)
		x = b.Add(name+".relu", ReLU{}, b.Add(name, Linear{Out: hidden}, x))
		x = b.Add(fmt.Sprintf("classifier.%d", 3*i+2), Dropout{P: 0.5}, x)
	}
	b.Add("classifier.6", Linear{Out: s.Classes}, x)
}
