package normalisation

import (
	"math"
	"slices"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for _, text := range []string{"0.5 0.25 1e-3", "0.5,0.25,0.001", "[0.5, 0.25, 0.001]", "(0.5; 0.25;\t.001)\n"} {
		if got, err := Parse(text); err != nil || !slices.Equal(got, []float32{0.5, 0.25, 0.001}) {
			t.Errorf("%q: %v, error %v", text, got, err)
		}
	}
	if got, err := Parse(" []"); err != nil || len(got) != 0 {
		t.Errorf("no numbers: %v, error %v", got, err)
	}
	for text, bad := range map[string]string{"0.5 x": "x", "NaN": "NaN", "1,-Inf": "-Inf", "1e39": "1e39", "0.5|0.5": "0.5|0.5"} {
		if got, err := Parse(text); err == nil || !strings.Contains(err.Error(), `"`+bad+`"`) {
			t.Errorf("%q: %v, error %v, want one that names %s", text, got, err, bad)
		}
	}
}

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
