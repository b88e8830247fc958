package ui

import (
	"fmt"

	"espalier/compress/pipeline"
	"espalier/internal/plural"
	"espalier/ui/grid"
	"espalier/ui/state"
	"espalier/ui/theme"
)

// strip shows sparsity by layer and int8 accuracy below a single pane.
func strip(s *scene, g *grid.Grid, r grid.Rect) {
	if r.H < 3 {
		return
	}
	right := ""
	if census, ok := s.run.Census(s.asOf()); ok {
		right = fmt.Sprintf("all %.1f%% → target %.0f%% of candidates", 100*census.Sparsity.Sparsity, 100*census.Target)
	}
	inside := box(g, r, false, []piece{{0, "Sparsity by layer"}}, right)
	stripLayers(s, g, inside)
	if inside.H >= 2 {
		stripCalibration(s, row(g, inside, 1).skip(1))
	}
}

// stripLayers draws a shade and a number for each layer, or as much of that as
// fits.
func stripLayers(s *scene, g *grid.Grid, r grid.Rect) {
	layers := s.run.Layers(s.asOf())
	if len(layers) == 0 {
		row(g, r, 0).skip(1).put(theme.Muted, "no layers yet")
		return
	}
	each := min(max((r.W-2)/len(layers), 1), 4)
	for i, l := range layers {
		x := r.X + 1 + i*each
		if x+each > r.X+r.W {
			break
		}
		style := theme.HeatStyle(l.Sparsity)
		g.Set(x, r.Y, theme.HeatGlyph(l.Sparsity), style)
		if each >= 3 {
			g.Text(x+1, r.Y, fmt.Sprintf("%2.0f", min(100*l.Sparsity, 99)), style, 2)
		}
	}
}

// stripCalibration tells the selected calibration size in one line.
func stripCalibration(s *scene, w *pen) {
	if len(s.run.Points) == 0 {
		if q := s.run.Quantized; q != nil {
			w.putf(theme.Muted, "int8 n=%s  %s ", sizeLabel(q.Images), q.Observer).putf(theme.Strong, "%.2f (%s)", 100*q.Top1, points(q.Top1-q.Float, 2))
		} else {
			w.put(theme.Muted, "int8: not measured yet")
		}
		if d := s.run.Dense; d != nil {
			w.fact("   dense top-1 ", theme.Strong, fmt.Sprintf("%.2f", 100*d.Top1))
		}
		if round, ok := s.run.Round(); ok && round.Done == nil && round.Pruned != nil {
			w.fact("   after pruning ", theme.Strong, againstReference(s.run, round.Pruned))
		}
		return
	}
	size := s.selectedSize()
	w.putf(theme.Muted, "int8 n=%s", sizeLabel(size))
	float := 0.0
	for i, observer := range s.run.Observers() {
		value := "–"
		for _, c := range s.run.Curve(observer) {
			if c.Images == size {
				value = fmt.Sprintf("%.2f (%s)", 100*c.Mean, points(c.Mean-c.Float, 2))
			}
			float = c.Float
		}
		if !w.fits("  " + observer + " " + value) {
			return // half a number would mislead
		}
		w.put(theme.SeriesStyle(i), "  "+observer+" ").put(theme.Strong, value)
	}
	w.fact("  fp32 ", theme.Strong, fmt.Sprintf("%.2f", 100*float))
}

// againstReference writes an accuracy, and its difference to the dense network
// if that was measured on the same split.
func againstReference(r *state.Run, e *pipeline.Evaluated) string {
	text := fmt.Sprintf("%.2f", 100*e.Top1)
	if d := r.Reference; d != nil && d.Split == e.Split {
		text += fmt.Sprintf(" (%s)", points(e.Top1-d.Top1, 2))
	}
	if e.Split != "test" {
		text += " on " + e.Split
	}
	return text
}

// tail shows the newest lines of the log.
func tail(s *scene, g *grid.Grid, r grid.Rect) {
	lines := s.run.Log.Lines()
	if s.cursorOn {
		for len(lines) > 0 && lines[len(lines)-1].Step > int(s.cursor) {
			lines = lines[:len(lines)-1]
		}
	}
	lines = lines[max(len(lines)-r.H, 0):]
	for i, l := range lines {
		logLine(row(g, r, i), l, r.W >= 120, false)
	}
}

// facts shows the run in numbers.
func facts(s *scene, g *grid.Grid, r grid.Rect) {
	inside := box(g, r, false, []piece{{0, "Run"}}, s.run.Info.Name)
	run := s.run
	if run.Info.Experiment == "" {
		return
	}
	y := 0
	put := func(label string, format string, args ...any) {
		for i, line := range wrap(fmt.Sprintf(format, args...), max(inside.W-12, 8)) {
			if i > 0 {
				label = ""
			}
			row(g, inside, y).skip(1).putf(theme.Muted, "%-10s", label).put(theme.Plain, line)
			y++
		}
	}
	kept := run.Info.Weights
	if census, ok := run.Census(state.Now); ok {
		kept = census.Total - census.Zero
	}
	dense, left := run.MACs()
	put("network", "%s", run.Info.Network)
	put("data", "%s", run.Dataset())
	put("weights", "%s → %s", plural.Thousands(run.Info.Weights), plural.Thousands(kept))
	put("MACs", "%s → %s kept", count(dense), count(left))
	if d := run.Dense; d != nil {
		put("dense", "%.2f top-1 on %s", 100*d.Top1, d.Split)
	}
	if round, ok := run.Round(); ok {
		target := fmt.Sprintf("%.0f%%", 100*round.Target)
		if round.Edge > 0 { // else they stay as they are
			target += fmt.Sprintf(", edge layers %.0f%%", 100*round.Edge)
		}
		put("target", "%s", target)
		if e := round.Pruned; e != nil {
			put("pruned", "%s", againstReference(run, e))
		}
		if e := round.Tuned; e != nil {
			put("tuned", "%s", againstReference(run, e))
		}
	}
	if e := run.LastEpoch; e.Epoch > 0 {
		put("epoch", "train %.1f, validation %.1f", 100*e.TrainTop1, 100*e.ValTop1)
	}
	if q := run.Quantized; q != nil {
		put("int8", "%.2f (%s to fp32)", 100*q.Top1, points(q.Top1-q.Float, 2))
		put("size", "%s → %s", state.Bytes(q.FloatBytes), state.Bytes(q.Int8Bytes))
	}
	y++
	for _, rule := range [][2]string{{"gate", run.Info.Gate}, {"pruning", run.Info.Pruning}, {"fine-tune", run.Info.FineTune}, {"quantize", run.Info.Quantization}} {
		if rule[1] != "" {
			put(rule[0], "%s", rule[1])
		}
	}
	put("compute", "%s, %s", plural.Count(run.Info.Threads, "thread"), run.Info.Kernel)
	put("seed", "%d", run.Info.Seed)
	if run.Planned > 0 {
		put("memory", "%s for training", state.Bytes(run.Planned))
	}
	put("version", "%s", run.Info.Version)
	put("events", "%s", count(float64(run.Events)))
	if run.Missed > 0 {
		put("missed", "%s", plural.Count(int(run.Missed), "event"))
	}
}
