package pipeline

import (
	"cmp"
	"errors"
	"fmt"
	"iter"
	"math"

	"espalier/compress/quantize"
	"espalier/model"
)

const (
	// inspectImages is the number of calibration images on which ranges are
	// observed when somebody inspects scales.
	inspectImages = quantize.CalibrationBatch
	histogramBins = 64
	channelBins   = 16
)

// inspect publishes the scales that one layer would get now, with its weight
// ranges clipped if asked. The run itself does not change.
func (r *runner) inspect(c Command) error {
	return r.scales(func(l *model.Node) bool { return l.Name == c.Layer }, cmp.Or(c.Clip, 1), true)
}

// allScales publishes the scales that every layer would get now. If they cannot
// be computed, as after a round that diverged, it publishes a warning.
func (r *runner) allScales() error {
	err := r.scales(func(*model.Node) bool { return true }, 1, false)
	if errors.Is(err, errNoScales) {
		r.log("warn", "%s", err)
		return nil
	}
	return err
}

var errNoScales = errors.New("its weights or activations are not finite")

// scales publishes the quantization of the wanted layers at their present
// weights: weights with batch norm folded in, activations as observed on a few
// calibration images. Ranges of weights are cut to the share clip, 1 for whole
// ones.
func (r *runner) scales(wanted func(*model.Node) bool, clip float64, asked bool) error {
	r.eval.Reload()
	size := min(inspectImages, r.data.Train.Len())
	load, err := r.images(size, 1)
	if err != nil {
		return err
	}
	x, err := load(0, size)
	if err != nil {
		return err
	}
	seen := make(map[string]activation)
	r.eval.Observe(x, func(point string, rows model.Rows) { seen[point] = observe(rows) })
	for _, l := range r.net.ForInference().Layers() {
		if !wanted(l) {
			continue
		}
		s, err := layerScales(l, r.recipe, clip, seen[l.Name])
		if err != nil {
			return err
		}
		s.Round, s.GlobalStep, s.Images, s.Asked = r.round, r.steps, size, asked
		r.hub.Publish(s)
	}
	return nil
}

// An activation sums up a layer's output.
type activation struct {
	min, max  float32
	histogram []int // in equal bins from min to max
	finite    bool
}

// observe walks an activation's values twice: for the range, and for the
// histogram over it.
func observe(rows iter.Seq[[]float32]) activation {
	a := activation{min: float32(math.Inf(1)), max: float32(math.Inf(-1)), finite: true}
	for row := range rows {
		for _, v := range row {
			a.min, a.max = min(a.min, v), max(a.max, v)
		}
	}
	// NaN passes through min and max.
	if math.IsNaN(float64(a.min)) || math.IsInf(float64(a.min), 0) || math.IsInf(float64(a.max), 0) {
		a.finite = false
		return a
	}
	a.histogram = make([]int, histogramBins)
	for row := range rows {
		for _, v := range row {
			a.histogram[bin(v, a.min, a.max, histogramBins)]++
		}
	}
	return a
}

// bin returns which of n equal bins from low to high holds v.
func bin(v, low, high float32, n int) int {
	if high <= low {
		return 0
	}
	return min(n-1, int(float64(n)*float64(v-low)/float64(high-low)))
}

// layerScales computes what a recipe makes of a fused layer whose weights'
// ranges are cut to the share clip.
func layerScales(l *model.Node, recipe quantize.Recipe, clip float64, a activation) (Scales, error) {
	largest := float32(0)
	for _, w := range l.Weight {
		largest = max(largest, w, -w) // NaN passes through
	}
	if !a.finite || math.IsNaN(float64(largest)) || math.IsInf(float64(largest), 0) {
		return Scales{}, fmt.Errorf("layer %s has no scales: %w", l.Name, errNoScales)
	}
	codes, scales := recipe.ClippedWeights(l.Weight, l.Out(), clip)
	affine := recipe.Activation(quantize.Range{Min: a.min, Max: a.max})
	s := Scales{
		Layer: l.Name, Recipe: recipe.Name, WeightMax: float64(largest), WeightHistogram: make([]int, histogramBins),
		Activation: Range{
			Min: float64(a.min), Max: float64(a.max), Scale: float64(affine.Scale), ZeroPoint: int(affine.Zero),
		},
		ActivationHistogram: a.histogram,
	}
	if clip != 1 {
		s.Clip = clip
	}
	fan := len(l.Weight) / l.Out()
	for o, scale := range scales {
		c := ChannelScale{Scale: float64(scale)}
		for i := o * fan; i < (o+1)*fan; i++ {
			w := float64(l.Weight[i])
			c.MaxAbs = max(c.MaxAbs, math.Abs(w))
			if w == 0 {
				c.Zero++
			}
			// Saturated: the code is farther from the weight than rounding can
			// explain.
			if (codes[i] == 127 || codes[i] == recipe.SmallestWeight) && math.Abs(w/float64(scale)-float64(codes[i])) > 0.5 {
				c.Clipped++
			}
			s.WeightHistogram[bin(l.Weight[i], -largest, largest, histogramBins)]++
		}
		if most := float32(c.MaxAbs); most > 0 {
			c.Histogram = make([]int, channelBins)
			for _, w := range l.Weight[o*fan : (o+1)*fan] {
				if w != 0 {
					c.Histogram[bin(w, -most, most, channelBins)]++
				}
			}
		}
		c.Zero /= float64(fan)
		c.Clipped /= float64(fan)
		s.Channels = append(s.Channels, c)
	}
	single := recipe
	single.PerTensor = true
	codes1, scales1 := single.ClippedWeights(l.Weight, l.Out(), clip)
	each, one := quantize.Noise(l.Weight, codes, scales), quantize.Noise(l.Weight, codes1, scales1)
	if each > 0 && one > 0 {
		s.PerTensorCost = 10 * math.Log10(one/each)
	}
	if best, least := recipe.BestClip(l.Weight, l.Out()); each > 0 && least > 0 {
		s.SNR = quantize.SNR(l.Weight, each)
		s.BestClip, s.BestSNR = best, quantize.SNR(l.Weight, least)
	}
	return s, nil
}
