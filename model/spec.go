package model

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// A Spec names one of the built-in networks and its size.
type Spec struct {
	Network string // one of Networks
	// Depth counts layers: 20, 32, 44, 56 … of a cifar resnet, 18 or 34 of a
	// resnet, 11, 13, 16 or 19 of a vgg, 6n+4 of a wideresnet, 3n+4 of a densenet for
	// CIFAR, 121, 161, 169 or 201 of one for ImageNet. 0 takes the network's usual one.
	Depth int
	// Width scales the channels, rounded to a multiple of 8 of a mobilenetv2, of 1
	// of others; a wideresnet's is its widening factor. 0 stands for 1, of a
	// wideresnet for 10.
	Width    float64
	Shortcut Shortcut // of a cifar resnet
	// Hidden is the width of a vgg's two hidden linear layers: 0 takes 512 for small
	// images and 4096 for others, times Width; a negative one leaves them out.
	Hidden  int
	Input   Shape
	Classes int
}

// Names of built-in networks.
const (
	CIFARResNet = "cifar-resnet"
	ResNetBasic = "resnet"
	WideResNet  = "wideresnet"
	VGG         = "vgg"
	MobileNetV2 = "mobilenetv2"
	DenseNet    = "densenet"
	SqueezeNet  = "squeezenet"
)

// Networks lists the built-in networks' names.
func Networks() []string {
	return []string{CIFARResNet, ResNetBasic, WideResNet, VGG, MobileNetV2, DenseNet, SqueezeNet}
}

// depths lists each network's usual depth and its other depths.
var depths = map[string]struct {
	usual int
	words string
	ok    func(d int) bool
}{
	CIFARResNet: {20, "6n+2, as 20, 32, 44 or 56", func(d int) bool { return d >= 8 && (d-2)%6 == 0 }},
	ResNetBasic: {18, "18 or 34", func(d int) bool { return d == 18 || d == 34 }},
	WideResNet:  {28, "6n+4, as 16, 28 or 40", func(d int) bool { return d >= 10 && (d-4)%6 == 0 }},
	VGG:         {16, "11, 13, 16 or 19", func(d int) bool { return vggStages[d] != [5]int{} }},
	MobileNetV2: {0, "none", func(d int) bool { return d == 0 }},
	DenseNet:    {100, "3n+4 with an even n, as 40 or 100, or 121, 161, 169 or 201", func(d int) bool { return d >= 10 && (d-4)%6 == 0 || denseBlocks[d] != nil }},
	SqueezeNet:  {0, "none", func(d int) bool { return d == 0 }},
}

// Limits of a Spec. Sides are in pixels.
const (
	maxChannels = 1 << 13
	maxDepth    = 1202
	maxClasses  = 1000
	maxSide     = 224
	minSide     = 8
)

// Build returns a built-in network without weights: see Init. Inputs of up to
// smallSide pixels get the variant published for CIFAR, larger ones the variant
// for ImageNet.
func (s Spec) Build() (*Graph, error) {
	b, err := s.builder(false)
	if err != nil {
		return nil, err
	}
	g, err := b.Graph()
	if err != nil {
		return nil, s.about(err)
	}
	return g, nil
}

// Weights returns the number of convolution and linear weights, as Graph.Weights
// does, without memory for them.
func (s Spec) Weights() (total int, err error) {
	b, err := s.builder(true)
	if err != nil {
		return 0, err
	}
	if b.err != nil {
		return 0, s.about(b.err)
	}
	for _, l := range b.graph.Layers() {
		total += product(l.WeightShape())
	}
	return total, nil
}

// builder returns the builder that has made the network, without weights if bare.
func (s Spec) builder(bare bool) (*Builder, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	s.Depth = cmp.Or(s.Depth, depths[s.Network].usual)
	b := NewBuilder(s.String(), s.Input)
	b.bare = bare
	switch s.Network {
	case CIFARResNet:
		b.cifarResNet(s)
	case ResNetBasic:
		b.resNet(s)
	case WideResNet:
		b.wideResNet(s)
	case VGG:
		b.vgg(s)
	case MobileNetV2:
		b.mobileNetV2(s)
	case DenseNet:
		b.denseNet(s)
	case SqueezeNet:
		b.squeezeNet(s)
	}
	return b, nil
}

// about adds to an error of which network it is.
func (s Spec) about(err error) error { return fmt.Errorf("%s for images of %v: %w", s, s.Input, err) }

// smallSide is the largest height and width for which a network is built as for
// CIFAR.
const smallSide = 64

func (s Spec) small() bool { return max(s.Input.H, s.Input.W) <= smallSide }

// check returns an error if the spec is impossible.
func (s Spec) check() error {
	d, ok := depths[s.Network]
	if !ok {
		return fmt.Errorf("network %q: want one of %s", s.Network, strings.Join(Networks(), ", "))
	}
	if s.Depth != 0 && (!d.ok(s.Depth) || s.Depth > maxDepth) {
		return fmt.Errorf("depth %d of a %s: want %s", s.Depth, s.Network, d.words)
	}
	if s.Width < 0 || s.Width > 64 {
		return fmt.Errorf("width %v: want a factor above 0, at most 64", s.Width)
	}
	if s.Network == CIFARResNet && !slices.Contains([]Shortcut{Projection, Pad, ""}, s.Shortcut) {
		return fmt.Errorf("shortcut %q: want %q or %q", s.Shortcut, Projection, Pad)
	}
	if s.Classes < 2 || s.Classes > maxClasses {
		return fmt.Errorf("%d classes: want 2 to %d", s.Classes, maxClasses)
	}
	in := s.Input
	if in.C != 1 && in.C != 3 || min(in.H, in.W) < minSide || max(in.H, in.W) > maxSide {
		return fmt.Errorf("images of %v: want 1 or 3 channels of %d×%d to %d×%d pixels", in, minSide, minSide, maxSide, maxSide)
	}
	return nil
}

// String returns a name such as "mobilenetv2 width 0.5".
func (s Spec) String() string {
	name := s.Network
	switch d := cmp.Or(s.Depth, depths[s.Network].usual); s.Network {
	case CIFARResNet:
		width := 0
		if s.Width != 0 && s.Width != 1 {
			width = s.channels(usualWidth)
		}
		return Arch{Depth: d, Shortcut: cmp.Or(s.Shortcut, Projection), Width: width}.String()
	case WideResNet:
		return fmt.Sprintf("wideresnet%d-%v", d, cmp.Or(s.Width, wideFactor))
	case MobileNetV2, SqueezeNet:
	default:
		name += fmt.Sprint(d)
	}
	if s.Width != 0 && s.Width != 1 {
		name += fmt.Sprintf(" width %v", s.Width)
	}
	return name
}

// channels scales a number of channels by the width.
func (s Spec) channels(n int) int {
	return min(max(1, int(float64(n)*cmp.Or(s.Width, 1)+0.5)), maxChannels)
}

// convOf returns a convolution padded to keep the size at stride 1.
func convOf(out, kernel, stride int) Conv {
	return Conv{Out: out, Kernel: kernel, Stride: stride, Padding: Pad2D(kernel / 2), Groups: 1}
}
