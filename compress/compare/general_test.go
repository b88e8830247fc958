package compare

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"espalier/compress/quantize"
	"espalier/model"
)

// TestOtherOperators compares a network of pools, clipping and activations, whose
// channels are no multiples of 16, with its integers: the points before a ReLU6
// that a recipe fuses are left out, everything else meets.
func TestOtherOperators(t *testing.T) {
	b := model.NewBuilder("other", model.Shape{C: 3, H: 32, W: 32})
	conv := func(name string, out, stride, groups int, x *model.Node) *model.Node {
		return b.Bias(b.Add(name, model.Conv{Out: out, Kernel: 3, Stride: stride, Padding: model.Pad2D(1), Groups: groups}, x))
	}
	x := b.Add("stem.clip", model.Clip{Min: 0, Max: 6}, conv("stem", 20, 2, 1, b.Input()))
	x = b.Add("maxpool", model.MaxPool{Kernel: 2, Stride: 2}, x)
	x = b.Add("cat", model.Concat{}, x, b.Add("swish", model.HardSwish{}, conv("deep", 20, 1, 20, x)))
	x = b.Add("flatten", model.Flatten{}, b.Add("pool", model.AvgPool{Kernel: 8, Stride: 8}, x))
	b.Add("fc", model.Linear{Out: 10}, x)
	g, err := b.Graph()
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	for _, l := range g.Layers() {
		for i := range l.Weight {
			l.Weight[i] = float32(r.NormFloat64() * math.Sqrt(2/float64(l.Fan())))
		}
	}
	e, images := newEngine(t), randomImages(8)
	for name, want := range map[string][]string{
		"lab":    {"input", "stem.clip", "maxpool", "deep", "swish", "cat", "pool", "flatten", "fc"},
		"onednn": {"input", "stem", "stem.clip", "maxpool", "deep", "swish", "cat", "pool", "flatten", "fc"},
	} {
		recipe, err := quantize.RecipeNamed(name)
		if err != nil {
			t.Fatal(err)
		}
		load := func(first, n int) ([]float32, error) { return images[first*pixels : (first+n)*pixels], nil }
		var q *quantize.Network
		v := model.NewEvaluator(g, e, quantize.CalibrationBatch)
		err = quantize.Calibrate(v, e, recipe.Observers(g), []string{quantize.MinMax}, load, []int{8}, func(c *quantize.Calibration) (err error) {
			q, err = quantize.Build(g, c, recipe)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		result := mustRun(t, Float(g, e), quantize.NewEvaluator(q, e), images, 20)
		var have []string
		for _, l := range result.Layers {
			have = append(have, l.Point)
			if l.SNR == nil || *l.SNR < 20 {
				t.Errorf("%s: %s has a signal-to-noise ratio of %v", name, l.Point, l.SNR)
			}
		}
		if !slices.Equal(have, want) {
			t.Errorf("%s: points %v, want %v", name, have, want)
		}
	}
}
