package ui

import (
	"fmt"

	"espalier/compress/pipeline"
	"espalier/ui/grid"
	"espalier/ui/state"
	"espalier/ui/theme"
)

// roundsPane shows the table of results: a row for every pruning round.
type roundsPane struct {
	first, selected int
	body            grid.Rect // of the rows, drawn last
	costs           costView  // in place of the table
}

func (*roundsPane) name() string { return "Rounds" }

func (*roundsPane) about() string {
	return "One row for every pruning round: the target, which is the candidates' sparsity or, where channels go, " +
		"the share that is to be removed; the sparsity of all weights " +
		"of convolutions and linear layers, top-1 on the test split, and its difference to the dense " +
		"network in points. If there is room, also top-1 after pruning and after fine-tuning on the split " +
		"that the gate uses. The last row is the int8 network, compared with fp32. The key p draws every " +
		"measured network by top-1 and cost instead, also those of compared runs. A network is dim where " +
		"another one costs no more and is at least as accurate."
}

// gateColumns is what the accuracies on the gate's split take.
const gateColumns = 9 + 9

func (p *roundsPane) draw(s *scene, g *grid.Grid, r grid.Rect, focused bool) {
	if p.costs.on {
		p.costs.draw(s, g, r, focused)
		return
	}
	inside := box(g, r, focused, []piece{{0, "6 Rounds"}}, s.run.Info.Gate)
	if s.run.Info.Experiment == "" {
		centred(g, inside, theme.Muted, "The rounds appear when the run starts.")
		return
	}
	wide := inside.W >= 44+gateColumns
	head := row(g, inside, 0).put(theme.Muted, " round target  zero top-1      Δ")
	if d := s.run.Reference; wide && d != nil {
		head.putf(theme.Muted, "%9s%9s", "pruned", "tuned").skip(1).put(theme.Faint, "top-1 on "+d.Split)
	}
	_, body := inside.Top(1)
	p.body = body
	rows := p.rows(s, wide)
	p.selected = min(max(p.selected, 0), len(rows)-1)
	focusOn := p.selected
	if !focused { // the round in progress stays in view
		focusOn = min(len(s.run.Rounds), len(rows)-1)
	}
	p.first = window(p.first, focusOn, len(rows), body.H)
	beyond(g, r, p.first, body.H, len(rows))
	for i := range min(body.H, len(rows)-p.first) {
		w := row(g, body, i)
		marker := " "
		if focused && p.first+i == p.selected {
			marker = "▸"
		}
		w.put(theme.Focus, marker)
		for _, cell := range rows[p.first+i] {
			w.put(cell.style, cell.text)
		}
	}
}

// rows returns the cells of every row: dense, the rounds, int8. Wide ones have
// the accuracies on the gate's split.
func (p *roundsPane) rows(s *scene, wide bool) [][]piece {
	dense := []piece{{theme.Plain, "dense"}, {theme.Muted, fmt.Sprintf("%7s%6s", "", "0.00")}}
	if d := s.run.Dense; d != nil {
		dense = append(dense, piece{theme.Strong, fmt.Sprintf("%6.2f", 100*d.Top1)})
	} else {
		dense = append(dense, piece{theme.Muted, fmt.Sprintf("%6s", "…")})
	}
	if d := s.run.Reference; wide && d != nil {
		dense = append(dense, piece{theme.Plain, fmt.Sprintf("%25.2f", 100*d.Top1)})
	}
	rows := [][]piece{dense}
	for i := range s.run.RoundCount() {
		if i < len(s.run.Rounds) {
			rows = append(rows, p.begun(s, s.run.Rounds[i], wide))
			continue
		}
		// A round that failed may have had others follow it; those that are left
		// are the plan's last.
		target, targets := "", s.run.Info.Targets
		if j := len(targets) - s.run.RoundCount() + i; j >= 0 {
			target = percent(targets[j], 1)
		}
		rows = append(rows, []piece{{theme.Muted, fmt.Sprintf("%5d %6s%6s%6s%7s", i+1, target, "·", "·", "·")}})
	}
	if q := s.run.Quantized; q != nil {
		rows = append(rows, []piece{{theme.Plain, "int8 "}, {0, fmt.Sprintf("%13s", "")}, {theme.Strong, fmt.Sprintf("%6.2f", 100*q.Top1)},
			{theme.Plain, fmt.Sprintf("%7s", points(q.Top1-q.Float, 2))}, {theme.Muted, " to fp32"}})
	}
	return rows
}

// begun returns the cells of a round that has begun.
func (p *roundsPane) begun(s *scene, round state.Round, wide bool) []piece {
	cells := []piece{{theme.Plain, fmt.Sprintf("%5d %6s", round.Round, percent(round.Target, 1))}}
	done := round.Done
	if done == nil {
		zero := "…"
		if census, ok := s.run.Census(state.Now); ok && census.Round == round.Round {
			zero = percent(census.Sparsity.Sparsity, 2)
		}
		cells = append(cells, piece{theme.Plain, fmt.Sprintf("%6s", zero)}, piece{theme.Muted, fmt.Sprintf("%6s", "…")})
		if wide {
			cells = append(cells, piece{0, fmt.Sprintf("%7s", "")})
			cells = append(cells, gateCells(s, round)...)
		}
		return append(cells, piece{theme.Good, "  ▸ " + p.doing(s)})
	}
	cells = append(cells,
		piece{theme.Plain, fmt.Sprintf("%6.2f", 100*done.Sparsity)},
		piece{theme.Strong, fmt.Sprintf("%6.2f", 100*done.Top1)},
		piece{theme.Plain, fmt.Sprintf("%7s", points(-done.Drop, 2))})
	if wide {
		cells = append(cells, gateCells(s, round)...)
	}
	mark := piece{theme.Good, " ✓"}
	if !done.Passed {
		mark = piece{theme.Bad, " ✗"}
	}
	return append(cells, mark, piece{theme.Muted, " " + duration(done.Seconds)})
}

// gateCells returns a round's accuracies on the split that the gate looks at:
// after pruning, and after fine-tuning.
func gateCells(s *scene, round state.Round) []piece {
	var cells []piece
	for _, e := range []*pipeline.Evaluated{round.Pruned, round.Tuned} {
		text := "·"
		if e != nil && s.run.Reference != nil && e.Split == s.run.Reference.Split {
			text = fmt.Sprintf("%.2f", 100*e.Top1)
		}
		cells = append(cells, piece{theme.Plain, fmt.Sprintf("%9s", text)})
	}
	return cells
}

// doing says what the round in progress does and how much of that is done.
func (p *roundsPane) doing(s *scene) string {
	r := s.run
	switch {
	case r.Stage == pipeline.StageFineTune && r.Stepping(): // also while its epochs are evaluated
		return fmt.Sprintf("%s %d%%", r.Stage, 100*r.Step.Step/r.Step.Steps)
	case r.Progress.Total > 0:
		return fmt.Sprintf("%s %d%%", r.Stage, 100*r.Progress.Done/r.Progress.Total)
	}
	return r.Stage
}

func (p *roundsPane) move(s *scene, dx, dy int) {
	if p.costs.on {
		n := len(pipeline.Axes())
		p.costs.axis = (p.costs.axis + dx%n + n) % n
		p.costs.dot = min(max(p.costs.dot+dy, 0), max(len(p.costs.dots(s))-1, 0))
		return
	}
	p.selected = min(max(p.selected+dy, 0), len(p.rows(s, false))-1)
}

// enter puts the cursor at the end of the selected round.
func (p *roundsPane) enter(s *scene) {
	if p.costs.on {
		return
	}
	i := p.selected - 1
	if i < 0 || i >= len(s.run.Rounds) {
		return
	}
	end := float64(s.run.Step.GlobalStep)
	if i+1 < len(s.run.Rounds) {
		end = float64(s.run.Rounds[i+1].Begin)
	}
	if _, _, ok := s.run.Train.Extent(); ok {
		s.cursorOn, s.cursor = true, end
		s.open(paneLoss)
	}
}

func (p *roundsPane) readout(s *scene, w *pen) {
	if p.costs.on {
		p.costs.readout(s, w)
		return
	}
	i := p.selected - 1
	if i < 0 || i >= len(s.run.Rounds) || s.run.Rounds[i].Done == nil {
		w.put(theme.Muted, "gate: ").put(0, s.run.Info.Gate)
		return
	}
	d := s.run.Rounds[i].Done
	w.putf(theme.Muted, "round %d: ", d.Round).put(0, d.Reason).putf(theme.Muted, " · %s", d.Checkpoint)
}
