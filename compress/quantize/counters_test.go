package quantize

import (
	"math"
	"strings"
	"testing"

	"espalier/model"
	"espalier/model/kernel"
)

// TestCount counts on a network whose codes are known: a convolution that passes
// three channels on, adds the first two with large weights, and has a channel of
// zeros.
func TestCount(t *testing.T) {
	b := model.NewBuilder("counted", model.Shape{C: 3, H: 8, W: 8})
	x := b.Bias(b.Add("conv", model.Conv{Out: 4, Kernel: 1, Stride: 1, Groups: 1}, b.Input()))
	x = b.Add("pool", model.GlobalAvgPool{}, x)
	b.Add("fc", model.Linear{Out: 10}, b.Add("flatten", model.Flatten{}, x))
	g, err := b.Graph()
	if err != nil {
		t.Fatal(err)
	}
	conv := g.Node("conv")
	copy(conv.Weight, []float32{1, 0, 0, 0, 1, 0, 1, 1, 0, 0, 0, 0})
	for i := range g.Node("fc").Weight {
		g.Node("fc").Weight[i] = float32(i%5) - 2
	}
	ranges := map[string]Range{"input": {0, 1}, "conv": {-0.5, 0.5}, "pool": {-1, 1}, "flatten": {-1, 1}, "fc": {-4, 4}}
	r := lab
	q := mustBuild(t, g, &Calibration{Ranges: ranges}, r)
	// Two images of 64 pixels: every fourth pixel of channel 0 is 1, all else 0.2.
	images := make([]float32, 2*3*64)
	for i := range images {
		images[i] = 0.2
		if i/64%3 == 0 && i%4 == 0 {
			images[i] = 1
		}
	}
	q.Node("conv").Weight[11] = 1 // a zero that is none any more
	e := testEngine(t, "")
	c := Count(q, g, e, images)[0]
	// Above 0.5: channel 0 at a quarter of the pixels, channel 2 at the same.
	if want := 2.0 / 4 / 4; math.Abs(c.High-want) > 1e-9 || c.Low != 0 {
		t.Errorf("saturated %g low, %g high, want 0 and %g", c.Low, c.High, want)
	}
	if c.Dead != 2 || c.Channels != 4 || c.Revived != 1 {
		t.Errorf("%+v", c)
	}
	// Channel 2 has 255·127 twice: at 1 and 0.2 that is 32,385 + 6,477; at 0.2 twice
	// less. One pair of one channel of four, at a quarter of the pixels.
	if want := 1.0 / 4 / 4; math.Abs(c.Pairs-want) > 1e-9 {
		t.Errorf("%g of the pairs leave 16 bits, want %g", c.Pairs, want)
	}
	if want := 31 - math.Log2(2*255*127); math.Abs(c.HeadRoom-want) > 1e-9 {
		t.Errorf("head-room %g bits, want %g", c.HeadRoom, want)
	}
	if text := strings.Join(c.Warnings(), "\n"); strings.Count(text, "conv: ") != 4 || !strings.Contains(text, "without VNNI") {
		t.Errorf("warnings:\n%s", text)
	}
	// Behind a ReLU the smallest code is its own.
	q.Node("conv").Act, q.Node("conv").Output = model.ReLU{}, kernel.Affine{Scale: 1.0 / 510}
	if c := Count(q, g, e, images)[0]; c.Low != 0 || c.High == 0 {
		t.Errorf("behind a ReLU: %+v", c)
	}
}
