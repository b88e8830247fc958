package ui

import (
	"fmt"
	"math"
	"slices"

	"espalier/compress/pipeline"
	"espalier/ui/chart"
	"espalier/ui/grid"
	"espalier/ui/state"
	"espalier/ui/theme"
)

// outlierRatio is how many times the median scale makes a channel an outlier.
const outlierRatio = 3

// scalesPane shows the int8 scales of one layer, channel by channel.
type scalesPane struct {
	part        part
	first, each int       // channel of the first bar, and cells of a bar
	area        grid.Rect // of the bars, drawn last
}

// A part is what of a layer's quantization is shown.
type part int

const (
	allChannels    part = iota // the scales of all channels' weights
	oneChannel                 // the histogram of one channel's weights
	allActivations             // the histogram of the layer's output
)

func (*scalesPane) name() string { return "Scales" }

func (*scalesPane) about() string {
	return "The int8 scale of every output channel's weights, as powers of two, that the layer has " +
		"or would get from its present weights. Channels with more than three times the median scale are " +
		"outliers. SNR is the signal-to-noise ratio of the layer's int8 weights; per-tensor is what one scale " +
		"for all channels would cost; best clip is the share of each channel's range that gives the highest " +
		"SNR. c tries a share; the run does not change. Below are " +
		"histograms of the channel's and of the layer's weights, without zeros; enter shows the " +
		"channel's alone. The comma shows the layer's activations instead: their histogram, range, scale and " +
		"zero point, or the range that every observer of the sweep finds."
}

func (p *scalesPane) draw(s *scene, g *grid.Grid, r grid.Rect, focused bool) {
	layer, ok := s.selectedLayer()
	left := []piece{{0, "4 Scales"}}
	right := [...]string{"weights · per channel · log2", "weights · esc shows all channels", "activations · per tensor · log count"}[p.part]
	scales, known := p.scales(s)
	s.channel = max(min(s.channel, len(scales.Channels)-1), 0)
	if ok {
		left = append(left, piece{theme.Strong, state.Short(layer.Name)})
		if scales.Clip > 0 && p.part != allActivations {
			left = append(left, piece{theme.Warn, fmt.Sprintf("if clipped to %.3g", scales.Clip)})
		}
		if p.part == oneChannel && known {
			left = append(left, piece{theme.Strong, fmt.Sprintf("channel %d of %d", s.channel, len(scales.Channels))})
		}
		left = append(left, piece{theme.Muted, describe(layer.Shape, layer.Stride)})
	}
	inside := box(g, r, focused, left, right)
	switch {
	case !ok:
		centred(g, inside, theme.Muted, "The layers appear when the run starts.")
	case !known && s.run.Status.Over():
		centred(g, inside, theme.Muted, "This run recorded no scales of "+layer.Name+".")
	case !known && !s.steerable():
		centred(g, inside, theme.Muted, "No scales of "+layer.Name+" yet.")
	case !known:
		centred(g, inside, theme.Muted, "No scales of "+layer.Name+" yet.", "r computes the scales that it would get now.")
	case p.part == allActivations:
		p.drawActivations(s, g, inside, scales)
	case len(scales.Channels) == 0:
		centred(g, inside, theme.Muted, "The layer has no channels.")
	case p.part == oneChannel:
		p.drawChannel(s, g, inside, scales)
	default:
		p.drawWeights(s, g, inside, scales)
	}
}

// scales returns what is known of the selected layer: what it would get with its
// weights clipped, where that was asked last, or else what it has.
func (p *scalesPane) scales(s *scene) (pipeline.Scales, bool) {
	layer, _ := s.selectedLayer()
	if look, ok := s.run.Clipped(layer.Name, s.asOf()); ok {
		return look, true
	}
	return s.run.Scales(layer.Name, s.asOf())
}

// drawWeights draws a bar for each channel and tells the selected one's numbers.
func (p *scalesPane) drawWeights(s *scene, g *grid.Grid, r grid.Rect, q pipeline.Scales) {
	facts := min(4, max(r.H-5, 1))
	if r.H >= 16 {
		facts = 5
	}
	foot, r := r.Bottom(facts)
	if r.W > chart.Gutter+8 && r.H >= 3 {
		p.bars(s, g, r, q)
	}
	c := q.Channels[s.channel]
	tellChannel(row(g, foot, 0), s.channel, q)
	low, high := extremeScales(q.Channels)
	w := row(g, foot, 1).skip(1).fact("scales ", theme.Plain, significant(low)+"‥"+significant(high))
	if outliers := outlierChannels(q.Channels); len(outliers) > 0 {
		w.fact("  outliers", theme.Warn, listed(outliers, 5))
	}
	if facts == 5 {
		tellNoise(row(g, foot, 2).skip(1), "", q)
	} else {
		tellNoise(w, "  ", q)
	}
	histogram := func(i int, label string, bins []int, most float64, note string) {
		w := row(g, foot, i).skip(1).putf(theme.Muted, "%-8s", label)
		width := min(32, max(w.column-w.x-26, 8))
		text := spark(bins, width)
		w.put(theme.Series1, text).skip(width-g.Width(text)).fact(" ", theme.Muted, fmt.Sprintf("±%-6s", significant(most)))
		w.fact("  ", theme.Muted, note)
	}
	if foot.H >= 4 {
		histogram(foot.H-2, fmt.Sprintf("ch %d", s.channel), c.Histogram, c.MaxAbs, "without zeros")
	}
	histogram(foot.H-1, "layer", withoutZeros(s, q), q.WeightMax, origin(q))
}

// tellChannel writes a channel's numbers.
func tellChannel(w *pen, channel int, q pipeline.Scales) {
	c, median := q.Channels[channel], medianScale(q.Channels)
	w.skip(1).putf(theme.Strong, "ch %-3d", channel)
	if c.Scale > 0 {
		w.fact(" scale ", theme.Strong, fmt.Sprintf("%-8s", significant(c.Scale)))
		w.fact("", outlierStyle(c.Scale, median), fmt.Sprintf("×%.1f median", c.Scale/median))
	} else {
		w.fact("", theme.Warn, " all zero, no scale")
	}
	w.fact("  zero ", theme.Plain, fmt.Sprintf("%.0f%%", 100*c.Zero))
	w.fact("  |w|max ", theme.Plain, significant(c.MaxAbs)).fact("  clip ", theme.Plain, fmt.Sprintf("%.1f%%", 100*c.Clipped))
}

// tellNoise writes how exact a layer's int8 weights are, what one scale for all
// its channels would cost, and what clipping would win, after a gap.
func tellNoise(w *pen, gap string, q pipeline.Scales) {
	if q.SNR != 0 {
		w.fact(gap+"SNR ", theme.Strong, fmt.Sprintf("%.1f dB", q.SNR))
		gap = "  "
	}
	w.fact(gap+"per-tensor ", theme.Plain, decibels(-q.PerTensorCost))
	switch {
	case q.BestClip >= 1:
		w.fact("", theme.Muted, "  best unclipped")
	case q.BestClip > 0:
		w.fact("  best clip ", theme.Plain, fmt.Sprintf("%.2f: %.1f dB", q.BestClip, q.BestSNR))
	}
}

// withoutZeros returns a layer's histogram of weights without its zeros, which
// would dwarf all others after pruning.
func withoutZeros(s *scene, q pipeline.Scales) []int {
	bins := slices.Clone(q.WeightHistogram)
	layer, _ := s.selectedLayer()
	if len(bins) == 0 || len(q.Channels) == 0 {
		return bins
	}
	zeros := 0.0
	for _, c := range q.Channels {
		zeros += c.Zero * float64(layer.Weights) / float64(len(q.Channels))
	}
	middle := len(bins) / 2
	bins[middle] = max(bins[middle]-int(math.Round(zeros)), 0)
	return bins
}

// bars draws the scales of as many channels as there is room for, the selected
// one among them.
func (p *scalesPane) bars(s *scene, g *grid.Grid, r grid.Rect, q pipeline.Scales) {
	low, high := extremeScales(q.Channels)
	if high <= 0 {
		centred(g, r, theme.Warn, "All channels are zero.")
		return
	}
	bottom, top := math.Floor(math.Log2(low))-1, math.Ceil(math.Log2(high)+1e-9)
	ticks := []chart.Tick{{Value: bottom, Label: powerOfTwo(int(bottom))}, {Value: top, Label: powerOfTwo(int(top))}}
	if top-bottom >= 4 && r.H >= 8 {
		middle := math.Round((top + bottom) / 2)
		ticks = append(ticks[:1], chart.Tick{Value: middle, Label: powerOfTwo(int(middle))}, ticks[1])
	}
	width := r.W - chart.Gutter
	each := min(max(width/len(q.Channels), 1), 8)
	shown := min(width/each, len(q.Channels))
	p.first = window(p.first, s.channel, len(q.Channels), shown)
	cells := shown * each
	middle := (max(each-1, 1) - 1) / 2 // of a bar
	var channels []chart.Tick
	for c := p.first; c < p.first+shown; c += max(shown/4, 1) {
		channels = append(channels, chart.Tick{Value: float64((c-p.first)*each + middle), Label: fmt.Sprint(c)})
	}
	area := chart.Axes(g, grid.Rect{X: r.X, Y: r.Y, W: chart.Gutter + cells, H: r.H},
		chart.NewAxis(0, float64(max(cells-1, 1)), false), chart.NewAxis(bottom, top, false), channels, ticks)
	p.area, p.each = area.Rect, each
	median := medianScale(q.Channels)
	for i := range shown {
		c := q.Channels[p.first+i]
		style := outlierStyle(c.Scale, median)
		if p.first+i == s.channel {
			style = theme.Cursor
		}
		x := area.Rect.X + i*each
		share := 0.0
		if c.Scale > 0 {
			share = (math.Log2(c.Scale) - bottom) / (top - bottom)
		}
		for k := range max(each-1, 1) {
			column(g, x+k, area.Rect, share, style)
		}
		if p.first+i == s.channel && area.Rect.H < r.H {
			g.Set(x+middle, area.Rect.Y+area.Rect.H, '▲', theme.Cursor)
		}
	}
}

// column draws an upright bar for a share from 0 to 1, exact to an eighth of a
// cell; nothing at 0 but a dot.
func column(g *grid.Grid, x int, r grid.Rect, share float64, style grid.Style) {
	if !(share > 0) {
		g.Set(x, r.Y+r.H-1, '·', style)
		return
	}
	eighths := min(max(int(math.Round(share*float64(8*r.H))), 1), 8*r.H)
	for i := range r.H {
		switch rest := eighths - 8*i; {
		case rest >= 8:
			g.Set(x, r.Y+r.H-1-i, '█', style)
		case rest > 0:
			g.Set(x, r.Y+r.H-1-i, []rune(" ▁▂▃▄▅▆▇")[rest], style)
		}
	}
}

// origin says which weights scales are of.
func origin(q pipeline.Scales) string {
	if q.Round == 0 {
		return fmt.Sprintf("at step %d", q.GlobalStep)
	}
	return fmt.Sprintf("round %d, step %d", q.Round, q.GlobalStep)
}

// spark draws a histogram in one row of at most width cells.
func spark(bins []int, width int) string {
	if len(bins) == 0 || slices.Max(bins) <= 0 {
		return ""
	}
	width = min(width, len(bins))
	sums := make([]int, width)
	for i, n := range bins {
		sums[i*width/len(bins)] += n
	}
	most := slices.Max(sums)
	text := make([]rune, width)
	for i, n := range sums {
		text[i] = []rune(" ▁▂▃▄▅▆▇█")[(n*8+most-1)/most]
	}
	return string(text)
}

func outlierStyle(scale, median float64) grid.Style {
	if median > 0 && scale > outlierRatio*median {
		return theme.Warn
	}
	return theme.Bar
}

// medianScale returns the median of the positive scales, 0 when there are none.
func medianScale(channels []pipeline.ChannelScale) float64 {
	var scales []float64
	for _, c := range channels {
		if c.Scale > 0 && !math.IsInf(c.Scale, 0) {
			scales = append(scales, c.Scale)
		}
	}
	if len(scales) == 0 {
		return 0
	}
	slices.Sort(scales)
	return (scales[(len(scales)-1)/2] + scales[len(scales)/2]) / 2
}

// extremeScales returns the smallest and largest positive scale, 0 when there
// are none.
func extremeScales(channels []pipeline.ChannelScale) (low, high float64) {
	for _, c := range channels {
		if c.Scale > 0 && !math.IsInf(c.Scale, 0) {
			if low == 0 || c.Scale < low {
				low = c.Scale
			}
			high = max(high, c.Scale)
		}
	}
	return low, high
}

// outlierChannels returns the channels whose scale stands out.
func outlierChannels(channels []pipeline.ChannelScale) []int {
	median := medianScale(channels)
	var outliers []int
	for i, c := range channels {
		if median > 0 && c.Scale > outlierRatio*median {
			outliers = append(outliers, i)
		}
	}
	return outliers
}

// listed writes the first few numbers, each after a blank.
func listed(numbers []int, most int) string {
	text := ""
	for i, n := range numbers {
		if i == most {
			return text + " …"
		}
		text += fmt.Sprintf(" %d", n)
	}
	return text
}

// nextOutlier selects the next channel whose scale stands out.
func (p *scalesPane) nextOutlier(s *scene) {
	q, _ := p.scales(s)
	outliers := outlierChannels(q.Channels)
	if len(outliers) == 0 {
		return
	}
	i, found := slices.BinarySearch(outliers, s.channel)
	if found {
		i++
	}
	s.channel = outliers[i%len(outliers)]
}

func (p *scalesPane) move(s *scene, dx, dy int) {
	if dy != 0 {
		s.layer += dy
		s.selectedLayer()
	}
	s.channel = max(s.channel+dx, 0)
}

// enter goes from all channels to the selected one, or has scales computed
// where there are none.
func (p *scalesPane) enter(s *scene) {
	if q, ok := p.scales(s); !ok {
		s.inspect()
	} else if len(q.Channels) > 0 && p.part == allChannels {
		p.part = oneChannel
	} else {
		p.part = allChannels
	}
}

// turn goes from weights to activations, or back.
func (p *scalesPane) turn() {
	if p.part == allActivations {
		p.part = allChannels
	} else {
		p.part = allActivations
	}
}

func (p *scalesPane) readout(s *scene, w *pen) {
	layer, ok := s.selectedLayer()
	if !ok {
		return
	}
	w.put(theme.Strong, layer.Name).put(theme.Muted, "  "+describe(layer.Shape, layer.Stride))
	if q, ok := s.run.Scales(layer.Name, s.asOf()); ok {
		a := q.Activation
		w.put(theme.Muted, "  activations ").putf(0, "%s‥%s", significant(a.Min), significant(a.Max)).putf(theme.Muted, " (n=%d)", q.Images)
	}
	if s.steerable() {
		w.put(theme.Muted, "  r: compute now")
	}
}
