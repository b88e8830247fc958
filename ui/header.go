package ui

import (
	"fmt"
	"strings"

	"espalier/compress/pipeline"
	"espalier/ui/grid"
	"espalier/ui/state"
	"espalier/ui/theme"
)

// staleAfter is how long a run in progress may be silent, in seconds, before
// the header says so.
const staleAfter = 30

// standing returns the run's state as a mark with a word, and its style. Long
// words are for wide screens.
func standing(s *scene, wide bool) piece {
	run := "RUN"
	if wide {
		run = "RUNNING"
	}
	if s.player != nil {
		if playing, ended, speed := s.player.status(); playing {
			return piece{theme.Good, "↺ REPLAY " + speed}
		} else if !ended {
			return piece{theme.Warn, fmt.Sprintf("‖ REPLAY event %d %s", s.run.Seq, s.run.Kind)}
		}
	}
	if s.share > 0 {
		return piece{theme.Warn, fmt.Sprintf("◌ READING %2.0f%%", 100*s.share)}
	}
	switch s.run.Status {
	case state.Waiting:
		return piece{theme.Muted, "◌ STARTING"}
	case state.Pausing:
		return piece{theme.Warn, "‖ PAUSING"}
	case state.Paused:
		return piece{theme.Warn, "‖ PAUSED"}
	case state.Done:
		return piece{theme.Good, "✓ DONE"}
	case state.Stopped:
		return piece{theme.Warn, "✓ STOPPED"}
	case state.Failed:
		return piece{theme.Bad, "✗ FAILED"}
	}
	if silent := s.now.Sub(s.heard).Seconds(); !s.heard.IsZero() && silent >= staleAfter {
		return piece{theme.Warn, "! SILENT " + duration(silent)}
	}
	if s.run.Stopping {
		return piece{theme.Warn, "● STOPPING"}
	}
	return piece{theme.Good, "● " + run}
}

// A segment is a part of the header. Where room lacks, those of the highest rank
// are left out first.
type segment struct {
	rank int
	piece
}

// header draws the first row: state, what runs, how far it is.
func header(s *scene, g *grid.Grid, r grid.Rect, wide bool) {
	segments := []segment{{0, standing(s, wide)}}
	segments = append(segments, identity(s, wide)...)
	segments = append(segments, position(s, wide)...)
	separator := " │ "
	if wide {
		separator = "   "
	}
	for rank := 9; rank > 0 && headerWidth(g, segments, separator) > r.W-2; rank-- {
		segments = without(segments, rank)
	}
	w := row(g, r, 0).skip(1)
	for i, segment := range segments {
		if i > 0 {
			w.put(theme.Faint, separator)
		}
		w.put(segment.style, segment.text)
	}
}

// identity tells experiment, data set, and on wide screens network and seed.
func identity(s *scene, wide bool) []segment {
	i := s.run.Info
	if i.Experiment == "" {
		return nil
	}
	if !wide {
		return []segment{{1, piece{theme.Strong, i.Experiment + "·" + s.run.Dataset()}}}
	}
	return []segment{
		{1, piece{theme.Strong, i.Experiment + " · " + s.run.Dataset()}},
		{8, piece{theme.Muted, fmt.Sprintf("%s · seed %d", i.Network, i.Seed)}},
	}
}

// position tells round, stage, step, speed and remaining time.
func position(s *scene, wide bool) []segment {
	r := s.run
	var segments []segment
	if round, ok := r.Round(); ok {
		segments = append(segments, segment{2, piece{theme.Plain, fmt.Sprintf("round %d/%d", round.Round, r.RoundCount())}})
	}
	if r.Status.Over() {
		return append(segments, result(s)...)
	}
	stage, progress := r.Stage, r.Progress
	if r.Answering.Total > 0 {
		stage, progress = r.Answering.Stage, r.Answering
	}
	if stage != "" {
		segments = append(segments, segment{3, piece{theme.Plain, stage}})
	}
	switch training := stage == pipeline.StageFineTune || stage == pipeline.StageDense && progress.Total == 0; {
	case training && r.Step.Steps > 0:
		epoch, step := "ep", ""
		if wide {
			epoch, step = "epoch", "step "
		}
		segments = append(segments,
			segment{5, piece{theme.Plain, fmt.Sprintf("%s %d/%d", epoch, r.Step.Epoch, r.Step.Epochs)}},
			segment{4, piece{theme.Plain, fmt.Sprintf("%s%*d/%d", step, len(fmt.Sprint(r.Step.Steps)), r.Step.Step, r.Step.Steps)}},
			segment{6, piece{theme.Plain, fmt.Sprintf("%5.0f img/s", r.Step.ImagesPerSec)}})
	case progress.Total > 0:
		segments = append(segments, segment{4, piece{theme.Plain, fmt.Sprintf("%*d/%d %s", len(fmt.Sprint(progress.Total)), progress.Done, progress.Total, progress.Unit)}})
	case r.StageNote != "":
		segments = append(segments, segment{7, piece{theme.Muted, r.StageNote}})
	}
	if wide {
		segments = append(segments, segment{7, piece{theme.Muted, "wall " + duration(r.Latest.Sub(r.Started).Seconds())}})
	}
	if r.PauseAt > 0 {
		segments = append(segments, segment{3, piece{theme.Warn, fmt.Sprintf("pauses at %d", r.PauseAt)}})
	}
	return append(segments, segment{2, piece{theme.Plain, "ETA " + remaining(r, wide)}})
}

// uncertain is how much later the latest prediction of the end must be than the
// earliest for both to be told.
const uncertain = 1.5

// remaining tells the time to the run's end: with room for it as a range, where
// the newest predictions differ much.
func remaining(r *state.Run, wide bool) string {
	if r.Remaining <= 0 {
		return fmt.Sprintf("%-6s", "–")
	}
	if earliest, latest := r.ETA(); wide && latest > uncertain*earliest && latest > 60 {
		return fmt.Sprintf("%s‥%-6s", duration(earliest), duration(latest))
	}
	return fmt.Sprintf("%-6s", duration(r.Remaining))
}

// result tells what came of a run that is over.
func result(s *scene) []segment {
	done := s.run.Result
	if done == nil {
		return nil
	}
	var segments []segment
	if done.Top1 > 0 {
		segments = append(segments, segment{2, piece{theme.Strong, fmt.Sprintf("%.2f%% zero", 100*done.Sparsity)}},
			segment{3, piece{theme.Plain, fmt.Sprintf("top-1 %.2f → %.2f", 100*done.Dense, 100*done.Top1)}})
	}
	if done.Int8 > 0 {
		segments = append(segments, segment{4, piece{theme.Plain, fmt.Sprintf("int8 %.2f", 100*done.Int8)}})
	}
	segments = append(segments, segment{6, piece{theme.Muted, "took " + duration(done.Seconds)}})
	if done.Reason != "" {
		segments = append(segments, segment{5, piece{theme.Warn, done.Reason}})
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

func without(segments []segment, rank int) []segment {
	var kept []segment
	for _, s := range segments {
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
	w.skip(1)
	end := r.X + r.W - 1
	end = meter(g, w.x+1, end, r.Y, "run", s.run.Overall)
	if round, ok := s.run.Round(); ok && round.Done == nil && r.W >= 100 && s.run.Step.Round == round.Round && s.run.Step.Steps > 0 {
		meter(g, w.x+1, end-2, r.Y, "round", float64(s.run.Step.Step)/float64(s.run.Step.Steps))
	}
}

// meter draws a labelled bar that ends before column end and returns where it
// begins; it draws nothing where columns from begin on do not suffice.
func meter(g *grid.Grid, begin, end, y int, label string, share float64) int {
	room := end - begin
	width := min(max(room/3, 8), 24)
	if room < 5 {
		return end
	}
	share = min(max(share, 0), 1)
	x := end - 4
	g.Text(x, y, fmt.Sprintf("%3.0f%%", 100*share), theme.Strong, 4)
	if room < width+5 {
		return x
	}
	x -= width
	bar(g, x, y, width, share, 0, theme.Bar)
	if x-len(label)-1 >= begin {
		x -= len(label) + 1
		g.Text(x, y, label, theme.Muted, len(label))
	}
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
