package prune

import (
	"math"
	"slices"
	"testing"
)

func TestCubic(t *testing.T) {
	for _, c := range []struct{ begin, end, t, want float64 }{
		{0, 0.9, 0, 0}, {0, 0.9, 1, 0.9}, {0, 0.8, 0.5, 0.7}, {0.5, 0.9, 0.5, 0.85}, {0.5, 0.9, 2, 0.9}, {0.2, 0.9, -1, 0.2},
	} {
		if have := Cubic(c.begin, c.end, c.t); math.Abs(have-c.want) > 1e-12 {
			t.Errorf("from %v to %v at %v: %v, want %v", c.begin, c.end, c.t, have, c.want)
		}
	}
	if a, b := Exchanged(0.3, 0), Exchanged(0.3, 0.5); a != 0.3 || math.Abs(b-0.15) > 1e-12 || math.Abs(Exchanged(0.3, 1)) > 1e-12 {
		t.Errorf("exchanged %v and %v", a, b)
	}
}

func TestRegrow(t *testing.T) {
	for _, c := range []struct {
		name   string
		growth []float32
		share  float64
		mask   string
		weight []float32
		grown  []int
	}{
		{"half of four", []float32{0, 0, 7, 0, 1, -3, 2, 0}, 0.5, "00110110", []float32{0, 0, 3, -4, 0, 0, 0, 0}, []int{5, 6}},
		{"one comes back at once and keeps its value", []float32{0, 8, 0, 0, 1, -3, 2, 0}, 0.5, "01110100", []float32{0, -2, 3, -4, 0, 0, 0, 0}, []int{5}},
		{"nothing", []float32{9, 9, 9, 9, 9, 9, 9, 9}, 0, "11110000", []float32{1, -2, 3, -4, 0, 0, 0, 0}, nil},
	} {
		l := layer("fc", 1, -2, 3, -4, 0, 0, 0, 0)
		l.Mask = []float32{1, 1, 1, 1, 0, 0, 0, 0}
		grown := Regrow(l, c.growth, c.share)
		slices.Sort(grown)
		if bits(l.Mask) != c.mask || !slices.Equal(l.Weight, c.weight) || !slices.Equal(grown, c.grown) {
			t.Errorf("%s: mask %s, weights %v, grown %v; want %s, %v, %v", c.name, bits(l.Mask), l.Weight, grown, c.mask, c.weight, c.grown)
		}
	}
	full := layer("fc", 1, 2)
	full.Mask = []float32{1, 1}
	if Regrow(full, []float32{1, 1}, 0.5); bits(full.Mask) != "11" {
		t.Errorf("a dense layer has nothing to exchange: mask %s", bits(full.Mask))
	}
}
