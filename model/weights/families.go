package weights

import (
	"fmt"

	"espalier/model"
)

// Checkpoints of built-in networks, recognised by the names that torchvision and
// chenyaofo/pytorch-cifar-models use and, for ResNets, kuangliu/pytorch-cifar.
// They do not hold the size of images: the variant of the network says whether it
// is for CIFAR's 32×32 or for ImageNet's 224×224.

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
	side := func(small bool) model.Shape {
		if small {
			return model.Shape{C: 3, H: 32, W: 32}
		}
		return model.Shape{C: 3, H: 224, W: 224}
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
		s.Depth = 4 + 6*numbered(byName, "features.denseblock1.denselayer%d.conv1.weight")
		s.Width, s.Input = float64(dim("features.conv0.weight", 0))/24, side(dim("features.conv0.weight", 2) == 3)
	case has("features.3.squeeze.weight"):
		s.Network, s.Classes = model.SqueezeNet, dim("classifier.1.weight", 0)
		s.Width, s.Input = float64(dim("features.0.weight", 0))/64, side(s.Classes != 1000)
	case has("features.0.weight") && has("classifier.6.weight") && has("features.1.running_mean"):
		s.Network, s.Classes = model.VGG, dim("classifier.6.weight", 0)
		s.Depth = 3
		for i := range 60 {
			if len(byName[fmt.Sprintf("features.%d.weight", i)].Shape) == 4 {
				s.Depth++
			}
		}
		s.Width = float64(dim("features.0.weight", 0)) / 64
		s.Input = side(dim("classifier.0.weight", 1) < 7*7*dim("features.0.weight", 0))
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

// ofFamily builds the network of a family for a file's tensors, and a note
// about the assumed size of images.
func ofFamily(s model.Spec, byName map[string]Tensor) (*model.Graph, string, error) {
	g, err := s.Build()
	if err != nil {
		return nil, "", fmt.Errorf("the tensors' names are those of a %s: %w", s, err)
	}
	if held := elements(byName); g.ParameterCount()-held > spare {
		return nil, "", fmt.Errorf("the tensors' names are those of a %s, which has %d parameters, but they hold only %d numbers; the file is damaged", s, g.ParameterCount(), held)
	}
	note := fmt.Sprintf("the names are those of a %s; it is taken to be for images of %d×%d", s, s.Input.H, s.Input.W)
	return g, note, nil
}
