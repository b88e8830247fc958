package weights

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// A naming says how others call the tensors of a built-in network. The rules turn
// their names into those that its builder gives, one after the other.
type naming struct {
	has   string // a tensor that only such a file holds; empty: they are for any
	rules []rule
}

type rule struct {
	old *regexp.Regexp
	new string
}

// rules reads pairs of an expression and what replaces it.
func rules(pairs ...string) []rule {
	var all []rule
	for i := 0; i < len(pairs); i += 2 {
		all = append(all, rule{regexp.MustCompile(pairs[i]), pairs[i+1]})
	}
	return all
}

// namings lists them by repository. What is missing has torchvision's names, as
// chenyaofo/pytorch-cifar-models and timm's ResNets have.
var namings = []naming{
	// ResNets of weiaicunzai/pytorch-cifar100.
	{"conv2_x.0.residual_function.0.weight", rules(
		`^conv1\.0\.`, "conv1.", `^conv1\.1\.`, "bn1.",
		`^conv2_x\.`, "layer1.", `^conv3_x\.`, "layer2.", `^conv4_x\.`, "layer3.", `^conv5_x\.`, "layer4.",
		`\.residual_function\.0\.`, ".conv1.", `\.residual_function\.1\.`, ".bn1.",
		`\.residual_function\.3\.`, ".conv2.", `\.residual_function\.4\.`, ".bn2.",
		`\.shortcut\.`, ".downsample.",
	)},
	// ResNets of kuangliu/pytorch-cifar and akamaster/pytorch_resnet_cifar10.
	{"", rules(`^linear\.`, "fc.", `\.shortcut\.`, ".downsample.")},
	// VGG of weiaicunzai/pytorch-cifar100, whose second dropout is missing.
	{"classifier.5.weight", rules(`^classifier\.5\.`, "classifier.6.")},
	// VGG of timm, which has convolutions for linear layers.
	{"pre_logits.fc1.weight", rules(`^pre_logits\.fc1\.`, "classifier.0.", `^pre_logits\.fc2\.`, "classifier.3.", `^head\.fc\.`, "classifier.6.")},
	// DenseNet as torchvision's published files have it.
	{"features.denseblock1.denselayer1.norm.1.weight", rules(`(denselayer\d+\.(?:norm|conv))\.([12])\.`, "$1$2.")},
	// MobileNetV2 of timm.
	{"blocks.6.0.conv_pwl.weight", slices.Concat(
		rules(`^conv_stem\.`, "features.0.0.", `^bn1\.`, "features.0.1.", `^conv_head\.`, "features.18.0.", `^bn2\.`, "features.18.1.", `^classifier\.`, "classifier.1.",
			`^blocks\.0\.0\.conv_dw\.`, "features.1.conv.0.0.", `^blocks\.0\.0\.bn1\.`, "features.1.conv.0.1.",
			`^blocks\.0\.0\.conv_pw\.`, "features.1.conv.1.", `^blocks\.0\.0\.bn2\.`, "features.1.conv.2."),
		blocksInARow(1, 2, 3, 4, 3, 3, 1),
		rules(`\.conv_pw\.`, ".conv.0.0.", `\.conv_dw\.`, ".conv.1.0.", `\.conv_pwl\.`, ".conv.2.",
			`^(features\.\d+)\.bn1\.`, "$1.conv.0.1.", `^(features\.\d+)\.bn2\.`, "$1.conv.1.1.", `\.bn3\.`, ".conv.3."),
	)},
}

// blocksInARow returns rules that count the blocks of stages through, from 1 on:
// blocks.1.0 is features.2.
func blocksInARow(stages ...int) []rule {
	var all []rule
	at := 1
	for stage, n := range stages {
		for i := range n {
			all = append(all, rules(fmt.Sprintf(`^blocks\.%d\.%d\.`, stage, i), fmt.Sprintf("features.%d.", at))...)
			at++
		}
	}
	return all
}

// renamed gives tensors, and masks, the names of the built-in networks' builders, and
// linear layers that are kernels over the whole map, [out][in][k][k], their matrix's
// shape.
func renamed(byName, masks map[string]Tensor) (tensors, renamedMasks map[string]Tensor, err error) {
	var rules []rule
	for _, n := range namings {
		if _, ok := byName[n.has]; ok || n.has == "" {
			rules = append(rules, n.rules...)
		}
	}
	if tensors, err = rename(byName, rules, ""); err != nil {
		return nil, nil, err
	}
	for name, t := range tensors {
		if strings.HasPrefix(t.Name, "pre_logits.") && len(t.Shape) == 4 {
			t.Shape = []int{t.Shape[0], t.Shape[1] * t.Shape[2] * t.Shape[3]}
			tensors[name] = t
		}
	}
	renamedMasks, err = rename(masks, rules, ".weight") // they have the layers' names
	return tensors, renamedMasks, err
}

// rename applies rules to names with an ending that they do not have.
func rename(byName map[string]Tensor, rules []rule, ending string) (map[string]Tensor, error) {
	all := map[string]Tensor{}
	for name, t := range byName {
		name += ending
		for _, r := range rules {
			name = r.old.ReplaceAllString(name, r.new)
		}
		name = strings.TrimSuffix(name, ending)
		if other, ok := all[name]; ok {
			return nil, fmt.Errorf("tensors %s and %s both stand for %s", min(t.Name, other.Name), max(t.Name, other.Name), name)
		}
		all[name] = t
	}
	return all, nil
}
