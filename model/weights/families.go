package weights

import (
	"fmt"
	"math"

	"espalier/model"
)

// Checkpoints of built-in networks, known by the names that torchvision gives and
// others have been turned into (see namings). They hold no sizes of images: the
// variant says whether it is one for CIFAR's 32×32 or for ImageNet's 224×224.

// family returns the built-in network, other than a CIFAR ResNet, that the
// tensors belong to. index maps their names.
func family(byName map[string]Tensor) (model.Spec, bool) {
	has := func(name string) bool { _, ok := byName[name]; return ok }
	dim := func(name string, i int) int {
		if s := byName[name].Shape; i < len(s) {
			return s[i]
		}
		return 0
	}
	square := func(side int) model.Shape { return model.Shape{C: 3, H: side, W: side} }
	side := func(small bool) model.Shape {
		if small {
			return square(32)
		}
		return square(224)
	}
	s := model.Spec{}
	switch {
	case has("layer4.0.conv1.weight") && has("fc.weight") && !has("layer1.0.conv3.weight"):
		s.Network, s.Depth, s.Classes = model.ResNetBasic, 18, dim("fc.weight", 0)
		if has("layer3.5.conv1.weight") {
			s.Depth = 34
		}
		s.Width, s.Input = float64(dim("conv1.weight", 0))/64, side(dim("conv1.weight", 2) == 3)
	case has("block1.layer.0.conv1.weight"):
		s.Network, s.Classes, s.Input = model.WideResNet, dim("fc.weight", 0), side(true)
		s.Depth, s.Width = 4+6*numbered(byName, "block1.layer.%d.conv1.weight"), float64(dim("block1.layer.0.conv1.weight", 0))/16
	case has("features.0.0.weight") && has("features.18.0.weight"):
		s.Network, s.Classes = model.MobileNetV2, dim("classifier.1.weight", 0)
		s.Width, s.Input = float64(dim("features.0.0.weight", 0))/32, side(s.Classes != 1000)
	case has("features.conv0.weight"):
		s.Network, s.Classes = model.DenseNet, dim("classifier.weight", 0)
		growth := 12
		s.Depth = 4 + 6*numbered(byName, "features.denseblock1.denselayer%d.conv1.weight")
		if has("features.denseblock4.denselayer1.conv1.weight") {
			layers := 0
			for block := range 4 {
				layers += numbered(byName, fmt.Sprintf("features.denseblock%d.denselayer%%d.conv1.weight", block+1))
			}
			s.Depth, growth = 5+2*layers, 32
			if s.Depth == 161 {
				growth = 48
			}
		}
		s.Width, s.Input = float64(dim("features.conv0.weight", 0))/float64(2*growth), side(dim("features.conv0.weight", 2) == 3)
	case has("features.3.squeeze.weight"):
		s.Network, s.Classes = model.SqueezeNet, dim("classifier.1.weight", 0)
		s.Width, s.Input = float64(dim("features.0.weight", 0))/64, side(s.Classes != 1000)
	case has("features.0.weight") && has("features.1.running_mean") && (has("classifier.6.weight") || has("classifier.weight")):
		s.Network, s.Depth = model.VGG, 3
		last := 1
		for i := range 60 {
			if shape := byName[fmt.Sprintf("features.%d.weight", i)].Shape; len(shape) == 4 {
				s.Depth, last = s.Depth+1, max(1, shape[0])
			}
		}
		first := "classifier.0.weight"
		s.Hidden, s.Classes = min(dim("classifier.3.weight", 0), dim("classifier.3.weight", 1)), dim("classifier.6.weight", 0)
		if has("classifier.weight") {
			first, s.Hidden, s.Classes = "classifier.weight", -1, dim("classifier.weight", 0)
		}
		s.Width = float64(dim("features.0.weight", 0)) / 64
		// Five pools leave one pixel of 32×32.
		s.Input = square(32 * int(math.Sqrt(float64(dim(first, 1)/last))))
	default:
		return s, false
	}
	if s.Width == 1 && s.Network != model.WideResNet { // whose 0 stands for 10
		s.Width = 0
	}
	return s, true
}

// numbered returns how many names of a form there are, counted from 0 or 1.
func numbered(byName map[string]Tensor, form string) int {
	n := 0
	for i := range 200 {
		if _, ok := byName[fmt.Sprintf(form, i)]; ok {
			n++
		} else if i > 0 {
			break
		}
	}
	return n
}
