package quantize

import (
	"fmt"
	"math"

	"espalier/model"
)

// A LayerCount is what the kernels made of a layer's outputs on some images, and
// what its codes could lead to.
type LayerCount struct {
	Layer string `json:"layer"`
	// Low and High are the shares of outputs with the smallest and the largest code,
	// which stand for all values beyond. Codes at an activation's own limits, as a
	// ReLU's 0, do not count.
	Low  float64 `json:"saturated_low"`
	High float64 `json:"saturated_high"`
	// HeadRoom is how many times, in bits, the largest sum that codes could give fits
	// into int32.
	HeadRoom float64 `json:"head_room_bits"`
	// Dead counts output channels that have one value on all images.
	Dead     int `json:"dead_channels"`
	Channels int `json:"channels"`
	// Revived counts weights that are 0 in the float network, and whose codes are not.
	Revived int `json:"revived_zeros"`
	// Pairs is the share of products' sums, two products each, that left 16 bits on
	// the images. Processors without VNNI add two products of codes in 16 bits in
	// many runtimes (vpmaddubsw), which then saturates; this program's kernels do not.
	Pairs float64 `json:"sums_beyond_16_bits"`
}

// pairPatches is how many patches of a layer Count looks for sums beyond 16 bits in.
const pairPatches = 256

// Count runs images x through the kernels of n, which was made of g, and counts by
// layer.
func Count(n *Network, g *model.Graph, e *model.Engine, x []float32) []LayerCount {
	folded := g.ForInference()
	of := map[string]*LayerCount{}
	seen := map[string][]*Node{} // layers that read a point
	var all []LayerCount
	for _, l := range n.Layers() {
		c := LayerCount{Layer: l.Name, Channels: l.Shape.C, HeadRoom: l.headRoom()}
		if from := folded.Node(l.Name); from != nil && len(from.Weight) == len(l.Weight) {
			for i, w := range from.Weight {
				if w == 0 && l.Weight[i] != 0 {
					c.Revived++
				}
			}
		}
		all = append(all, c)
		seen[l.observedInput().Point()] = append(seen[l.observedInput().Point()], l)
	}
	for i := range all {
		of[all[i].Layer] = &all[i]
	}
	first := map[string][]uint8{} // each channel's first code, by layer
	alive := map[string][]bool{}
	v := NewEvaluator(n, e)
	images := len(x) / v.pixels
	for from := 0; from < images; from += observedAtOnce {
		part := x[from*v.pixels : min(from+observedAtOnce, images)*v.pixels]
		share := float64(len(part)) / float64(len(x))
		v.Observe(part, func(a Activation) {
			for _, l := range seen[a.Point] {
				if l.Inputs[0] == l.observedInput() { // fewer bits cannot leave 16
					of[l.Name].Pairs += share * l.pairsBeyond16(a)
				}
			}
			l := n.layerAt(a.Point)
			if l == nil || a.Codes == nil {
				return
			}
			c, size := of[l.Name], a.H*a.W
			if first[l.Name] == nil {
				first[l.Name], alive[l.Name] = make([]uint8, a.C), make([]bool, a.C)
				for k := range a.C {
					first[l.Name][k] = a.Codes[k*size]
				}
			}
			low, high := 0, 0
			for i, code := range a.Codes {
				k := i / size % a.C
				alive[l.Name][k] = alive[l.Name][k] || code != first[l.Name][k]
				if code == 0 {
					low++
				} else if code == l.largest() {
					high++
				}
			}
			if l.Act == nil {
				c.Low += share * float64(low) / float64(len(a.Codes))
			}
			if _, clip := l.Act.(model.Clip); !clip {
				c.High += share * float64(high) / float64(len(a.Codes))
			}
		})
	}
	for name, channels := range alive {
		for _, lives := range channels {
			if !lives {
				of[name].Dead++
			}
		}
	}
	return all
}

// layerAt returns the layer whose output a point shows, or nil.
func (n *Network) layerAt(point string) *Node {
	for _, l := range n.Layers() {
		if l.Point() == point {
			return l
		}
	}
	return nil
}

// headRoom returns 31 − log2 of the largest magnitude that a sum and its bias could
// have.
func (n *Node) headRoom() float64 {
	fan, in := n.Fan(), n.Inputs[0]
	zero, largest := float64(in.Output.Zero), float64(in.largest())
	most := 1.0
	for k := range n.Bias {
		var high, low float64
		for _, w := range n.Weight[k*fan : (k+1)*fan] {
			a, b := float64(w)*(largest-zero), -float64(w)*zero
			high, low = high+max(a, b), low+min(a, b)
		}
		bias := math.Abs(float64(n.Bias[k]) / (float64(in.Output.Scale) * float64(n.Scale[k])))
		if bias > 1<<30 { // of a channel of zeros, whose bias no sum joins
			bias = 0
		}
		most = max(most, high+bias, -low+bias)
	}
	return 31 - math.Log2(most)
}

// pairsBeyond16 returns the share of sums of two neighbouring products that do not
// fit 16 bits, on some patches of the layer's inputs. Neighbours are input channels
// 2i and 2i+1 at the same place of the kernel.
func (n *Node) pairsBeyond16(a Activation) float64 {
	p := newPatcher(n.Op, n.Inputs[0].Shape, n.Shape)
	channels := n.Inputs[0].Shape.C / p.groups
	if channels < 2 {
		return 0
	}
	taps, outs := p.fan/channels, n.Shape.C/p.groups
	codes := make([]float32, len(a.Codes))
	for i, c := range a.Codes {
		codes[i] = float32(c)
	}
	sums, beyond := 0, 0
	for group := range p.groups {
		p.each(codes, group, pairPatches/p.groups+1, func(patch []float32) {
			for k := group * outs; k < (group+1)*outs; k++ {
				w := n.Weight[k*p.fan : (k+1)*p.fan]
				for c := 0; c+1 < channels; c += 2 {
					for t := range taps {
						i, j := c*taps+t, (c+1)*taps+t
						sum := int(patch[i])*int(w[i]) + int(patch[j])*int(w[j])
						sums++
						if sum > math.MaxInt16 || sum < math.MinInt16 {
							beyond++
						}
					}
				}
			}
		})
	}
	return float64(beyond) / float64(max(sums, 1))
}

// Warnings tells in sentences what of a layer's counts asks for attention.
func (c LayerCount) Warnings() []string {
	var all []string
	warn := func(format string, args ...any) { all = append(all, c.Layer+": "+fmt.Sprintf(format, args...)) }
	if c.Pairs > 0 {
		warn("%.3g %% of the sums of two products leave 16 bits; runtimes on processors without VNNI saturate there: a recipe with reduced range (fbgemm, x86) halves the codes", 100*c.Pairs)
	}
	if s := c.Low + c.High; s > 0.01 {
		warn("%.1f %% of the outputs are at the smallest or the largest code: calibrate on more images, or with an observer that cuts off less", 100*s)
	}
	if c.Dead > 0 {
		warn("%d of %d output channels have one value on all images: without them the network would be smaller and compute much the same", c.Dead, c.Channels)
	}
	if c.Revived > 0 {
		warn("%d weights that were 0 are not any more", c.Revived)
	}
	return all
}
