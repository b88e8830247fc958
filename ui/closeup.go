package ui

import (
	tea "github.com/charmbracelet/bubbletea"

	"espalier/compress/pipeline"
	"espalier/ui/series"
)

// A closeup is a part of a run's past with every step, read from the journal.
// The screen itself keeps only summaries.
type closeup struct {
	lo, hi float64 // the range of global steps
	train  series.Series
}

const (
	// closeupSteps is the most steps that are read at once, which takes well below
	// a second.
	closeupSteps = 1 << 17
	// closeupLead is the number of steps that are read before a view, so that a
	// smoothed curve has settled at its beginning: 0.99^1000 is 4e−5.
	closeupLead = 1000
)

// closeupMsg brings a closeup of a view's run.
type closeupMsg struct {
	view *view
	part *closeup
}

// covers reports whether the closeup has every step from lo to hi.
func (c *closeup) covers(lo, hi float64) bool { return c != nil && c.lo <= lo && c.hi >= hi }

// wanted returns the global steps to read from the journal, if the chart could
// draw the view in more detail than is known.
func (p *lossPane) wanted(s *scene) (lo, hi float64, ok bool) {
	first, last, _ := p.extent(s)
	lo, hi = p.view.steps(first, last, false)
	columns := max(p.area.Rect.W, 1) * s.canvas.PerCell()
	if follows := !p.view.pinned && !s.run.Status.Over(); follows || p.view.all() || hi-lo > closeupSteps/4 || s.run.Train.Spans(lo, hi) >= min(2*columns, int(hi-lo)) || p.closeup.covers(lo, hi) {
		return 0, 0, false
	}
	return max(lo-max(hi-lo, closeupLead), first), min(hi+(hi-lo), last), true
}

// look returns the command that reads a closeup, if one is wanted.
func (a *App) look() tea.Cmd {
	lo, hi, ok := a.loss.wanted(&a.scene)
	if !ok || a.loss.reading || a.crash != nil {
		return nil
	}
	a.loss.reading = true
	v := a.shown
	after := int64(0)
	if seq, ok := v.run.Seqs.At(lo); ok {
		after = int64(seq.Min) - 1
	}
	return guard(func() tea.Msg { return closeupMsg{v, readCloseup(v.src, after, lo, hi)} })
}

// readCloseup reads the steps from lo to hi, which come after an event.
func readCloseup(src pipeline.Source, after int64, lo, hi float64) *closeup {
	part := &closeup{lo: lo, hi: hi}
	for {
		events := src.Since(after, batch)
		for _, e := range events {
			b, ok := e.Body.(pipeline.StepDone)
			switch x := float64(b.GlobalStep); {
			case ok && x > hi:
				return part
			case ok && x >= lo:
				part.train.Add(x, float64(b.Loss))
			}
		}
		if len(events) < batch {
			return part
		}
		after = events[len(events)-1].Seq
	}
}

// train returns the losses to draw or tell from lo to hi.
func (p *lossPane) train(s *scene, lo, hi float64) *series.Series {
	if p.closeup.covers(lo, hi) {
		return &p.closeup.train
	}
	return &s.run.Train
}
