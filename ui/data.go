package ui

import (
	"cmp"
	"math"
	"strings"
	"time"

	"espalier/ui/series"
	"espalier/ui/state"
)

// What each pane exports: all of its data, not only the visible part.

// data returns the losses in view: every step, or of a long run buckets of
// steps; the journal has all of them.
func (p *lossPane) data(s *scene) table {
	t := table{columns: []string{"first_step", "last_step", "round", "seconds", "train_loss", "train_min", "train_max", "not_finite", "val_loss", "learning_rate"}}
	lo, hi := 0.0, math.MaxFloat64
	if first, last, ok := p.extent(s); ok && !p.view.all() {
		lo, hi = p.view.steps(first, last, false)
	}
	validation := map[float64]float64{}
	for _, v := range s.run.Validation.Window(lo, hi, math.MaxInt, 0) {
		validation[v.Last] = v.Mean()
	}
	mean := func(of *series.Series, x float64) float64 {
		if v, ok := of.At(x); ok {
			return v.Mean()
		}
		return math.NaN()
	}
	for _, v := range p.train(s, lo, hi).Window(lo, hi, math.MaxInt, 0) {
		val := any("")
		if y, ok := validation[v.Last]; ok {
			val = y
		}
		t.add(int(v.First), int(v.Last), s.run.RoundAt(int(v.Last)), mean(&s.run.Clock, v.Last), v.Mean(), v.Min, v.Max, v.Bad(), val, mean(&s.run.LearningRate, v.Last))
	}
	return t
}

func (p *layersPane) data(s *scene) table {
	if slice, ok := p.slice(s); ok {
		return groupData(slice)
	}
	t := table{columns: []string{"layer", "shape", "stride", "weights", "macs", "sparsity", "target", "change_in_round", "kept", "dead_channels", "loss_rise", "loss_rise_step"}}
	scan, scanned := s.run.Sensitivity(s.asOf())
	for _, l := range s.run.Layers(s.asOf()) {
		rise, step := any(""), any("")
		if scanned {
			rise, step = l.Rise, scan.GlobalStep
		}
		t.add(l.Name, describe(l.Shape, l.Stride), l.Stride, l.Weights, l.MACs, l.Sparsity, l.Target, l.Delta, l.Kept, l.Dead, rise, step)
	}
	return t
}

func (*calibrationPane) data(s *scene) table {
	t := table{columns: []string{"images", "draw", "observer", "top1", "correct", "total", "fp32_top1", "calibrate_seconds", "evaluate_seconds", "asked"}}
	for _, p := range s.run.Points {
		t.add(p.Images, p.Draw, p.Observer, p.Top1, p.Correct, p.Total, p.Float, p.CalibrateSeconds, p.EvaluateSeconds, p.Asked)
	}
	return t
}

// data returns the selected layer's channels, or the bins of its activations.
func (p *scalesPane) data(s *scene) table {
	layer, _ := s.selectedLayer()
	q, ok := p.scales(s)
	if p.part == allActivations {
		t := table{columns: []string{"layer", "from", "to", "count"}}
		if n := len(q.ActivationHistogram); ok && n > 0 {
			width := (q.Activation.Max - q.Activation.Min) / float64(n)
			for i, values := range q.ActivationHistogram {
				t.add(layer.Name, q.Activation.Min+float64(i)*width, q.Activation.Min+float64(i+1)*width, values)
			}
		}
		return t
	}
	t := table{columns: []string{"layer", "round", "step", "clip", "channel", "scale", "max_abs", "zero", "clipped"}}
	for i, c := range q.Channels {
		t.add(layer.Name, q.Round, q.GlobalStep, cmp.Or(q.Clip, 1), i, c.Scale, c.MaxAbs, c.Zero, c.Clipped)
	}
	return t
}

func (p *logPane) data(s *scene) table {
	t := table{columns: []string{"time", "level", "step", "layer", "text"}}
	for _, l := range p.lines(s) {
		t.add(l.Time.Format(time.RFC3339Nano), l.Level, l.Step, l.Layer, l.Text)
	}
	return t
}

// data returns the table of results; what was not reached is left out.
func (p *roundsPane) data(s *scene) table {
	if p.costs.on {
		return p.costs.data(s)
	}
	t := table{columns: []string{"what", "target", "sparsity", "top1", "drop", "epochs", "seconds", "passed", "reason", "checkpoint"}}
	if d := s.run.Dense; d != nil {
		t.add("dense", "", 0.0, d.Top1, 0.0, "", d.Seconds, "", "", "")
	}
	for _, r := range s.run.Rounds {
		if d := r.Done; d != nil {
			t.add("round "+strings.TrimSpace(count(float64(d.Round))), d.Target, d.Sparsity, d.Top1, d.Drop, d.Epochs, d.Seconds, d.Passed, d.Reason, d.Checkpoint)
		}
	}
	if q := s.run.Quantized; q != nil {
		sparsity := 0.0
		if c, ok := s.run.Census(state.Now); ok {
			sparsity = c.Sparsity.Sparsity
		}
		t.add("int8", "", sparsity, q.Top1, q.Float-q.Top1, "", "", "", q.Observer, q.File)
	}
	return t
}
