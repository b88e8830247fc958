package ui

import (
	"fmt"
	"slices"
	"strings"

	"espalier/compress/pipeline"
	"espalier/ui/grid"
	"espalier/ui/state"
	"espalier/ui/theme"
)

// layersPane shows how sparse every layer is.
type layersPane struct {
	first  int // place of the layer in the top row
	order  layerOrder
	filter filter
	body   grid.Rect // of the rows, drawn last

	groups bool // show groups of channels in place of layers, once there are any
	group  int  // selected
}

func (*layersPane) name() string { return "Layers" }

func (*layersPane) about() string {
	return "The share of each layer's weights that are zero. ┆ is the round's target for the layer, " +
		"or for all global candidates together. Δ is the change by this round in points; kept the number of " +
		"weights that are not zero; dead the number of output channels that have none left. loss is the layer's " +
		"sensitivity: the rise in loss on validation images without the smaller half of this " +
		"layer's weights. t measures it; the run does not change. If the experiment measures " +
		"sensitivities, the columns weights, channels and bits are a map of them: a cell for every share " +
		"or number of bits, the darker the higher the loss rises above the dense network's. " +
		"After a round that removed channels, comma shows its groups: channels that only go together, " +
		"how many of them stayed, and which nodes tie them."
}

// layerColumns says which columns a width has room for.
type layerColumns struct {
	name, rounds, bar int // cells
	each              int // cells of a round
	levels            int // cells of the shades of sensitivity
	delta, kept, dead bool
	rise              bool
}

// columns gives each column its width. The least useful column is dropped
// first. Sensitivities have a column if some are known; it comes first if
// layers are sorted by them.
func (p *layersPane) columns(width, rounds, levels int, scanned bool) layerColumns {
	const marker, value = 1, 6
	c := layerColumns{name: 7}
	rest := width - marker - c.name - value
	take := func(n, least int) bool { // as long as the bar keeps least cells
		if rest-n < least {
			return false
		}
		rest -= n
		return true
	}
	if scanned && p.order == bySensitivity {
		c.rise = take(7, 0)
	}
	c.delta = take(4, 8)
	c.kept = take(7, 8)
	c.dead = take(5, 12)
	for c.each = 2; rounds > 0 && c.each > 0 && c.rounds == 0; c.each-- {
		if take(c.each*rounds+1, 16) {
			c.rounds = c.each * rounds
			break
		}
	}
	if levels > 0 && take(levels, 8) {
		c.levels = levels
	}
	if scanned && !c.rise {
		c.rise = take(7, 8)
	}
	c.bar = max(rest-1, 0)
	return c
}

func (p *layersPane) draw(s *scene, g *grid.Grid, r grid.Rect, focused bool) {
	if slice, ok := p.slice(s); ok {
		p.drawGroups(s, g, r, focused, slice)
		return
	}
	layers := s.run.Layers(s.asOf())
	left := []piece{{0, "2 Layers"}}
	right := ""
	if census, ok := s.run.Census(s.asOf()); ok {
		left = append(left, piece{theme.Strong, percent(census.Sparsity.Sparsity, 1) + "% zero"})
		right = fmt.Sprintf("┆ target%s%%", percent(census.Target, 0))
	}
	if s.cursorOn {
		right = fmt.Sprintf("@%.0f · %s", s.cursor, right)
	}
	if p.filter.text != "" {
		left = append(left, piece{theme.Warn, "/" + p.filter.text})
	}
	if p.order != byDepth {
		left = append(left, piece{theme.Warn, "by " + p.order.String()})
	}
	scan, scanned := s.run.Sensitivity(s.asOf())
	if scanned && p.order == bySensitivity {
		left = append(left, piece{theme.Muted, fmt.Sprintf("of step %d", scan.GlobalStep)})
	}
	inside := box(g, r, focused, left, right)
	if len(layers) == 0 {
		centred(g, inside, theme.Muted, "The layers appear when the run starts.")
		return
	}
	if text := p.unmeasured(s, scanned); text != "" && inside.H > 2 {
		var first grid.Rect
		first, inside = inside.Top(1)
		row(g, first, 0).skip(1).put(theme.Warn, text)
	}
	c := p.columns(inside.W, s.run.RoundCount(), levelCells(s.run), scanned)
	shown := p.shown(layers)
	if len(shown) == 0 {
		centred(g, inside, theme.Muted, "No layer matches /"+p.filter.text+"; esc clears the filter.")
		return
	}
	head := p.heading(s, g, inside, c, len(shown))
	body := inside
	if head {
		_, body = inside.Top(1)
	}
	if body.H > len(shown)+1 {
		var foot grid.Rect
		foot, body = body.Bottom(1)
		s.selectedLayer()
		p.details(g, foot, layers[s.layer])
	}
	s.selectedLayer()
	p.body = body
	p.first = window(p.first, max(slices.Index(shown, s.layer), 0), len(shown), body.H)
	beyond(g, r, p.first, body.H, len(shown))
	for i := range min(body.H, len(shown)-p.first) {
		layer := shown[p.first+i]
		p.row(s, g, body.Row(i), c, layers[layer], layer == s.layer, focused)
	}
}

// levelCells returns the width of the shades of all curves: a cell a level, and
// one between two curves.
func levelCells(r *state.Run) (cells int) {
	for _, c := range r.Curves {
		cells += len(c.Levels) + 1
	}
	return cells
}

// unmeasured returns a sentence if layers are sorted by sensitivity and none is
// known, or while they are measured.
func (p *layersPane) unmeasured(s *scene, scanned bool) string {
	switch {
	case s.run.Answering.Stage == pipeline.StageSensitivity:
		return fmt.Sprintf("Measuring the layers: %d of %d.", s.run.Answering.Done, s.run.Answering.Total)
	case scanned || p.order != bySensitivity:
		return ""
	case s.run.Status.Over() && !s.cursorOn:
		return "This run recorded no sensitivities."
	case s.cursorOn:
		return fmt.Sprintf("No sensitivities up to step %.0f.", s.cursor)
	case !s.steerable():
		return "Not measured yet."
	}
	if seconds, ok := s.run.ScanCost(); ok {
		return "Not measured yet: t measures them, in about " + duration(seconds)
	}
	return "Not measured yet: t measures them"
}

// test asks for the sensitivity of every layer, and sorts by it.
func (p *layersPane) test(s *scene) {
	p.order = bySensitivity
	s.send(pipeline.Command{Do: pipeline.Scan})
}

// heading names the columns if there is a row to spare.
func (p *layersPane) heading(s *scene, g *grid.Grid, r grid.Rect, c layerColumns, layers int) bool {
	if r.H == layers || r.H < 12 { // rather a layer than its heading
		return false
	}
	w := row(g, r, 0).put(theme.Muted, fmt.Sprintf(" %-*s", c.name, "layer"))
	if c.rounds > 0 {
		current, _ := s.run.Round()
		for round := 1; round <= c.rounds/c.each; round++ {
			style := theme.Muted
			if round == current.Round {
				style = theme.Strong
			}
			w.putf(style, "%-*d", c.each, round%10)
		}
		w.skip(1)
	}
	if c.levels > 0 {
		for _, curve := range s.run.Curves {
			w.put(theme.Muted, state.Fitting(fmt.Sprintf("%-*s", len(curve.Levels), curve.Of), len(curve.Levels))).skip(1)
		}
	}
	w.skip(c.bar).putf(theme.Muted, "%6s", "zero")
	if c.delta {
		w.putf(theme.Muted, "%4s", "Δ")
	}
	if c.kept {
		w.putf(theme.Muted, "%7s", "kept")
	}
	if c.dead {
		w.putf(theme.Muted, "%5s", "dead")
	}
	if c.rise {
		w.putf(theme.Muted, "%7s", "loss")
	}
	return true
}

func (p *layersPane) row(s *scene, g *grid.Grid, r grid.Rect, c layerColumns, l state.LayerRow, selected, focused bool) {
	w := row(g, r, 0)
	name := theme.Plain
	if selected {
		w.put(theme.Focus, "▸")
		if name = theme.Strong; focused {
			name = theme.Focus
		}
	} else {
		w.skip(1)
	}
	start := w.x
	g.Text(w.x, w.y, state.Fitting(state.Short(l.Name), c.name), name, c.name)
	w.x = start + c.name
	if c.rounds > 0 {
		for i, share := range s.run.Heat(l.Name) {
			for k := i * c.each; k < min((i+1)*c.each, c.rounds); k++ {
				g.Set(w.x+k, w.y, theme.HeatGlyph(share), theme.HeatStyle(share))
			}
		}
		w.skip(c.rounds + 1)
	}
	if c.levels > 0 {
		for _, curve := range s.run.Curves {
			for i, shade := range curve.Shades(l.Name) {
				g.Set(w.x+i, w.y, theme.HeatGlyph(shade), theme.HeatStyle(shade))
			}
			w.skip(len(curve.Levels) + 1)
		}
	}
	if c.bar > 0 {
		bar(g, w.x, w.y, c.bar, l.Sparsity, l.Target, theme.HeatStyle(l.Sparsity))
		w.skip(c.bar)
	}
	w.putf(theme.Strong, "%5s%%", percent(l.Sparsity, 0))
	if c.delta {
		delta := ""
		if l.Counted {
			delta = points(l.Delta, 0)
		}
		w.putf(theme.Muted, "%4s", delta)
	}
	if c.kept {
		w.putf(theme.Plain, "%7s", count(float64(l.Kept)))
	}
	switch {
	case c.dead && l.Dead > 0:
		w.putf(theme.Warn, "%5d", l.Dead)
	case c.dead:
		w.skip(5)
	}
	if c.rise {
		w.putf(theme.Strong, "%7s", state.Rise(l.Rise))
	}
}

// details describes the selected layer.
func (p *layersPane) details(g *grid.Grid, r grid.Rect, l state.LayerRow) {
	w := row(g, r, 0).skip(1).fact("", theme.Muted, describe(l.Shape, l.Stride))
	w.fact(" · ", theme.Muted, count(float64(l.Weights))+" weights").fact(" · ", theme.Muted, count(float64(l.MACs))+" MACs")
	if l.Edge {
		w.fact(" · ", theme.Muted, "edge")
	}
}

// describe writes a weight's shape as people say it: conv 3×3 · 16→32 / 2.
func describe(shape []int, stride int) string {
	switch len(shape) {
	case 4:
		text := fmt.Sprintf("conv %d×%d · %d→%d", shape[2], shape[3], shape[1], shape[0])
		if stride > 1 {
			text += fmt.Sprintf(" / %d", stride)
		}
		return text
	case 2:
		return fmt.Sprintf("linear · %d→%d", shape[1], shape[0])
	}
	return strings.Trim(fmt.Sprint(shape), "[]")
}

func (p *layersPane) move(s *scene, dx, dy int) {
	if slice, ok := p.slice(s); ok {
		p.group = min(max(p.group+dy, 0), len(slice.Groups)-1)
		return
	}
	shown := p.shown(s.run.Layers(s.asOf()))
	if dy == 0 || len(shown) == 0 {
		return
	}
	if i := slices.Index(shown, s.layer); i >= 0 {
		s.layer = shown[min(max(i+dy, 0), len(shown)-1)]
	} else {
		s.layer = shown[0]
	}
	s.channel = 0
}

// enter inspects the selected layer, or the one that a group is named after.
func (p *layersPane) enter(s *scene) {
	if slice, ok := p.slice(s); ok && p.group < len(slice.Groups) {
		s.selectLayer(slice.Groups[p.group].Name)
	}
	s.inspect()
}

func (p *layersPane) readout(s *scene, w *pen) {
	if slice, ok := p.slice(s); ok {
		p.readGroup(w, slice)
		return
	}
	info, ok := s.selectedLayer()
	if !ok {
		return
	}
	l := s.run.Layers(s.asOf())[s.layer]
	w.put(theme.Strong, info.Name).put(theme.Muted, "  "+describe(info.Shape, info.Stride))
	w.put(theme.Muted, "  zero ").put(theme.Plain, strings.TrimSpace(percent(l.Sparsity, 1))+"%")
	w.put(theme.Muted, "  kept ").putf(theme.Plain, "%d of %d", l.Kept, l.Weights)
	if l.Dead > 0 {
		w.putf(theme.Warn, "  %d dead channels", l.Dead)
	}
	if scan, ok := s.run.Sensitivity(s.asOf()); ok {
		w.fact("  loss ", theme.Plain, state.Rise(l.Rise)).fact("", theme.Muted, fmt.Sprintf(" without half of it at step %d", scan.GlobalStep))
	}
}

func (p *layersPane) matches(s *scene) (selected, n int) {
	shown := p.shown(s.run.Layers(s.asOf()))
	return slices.Index(shown, s.layer), len(shown)
}

func (p *layersPane) selectMatch(s *scene, i int) {
	s.layer, s.channel = p.shown(s.run.Layers(s.asOf()))[i], 0
}
