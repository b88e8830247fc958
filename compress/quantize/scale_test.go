package quantize

import (
	"math"
	"slices"
	"strings"
	"testing"

	"espalier/model"
	"espalier/model/kernel"
)

func TestActivation(t *testing.T) {
	for _, c := range []struct {
		name   string
		recipe Recipe
		x      Range
		want   kernel.Affine
	}{
		{"after a ReLU", lab, Range{0, 2.55}, kernel.Affine{Scale: float32(2.55) / 255}},
		{"both signs", lab, Range{-1, 1.55}, kernel.Affine{Scale: float32(2.55) / 255, Zero: 100}},
		{"0 below the range", lab, Range{1, 2.55}, kernel.Affine{Scale: float32(2.55) / 255}},
		{"0 above the range", lab, Range{-2.55, -1}, kernel.Affine{Scale: float32(2.55) / 255, Zero: 255}},
		{"nothing but 0", lab, Range{}, kernel.Affine{Scale: epsilon}},
		{"nothing but 0, ort", named(t, "ort"), Range{}, kernel.Affine{Scale: 1}},
		{"a zero point between two codes", lab, Range{-0.5, 254.5}, kernel.Affine{Scale: 1}},
		{"between two others", lab, Range{-2.5, 252.5}, kernel.Affine{Scale: 1, Zero: 2}},
		{"the smallest scale, ort", named(t, "ort"), Range{0, 255 * 0x1p-126}, kernel.Affine{Scale: 0x1p-126}},
		{"less than the smallest, ort", named(t, "ort"), Range{0, 254 * 0x1p-126}, kernel.Affine{Scale: 1}},
		{"reduced range", named(t, "fbgemm"), Range{-1, 1.54}, kernel.Affine{Scale: float32(2.54) / 127, Zero: 50}},
	} {
		if got := c.recipe.Activation(c.x); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

func TestWeights(t *testing.T) {
	w := []float32{1, -1, 0.5, 0, 2, 4, -4, 1, 0, 0, 0, 0} // three channels of four
	for _, c := range []struct {
		recipe string
		codes  []int8
		scales []float32
	}{
		// 1/scale is a little below 127.5, so that −1 does not become −128.
		{"lab", []int8{127, -127, 64, 0, 64, 127, -127, 32, 0, 0, 0, 0}, []float32{float32(1) / 127.5, float32(4) / 127.5, epsilon}},
		{"qnnpack", []int8{32, -32, 16, 0, 64, 127, -127, 32, 0, 0, 0, 0}, []float32{float32(4) / 127.5, float32(4) / 127.5, float32(4) / 127.5}},
		{"ort", []int8{127, -127, 64, 0, 64, 127, -127, 32, 0, 0, 0, 0}, []float32{float32(1) / 127, float32(4) / 127, 1}},
	} {
		codes, scales := named(t, c.recipe).Weights(w, 3)
		if !slices.Equal(codes, c.codes) || !slices.Equal(scales, c.scales) {
			t.Errorf("%s: codes %v, scales %v; want %v, %v", c.recipe, codes, scales, c.codes, c.scales)
		}
	}
}

// TestWeightsBetweenTwoCodes: they go to the even one, as in PyTorch and NumPy.
func TestWeightsBetweenTwoCodes(t *testing.T) {
	want := []int8{127, 2, -2, 0, 2, 0, 4}
	for recipe, most := range map[string]float32{"lab": 127.5, "ort": 127} { // the scale is 1
		codes, scales := named(t, recipe).Weights([]float32{most, 2.5, -2.5, 0.5, 1.5, -0.5, 3.5}, 1)
		if !slices.Equal(codes, want) || scales[0] != 1 {
			t.Errorf("%s: codes %v of scale %v, want %v", recipe, codes, scales, want)
		}
	}
}

// TestDegenerateScales holds every recipe to the table in docs/formats.md.
func TestDegenerateScales(t *testing.T) {
	inf := float32(math.Inf(1))
	for _, r := range recipes() {
		empty, top := float32(epsilon), uint8(255)
		if r.Name == "ort" {
			empty = 1
		}
		if r.ReducedRange {
			top = 127
		}
		codes, scales := r.Weights(make([]float32, 4), 2)
		if !slices.Equal(codes, make([]int8, 4)) || scales[0] != empty || scales[1] != empty {
			t.Errorf("%s: weights of 0 have codes %v and scales %v", r.Name, codes, scales)
		}
		zero := r.Activation(Range{})
		if zero != (kernel.Affine{Scale: empty}) || zero.Quantize(0) != 0 || zero.Quantize(1e3) != 255 {
			t.Errorf("%s: an activation of 0 has %+v", r.Name, zero)
		}
		for _, c := range []struct {
			value float32
			code  uint8
		}{{3, top}, {-3, 0}} {
			a := r.Activation(Range{c.value, c.value})
			if got := a.Quantize(c.value); got != c.code || relative(a.Dequantize(got), c.value) > 1e-6 {
				t.Errorf("%s: a constant %g has %+v and code %d, want %d", r.Name, c.value, a, got, c.code)
			}
			for v, code := range map[float32]uint8{inf: 255, -inf: 0} {
				if got := a.Quantize(v); got != code {
					t.Errorf("%s: %g has code %d, want %d", r.Name, v, got, code)
				}
			}
			if got := a.Quantize(float32(math.NaN())); got != 0 {
				t.Errorf("%s: NaN has code %d", r.Name, got)
			}
		}
	}
}

// TestReciprocal: fbgemm's own example (QuantUtils.h) of a value that dividing
// by the scale and multiplying by its reciprocal round differently.
func TestReciprocal(t *testing.T) {
	const scale, w = 0.00214854861, -0.273939937
	divide := lab
	divide.Divide = true
	if a, b := lab.weightCode(w, scale), divide.weightCode(w, scale); a != -128 || b != -127 {
		t.Errorf("%d by the reciprocal, %d by division; want -128 and -127", a, b)
	}
}

func TestRecipeNamed(t *testing.T) {
	if r := named(t, ""); r.Name != "lab" {
		t.Errorf("the default is %s", r.Name)
	}
	if _, err := RecipeNamed("int4"); err == nil {
		t.Error("an unknown recipe is accepted")
	}
}

func named(t *testing.T, name string) Recipe {
	r, err := RecipeNamed(name)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestMovingAverage: the first batch counts in full, later ones by a hundredth.
func TestMovingAverage(t *testing.T) {
	o, _ := NewObserver(MovingAverage)
	for _, batch := range []Range{{-1, 2}, {-3, 102}, {2, 5}} {
		o.Observe(nil, batch)
	}
	if got, want := o.Range(), (Range{-0.9898, 3.02}); relative(got.Min, want.Min) > 1e-6 || relative(got.Max, want.Max) > 1e-6 {
		t.Errorf("%v, want %v", got, want)
	}
}

// TestExtentRefuses: one value without a scale among others is enough.
func TestExtentRefuses(t *testing.T) {
	inf, k := float32(math.Inf(1)), testEngine(t, "").Kernels
	for _, c := range []struct {
		row  []float32
		want string
	}{
		{[]float32{1, float32(math.NaN()), 2}, "a value is NaN"},
		{[]float32{1, inf}, "too large"},
		{[]float32{-inf, 1}, "too large"},
		{[]float32{-2e38, 2e38}, "too large"},
	} {
		if _, err := extent(k, one(c.row)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: error %v, want %s", c.row, err, c.want)
		}
	}
}

// TestHistogramOfOneValue: no bins to search.
func TestHistogramOfOneValue(t *testing.T) {
	o, _ := NewObserver(Histogram)
	for _, v := range []float32{2, 2} {
		o.Observe(one([]float32{v, v, v}), Range{v, v})
	}
	if got := o.Range(); got != (Range{2, 2}) {
		t.Errorf("%v, want 2 to 2", got)
	}
	o.Observe(one([]float32{0, 4}), Range{0, 4})
	h := o.(*histogram)
	var total float32
	for _, n := range h.counts {
		total += n
	}
	if total != 8 || h.counts[0] != 1 || h.counts[1024] != 6 || h.counts[2047] != 1 {
		t.Errorf("%g values; %g, %g and %g at 0, 2 and 4", total, h.counts[0], h.counts[1024], h.counts[2047])
	}
}

// TestHistogramTies: where a cut removes as many bins on either side, the search
// cuts at the top first. PyTorch's observer makes this range of the same values;
// cutting at the bottom first would end with the range to 1.
func TestHistogramTies(t *testing.T) {
	values := slices.Concat(slices.Repeat([]float32{-1}, 3), slices.Repeat([]float32{-0.5, 0.5}, 200_000), slices.Repeat([]float32{1}, 3))
	o, _ := NewObserver(Histogram)
	o.Observe(one(values), Range{-1, 1})
	if got, want := o.Range(), (Range{-0.5, 0.5}); got != want {
		t.Errorf("%v, want %v", got, want)
	}
}

// TestRoundBiases: a bias goes to the nearest multiple of input scale · weight
// scale, and stays as it is where integers could not hold it or need not.
func TestRoundBiases(t *testing.T) {
	l := &Node{
		Shape:  model.Shape{C: 3, H: 1, W: 1},
		Weight: []int8{1, 0, 0, 0, 127, 127},
		Scale:  []float32{0.5, 0.5, 1e-12},
		Bias:   []float32{1.1, 1.1, 40},
	}
	l.roundBias(kernel.Affine{Scale: 0.5})
	if want := []float32{1, 1.1, 40}; !slices.Equal(l.Bias, want) {
		t.Errorf("%g, want %g", l.Bias, want)
	}
}

// TestRoundedBiases: to the nearest multiple, the even one of two, up to 30 bits.
func TestRoundedBiases(t *testing.T) {
	for bias, want := range map[float32]float32{
		0.9: 1, 0.6: 0.5, 0.125: 0, 0.375: 0.5, -0.625: -0.5, 1<<20 + 0.125: 1 << 20, // multiples of a quarter
	} {
		l := &Node{Shape: model.Shape{C: 1, H: 1, W: 1}, Weight: []int8{1}, Scale: []float32{0.5}, Bias: []float32{bias}}
		l.roundBias(kernel.Affine{Scale: 0.5})
		if l.Bias[0] != want {
			t.Errorf("%g becomes %g, want %g", bias, l.Bias[0], want)
		}
	}
}

func TestCodes(t *testing.T) {
	out := kernel.Affine{Scale: 0.5, Zero: 7}
	for _, c := range []struct {
		act       model.Op
		low, high uint8
	}{
		{nil, 0, 255},
		{model.ReLU{}, 7, 255},
		{model.Clip{Min: -1, Max: 6}, 5, 19},
	} {
		n := &Node{Op: model.Add{}, Act: c.act, Output: out}
		if low, high := n.Codes(); low != c.low || high != c.high {
			t.Errorf("%T: codes %d to %d, want %d to %d", c.act, low, high, c.low, c.high)
		}
	}
}
