package report

import (
	"fmt"
	"html/template"

	"espalier/compress/pipeline"
	"espalier/internal/plural"
)

// mostRows bounds the table of costs; longer tables are folded, and other lists cut.
const mostRows = 40

// costs is a table of what every checkpoint costs.
func (r *run) costs() section {
	sec := section{ID: "costs", Title: "Costs"}
	all := r.state.Costs
	if len(all) == 0 {
		return sec
	}
	sec.Text = []string{fmt.Sprintf("Measured on %s, kernel %s. Bytes are of the safetensors file. Times are of one image in the quickest form, medians with quartiles; effective MACs are those whose weight is not zero.", all[0].Machine, all[0].Kernel)}
	t := table{Head: heads("network", ">top-1", "form", ">ms, one thread", ">ms, all", ">images/s at 128", ">kB", ">without zeros", ">gzip", ">zstd", ">MACs (M)", ">effective (M)", ">parameters", ">non-zero", ">values (kB)")}
	for i := range all {
		c := &all[i]
		one, _ := c.Fastest(1, 1)
		every, _ := c.Fastest(1, 0)
		rate := "–"
		if s, ok := c.Fastest(128, 0); ok {
			rate = plural.Thousands(int(128 / s.Seconds))
		}
		ms := func(s pipeline.Speed) cell {
			return right("%.3f (%.3f–%.3f)", 1e3*s.Seconds, 1e3*s.Low, 1e3*s.High)
		}
		t.Rows = append(t.Rows, []cell{left(c.Name()), right("%s", pipeline.Percent(c.Top1)), left(one.Form), ms(one), ms(every), right("%s", rate),
			right("%s", kilobytes(c.Bytes)), right("%s", kilobytes(c.SparseBytes)), right("%s", kilobytes(c.GzipBytes)), right("%s", kilobytes(c.ZstdBytes)),
			right("%.2f", float64(c.MACs)/1e6), right("%.2f", float64(c.EffectiveMACs)/1e6), right("%s", plural.Thousands(c.Parameters)), right("%s", plural.Thousands(c.NonZero)), right("%s", kilobytes(c.Activations))})
	}
	if n := len(t.Rows); n > mostRows {
		all := t.Rows
		t.Rows = nil
		for i := range mostRows {
			t.Rows = append(t.Rows, all[i*(n-1)/(mostRows-1)])
		}
		sec.Text = append(sec.Text, fmt.Sprintf("%d of %d networks, the first and the last among them; the journal has all.", mostRows, n))
	}
	for i, c := range all {
		// Every round may say the same; the last says it for all.
		if i+1 == len(all) || all[i+1].What != c.What {
			for _, note := range c.Notes {
				sec.Text = append(sec.Text, fmt.Sprintf("%s: %s.", c.Name(), note))
			}
		}
	}
	sec.Tables = []table{t}
	return sec
}

// paretoAxes are the costs that reports hold accuracy against.
var paretoAxes = []string{"ms an image, one thread", "kB without zeros", "million effective MACs"}

// paretoSection draws every checkpoint of all runs by accuracy and cost.
func paretoSection(runs []*run) section {
	sec := section{ID: "pareto", Title: "Accuracy against cost"}
	for _, name := range paretoAxes {
		if c, ok := paretoChart(runs, axisNamed(name)); ok {
			sec.Charts = append(sec.Charts, c.svg())
		}
	}
	if len(sec.Charts) > 0 {
		sec.Text = []string{"A network is dimmed where another one costs no more and is at least as accurate. Point at a dot for its numbers."}
	}
	return sec
}

// paretoChart draws one cost; not ok with fewer than two networks.
func paretoChart(runs []*run, axis pipeline.Axis) (chart, bool) {
	c := chart{title: "Top-1 against " + axis.Name, x: axis.Name, y: "top-1 on test (%)"}
	type point struct {
		run  int
		cost *pipeline.Cost
	}
	var of []point
	var xs, ys []float64
	for i, r := range runs {
		for j := range r.state.Costs {
			cost := &r.state.Costs[j]
			if x, ok := axis.Of(cost); ok {
				of, xs, ys = append(of, point{i, cost}), append(xs, x), append(ys, cost.Top1)
			}
		}
	}
	if len(of) < 2 {
		return c, false
	}
	by := pipeline.Dominator(xs, ys)
	for i, r := range runs {
		l := line{class: fmt.Sprintf("s%d", i%4+1), dots: true}
		if len(runs) > 1 {
			l.name = r.name()
		}
		for k, p := range of {
			if p.run != i {
				continue
			}
			d, about, label := by[k], "", ""
			if d < 0 || len(of) <= 30 { // of many networks only the best say what they are
				about = fmt.Sprintf("%s: %s of %s, %s, %.4g %s", r.name(), p.cost.Name(), r.state.Started.Network, pipeline.Percent(p.cost.Top1), xs[k], axis.Name)
			}
			if d >= 0 && about != "" {
				about += fmt.Sprintf("; %s of %s has %s for %.4g", of[d].cost.Name(), runs[of[d].run].name(), pipeline.Percent(ys[d]), xs[d])
			}
			if len(of) <= 12 {
				label = p.cost.Name()
			}
			l.x, l.y = append(l.x, xs[k]), append(l.y, 100*ys[k])
			l.about, l.labels, l.faint = append(l.about, about), append(l.labels, label), append(l.faint, d >= 0)
		}
		if len(l.x) > 0 {
			c.lines = append(c.lines, l)
		}
	}
	return c, true
}

// network draws the result's graph.
func (r *run) network() section {
	sec := section{ID: "network", Title: "Network"}
	g := r.graph
	if g == nil {
		return sec
	}
	in := g.Input().Shape
	zero, total := g.Sparsity()
	sec.Text = []string{fmt.Sprintf("%s: images of %d×%d×%d, %d classes; %s parameters and %s MACs in all, %s of %s weights zero.",
		g.Name, in.C, in.H, in.W, g.Classes(), plural.Thousands(g.ParameterCount()), plural.Thousands(g.MACs()), plural.Thousands(zero), plural.Thousands(total))}
	sec.Drawing, sec.Drawn = template.HTML(drawGraph(g)), "the graph"
	sec.Large = len(g.Nodes) > 120
	return sec
}

// environment is what it takes to repeat the run.
func (r *run) environment() section {
	s := r.state
	b := s.Started
	rows := [][2]string{
		{"version", b.Version}, {"kernel", b.Kernel}, {"threads", plural.Count(b.Threads, "thread")}, {"seed", fmt.Sprint(b.Seed)},
	}
	if len(s.Costs) > 0 {
		rows = append(rows, [2]string{"machine", s.Costs[0].Machine})
	}
	if d := s.Data; d != nil {
		rows = append(rows, [2]string{"images", fmt.Sprintf("%s: %s training, %s validation, %s test", s.Dataset(), plural.Thousands(d.Train), plural.Thousands(d.Validation), plural.Thousands(d.Test))},
			[2]string{"source", d.Source}, [2]string{"SHA-256 of images and labels", d.Hash})
	}
	if s.Planned > 0 {
		rows = append(rows, [2]string{"memory of training", fmt.Sprintf("%.0f MB", float64(s.Planned)/1e6)})
	}
	for _, f := range s.Files {
		if f.What == "checkpoint" && len(s.Rounds) > mostRows {
			continue // the table of rounds names them
		}
		rows = append(rows, [2]string{"file " + f.Path, plural.Thousands(f.Bytes) + " bytes"})
	}
	rows = append(rows, [2]string{"SHA-256 of the journal without times, names and rates", r.hash})
	t := table{}
	for _, row := range rows {
		if row[1] != "" {
			t.Rows = append(t.Rows, []cell{left(row[0]), left(row[1])})
		}
	}
	return section{ID: "environment", Title: "Environment and hashes", Text: []string{"A run with the same settings and kernel has the same journal hash, on any number of threads."}, Tables: []table{t}}
}
