// Package normalisation reads means and standard deviations of images, and tells
// those that make sense from those that are on another scale.
package normalisation

import (
	"fmt"
	"strconv"
	"strings"

	"espalier/internal/finite"
)

// Parse reads finite numbers with spaces, commas, semicolons or brackets between
// and around.
func Parse(text string) ([]float32, error) {
	var numbers []float32
	for _, field := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" \t\r\n,;()[]", r) }) {
		x, err := strconv.ParseFloat(field, 32)
		if err != nil || !finite.Is(x) {
			return nil, fmt.Errorf("%q is no finite number", field)
		}
		numbers = append(numbers, float32(x))
	}
	return numbers, nil
}

// leastStd is a little less than 1/255, with which networks for images from 0 to
// 255 are fed.
const leastStd = 0.0039

// Check wants means, or with what "std" standard deviations, per colour channel
// of images on the 0 to 1 scale. Its error says what others most likely mean.
func Check(what string, values []float32) error {
	least, wanted := float32(0), "a mean is from 0 to 1"
	if what == "std" {
		least, wanted = leastStd, "a standard deviation is from 0.004 to 1"
	}
	outside, on255 := false, true
	for _, v := range values {
		outside = outside || !(v >= least && v <= 1)
		on255 = on255 && v >= least && v <= 255
	}
	switch {
	case !outside:
		return nil
	case on255:
		scaled := make([]string, len(values))
		for i, v := range values {
			scaled[i] = strconv.FormatFloat(float64(v)/255, 'g', 4, 64)
		}
		return fmt.Errorf("these are most likely on the 0 to 255 scale; on the 0 to 1 scale they are %s", strings.Join(scaled, ","))
	}
	return fmt.Errorf("%s for images on the 0 to 1 scale", wanted)
}
