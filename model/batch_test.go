package model_test

import (
	"math"
	"slices"
	"testing"

	"espalier/model"
	"espalier/model/reference"
)

// TestLargeLayers: layers so wide that their weights are far from the processor are
// computed by other ways than those of small networks. Logits agree with the
// reference, and one image is computed to the same bits by one worker, by several
// that share every convolution, and in a batch.
func TestLargeLayers(t *testing.T) {
	for _, s := range []model.Spec{
		{Network: model.VGG, Depth: 11, Width: 0.6, Classes: 10},
		{Network: model.ResNetBasic, Depth: 18, Width: 0.7, Classes: 10},
		{Network: model.MobileNetV2, Classes: 10},
	} {
		s.Input = model.Shape{C: 3, H: 32, W: 32}
		n, err := s.Build()
		if err != nil {
			t.Fatal(err)
		}
		n.Init(5)
		images := 9
		if testing.Short() {
			images = 5
		}
		x, _ := batch(5, images)
		want := reference.From(n).Logits(images, wide(x))
		engines(t, 3, func(t *testing.T, e *model.Engine) {
			v, all := model.NewEvaluator(n, e, images), make([]float32, 10*images)
			v.Logits(all, x)
			if d := distance(all, want); !(d < 1e-5) {
				t.Errorf("%s: logits are off by %.2g", n.Name, d)
			}
			alone := model.NewEngine(e.Kernels, 1, e.Algorithm)
			defer alone.Close()
			for _, e := range []*model.Engine{alone, e} {
				v := model.NewEvaluator(n, e, images)
				one := make([]float32, 10)
				v.Logits(one, x[:3*32*32])
				if !slices.EqualFunc(one, all[:10], func(a, b float32) bool { return math.Float32bits(a) == math.Float32bits(b) }) {
					t.Errorf("%s, %d threads: an image's logits are %v alone, %v among others", n.Name, e.Threads(), one, all[:10])
				}
			}
		})
	}
}
