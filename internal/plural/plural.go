// Package plural writes counts for people: 1 image, 2 images, 270,896.
package plural

import (
	"fmt"
	"strings"
)

// Count returns "1 image" or "2 images" for the noun "image".
func Count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %s", n, nouns(noun))
}

// Amount is Count for a number that need not be whole, with three digits: 1
// epoch, 1.42 epochs.
func Amount(x float64, noun string) string {
	if x == 1 {
		return "1 " + noun
	}
	return Number(x) + " " + nouns(noun)
}

// Number writes a number that need not be whole with three digits, or with all
// digits before its point: 0.5, 1.42, 140, 1234.
func Number(x float64) string {
	if x == float64(int64(x)) {
		return fmt.Sprintf("%d", int64(x))
	}
	if x >= 1000 {
		return fmt.Sprintf("%.0f", x)
	}
	return fmt.Sprintf("%.3g", x)
}

// Thousands writes a whole number with commas: 270,896.
func Thousands[N int | int64](n N) string {
	digits := fmt.Sprint(n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// nouns returns a noun's plural.
func nouns(noun string) string {
	if strings.HasSuffix(noun, "s") || strings.HasSuffix(noun, "tch") { // class, batch
		return noun + "es"
	}
	return noun + "s"
}
