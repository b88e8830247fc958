package quantize

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"espalier/model"
)

// heavyTailed returns the values that testdata/observers.py draws.
func heavyTailed(seed uint32, count int, kind string) []float32 {
	x := make([]float32, count)
	for i := range x {
		var u float64
		for range 4 {
			seed = 1664525*seed + 1013904223
			u += float64(seed) / (1 << 32)
		}
		v := u - 2
		if kind != "uniform" {
			v = v * v * v
		}
		switch kind {
		case "relu":
			v = max(v, 0)
		case "skew":
			v += 0.25
		}
		x[i] = float32(v)
	}
	return x
}

// observeIn shows values to an observer in batches.
func observeIn(o Observer, x []float32, batch int) {
	for part := range slices.Chunk(x, batch) {
		o.Observe(one(part), Range{slices.Min(part), slices.Max(part)})
	}
}

// TestRangesMatchNumpy: the ranges are those that numpy computes of the same
// values, in whatever batches they come; percentiles are within a bin of the exact
// ones.
func TestRangesMatchNumpy(t *testing.T) {
	text, err := os.ReadFile("testdata/observers.json")
	if err != nil {
		t.Fatal(err)
	}
	var sets []struct {
		Seed            uint32
		Kind            string
		Count, Exponent int
		Ranges, Exact   map[string][2]float32
	}
	if err := json.Unmarshal(text, &sets); err != nil {
		t.Fatal(err)
	}
	for _, s := range sets {
		x := heavyTailed(s.Seed, s.Count, s.Kind)
		for name, want := range s.Ranges {
			for _, batch := range []int{len(x), 777} {
				o, err := NewObserver(name)
				if err != nil {
					t.Fatal(err)
				}
				observeIn(o, x, batch)
				got := o.Range()
				if got != (Range{want[0], want[1]}) {
					t.Errorf("%s values in batches of %d, %s: %v, numpy has %v", s.Kind, batch, name, got, want)
				}
				b, ok := o.(*binned)
				if !ok {
					continue
				}
				if b.counts.Exponent != s.Exponent {
					t.Errorf("%s values: bins of 2^%d, numpy's are of 2^%d", s.Kind, b.counts.Exponent, s.Exponent)
				}
				exact, ok := s.Exact[name]
				if wide := float32(b.counts.width()); ok && (!(exact[0]-got.Min >= 0 && exact[0]-got.Min < wide && exact[1]-got.Max >= 0 && exact[1]-got.Max < wide)) {
					t.Errorf("%s values, %s: %v is not the edge below %[5]v of a bin of %[4]g", s.Kind, name, got, wide, exact)
				}
			}
		}
	}
}

// TestCountsAreExact: whatever the order and the batches, the counts are those of
// all values in the final bins, and these are as narrow as they can be.
func TestCountsAreExact(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for try := range 50 {
		x := make([]float32, 1+r.IntN(300))
		for i := range x {
			x[i] = float32(math.Ldexp(r.Float64()-0.4, r.IntN(1+4*try)-2*try))
		}
		var c Counts
		for part := range slices.Chunk(x, 1+r.IntN(len(x))) {
			c.observe(one(part), Range{slices.Min(part), slices.Max(part)})
		}
		want := make([]int64, len(c.Bins))
		for _, v := range x {
			i := 0
			for ; i+1 < len(want) && c.edge(i+1) <= float64(v); i++ {
			}
			want[i]++
		}
		if !slices.Equal(c.Bins, want) {
			t.Fatalf("try %d: counts differ in bins of 2^%d", try, c.Exponent)
		}
		lo, hi := min(slices.Min(x), 0), max(slices.Max(x), 0)
		if n := len(c.Bins); n > mostBins || c.Exponent > smallestExponent && binOf(hi, c.Exponent-1)-binOf(lo, c.Exponent-1) < mostBins {
			t.Errorf("try %d: %d bins of 2^%d", try, n, c.Exponent)
		}
		again := c.clone()
		slices.Reverse(x)
		c = Counts{}
		for part := range slices.Chunk(x, 7) {
			c.observe(one(part), Range{slices.Min(part), slices.Max(part)})
		}
		if diff := cmp.Diff(*again, c); diff != "" {
			t.Errorf("try %d: in another order %s", try, diff)
		}
	}
}

// TestOneValue: a constant has a range from itself to itself.
func TestOneValue(t *testing.T) {
	for _, v := range []float32{0, -3, 1e-44, 3e37} {
		for _, name := range Observers() {
			o, _ := NewObserver(name)
			observeIn(o, []float32{v, v}, 1)
			if got := o.Range(); got != (Range{v, v}) {
				t.Errorf("%s of nothing but %g: %v", name, v, got)
			}
		}
	}
}

// TestRaceInOnePass: observers in one pass find what each finds alone, and share
// the counts.
func TestRaceInOnePass(t *testing.T) {
	n, x := randomNetwork(t, model.Projection, 40)
	e := testEngine(t, "")
	names := append(Observers(), "percentile-90")
	var all []*Calibration
	err := Calibrate(model.NewEvaluator(n, e, CalibrationBatch), e, lab.Observers(n), names, imagesOf(x), []int{20, 40}, func(c *Calibration) error {
		all = append(all, c)
		return nil
	})
	if err != nil || len(all) != 2*len(names) {
		t.Fatalf("%d results, error %v", len(all), err)
	}
	for i, got := range all {
		want := calibrated(t, n, x[:got.Images*pixels], names[i%len(names)])
		if want.Counts != nil {
			t.Error("one observer alone gives counts")
		}
		if got.Observer != want.Observer || !cmp.Equal(got.Ranges, want.Ranges) {
			t.Errorf("%s on %d images: %s", got.Observer, got.Images, cmp.Diff(want.Ranges, got.Ranges))
		}
		counts := got.Counts["conv1"]
		if n := counts.total(); n != int64(got.Images*16*32*32) {
			t.Errorf("%d values counted behind the first convolution", n)
		}
	}
}

func TestPercentileRefuses(t *testing.T) {
	for _, name := range []string{"percentile-", "percentile-0", "percentile-100.1", "percentile-NaN", "percentile-x"} {
		if _, err := NewObserver(name); err == nil || !strings.Contains(err.Error(), "want a share above 0") {
			t.Errorf("%s: error %v", name, err)
		}
	}
}
