package dataset

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Means and standard deviations that published networks were trained with, per
// colour channel on the 0 to 1 scale. CIFAR-10's are those of its training
// images; ImageNet's are torchvision's, which CIFAR networks use as well.
var (
	means = map[string][3]float32{
		"cifar10":  {0.4914, 0.4822, 0.4465},
		"imagenet": {0.485, 0.456, 0.406},
	}
	stds = map[string][3]float32{
		"cifar10":  {0.2470, 0.2435, 0.2616},
		"imagenet": {0.229, 0.224, 0.225},
	}
)

// ParseMean reads a mean per colour channel on the 0 to 1 scale: three numbers
// with commas or spaces between, or the name of a data set, cifar10 or imagenet.
func ParseMean(text string) ([3]float32, error) { return triple("mean", text, means) }

// ParseStd is ParseMean for standard deviations, which are positive.
func ParseStd(text string) ([3]float32, error) { return triple("std", text, stds) }

func triple(what, text string, known map[string][3]float32) (v [3]float32, err error) {
	if v, ok := known[text]; ok {
		return v, nil
	}
	fields := strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' })
	ok := len(fields) == len(v)
	for i := 0; ok && i < len(v); i++ {
		x, err := strconv.ParseFloat(fields[i], 32)
		ok = err == nil && x-x == 0 && (what != "std" || x > 0) // finite
		v[i] = float32(x)
	}
	if !ok {
		names := strings.Join(slices.Sorted(maps.Keys(known)), " or ")
		return [3]float32{}, fmt.Errorf("%s %q: want three numbers such as 0.485,0.456,0.406, or %s", what, text, names)
	}
	return v, nil
}
