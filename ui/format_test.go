package ui

import (
	"math"
	"testing"
)

func TestNumbersAreWritten(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{significant(0), "0"},
		{significant(0.0121), "0.0121"},
		{significant(0.012), "0.0120"}, // as wide as its neighbours
		{significant(6.13), "6.13"},
		{significant(100), "100"},
		{significant(1234), "1234"},
		{significant(2.34e-4), "2.3e−4"},
		{significant(1.2e-12), "1.2e−12"},
		{significant(-0.5), "−0.500"},
		{significant(3.2e7), "3.2e7"},
		{count(380), "380"},
		{count(99_949), "99.9k"},
		{count(40.6e6), "40.6M"},
		{duration(59.6), "1m00s"},
		{duration(3725), "1h02m"},
		{duration(math.NaN()), "0s"},
		{points(-0.0002, 2), "−0.02"},
		{points(0.00001, 2), "±0.00"},
		{decibels(-1.9), "−1.9 dB"},
		{decibels(0.12), "+0.1 dB"},
		{decibels(-0.01), "±0.0 dB"},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
}
