package finite

import (
	"encoding/json"
	"math"
	"testing"
)

func TestOrNull(t *testing.T) {
	for _, c := range []struct {
		value float64
		text  string
	}{{1.5, "1.5"}, {0, "0"}, {-1e300, "-1e+300"}, {math.NaN(), "null"}, {math.Inf(1), "null"}, {math.Inf(-1), "null"}} {
		text, err := json.Marshal(OrNull(c.value))
		if err != nil || string(text) != c.text {
			t.Errorf("%v is written as %s, error %v; want %s", c.value, text, err, c.text)
		}
		var back OrNull
		if err := json.Unmarshal(text, &back); err != nil {
			t.Fatal(err)
		}
		if Is(c.value) && float64(back) != c.value || !Is(c.value) && !math.IsNaN(float64(back)) {
			t.Errorf("%v was read back as %v", c.value, back)
		}
	}
}

func TestFirst(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(-1))
	for _, c := range []struct {
		values []float32
		want   int
	}{{nil, -1}, {[]float32{1, math.MaxFloat32, 0}, -1}, {[]float32{1, nan, inf}, 1}, {[]float32{inf}, 0}} {
		if got := First(c.values); got != c.want {
			t.Errorf("First(%v) = %d, want %d", c.values, got, c.want)
		}
	}
}
