package model_test

import (
	"strings"
	"testing"

	"espalier/model"
)

// TestBuiltInNetworksHaveThePublishedSizes: parameters as torchvision's and the
// named repositories' models count them, multiply-adds of convolutions and linear
// layers.
func TestBuiltInNetworksHaveThePublishedSizes(t *testing.T) {
	cifar, large := model.Shape{C: 3, H: 32, W: 32}, model.Shape{C: 3, H: 224, W: 224}
	for _, c := range []struct {
		spec       model.Spec
		parameters int
		macs       int64 // 0: not published to the last digit
	}{
		{model.Spec{Network: model.CIFARResNet, Depth: 20, Shortcut: model.Pad, Input: cifar, Classes: 10}, 269722, 40551040},
		{model.Spec{Network: model.CIFARResNet, Depth: 56, Shortcut: model.Pad, Input: cifar, Classes: 10}, 853018, 125485696},
		{model.Spec{Network: model.ResNetBasic, Input: large, Classes: 1000}, 11689512, 1814073344},
		{model.Spec{Network: model.ResNetBasic, Depth: 34, Input: large, Classes: 1000}, 21797672, 3663761408},
		{model.Spec{Network: model.ResNetBasic, Input: cifar, Classes: 10}, 11173962, 555422720},
		{model.Spec{Network: model.WideResNet, Input: cifar, Classes: 10}, 36479194, 0},
		{model.Spec{Network: model.VGG, Depth: 11, Input: large, Classes: 1000}, 132868840, 7609090048},
		{model.Spec{Network: model.VGG, Depth: 13, Input: large, Classes: 1000}, 133053736, 11308466176},
		{model.Spec{Network: model.VGG, Depth: 16, Input: large, Classes: 1000}, 138365992, 15470264320},
		{model.Spec{Network: model.VGG, Depth: 19, Input: large, Classes: 1000}, 143678248, 19632062464},
		{model.Spec{Network: model.VGG, Depth: 16, Input: cifar, Classes: 10}, 15253578, 313725952},
		{model.Spec{Network: model.MobileNetV2, Input: large, Classes: 1000}, 3504872, 300774272},
		{model.Spec{Network: model.MobileNetV2, Input: cifar, Classes: 10}, 2236682, 0},
		{model.Spec{Network: model.DenseNet, Input: cifar, Classes: 10}, 769162, 0},
		{model.Spec{Network: model.DenseNet, Depth: 121, Input: large, Classes: 1000}, 7978856, 2834161664},
		{model.Spec{Network: model.DenseNet, Depth: 161, Input: large, Classes: 1000}, 28681000, 7727907072},
		{model.Spec{Network: model.DenseNet, Depth: 169, Input: large, Classes: 1000}, 14149480, 0},
		{model.Spec{Network: model.DenseNet, Depth: 201, Input: large, Classes: 1000}, 20013928, 0},
		{model.Spec{Network: model.SqueezeNet, Input: large, Classes: 1000}, 1235496, 349151936},
	} {
		g, err := c.spec.Build()
		if err != nil {
			t.Errorf("%s: %v", c.spec, err)
			continue
		}
		if got := g.ParameterCount(); got != c.parameters {
			t.Errorf("%s for %v: %d parameters, want %d", c.spec, c.spec.Input, got, c.parameters)
		}
		if got := g.MACs(); c.macs != 0 && got != c.macs {
			t.Errorf("%s for %v: %d MACs, want %d", c.spec, c.spec.Input, got, c.macs)
		}
		if got, err := c.spec.Weights(); err != nil || got != g.Weights() {
			t.Errorf("%s for %v: %d weights before it is built, %d then, error %v", c.spec, c.spec.Input, got, g.Weights(), err)
		}
	}
}

func TestBuiltInNetworksOfOtherSizes(t *testing.T) {
	for _, name := range model.Networks() {
		for _, s := range []model.Spec{
			{Input: model.Shape{C: 1, H: 28, W: 28}, Classes: 2},
			{Input: model.Shape{C: 3, H: 40, W: 24}, Classes: 100, Width: 0.5},
			{Input: model.Shape{C: 3, H: 96, W: 96}, Classes: 5, Width: 0.25},
		} {
			s.Network = name
			if name == model.WideResNet && s.Width == 0 {
				s.Width = 2
			}
			g, err := s.Build()
			if err != nil {
				t.Errorf("%s for %v: %v", s, s.Input, err)
				continue
			}
			if g.Classes() != s.Classes || g.Input().Shape != s.Input || !strings.HasPrefix(g.Name, strings.TrimPrefix(strings.TrimSuffix(s.Network, "2"), "cifar-")[:3]) {
				t.Errorf("%s: %d classes of %v", g.Name, g.Classes(), g.Input().Shape)
			}
		}
	}
}

func TestImpossibleSpecsAreRefused(t *testing.T) {
	good := model.Spec{Network: model.VGG, Input: model.Shape{C: 3, H: 32, W: 32}, Classes: 10}
	for want, change := range map[string]func(s *model.Spec){
		`network "alexnet": want one of cifar-resnet`: func(s *model.Spec) { s.Network = "alexnet" },
		"depth 12 of a vgg: want 11, 13, 16 or 19":    func(s *model.Spec) { s.Depth = 12 },
		"width -1":                                    func(s *model.Spec) { s.Width = -1 },
		"1 classes: want 2 to 1000":                   func(s *model.Spec) { s.Classes = 1 },
		"images of 4×32×32":                           func(s *model.Spec) { s.Input.C = 4 },
		"images of 3×300×32":                          func(s *model.Spec) { s.Input.H = 300 },
		`shortcut "none": want "projection" or "pad"`: func(s *model.Spec) { s.Network, s.Shortcut = model.CIFARResNet, "none" },
	} {
		s := good
		change(&s)
		if _, err := s.Build(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v, want one that says %s", err, want)
		}
	}
}
