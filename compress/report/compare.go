package report

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"espalier/compress/pipeline"
)

// WriteComparison writes a page that holds runs against the first of them: what
// they reached, with a verdict only where a difference leaves the noise, and what
// differs in their settings.
func WriteComparison(w io.Writer, folders []pipeline.Folder) error {
	if len(folders) < 2 {
		return errors.New("comparing takes two runs or more")
	}
	var runs []*run
	for _, f := range folders {
		r, err := read(f)
		if err != nil {
			return err
		}
		runs = append(runs, r)
	}
	settings, err := settingsTable(runs)
	if err != nil {
		return err
	}
	var names []string
	for _, r := range runs {
		names = append(names, r.name())
	}
	p := page{
		Title:    strings.Join(names, " and "),
		Lead:     fmt.Sprintf("%s against %s.", strings.Join(names[1:], ", "), names[0]),
		Sections: []section{outcomes(runs), curves(runs), paretoSection(runs), settings},
		Footer:   "Written by espalier. A verdict on accuracy needs a difference beyond 1.96 standard errors of two binomial shares; one on time, quartiles that do not overlap, on the same machine and kernel.",
	}
	return p.write(w)
}

// A measure is something that runs reach.
type measure struct {
	name string
	less bool // is better
	free bool // neither more nor less is better
	of   func(*run) (reached, bool)
}

// reached is a value with what its noise is told by.
type reached struct {
	value     float64
	text      string
	images    int     // accuracy was measured on, or 0
	low, high float64 // quartiles of a time
	exact     bool    // counted rather than measured
	where     string  // what it was measured with or on, which must be the same
}

// measures are the rows of the comparison.
func measures() []measure {
	accuracy := func(what string) func(*run) (reached, bool) {
		return func(r *run) (reached, bool) {
			e := r.state.Evaluation(what, "test")
			if e == nil {
				return reached{}, false
			}
			where := r.state.Dataset()
			if d := r.state.Data; d != nil {
				where = d.Hash
			}
			return reached{value: e.Top1, text: pipeline.Percent(e.Top1), images: e.Total, where: where}, true
		}
	}
	cost := func(of func(*pipeline.Cost) (reached, bool)) func(*run) (reached, bool) {
		return func(r *run) (reached, bool) {
			if len(r.state.Costs) == 0 {
				return reached{}, false
			}
			return of(&r.state.Costs[len(r.state.Costs)-1])
		}
	}
	return []measure{
		{name: "dense top-1", of: accuracy("dense")},
		{name: "fine-tuned top-1, last round", of: accuracy("fine-tuned")},
		{name: "int8 top-1", of: accuracy("int8")},
		{name: "sparsity of the last round", free: true, of: func(r *run) (reached, bool) {
			n := len(r.state.Rounds)
			if n == 0 {
				return reached{}, false
			}
			s := r.state.Rounds[n-1].Sparsity
			return reached{value: s, text: pipeline.Percent(s), exact: true}, true
		}},
		{name: "ms an image, one thread, last network", less: true, of: cost(func(c *pipeline.Cost) (reached, bool) {
			s, ok := c.Fastest(1, 1)
			return reached{value: s.Seconds, text: fmt.Sprintf("%.3f (%s)", 1e3*s.Seconds, s.Form), low: s.Low, high: s.High, where: c.Machine + c.Kernel}, ok
		})},
		{name: "kB without zeros, last network", less: true, of: cost(func(c *pipeline.Cost) (reached, bool) {
			return reached{value: float64(c.SparseBytes), text: kilobytes(c.SparseBytes), exact: true}, true
		})},
		{name: "million effective MACs, last network", less: true, of: cost(func(c *pipeline.Cost) (reached, bool) {
			return reached{value: float64(c.EffectiveMACs), text: fmt.Sprintf("%.2f", float64(c.EffectiveMACs)/1e6), exact: true}, true
		})},
	}
}

// outcomes is a row for each measure that some run reached.
func outcomes(runs []*run) section {
	sec := section{ID: "outcomes", Title: "Outcomes"}
	t := table{Head: []cell{left("")}}
	for i, r := range runs {
		t.Head = append(t.Head, cell{r.name(), "r"})
		if i > 0 {
			t.Head = append(t.Head, left("verdict"))
		}
		text := "is not over"
		if d := r.state.Done; d != nil {
			text = d.Standing().String() + " after " + pipeline.Duration(d.Seconds)
		}
		sec.Text = append(sec.Text, fmt.Sprintf("%s: %s; journal %.12s.", r.name(), text, r.hash))
		if i > 0 && r.hash == runs[0].hash {
			sec.Text = append(sec.Text, fmt.Sprintf("%s has the same journal as %s, bit by bit but for times.", r.name(), runs[0].name()))
		}
	}
	for _, m := range measures() {
		row := []cell{left(m.name)}
		base, based := m.of(runs[0])
		any := based
		for i, r := range runs {
			have, ok := m.of(r)
			any = any || ok
			if !ok {
				row = append(row, right("–"))
			} else {
				row = append(row, right("%s", have.text))
			}
			if i > 0 {
				verdict := left("")
				if ok && based {
					verdict = m.verdict(base, have)
				}
				row = append(row, verdict)
			}
		}
		if any {
			t.Rows = append(t.Rows, row)
		}
	}
	sec.Tables = []table{t}
	return sec
}

// verdict says whether a run is better than the first.
func (m measure) verdict(base, have reached) cell {
	difference := have.value - base.value
	if base.where != have.where {
		return cell{"not comparable: other images, machine or kernel", "warn"}
	}
	var noise string
	switch {
	case base.exact:
		if difference == 0 {
			return left("the same")
		}
	case base.images > 0:
		variance := base.value*(1-base.value)/float64(base.images) + have.value*(1-have.value)/float64(have.images)
		if limit := 1.96 * math.Sqrt(variance); math.Abs(difference) <= limit {
			noise = fmt.Sprintf("%s points, within the noise of ±%.2f", pipeline.Points(difference), 100*limit)
		}
	default:
		if have.low <= base.high && base.low <= have.high {
			noise = "within the noise: the quartiles overlap"
		}
	}
	if noise != "" {
		return left(noise)
	}
	text := fmt.Sprintf("%.2f times", have.value/base.value)
	if base.images > 0 {
		text = pipeline.Points(difference) + " points"
	}
	if m.free {
		return left(text)
	}
	if difference < 0 == m.less {
		return cell{"better: " + text, "good"}
	}
	return cell{"worse: " + text, "bad"}
}

// curves overlays what the runs have alike.
func curves(runs []*run) section {
	loss := chart{title: "Validation loss", x: "step", y: "cross-entropy"}
	pruned := sparsityChart()
	for i, r := range runs {
		class := fmt.Sprintf("s%d", i%4+1)
		var validation curve
		for _, e := range r.epochs {
			if e.ValCount > 0 {
				validation.add(float64(e.GlobalStep), float64(e.ValLoss))
			}
		}
		if len(validation.x) > 0 {
			l := line{name: r.name(), class: class}
			l.x, l.y, _, _ = thin(validation.x, validation.y, maxPoints)
			loss.lines = append(loss.lines, l)
		}
		if l := r.bySparsity(r.name(), class); len(l.x) > 1 {
			pruned.lines = append(pruned.lines, l)
		}
	}
	sec := section{ID: "curves", Title: "Curves"}
	for _, c := range []chart{loss, pruned} {
		if len(c.lines) > 0 {
			sec.Charts = append(sec.Charts, c.svg())
		}
	}
	return sec
}

// settingsTable lists settings that are not the same in all runs.
func settingsTable(runs []*run) (section, error) {
	sec := section{ID: "settings", Title: "Settings that differ"}
	var all []map[string]string
	keys := map[string]bool{}
	for _, r := range runs {
		var document any
		if err := yaml.Unmarshal([]byte(r.settings), &document); err != nil {
			return sec, fmt.Errorf("settings of %s: %w", r.name(), err)
		}
		flat := map[string]string{}
		flatten(flat, "", document)
		all = append(all, flat)
		for key := range flat {
			keys[key] = true
		}
	}
	t := table{Head: heads("setting", runs[0].name())}
	for _, r := range runs[1:] {
		t.Head = append(t.Head, left(r.name()))
	}
	t.Head = append(t.Head, left(""))
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		row, same := []cell{left(key)}, true
		for _, flat := range all {
			value, ok := flat[key]
			if !ok {
				value = "–"
			}
			row = append(row, left(value))
			same = same && value == row[1].Text
		}
		if same || key == "about" {
			continue
		}
		change := "changed"
		if _, ok := all[0][key]; !ok {
			change = "added"
		} else if len(runs) == 2 {
			if _, ok := all[1][key]; !ok {
				change = "gone"
			}
		}
		t.Rows = append(t.Rows, append(row, left(change)))
	}
	if len(t.Rows) == 0 {
		sec.Text = []string{"All settings are the same."}
		return sec, nil
	}
	sec.Tables = []table{t}
	return sec, nil
}

// flatten writes a document's values by their keys, as prune.targets.
func flatten(into map[string]string, key string, v any) {
	if m, ok := v.(map[string]any); ok {
		for k, v := range m {
			if key != "" {
				k = key + "." + k
			}
			flatten(into, k, v)
		}
		return
	}
	into[key] = strings.Join(strings.Fields(fmt.Sprint(v)), " ")
}
