package dataset

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"espalier/internal/normalisation"
)

// Means and standard deviations that published networks were trained with, per
// channel on the 0 to 1 scale. A data set's numbers are those of its training
// images. ImageNet's are torchvision's, which some CIFAR networks use as well.
var (
	means = map[string][]float32{
		CIFAR10:      {0.4914, 0.4822, 0.4465},
		CIFAR100:     {0.5071, 0.4865, 0.4409},
		MNIST:        {0.1307},
		FashionMNIST: {0.2860},
		"imagenet":   {0.485, 0.456, 0.406},
	}
	stds = map[string][]float32{
		CIFAR10:      {0.2470, 0.2435, 0.2616},
		CIFAR100:     {0.2673, 0.2564, 0.2762},
		MNIST:        {0.3081},
		FashionMNIST: {0.3530},
		"imagenet":   {0.229, 0.224, 0.225},
	}
)

// ParseMean reads a mean per channel on the 0 to 1 scale: three numbers, or one
// for grey images, with commas or spaces between, or the name of a data set
// such as cifar10, mnist or imagenet.
func ParseMean(text string) ([]float32, error) { return perChannel("mean", text, means) }

// ParseStd is ParseMean for standard deviations, which are positive.
func ParseStd(text string) ([]float32, error) { return perChannel("std", text, stds) }

func perChannel(what, text string, known map[string][]float32) ([]float32, error) {
	if v, ok := known[text]; ok {
		return slices.Clone(v), nil
	}
	v, err := normalisation.Parse(text)
	if err != nil || len(v) != 1 && len(v) != 3 {
		names := strings.Join(slices.Sorted(maps.Keys(known)), ", ")
		return nil, fmt.Errorf("%s %q: want three numbers such as 0.485,0.456,0.406, one for grey images, or one of %s", what, text, names)
	}
	if err := normalisation.Check(what, v); err != nil {
		return nil, fmt.Errorf("%s %q: %w", what, text, err)
	}
	return v, nil
}
