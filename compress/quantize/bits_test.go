package quantize

import (
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"

	"espalier/model"
	"espalier/model/weights"
)

// TestNarrowRecipes: what a recipe says of 8 bits, for fewer.
func TestNarrowRecipes(t *testing.T) {
	for _, c := range []struct {
		recipe    string
		bits      int
		steps     float32
		low, high int8
	}{
		{"lab", 8, 127.5, -128, 127}, {"lab", 6, 31.5, -32, 31}, {"lab", 4, 7.5, -8, 7}, {"lab", 3, 3.5, -4, 3}, {"lab", 2, 1.5, -2, 1},
		{"ort", 8, 127, -127, 127}, {"ort", 4, 7, -7, 7}, {"ort", 2, 1, -1, 1},
	} {
		r := named(t, c.recipe).at(c.bits)
		low, high := r.weightCode(-1e9, 1), r.weightCode(1e9, 1)
		if r.WeightSteps != c.steps || low != c.low || high != c.high {
			t.Errorf("%s at %d bits: %g steps, codes %d to %d; want %g, %d to %d", c.recipe, c.bits, r.WeightSteps, low, high, c.steps, c.low, c.high)
		}
	}
}

// TestPack puts codes of every width behind one another and takes them apart.
func TestPack(t *testing.T) {
	if got, want := pack([]int8{-1, 1, -2, 0, 1}, 2), []byte{0b00_10_01_11, 0b01}; !slices.Equal(got, want) {
		t.Errorf("2 bits: %b, want %b", got, want)
	}
	if got, want := pack([]int8{-3, 3, -4}, 3), []byte{0b00_011_101, 0b1}; !slices.Equal(got, want) {
		t.Errorf("3 bits: %b, want %b", got, want)
	}
	r := rand.New(rand.NewPCG(1, 2))
	for bits := 2; bits <= 8; bits++ {
		for n := range 20 {
			codes := make([]int8, n)
			for i := range codes {
				codes[i] = int8(r.IntN(1<<bits) - 1<<(bits-1))
			}
			data := pack(codes, bits)
			if len(data) != packedLen(n, bits) || !slices.Equal(unpack(data, n, bits), codes) {
				t.Fatalf("%d codes of %d bits became %v", n, bits, unpack(data, n, bits))
			}
		}
	}
}

// TestNarrowWeights: no share of a range is better than the one that is taken, and
// that is much better than none where one weight stands out.
func TestNarrowWeights(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	w := make([]float32, 400)
	for i := range w {
		w[i] = float32(r.NormFloat64())
	}
	w[7], w[311] = 6, -9
	for _, bits := range []int{6, 4, 3, 2} {
		codes, scales := lab.NarrowWeights(w, 2, bits)
		got := Noise(w, codes, scales)
		for s := 1; s <= 20; s++ {
			c, sc := lab.at(bits).ClippedWeights(w, 2, float64(s)/20)
			if other := Noise(w, c, sc); other < got {
				t.Errorf("%d bits: noise %g, and %g with all ranges cut to %d/20", bits, got, other, s)
			}
		}
		whole, ws := lab.at(bits).Weights(w, 2)
		if n := Noise(w, whole, ws); bits <= 4 && got > 0.8*n {
			t.Errorf("%d bits: noise %g, and %g with whole ranges", bits, got, n)
		}
	}
}

// narrowNetwork returns ResNet-8 with 4-bit layers whose inputs have 4 bits, and
// ends of 8.
func narrowNetwork(t *testing.T, width Width) (*Network, *model.Graph, []float32) {
	n, x := randomNetwork(t, model.Projection, 8)
	r, err := lab.WithWidths(Spread(n, width, Eight))
	if err != nil {
		t.Fatal(err)
	}
	return mustBuild(t, n, calibrated(t, n, x, MinMax), r), n, x
}

// TestNarrowFile: a file of packed codes is the network again, and as much smaller
// as it says.
func TestNarrowFile(t *testing.T) {
	wide, _, _ := narrowNetwork(t, Eight)
	for _, bits := range []int{6, 4, 3, 2} {
		q, _, _ := narrowNetwork(t, Width{bits, 4})
		path := filepath.Join(t.TempDir(), "n.safetensors")
		if err := Save(path, q, nil); err != nil {
			t.Fatal(err)
		}
		f, err := weights.Open(path, "")
		if err != nil {
			t.Fatal(err)
		}
		got, err := FromTensors(f.Tensors, f.Metadata)
		if err != nil {
			t.Fatal(err)
		}
		for i, n := range q.Nodes {
			m := got.Nodes[i]
			if m.Op != n.Op || m.Output != n.Output || m.WeightBits != n.WeightBits || !slices.Equal(m.Weight, n.Weight) || !slices.Equal(m.Scale, n.Scale) {
				t.Errorf("%d bits: %s is another", bits, n.Name)
			}
		}
		layers := q.Layers()
		var saved int
		for _, l := range layers[1 : len(layers)-1] {
			saved += len(l.Weight) - (len(l.Weight)*bits+7)/8
		}
		scales := int64(5 * 6) // the scale and zero point of what layers read
		if want := wide.Bytes() - int64(saved) + scales; q.Bytes() != want {
			t.Errorf("%d bits: %d bytes, want %d: %d with 8 bits, %d saved", bits, q.Bytes(), want, wide.Bytes(), saved)
		}
	}
}

// TestNarrowCloserWithMoreBits: logits come closer to the float network's with
// every bit, of weights and of activations.
func TestNarrowCloserWithMoreBits(t *testing.T) {
	var last float64
	for _, w := range []Width{{2, 8}, {3, 8}, {4, 8}, {6, 8}, {8, 8}, {8, 2}, {8, 3}, {8, 4}, {8, 6}, {8, 8}} {
		q, n, x := narrowNetwork(t, w)
		e := testEngine(t, "")
		want := make([]float32, 80)
		model.NewEvaluator(n, e, 8).Logits(want, x)
		var signal, noise float64
		for i, v := range logits(t, q, e.Kernels, 1, x) {
			signal += float64(want[i]) * float64(want[i])
			noise += math.Pow(float64(v-want[i]), 2)
		}
		snr := 10 * math.Log10(signal/noise)
		t.Logf("%v: %.1f dB", w, snr)
		if w.Weights == 2 || w.Activations == 2 {
			last = math.Inf(-1)
		}
		if snr <= last {
			t.Errorf("%v: %.1f dB, not more than %.1f with fewer bits", w, snr, last)
		}
		last = snr
	}
}
