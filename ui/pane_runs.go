package ui

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"espalier/compress/pipeline"
	"espalier/ui/grid"
	"espalier/ui/theme"
)

// runsPane lists the runs of a folder and compares them.
type runsPane struct {
	known    bool // there is a folder of runs to look into
	reading  bool
	read     time.Time // when the list was last read
	over     bool      // the screen's own run was over then
	err      error
	listings []pipeline.Listing
	marked   map[pipeline.Folder]bool

	first, selected int       // places in the list of those shown
	body            grid.Rect // of the rows, drawn last
	filter          filter
	comparison      *comparison // shown instead of the list
}

func (*runsPane) name() string { return "Runs" }

func (*runsPane) about() string {
	return "The runs in the same folder, the newest first. enter opens a run in all panes, and R replays a run " +
		"that is over. v marks runs, and c compares this run with the marked ones: their losses and " +
		"calibration curves drawn over this run's, and a table of results and of settings that differ. " +
		"● is the run that is shown, ◆ a marked run."
}

// reached takes over the list that was read.
func (p *runsPane) reached(msg listedMsg, now time.Time) {
	p.reading, p.read, p.err = false, now, msg.err
	var selected pipeline.Folder
	if l, ok := p.current(); ok {
		selected = l.Folder
	}
	p.listings = msg.listings
	if i := slices.IndexFunc(p.shown(), func(l pipeline.Listing) bool { return l.Folder == selected }); i >= 0 {
		p.selected = i
	}
}

// current returns the selected run.
func (p *runsPane) current() (pipeline.Listing, bool) {
	shown := p.shown()
	if p.selected < 0 || p.selected >= len(shown) {
		return pipeline.Listing{}, false
	}
	return shown[p.selected], true
}

// shown returns the runs whose name or state passes the filter.
func (p *runsPane) shown() []pipeline.Listing {
	if p.filter.match == nil {
		return p.listings
	}
	var shown []pipeline.Listing
	for _, l := range p.listings {
		if p.filter.passes(l.Folder.Name() + " " + l.Standing(p.read).String()) {
			shown = append(shown, l)
		}
	}
	return shown
}

// folder returns the folder of the run of that name.
func (p *runsPane) folder(name string) (pipeline.Folder, bool) {
	for _, l := range p.listings {
		if l.Folder.Name() == name {
			return l.Folder, true
		}
	}
	return "", false
}

// chosen returns the marked runs but the shown one, or if none is marked the
// selected one.
func (p *runsPane) chosen(shown string) []pipeline.Listing {
	var chosen []pipeline.Listing
	for _, l := range p.listings {
		if p.marked[l.Folder] && l.Folder.Name() != shown {
			chosen = append(chosen, l)
		}
	}
	if l, ok := p.current(); ok && len(chosen) == 0 && l.Folder.Name() != shown {
		return []pipeline.Listing{l}
	}
	return chosen
}

// mark marks the selected run or takes its mark away, and selects the next.
func (p *runsPane) mark() {
	if l, ok := p.current(); ok {
		if p.marked == nil {
			p.marked = map[pipeline.Folder]bool{}
		}
		if p.marked[l.Folder] {
			delete(p.marked, l.Folder)
		} else {
			p.marked[l.Folder] = true
		}
		p.selected = min(p.selected+1, len(p.shown())-1)
	}
}

func (p *runsPane) compare(contenders []contender) {
	p.comparison, p.first = newComparison(contenders), 0
}

func (p *runsPane) draw(s *scene, g *grid.Grid, r grid.Rect, focused bool) {
	left, right := []piece{{0, "7 Runs"}}, ""
	if p.filter.text != "" {
		left = append(left, piece{theme.Warn, "/" + p.filter.text})
	}
	if n := len(p.marked); n > 0 {
		right = fmt.Sprintf("%d marked · c compares", n)
	}
	if p.comparison != nil {
		left, right = append(left, piece{theme.Strong, "compared"}), "esc shows the list"
	}
	inside := box(g, r, focused, left, right)
	switch {
	case p.comparison != nil:
		p.first = min(max(p.first, 0), max(p.comparison.lines()-inside.H, 0))
		p.comparison.draw(g, inside, p.first)
		beyond(g, r, p.first, inside.H, p.comparison.lines())
	case !p.known:
		centred(g, inside, theme.Muted, "There is no folder of runs.")
	case p.err != nil:
		centred(g, inside, theme.Warn, wrap(p.err.Error(), max(inside.W-4, 10))...)
	case len(p.listings) == 0 && p.read.IsZero():
		centred(g, inside, theme.Muted, "Reading the list of runs.")
	case len(p.listings) == 0:
		centred(g, inside, theme.Muted, "There are no runs yet.")
	case len(p.shown()) == 0:
		centred(g, inside, theme.Muted, "No run matches /"+p.filter.text+"; esc clears the filter.")
	default:
		p.list(s, g, inside, focused)
		beyond(g, r, p.first, p.body.H, len(p.shown()))
	}
}

// runColumns says which columns a width has room for.
type runColumns struct {
	name                                    int // cells
	state, dense, zero, top1, int8, byClock bool
}

// columns gives each column its width; what is useful least goes first.
func (*runsPane) columns(width int) runColumns {
	const marks, least = 4, 22
	c := runColumns{name: width - marks}
	for _, o := range []struct {
		shown *bool
		width int
	}{{&c.top1, 8}, {&c.int8, 8}, {&c.state, 12}, {&c.zero, 8}, {&c.dense, 8}, {&c.byClock, 14}} {
		if *o.shown = c.name-o.width >= least; !*o.shown {
			break
		}
		c.name -= o.width
	}
	return c
}

// list draws a row for each run.
func (p *runsPane) list(s *scene, g *grid.Grid, r grid.Rect, focused bool) {
	c := p.columns(r.W)
	p.heading(row(g, r, 0), c)
	_, body := r.Top(1)
	p.body = body
	shown := p.shown()
	p.selected = min(max(p.selected, 0), max(len(shown)-1, 0))
	p.first = window(p.first, p.selected, len(shown), body.H)
	for i := range min(body.H, len(shown)-p.first) {
		l := shown[p.first+i]
		w := row(g, body, i)
		style := theme.Plain
		if p.first+i == p.selected {
			w.put(theme.Focus, "▸")
			if style = theme.Strong; focused {
				style = theme.Focus
			}
		} else {
			w.skip(1)
		}
		here, mark := " ", " "
		if l.Folder.Name() == s.run.Info.Name {
			here = "●"
		}
		if p.marked[l.Folder] {
			mark = "◆"
		}
		w.put(theme.Good, here+mark+" ")
		start := w.x
		g.Text(w.x, w.y, l.Folder.Name(), style, c.name-1)
		w.x = start + c.name
		if l.Err != nil {
			w.put(theme.Warn, l.Err.Error())
			continue
		}
		p.numbers(w, c, l, s.now)
	}
}

func (p *runsPane) heading(w *pen, c runColumns) {
	w.putf(theme.Muted, "    %-*s", c.name, "run")
	for _, h := range []struct {
		shown bool
		text  string
	}{{c.state, "state       "}, {c.dense, "   dense"}, {c.zero, "    zero"}, {c.top1, "   top-1"}, {c.int8, "    int8"}, {c.byClock, "  begun"}} {
		if h.shown {
			w.put(theme.Muted, h.text)
		}
	}
}

// numbers writes how far a run came.
func (p *runsPane) numbers(w *pen, c runColumns, l pipeline.Listing, now time.Time) {
	if c.state {
		stands := l.Standing(now)
		_, style := tone(stands)
		w.putf(style, "%-12s", stands)
	}
	dense, passed, q := l.State.Evaluation("dense", "test"), l.State.Passed(), l.State.Quantized
	for _, n := range []struct {
		shown, known bool
		style        grid.Style
		share        func() float64
	}{
		{c.dense, dense != nil, theme.Plain, func() float64 { return dense.Top1 }},
		{c.zero, passed != nil, theme.Plain, func() float64 { return passed.Sparsity }},
		{c.top1, passed != nil, theme.Strong, func() float64 { return passed.Top1 }},
		{c.int8, q != nil, theme.Strong, func() float64 { return q.Top1 }},
	} {
		switch {
		case n.shown && n.known:
			w.putf(n.style, "%8.2f", 100*n.share())
		case n.shown:
			w.putf(theme.Muted, "%8s", "–")
		}
	}
	if c.byClock {
		w.put(theme.Muted, l.State.Begun.Local().Format("  Jan 02 15:04"))
	}
}

func (p *runsPane) move(_ *scene, _, dy int) {
	if p.comparison != nil {
		p.first = min(max(p.first+dy, 0), far)
		return
	}
	p.selected = min(max(p.selected+dy, 0), max(len(p.shown())-1, 0))
}

func (*runsPane) enter(*scene) {} // opening a run takes a command: see App.visit

func (p *runsPane) readout(s *scene, w *pen) {
	l, ok := p.current()
	if !ok || p.comparison != nil {
		w.put(theme.Muted, "shown: ").put(0, s.run.Info.Name)
		return
	}
	w.put(theme.Strong, l.Folder.Name())
	if b := l.State.Started; b != nil {
		w.putf(theme.Muted, "  %s on %s, seed %d", b.Network, l.State.Dataset(), b.Seed)
	}
	if l.State.GlobalStep > 0 {
		w.putf(theme.Muted, "  step %d", l.State.GlobalStep)
	}
	if done := l.State.Done; done != nil && done.Reason != "" {
		w.put(theme.Muted, "  "+done.Reason)
	}
}

func (p *runsPane) data(s *scene) table {
	if p.comparison != nil {
		t := table{columns: []string{"what"}}
		for _, c := range p.comparison.contenders {
			t.columns = append(t.columns, c.name)
		}
		for _, row := range slices.Concat(p.comparison.results(), p.comparison.differing) {
			var values []any
			for _, v := range row {
				values = append(values, v)
			}
			t.add(values...)
		}
		return t
	}
	t := table{columns: []string{"run", "state", "experiment", "dataset", "steps", "dense_top1", "sparsity", "top1", "int8_top1", "problem"}}
	for _, l := range p.listings {
		values := []any{l.Folder.Name(), l.Standing(s.now).String(), "", "", l.State.GlobalStep, "", "", "", "", ""}
		if b := l.State.Started; b != nil {
			values[2], values[3] = b.Experiment, l.State.Dataset()
		}
		if d := l.State.Evaluation("dense", "test"); d != nil {
			values[5] = d.Top1
		}
		if d := l.State.Passed(); d != nil {
			values[6], values[7] = d.Sparsity, d.Top1
		}
		if q := l.State.Quantized; q != nil {
			values[8] = q.Top1
		}
		if l.Err != nil {
			values[9] = strings.TrimSpace(l.Err.Error())
		}
		t.add(values...)
	}
	return t
}

func (p *runsPane) matches(*scene) (selected, n int) { return p.selected, len(p.shown()) }

func (p *runsPane) selectMatch(_ *scene, i int) { p.selected = i }
