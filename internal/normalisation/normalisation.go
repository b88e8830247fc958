// Package normalisation reads means and standard deviations of images, and
// detects those on another scale.
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
			return nil, fmt.Errorf("%q is not a finite number", field)
		}
		numbers = append(numbers, float32(x))
	}
	return numbers, nil
}

// leastStd is slightly below 1/255, the deviation for networks that take images
// from 0 to 255.
const leastStd = 0.0039

// Check returns an error if means (or, with what "std", standard deviations)
// are not plausible for images on the 0 to 1 scale. The error says what they
// most likely mean.
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
