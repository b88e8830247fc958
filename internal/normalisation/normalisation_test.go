package normalisation

import (
	"math"
	"strings"
	"testing"
)

func TestCheck(t *testing.T) {
	nan := float32(math.NaN())
	for _, c := range []struct {
		what   string
		values []float32
		want   string // in the error; empty for none
	}{
		{"mean", []float32{0.485, 0.456, 0.406}, ""},
		{"mean", []float32{0, 0, 1}, ""},
		{"std", []float32{1, 1, 1}, ""},
		{"std", []float32{1. / 255, 1. / 255, 1. / 255}, ""},
		{"mean", []float32{0.5}, ""},
		{"mean", []float32{123.675, 116.28, 103.53}, "they are 0.485,0.456,0.406"},
		{"std", []float32{58.395, 57.12, 57.375}, "they are 0.229,0.224,0.225"},
		{"mean", []float32{-0.485, 0.456, 0.406}, "a mean is from 0 to 1"},
		{"mean", []float32{1000, 0, 0}, "a mean is from 0 to 1"},
		{"std", []float32{0.5, 0.5, 0}, "from 0.004 to 1"},
		{"std", []float32{0.0001, 0.5, 0.5}, "from 0.004 to 1"},
		{"mean", []float32{nan, 0, 0}, "a mean is from 0 to 1"},
	} {
		err := Check(c.what, c.values)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %v: error %v, want %q", c.what, c.values, err, c.want)
		}
	}
}
