package quantize

import (
	"fmt"

	"espalier/model/kernel"
)

// An Activation is one quantization point's values for some images.
type Activation struct {
	Point   string // named as model.Evaluator.Observe does
	C, H, W int    // of an image
	kernel.Affine
	Codes  []uint8   // [n][C][H][W]; nil for logits in float32
	Values []float32 // [n][C][H][W], what the codes stand for
}

// Observe computes x [n][3][32][32] and shows the values at every quantization
// point, in the order of model.Evaluator.Observe. What see gets is its own.
func (v *Evaluator) Observe(x []float32, see func(Activation)) {
	n := len(x) / pixels
	if n == 0 || len(x) != n*pixels {
		panic(fmt.Sprintf("quantize: observing %d values", len(x)))
	}
	images := make([][]Activation, n)
	v.engine.Each(n, func(worker, i int) {
		images[i] = v.observe(v.workers[worker], x[i*pixels:(i+1)*pixels])
	})
	for p, a := range images[0] {
		for _, image := range images[1:] {
			a.Codes = append(a.Codes, image[p].Codes...)
			a.Values = append(a.Values, image[p].Values...)
		}
		see(a)
	}
}

// observe computes one image and returns its activations.
func (v *Evaluator) observe(s *space, image []float32) (all []Activation) {
	net := v.net
	input := Activation{Point: "input", C: 3, H: imageSize, W: imageSize, Affine: net.Input}
	all = append(all, input)
	s.see = func(a Activation) { all = append(all, a) }
	logits := make([]float32, v.Classes())
	v.compute(s, logits, image)
	s.see = nil
	for c := range 3 { // of an image [34][34][4] with a border
		for y := range imageSize {
			for x := range imageSize {
				all[0].add(s.image[((y+1)*(imageSize+2)+x+1)*4+c])
			}
		}
	}
	pool := Activation{Point: "pool", C: len(s.pooled), H: 1, W: 1, Affine: net.Pool}
	for _, q := range s.pooled {
		pool.add(q)
	}
	fc := Activation{Point: net.Classifier.Name, C: len(logits), H: 1, W: 1, Affine: net.Classifier.Output, Values: logits}
	if !net.Recipe.FloatLogits {
		for _, y := range logits {
			fc.Codes = append(fc.Codes, fc.Quantize(y))
		}
	}
	return append(all, pool, fc)
}

// show shows one image's map x to who observes.
func (s *space) show(point string, q kernel.Affine, m kernel.Map, x []uint8) {
	if s.see == nil {
		return
	}
	a := Activation{Point: point, C: m.C, H: m.H, W: m.W, Affine: q}
	for c := range m.C {
		for h := range m.H {
			for w := range m.W {
				a.add(x[m.At(c, h, w)])
			}
		}
	}
	s.see(a)
}

// add appends one code.
func (a *Activation) add(code uint8) {
	a.Codes = append(a.Codes, code)
	a.Values = append(a.Values, a.Dequantize(code))
}
