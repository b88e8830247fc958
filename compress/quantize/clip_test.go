package quantize

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestClippedWeights cuts two channels of two weights by hand. The recipe of
// onnxruntime has 127 steps: half of the range of 2 is a scale of 1/127.
func TestClippedWeights(t *testing.T) {
	w := []float32{2, 0.5, 0, -254}
	for _, c := range []struct {
		share  float64
		codes  []int8
		scales []float32
		noise  float64
	}{
		{1, []int8{127, 32, 0, -127}, []float32{2. / 127, 2}, sq(0.5 - 64./127)},
		{0.5, []int8{127, 64, 0, -127}, []float32{1. / 127, 1}, sq(2-1) + sq(0.5-64./127) + sq(254-127)},
	} {
		codes, scales := named(t, "ort").ClippedWeights(w, 2, c.share)
		if !slices.Equal(codes, c.codes) || !slices.Equal(scales, c.scales) {
			t.Errorf("%g of the range: codes %v, scales %v; want %v, %v", c.share, codes, scales, c.codes, c.scales)
		}
		if n := Noise(w, codes, scales); math.Abs(n-c.noise) > 1e-6*c.noise {
			t.Errorf("%g of the range: noise %g, want %g", c.share, n, c.noise)
		}
	}
	if db := SNR([]float32{3, -4}, 0.025); math.Abs(db-30) > 1e-9 { // 25 to 0.025
		t.Errorf("%g dB, want 30", db)
	}
}

func sq(x float64) float64 { return x * x }

// TestBestClip: cutting an even distribution saturates more than rounding gains.
// One weight of 1.3 beside 65,536 between -1 and 1 is worth its error: rounding
// leaves n · scale²/12, which is 0.57 for a range of 1.3, and 0.36 + 0.26² for one
// of 1.04. No share that is tried leaves less than the one that is found.
func TestBestClip(t *testing.T) {
	even := make([]float32, 1<<16)
	random := rand.New(rand.NewPCG(1, 2))
	for i := range even {
		even[i] = 2*random.Float32() - 1
	}
	outlier := append(slices.Clone(even), 1.3)
	for _, r := range recipes() {
		for _, c := range []struct {
			name   string
			weight []float32
			share  float64
		}{{"even", even, 1}, {"with an outlier", outlier, 0.8}, {"all zero", make([]float32, 8), 1}} {
			share, noise := r.BestClip(c.weight, 1)
			if share != c.share {
				t.Errorf("%s, %s: the best share is %g, want %g", r.Name, c.name, share, c.share)
			}
			for i := range 20 {
				codes, scales := r.ClippedWeights(c.weight, 1, float64(i+1)/20)
				n := Noise(c.weight, codes, scales)
				if n < noise || float64(i+1)/20 == share && n != noise {
					t.Errorf("%s, %s: noise %g at %g, and %g at the best share %g", r.Name, c.name, n, float64(i+1)/20, noise, share)
				}
			}
		}
	}
}

// BenchmarkBestClip tries the shares on ResNet-20's largest layer.
func BenchmarkBestClip(b *testing.B) {
	w := make([]float32, 64*64*9)
	random := rand.New(rand.NewPCG(1, 2))
	for i := range w {
		w[i] = float32(random.NormFloat64())
	}
	for b.Loop() {
		lab.BestClip(w, 64)
	}
}
