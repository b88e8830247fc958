package state

import (
	"strings"

	"espalier/compress/pipeline"
)

// scalesKept bounds how many results are kept for one layer.
const scalesKept = 32

// A LayerRow is one layer as of a step.
type LayerRow struct {
	pipeline.LayerInfo
	Counted  bool    // zeros were counted; false before the first census
	Sparsity float64 // share of zeros, 0 to 1
	Target   float64 // that the round asks of this layer, or of the candidates together; 0 when none
	Delta    float64 // Sparsity less that before the round
	Kept     int     // weights that are not zero
	Dead     int     // output channels without weights
	// Rise is how much the loss rises without the smaller half of the layer's
	// weights, as of the newest scan: +Inf where it is not finite any more, NaN
	// while it was not measured.
	Rise float64
}

// Census returns the newest count of zeros at or before a global step, and
// whether there is one.
func (r *Run) Census(step int) (Census, bool) {
	for i := len(r.sparsity) - 1; i >= 0; i-- {
		if r.sparsity[i].Step <= step {
			return r.sparsity[i], true
		}
	}
	return Census{}, false
}

// A slice is a round that removed channels, and the global step before it.
type slice struct {
	pipeline.Sliced
	step int
}

// Slice returns the newest round that removed channels at or before a global step,
// and whether there is one.
func (r *Run) Slice(step int) (pipeline.Sliced, bool) {
	for i := len(r.slices) - 1; i >= 0; i-- {
		if r.slices[i].step <= step {
			return r.slices[i].Sliced, true
		}
	}
	return pipeline.Sliced{}, false
}

// Now is a step after all others, for Layers and Census.
const Now = int(^uint(0) >> 1)

// Layers returns every layer as of a global step, in forward order.
func (r *Run) Layers(step int) []LayerRow {
	census, counted := r.Census(step)
	before := Census{}
	for _, c := range r.sparsity {
		if c.Round < census.Round && c.Step <= step {
			before = c
		}
	}
	edge := 0.0
	for _, round := range r.Rounds {
		if round.Round == census.Round {
			edge = round.Edge
		}
	}
	scan, _ := r.Sensitivity(step)
	rows := make([]LayerRow, len(r.Info.Layers))
	for i, info := range r.Info.Layers {
		row := LayerRow{LayerInfo: info, Counted: counted, Kept: info.Weights, Target: census.Target, Rise: rise(scan, info.Name)}
		if info.Edge {
			row.Target = edge
		}
		if s, ok := census.layer(info.Name); ok {
			row.Sparsity, row.Kept, row.Dead = s.share(), s.Total-s.Zero, s.DeadChannels
		}
		old, _ := before.layer(info.Name)
		row.Delta = row.Sparsity - old.share()
		rows[i] = row
	}
	return rows
}

// Heat returns a layer's sparsity at the end of each round so far.
func (r *Run) Heat(layer string) []float64 {
	var heat []float64
	round := 0
	for _, c := range r.sparsity {
		s, _ := c.layer(layer)
		switch {
		case c.Round <= 0:
		case c.Round != round:
			heat, round = append(heat, s.share()), c.Round
		default:
			heat[len(heat)-1] = s.share()
		}
	}
	return heat
}

// MACs returns the multiply-adds for one image of the dense network, with all its
// channels, and of the weights that are left and not zero.
func (r *Run) MACs() (dense, kept float64) {
	for _, l := range r.Layers(Now) {
		dense += float64(l.MACs)
		if l.Weights > 0 {
			kept += float64(l.MACs) * float64(l.Kept) / float64(l.Weights)
		}
	}
	if len(r.slices) > 0 {
		dense = float64(r.slices[0].MACsBefore)
	}
	return dense, kept
}

type layerCount struct{ pipeline.LayerSparsity }

func (c Census) layer(name string) (layerCount, bool) {
	for _, l := range c.Layers {
		if l.Name == name {
			return layerCount{l}, true
		}
	}
	return layerCount{}, false
}

func (c layerCount) share() float64 {
	if c.Total == 0 {
		return 0
	}
	return float64(c.Zero) / float64(c.Total)
}

// addScales keeps a layer's newest scales. Of looks at clipped weights that
// follow each other the last one stays, so that they drive out nothing else.
func (r *Run) addScales(s pipeline.Scales) {
	if r.scales == nil {
		r.scales = make(map[string][]pipeline.Scales)
	}
	all := r.scales[s.Layer]
	if n := len(all); n > 0 && s.Clip > 0 && all[n-1].Clip > 0 {
		all = all[:n-1]
	}
	if all = append(all, s); len(all) > scalesKept {
		all = all[1:]
	}
	r.scales[s.Layer] = all
}

// Scales returns a layer's newest scales at or before a global step, or else
// the first ones after it, and whether there are any. They are what the layer
// gets: looks at clipped weights are not among them.
func (r *Run) Scales(layer string, step int) (found pipeline.Scales, ok bool) {
	for _, s := range r.scales[layer] {
		if s.Clip == 0 && (!ok || s.GlobalStep <= step) {
			found, ok = s, true
		}
	}
	return found, ok
}

// Clipped returns the look at a layer's scales with clipped weights that is
// newer than any of its scales at or before a global step, and whether there is
// one.
func (r *Run) Clipped(layer string, step int) (found pipeline.Scales, ok bool) {
	for _, s := range r.scales[layer] {
		if s.GlobalStep <= step {
			found, ok = s, s.Clip > 0
		}
	}
	return found, ok
}

// shorter are the words of layers' names that are written in few letters.
var shorter = strings.NewReplacer(
	".conv.", ".c", ".conv", ".c", ".squeeze", ".sq", ".expand1x1", ".e1", ".expand3x3", ".e3",
	"classifier.", "cl.", "denseblock", "b", "denselayer", "l", "transition", "t", "block", "b", ".layer.", ".",
)

// Short returns a layer's name in few letters: layer2.0.conv1 as 2.0.c1,
// layer2.0.downsample.0 or .shortcut.0 as 2.0.sc, features.13.conv.1.0 as
// 13.c1.0.
func Short(name string) string {
	rest := strings.TrimPrefix(name, "features.")
	if rest == name {
		rest = strings.TrimPrefix(name, "layer")
	}
	for _, shortcut := range []string{".downsample", ".shortcut", ".convShortcut"} {
		if i := strings.Index(rest, shortcut); i >= 0 {
			return shorter.Replace(rest[:i]) + ".sc"
		}
	}
	return shorter.Replace(rest)
}

// Fitting returns a name in at most so many letters: its middle, where names
// differ least, gives way.
func Fitting(name string, letters int) string {
	all := []rune(name)
	if len(all) <= letters {
		return name
	}
	if letters < 3 {
		return string(all[:max(letters, 0)])
	}
	front := (letters - 1) / 2
	return string(all[:front]) + "…" + string(all[len(all)-(letters-1-front):])
}
