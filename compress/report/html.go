package report

import (
	"cmp"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"

	"espalier/compress/pipeline"
	"espalier/internal/plural"
)

// WriteHTML writes a run's report as one HTML page.
func WriteHTML(w io.Writer, folder pipeline.Folder) error {
	r, err := read(folder)
	if err != nil {
		return err
	}
	return r.page().write(w)
}

// page lays the report out.
func (r *run) page() page {
	s := r.state
	b := s.Started
	p := page{
		Title: r.name(),
		Lead: fmt.Sprintf("Experiment %s: %s on %s, %s weights, begun %s.", b.Experiment, b.Network, s.Dataset(),
			plural.Thousands(b.Weights), s.Begun.UTC().Format("2006-01-02 15:04 UTC")),
		Status: r.status(),
		Facts:  r.facts(),
		Sections: []section{
			r.decisions(), r.pruning(), r.training(), r.sparsity(), r.quantization(), r.scalesSection(),
			r.costs(), paretoSection([]*run{r}), r.network(), r.environment(),
			{ID: "settings", Title: "Settings", Pre: r.settings},
		},
		Footer: "Written by espalier. Accuracies are top-1; sparsities are shares of weights that are zero; MACs are multiply-adds of one image, and FLOPs would be 2 × MACs.",
	}
	return p
}

// status says how the run stands.
func (r *run) status() *status {
	d := r.state.Done
	if d == nil {
		return &status{"warn", "not over", "The run is not over: this is what it has done so far."}
	}
	about := fmt.Sprintf("It worked for %s.", pipeline.Duration(d.Seconds))
	if d.Reason != "" {
		about = fmt.Sprintf("It worked for %s: %s.", pipeline.Duration(d.Seconds), strings.TrimSuffix(d.Reason, "."))
	}
	class := "bad"
	switch d.Standing() {
	case pipeline.StandingDone:
		class = "good"
	case pipeline.StandingStopped, pipeline.StandingGateFailed:
		class = "warn"
	}
	return &status{class, d.Standing().String(), about}
}

// facts are what most readers look for.
func (r *run) facts() []fact {
	s := r.state
	var all []fact
	dense := s.Evaluation("dense", "test")
	if dense != nil {
		all = append(all, fact{"dense top-1", pipeline.Percent(dense.Top1), fmt.Sprintf("%d of %d test images", dense.Correct, dense.Total)})
	}
	if p := s.Passed(); p != nil {
		all = append(all, fact{"pruned top-1", pipeline.Percent(p.Top1), fmt.Sprintf("%s points, %s of weights zero", pipeline.Points(-p.Drop), pipeline.Percent(p.Sparsity))})
	}
	if q := s.Quantized; q != nil {
		all = append(all, fact{"int8 top-1", pipeline.Percent(q.Top1), pipeline.Points(q.Top1-q.Float) + " points to fp32"})
	}
	first, last := s.Cost(pipeline.CostDense, 0), s.Cost(pipeline.CostInt8, 0)
	if first != nil && last != nil {
		a, okA := first.Fastest(1, 1)
		b, okB := last.Fastest(1, 1)
		if okA && okB {
			all = append(all, fact{"an image, one thread", fmt.Sprintf("%.3g ms", 1e3*b.Seconds), fmt.Sprintf("int8; dense fp32 %.3g ms", 1e3*a.Seconds)})
		}
		all = append(all, fact{"file without zeros", kilobytes(last.SparseBytes) + " kB", fmt.Sprintf("int8; dense fp32 %s kB", kilobytes(first.Bytes))})
	}
	return all
}

// decisions are what the run chose, and what people and it remarked.
func (r *run) decisions() section {
	sec := section{ID: "decisions", Title: "Decisions and remarks"}
	s := r.state
	for _, d := range s.Decisions {
		sec.Text = append(sec.Text, "Decided: "+d.Text)
	}
	for _, n := range s.Notes {
		sec.Text = append(sec.Text, fmt.Sprintf("Note at step %d: %s", n.GlobalStep, n.Text))
	}
	for i, p := range s.Problems {
		if i == mostRows {
			sec.Text = append(sec.Text, fmt.Sprintf("And %s more; the journal has them.", plural.Count(len(s.Problems)-mostRows, "warning")))
			break
		}
		sec.Text = append(sec.Text, strings.ToUpper(p.Level[:1])+p.Level[1:]+": "+p.Text)
	}
	if s.Continued > 0 {
		sec.Text = append(sec.Text, fmt.Sprintf("The run was continued %s after an interruption.", plural.Count(s.Continued, "time")))
	}
	return sec
}

// pruning tells of the rounds.
func (r *run) pruning() section {
	s := r.state
	sec := section{ID: "pruning", Title: "Pruning"}
	if len(s.Rounds) == 0 {
		return sec
	}
	sec.Text = []string{fmt.Sprintf("Target is the share of the ranked weights, sparsity that of all %s. Top-1 is on the test split. Gate: %s.", plural.Thousands(s.Started.Weights), s.Gate())}
	t := table{Head: heads(">round", ">target", ">sparsity", ">top-1", ">against dense", ">epochs", ">time", "gate", "checkpoint")}
	for _, row := range s.Rounds {
		gate := cell{"passed", "good"}
		if !row.Passed {
			gate = cell{"failed: " + row.Reason, "bad"}
		}
		checkpoint := "–"
		if row.Checkpoint != "" {
			checkpoint = fmt.Sprintf("%s %.12s", strings.TrimPrefix(row.Checkpoint, "checkpoints/"), row.Hash)
		}
		t.Rows = append(t.Rows, []cell{right("%d", row.Round), right("%s", pipeline.Percent(row.Target)), right("%s", pipeline.Percent(row.Sparsity)), right("%s", pipeline.Percent(row.Top1)),
			right("%s", pipeline.Points(-row.Drop)), right("%s", plural.Number(row.Epochs)), right("%s", pipeline.Duration(row.Seconds)), gate, left(checkpoint)})
	}
	if len(t.Rows) > mostRows {
		t.Fold = fmt.Sprintf("all %d rounds", len(t.Rows))
	}
	sec.Tables = []table{t}
	c := sparsityChart()
	c.lines = []line{r.bySparsity("", "s1")}
	sec.Charts = []template.HTML{c.svg()}
	return sec
}

// sparsityChart is what bySparsity's lines are drawn in.
func sparsityChart() chart {
	return chart{title: "Top-1 against sparsity", x: "sparsity of all weights (%)", y: "top-1 on test (%)"}
}

// bySparsity returns the top-1 of the dense network and of all rounds, those that
// went back among them, in the order of their sparsity.
func (r *run) bySparsity(name, class string) line {
	rounds := slices.Clone(r.state.Rounds)
	slices.SortStableFunc(rounds, func(a, b pipeline.RoundDone) int { return cmp.Compare(a.Sparsity, b.Sparsity) })
	l := line{name: name, class: class}
	if d := r.state.Evaluation("dense", "test"); d != nil {
		l.x, l.y = append(l.x, 0), append(l.y, 100*d.Top1)
	}
	for _, row := range rounds {
		l.x, l.y = append(l.x, 100*row.Sparsity), append(l.y, 100*row.Top1)
	}
	return l
}

// training draws loss and accuracy by step.
func (r *run) training() section {
	loss := chart{title: "Loss", x: "step", y: "cross-entropy"}
	accuracy := chart{title: "Accuracy", x: "step", y: "top-1 (%)"}
	if len(r.steps.x) > 0 {
		l := line{name: "training, by step", class: "s1"}
		l.x, l.y, l.low, l.high = thin(r.steps.x, r.steps.y, maxPoints)
		if l.low != nil {
			l.name = "training: mean and range of neighbouring steps"
		}
		loss.lines = append(loss.lines, l)
	}
	var trainTop, valLoss, valTop curve
	for _, e := range r.epochs {
		x := float64(e.GlobalStep)
		trainTop.add(x, 100*e.TrainTop1)
		if e.ValCount > 0 {
			valLoss.add(x, float64(e.ValLoss))
			valTop.add(x, 100*e.ValTop1)
		}
	}
	add := func(c *chart, name, class string, points curve) {
		if len(points.x) > 0 {
			l := line{name: name, class: class}
			l.x, l.y, l.low, l.high = thin(points.x, points.y, maxPoints)
			c.lines = append(c.lines, l)
		}
	}
	add(&loss, "validation, by epoch", "s2", valLoss)
	add(&accuracy, "training", "s1", trainTop)
	add(&accuracy, "validation", "s2", valTop)
	sec := section{ID: "training", Title: "Training"}
	for _, c := range []chart{loss, accuracy} {
		if len(c.lines) > 0 {
			c.marks = r.roundMarks()
			sec.Charts = append(sec.Charts, c.svg())
		}
	}
	return sec
}

// roundMarks are where rounds begin to train; few enough to be told apart.
func (r *run) roundMarks() []mark {
	begun := map[int]float64{}
	var rounds []int
	for _, e := range r.epochs {
		if e.Round > 0 && e.Epoch == 1 {
			if _, ok := begun[e.Round]; !ok {
				rounds = append(rounds, e.Round)
			}
			begun[e.Round] = float64(e.GlobalStep)
		}
	}
	var marks []mark
	for i, round := range rounds {
		if every := (len(rounds) + 11) / 12; i%every == 0 {
			marks = append(marks, mark{begun[round], fmt.Sprintf("%d", round)})
		}
	}
	return marks
}

// heatColumns is how many rounds the table of sparsities shows.
const heatColumns = 12

// sparsity is a table of layers and rounds.
func (r *run) sparsity() section {
	sec := section{ID: "sparsity", Title: "Sparsity by layer and round"}
	n := len(r.sparsities)
	if n == 0 {
		return sec
	}
	shown := r.sparsities
	if n > heatColumns {
		shown = nil
		for i := range heatColumns {
			shown = append(shown, r.sparsities[i*(n-1)/(heatColumns-1)])
		}
		sec.Text = append(sec.Text, fmt.Sprintf("%d of %d rounds, the first and the last among them.", heatColumns, n))
	}
	t := table{Head: heads("layer", ">weights")}
	for _, s := range shown {
		t.Head = append(t.Head, cell{fmt.Sprintf("%d", s.Round), "r"})
	}
	t.Head = append(t.Head, cell{"dead channels", "r"})
	for i, l := range shown[len(shown)-1].Layers {
		row := []cell{left(l.Name), right("%s", plural.Thousands(l.Total))}
		for _, s := range shown {
			if i >= len(s.Layers) || s.Layers[i].Total == 0 {
				row = append(row, left(""))
				continue
			}
			share := float64(s.Layers[i].Zero) / float64(s.Layers[i].Total)
			row = append(row, cell{fmt.Sprintf("%.1f", 100*share), fmt.Sprintf("r h%d", min(int(share*5), 4))})
		}
		t.Rows = append(t.Rows, append(row, right("%d", l.DeadChannels)))
	}
	all := []cell{left("all layers"), right("%s", plural.Thousands(r.state.Started.Weights))}
	for _, s := range shown {
		all = append(all, right("%.1f", 100*s.Sparsity))
	}
	t.Rows = append(t.Rows, append(all, left("")))
	sec.Text = append(sec.Text, "Per cent of a layer's weights that are zero at the end of a round. A channel is dead when all its weights are.")
	sec.Tables = []table{t}
	return sec
}
