package weights

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"espalier/model"
)

// split maps tensors by name, and masks by the layer's name. Momentum is left
// out.
func split(tensors []Tensor) (byName, masks map[string]Tensor, err error) {
	byName, masks = map[string]Tensor{}, map[string]Tensor{}
	for _, t := range tensors {
		to, name := byName, t.Name
		if strings.HasPrefix(name, "velocity.") {
			continue
		}
		if layer, ok := strings.CutPrefix(name, "mask."); ok {
			to, name = masks, layer
		}
		if other, ok := to[name]; ok {
			return nil, nil, fmt.Errorf("tensors %s and %s both stand for %s", other.Name, t.Name, name)
		}
		to[name] = t
	}
	return byName, masks, nil
}

// Limits that keep a few names in a file from asking for a network that no
// memory holds.
const (
	maxDepth   = 110 // the deepest that He et al. trained in one go
	maxClasses = 1000
)

var blockConv = regexp.MustCompile(`^layer([0-9]+)\.([0-9]+)\.conv1\.weight$`)

// infer returns the CIFAR ResNet that the tensors belong to: the width from the first convolution's shape,
// the number of blocks in a stage from the names, the kind of shortcut from the
// presence of a downsample convolution, the classes from the classifier's
// shape. A bias of the first convolution means that batch norm is folded.
func infer(byName map[string]Tensor) (s model.Spec, fused bool, err error) {
	stem, ok := byName["conv1.weight"]
	if !ok {
		return s, false, missing("conv1.weight")
	}
	if len(stem.Shape) != 4 || !slices.Equal(stem.Shape[1:], []int{3, 3, 3}) {
		return s, false, fmt.Errorf("tensor %s: expected shape [width 3 3 3], found %v; other networks than CIFAR ResNets are %w", stem.Name, stem.Shape, ErrUnsupported)
	}
	width := stem.Shape[0]
	if width < 1 || width > model.MaxWidth {
		return s, false, fmt.Errorf("tensor %s: shape %v means a width of %d channels, which is %w; want 1 to %d", stem.Name, stem.Shape, width, ErrUnsupported, model.MaxWidth)
	}
	var blocks [4]int // by stage, from 1
	for name := range byName {
		m := blockConv.FindStringSubmatch(name)
		if m == nil {
			continue
		}
		stage, _ := strconv.Atoi(m[1])
		if stage < 1 || stage > 3 {
			return s, false, fmt.Errorf("tensor %s: layer%s is %w; a CIFAR ResNet has layer1 to layer3, ResNet-18 and others have layer4", name, m[1], ErrUnsupported)
		}
		blocks[stage]++
	}
	classifier, ok := byName["fc.weight"]
	if !ok {
		return s, false, missing("fc.weight")
	}
	if len(classifier.Shape) != 2 || classifier.Shape[1] != 4*width || classifier.Shape[0] > maxClasses {
		return s, false, fmt.Errorf("tensor %s: expected shape [classes %d] with at most %d classes, found %v", classifier.Name, 4*width, maxClasses, classifier.Shape)
	}
	if blocks[1] == 0 || blocks[1] != blocks[2] || blocks[1] != blocks[3] {
		return s, false, fmt.Errorf("layer1, layer2 and layer3 have %d, %d and %d blocks; a CIFAR ResNet has as many in each", blocks[1], blocks[2], blocks[3])
	}
	s = model.Spec{
		Network: model.CIFARResNet, Depth: 6*blocks[1] + 2, Width: float64(width) / 16, Shortcut: model.Pad,
		Input: model.Shape{C: 3, H: 32, W: 32}, Classes: classifier.Shape[0],
	}
	if s.Depth > maxDepth {
		return s, false, fmt.Errorf("depth %d is %w; at most %d is read", s.Depth, ErrUnsupported, maxDepth)
	}
	if _, ok := byName["layer2.0.downsample.0.weight"]; ok {
		s.Shortcut = model.Projection
	}
	_, norm := byName["bn1.weight"]
	_, bias := byName["conv1.bias"]
	return s, bias && !norm, nil
}

// spare is how many weights may be missing before we refuse to allocate. The
// published ResNet-56 has fewer weights in all, so a file of it that lacks a
// tensor gets an error that names the tensor.
const spare = 1 << 20

// sized builds a network for a file's tensors. It is an error if they hold far
// fewer numbers than the network, whose memory is then not asked for.
func sized(s model.Spec, byName map[string]Tensor) (*model.Graph, error) {
	need, err := s.Weights()
	if err != nil {
		return nil, fmt.Errorf("the tensors' names and shapes are those of a %s: %w", s, err)
	}
	if held := elements(byName); need-held > spare {
		return nil, fmt.Errorf("the tensors' names and shapes are those of a %s, which has %d weights, but they hold only %d numbers; the file is damaged", s, need, held)
	}
	return s.Build()
}

// elements returns the number of elements of tensors.
func elements(byName map[string]Tensor) int {
	held := 0
	for _, t := range byName {
		held += len(t.Data) / t.DType.Size()
	}
	return held
}

func missing(name string) error {
	return fmt.Errorf("tensor %s is missing; a CIFAR ResNet was expected, with layers conv1, layer1 to layer3 and fc", name)
}
