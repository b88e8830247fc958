package ui

import (
	"fmt"
	"slices"
	"strings"

	"espalier/compress/pipeline"
	"espalier/internal/plural"
	"espalier/ui/grid"
	"espalier/ui/state"
	"espalier/ui/theme"
)

// A segment is a part of the header. If there is no room, those of the highest
// rank are left out first. When it is the turn of rank turn, the segment gets
// its short text.
type segment struct {
	rank int
	piece
	turn  int
	short string
}

// header draws the first row: state, what runs, how far it is.
func header(s *scene, g *grid.Grid, r grid.Rect, wide bool) {
	segments := []segment{{0, standing(s, wide), 0, ""}}
	segments = append(segments, identity(s, wide)...)
	segments = append(segments, position(s, wide)...)
	separator := " │ "
	if wide {
		separator = "   "
	}
	for rank := 9; rank > 0 && headerWidth(g, segments, separator) > r.W-2; rank-- {
		segments = without(segments, rank)
		if rank == 6 && headerWidth(g, segments, separator) > r.W-2 {
			separator = "  " // rather than without the epoch
		}
	}
	w := row(g, r, 0).skip(1)
	for i, segment := range segments {
		if i > 0 {
			w.put(theme.Faint, separator)
		}
		w.put(segment.style, segment.text)
	}
}

// identity shows experiment, data set, and on wide screens network and seed. The
// data set is always there, since accuracies refer to it.
func identity(s *scene, wide bool) []segment {
	i := s.run.Info
	if i.Experiment == "" {
		return nil
	}
	text, data := i.Experiment+"·"+s.run.Dataset(), s.run.Dataset()
	if wide {
		text = i.Experiment + " · " + data
	}
	if i.Experiment == i.Dataset {
		text = data
	}
	segments := []segment{{1, piece{theme.Strong, text}, 6, data}}
	if wide {
		segments = append(segments, segment{8, piece{theme.Muted, fmt.Sprintf("%s · seed %d", i.Network, i.Seed)}, 0, ""})
	}
	return segments
}

// stages says what a round consists of, and which of that is done.
func stages(r *state.Run) string {
	var parts []string
	for _, stage := range []string{pipeline.StagePrune, pipeline.StageFineTune, pipeline.StageEvaluate} {
		mark := "·"
		if slices.ContainsFunc(r.Stages, func(d pipeline.StageDone) bool { return d.Stage == stage }) {
			mark = "✓"
		}
		if stage == r.Stage {
			mark = "▸"
		}
		parts = append(parts, stage+" "+mark)
	}
	return strings.Join(parts, "  ")
}

// position shows round, stage, step, speed and remaining time.
func position(s *scene, wide bool) []segment {
	r := s.run
	var segments []segment
	if round, ok := r.Round(); ok {
		segments = append(segments, segment{2, piece{theme.Plain, fmt.Sprintf("round %d/%d", round.Round, r.RoundCount())}, 0, ""})
	}
	if r.Status.Over() {
		return append(segments, result(s)...)
	}
	doing, progress := r.Stage, r.Progress
	if r.Answering.Total > 0 {
		doing, progress = r.Answering.Stage, r.Answering
	}
	stage := segment{3, piece{theme.Plain, doing}, 0, ""}
	training := r.Stepping() && (doing == pipeline.StageFineTune || doing == pipeline.StageQAT || doing == pipeline.StageDense && progress.Total == 0)
	if training {
		epoch := "ep"
		if wide {
			epoch = "epoch"
		}
		stage.turn, stage.short = 5, stage.text
		stage.text += fmt.Sprintf(" %s %d/%s", epoch, r.Step.Epoch, plural.Number(r.Step.Epochs))
	} else if round, ok := r.Round(); wide && ok && round.Done == nil && doing != "" && doing == r.Stage {
		stage.turn, stage.short = 9, stage.text
		stage.text = stages(r)
	}
	if stage.text != "" {
		segments = append(segments, stage)
	}
	put := func(rank int, style grid.Style, format string, args ...any) {
		segments = append(segments, segment{rank, piece{style, fmt.Sprintf(format, args...)}, 0, ""})
	}
	switch {
	case training:
		step := ""
		if wide {
			step = "step "
		}
		put(4, theme.Plain, "%s%*d/%d", step, len(fmt.Sprint(r.Step.Steps)), r.Step.Step, r.Step.Steps)
		put(7, theme.Plain, "%5.0f img/s", r.Step.ImagesPerSec)
	case progress.Total > 0:
		put(4, theme.Plain, "%*d/%d %s", len(fmt.Sprint(progress.Total)), progress.Done, progress.Total, progress.Unit)
	case r.StageNote != "":
		put(7, theme.Muted, "%s", r.StageNote)
	}
	if wide {
		put(8, theme.Muted, "wall %-6s", duration(r.Latest.Sub(r.Started).Seconds()))
	}
	if r.PauseAt > 0 {
		put(3, theme.Warn, "pauses at %d", r.PauseAt)
	}
	if !s.dead {
		put(2, theme.Plain, "ETA %s", remaining(r, wide))
	}
	return segments
}

// uncertain is how far the latest prediction of the end must be from the
// earliest for both to be shown.
const uncertain = 1.5

// remaining shows the time to the run's end. If the newest predictions differ
// much and there is room, it is a range.
func remaining(r *state.Run, wide bool) string {
	if r.Remaining <= 0 {
		return fmt.Sprintf("%-6s", "–")
	}
	if earliest, latest := r.ETA(); wide && latest > uncertain*earliest && latest > 60 {
		return fmt.Sprintf("%s‥%-6s", duration(earliest), duration(latest))
	}
	return fmt.Sprintf("%-6s", duration(r.Remaining))
}

// result says what came of a run that is over.
func result(s *scene) []segment {
	done := s.run.Result
	if done == nil {
		return nil
	}
	var segments []segment
	put := func(rank int, style grid.Style, format string, args ...any) {
		segments = append(segments, segment{rank, piece{style, fmt.Sprintf(format, args...)}, 0, ""})
	}
	if done.Top1 > 0 {
		put(2, theme.Strong, "%.2f%% zero", 100*done.Sparsity)
		put(3, theme.Plain, "top-1 %.2f → %.2f", 100*done.Dense, 100*done.Top1)
	}
	if done.Int8 > 0 {
		put(4, theme.Plain, "int8 %.2f", 100*done.Int8)
	}
	put(7, theme.Muted, "took %s", duration(done.Seconds))
	if done.Reason != "" {
		put(5, theme.Warn, "%s", done.Reason)
	}
	return segments
}

func headerWidth(g *grid.Grid, segments []segment, separator string) int {
	n := 0
	for i, s := range segments {
		if i > 0 {
			n += g.Width(separator)
		}
		n += g.Width(s.text)
	}
	return n
}

// without returns the segments of other ranks, short those whose turn it is.
func without(segments []segment, rank int) []segment {
	var kept []segment
	for _, s := range segments {
		if s.turn == rank {
			s.text = s.short
		}
		if s.rank != rank {
			kept = append(kept, s)
		}
	}
	return kept
}

// A tab is a pane's name with its number, and the blanks before it.
type tab struct {
	gap  int
	text string
}

// tabTexts returns the tabs of a row, closer together where room lacks.
func tabTexts(r grid.Rect, panes []pane) []tab {
	var tabs []tab
	for i, p := range panes {
		name := p.name()
		if r.W < 100 && len(name) > 6 {
			name = name[:5] // Calib
		}
		t := tab{0, fmt.Sprintf(" %d %s ", i+1, name)}
		if r.W < 70 {
			t = tab{1, strings.TrimSpace(t.text)}
		} else if i == 0 {
			t.gap = 1
		}
		tabs = append(tabs, t)
	}
	return tabs
}

// tabAt returns the pane whose tab is in a column.
func tabAt(r grid.Rect, panes []pane, x int) (paneID, bool) {
	at := r.X
	for i, t := range tabTexts(r, panes) {
		at += t.gap
		if x >= at && x < at+len(t.text) {
			return paneID(i), true
		}
		at += len(t.text)
	}
	return 0, false
}

// tabs draws the second row: the panes by number, and how far the round and the
// run are.
func tabs(s *scene, g *grid.Grid, r grid.Rect, panes []pane, focus paneID) {
	w := row(g, r, 0)
	for i, tab := range tabTexts(r, panes) {
		style := theme.Muted
		if paneID(i) == focus {
			style = theme.Selected
		}
		w.skip(tab.gap).put(style, tab.text)
	}
	end := r.X + r.W - 1
	if n := end - w.x - 1; n < meterWidth(n, "run ") { // the only one may do without its name
		meter(g, w.x+1, end, r.Y, "", s.run.Overall)
		return
	}
	end = meter(g, w.x+1, end, r.Y, "run ", s.run.Overall)
	if round, ok := s.run.Round(); ok && round.Done == nil && r.W >= 100 && s.run.Step.Round == round.Round && s.run.Step.Steps > 0 {
		meter(g, w.x+1, end-2, r.Y, "round ", float64(s.run.Step.Step)/float64(s.run.Step.Steps))
	}
}

// meterWidth returns the width of a labelled bar with its share, if there is
// room for it.
func meterWidth(room int, label string) int {
	return len(label) + min(max(room/3, 8), 24) + 4
}

// meter draws a labelled bar that ends before column end, and returns where it
// begins. If there is not enough room after column begin, it leaves out the bar,
// and then everything.
func meter(g *grid.Grid, begin, end, y int, label string, share float64) int {
	room := end - begin
	if room < len(label)+4 {
		return end
	}
	share = min(max(share, 0), 1)
	x := end - 4
	g.Text(x, y, fmt.Sprintf("%3.0f%%", 100*share), theme.Strong, 4)
	if width := meterWidth(room, label); room >= width {
		x = end - width + len(label)
		bar(g, x, y, width-len(label)-4, share, 0, theme.Bar)
	}
	x -= len(label)
	g.Text(x, y, label, theme.Muted, len(label))
	return x
}

// miniature tells in one line how the run stands, for screens too small for
// panes.
func miniature(s *scene) string {
	parts := []string{standing(s, false).text}
	if round, ok := s.run.Round(); ok {
		parts = append(parts, fmt.Sprintf("round %d/%d", round.Round, s.run.RoundCount()))
	}
	if s.run.Step.GlobalStep > 0 {
		parts = append(parts, fmt.Sprintf("step %d", s.run.Step.GlobalStep))
	}
	return strings.Join(parts, " ")
}
