package quantize

import (
	"fmt"
	"maps"
	"slices"

	"espalier/model"
)

// A Width is how many bits the codes of a layer's weights have, and those of the
// activations that the layer reads: 2 to 8 each.
type Width struct {
	Weights     int `json:"weights"`
	Activations int `json:"activations"`
}

// Eight is the width of a layer that is told nothing else.
var Eight = Width{8, 8}

// Bits returns the numbers of bits that codes can have, the most first.
func Bits() []int { return []int{8, 6, 4, 3, 2} }

// Check wants numbers of bits that codes can have.
func (w Width) Check() error {
	if !slices.Contains(Bits(), w.Weights) || !slices.Contains(Bits(), w.Activations) {
		return fmt.Errorf("weights of %d bits and activations of %d: choose from %v", w.Weights, w.Activations, Bits())
	}
	return nil
}

// String returns, as an example, "W4A8".
func (w Width) String() string { return fmt.Sprintf("W%dA%d", w.Weights, w.Activations) }

// Spread returns the width of each layer of a graph: all, and ends for the first
// layer and the last one, which lose most.
func Spread(g *model.Graph, all, ends Width) map[string]Width {
	layers, widths := g.Layers(), map[string]Width{}
	for i, l := range layers {
		widths[l.Name] = all
		if i == 0 || i == len(layers)-1 {
			widths[l.Name] = ends
		}
	}
	return widths
}

// WithWidths returns the recipe with a width for each layer. Layers that are not
// named keep 8 bits.
func (r Recipe) WithWidths(widths map[string]Width) (Recipe, error) {
	r.Widths = nil
	for _, layer := range slices.Sorted(maps.Keys(widths)) {
		if err := widths[layer].Check(); err != nil {
			return r, fmt.Errorf("layer %s: %w", layer, err)
		}
		if widths[layer] == Eight {
			continue
		}
		if r.Widths == nil {
			r.Widths = map[string]Width{}
		}
		r.Widths[layer] = widths[layer]
	}
	return r, nil
}

// width returns a layer's width.
func (r Recipe) width(layer string) Width {
	if w, ok := r.Widths[layer]; ok {
		return w
	}
	return Eight
}

// at returns the recipe with what it says of weights of 8 bits said of fewer. With
// 4 bits, 127.5 steps become 7.5 and −128…127 becomes −8…7; 127 steps become 7 and
// −127…127 becomes −7…7.
func (r Recipe) at(bits int) Recipe {
	lost := 128 - 1<<(bits-1)
	r.WeightSteps -= float32(lost)
	r.SmallestWeight += int8(lost)
	return r
}

// activationSteps returns the largest code of an activation's range.
func (r Recipe) activationSteps(bits int) float32 {
	if r.ReducedRange && bits == 8 {
		return 127
	}
	return float32(int(1)<<bits - 1)
}

// NarrowWeights is Weights for codes of so many bits. With fewer than 8, every
// range is cut to the multiple of SmallestClip that leaves the smallest squared
// error: rounding costs more than saturation there. See BestClip.
func (r Recipe) NarrowWeights(weight []float32, out, bits int) (codes []int8, scales []float32) {
	if bits == 8 {
		return r.Weights(weight, out)
	}
	r = r.at(bits)
	if r.PerTensor {
		share, _ := r.BestClip(weight, out)
		return r.ClippedWeights(weight, out, share)
	}
	fan := len(weight) / out
	for o := range out {
		channel := weight[o*fan : (o+1)*fan]
		share, _ := r.BestClip(channel, 1)
		c, s := r.ClippedWeights(channel, 1, share)
		codes, scales = append(codes, c...), append(scales, s...)
	}
	return codes, scales
}
