package search

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"espalier/compress/cost"
	"espalier/compress/measure"
	"espalier/compress/pipeline"
	"espalier/configs"
	"espalier/model"
	"espalier/model/weights"
)

// options are those of a search of a small network with random weights: what is
// tried, kept, written and told does not depend on what a network knows.
func options(t *testing.T) Options {
	t.Helper()
	base, err := configs.Decode("compress.yaml", []byte("data: {set: shapes10, train: 64, test: 64, validation: 64}\nfine_tune: {batch: 32, learning_rate: 0.01}\nengine: {threads: 2}"), nil)
	if err != nil {
		t.Fatal(err)
	}
	g, err := model.ResNet(model.Arch{Depth: 8, Shortcut: model.Pad, Classes: 10})
	if err != nil {
		t.Fatal(err)
	}
	g.Init(1)
	g.Mean, g.Std = []float32{0.5, 0.5, 0.5}, []float32{0.25, 0.25, 0.25}
	path := filepath.Join(t.TempDir(), "in.safetensors")
	if err := weights.Save(path, g, nil); err != nil {
		t.Fatal(err)
	}
	return Options{
		Model: measure.Source{Path: path}, Base: base, MaxDrop: 0.05, For: Size, Time: time.Hour, // tests end a search by something else
		Folder: filepath.Join(t.TempDir(), "out"),
		Say:    t.Logf,
		Compute: func(ctx context.Context, run *pipeline.Run) (pipeline.RunDone, error) {
			return run.Do(ctx, pipeline.Parts{})
		},
	}
}

// TestSearch: the smallest network that keeps the bar is on disk, exported and
// checked, and the table tells of every candidate.
func TestSearch(t *testing.T) {
	o := options(t)
	searching, stop := context.WithCancel(context.Background())
	defer stop()
	runs := 0
	compute := o.Compute
	o.Compute = func(ctx context.Context, run *pipeline.Run) (pipeline.RunDone, error) {
		switch runs++; runs {
		case 1:
			return pipeline.RunDone{}, errors.New("the disk is on fire")
		case 3:
			stop()
		}
		return compute(ctx, run)
	}
	out, err := Run(searching, o)
	if err != nil {
		t.Fatal(err)
	}
	if runs != 3 {
		t.Errorf("%d runs: a failing candidate ended the search, %s", runs, out.Ended)
	}
	if out.Best == 0 || out.Before == 0 || out.After == 0 {
		t.Errorf("best %d, %s", out.Best, out)
	}
	best := out.Candidates[out.Best]
	if best.Drop > o.MaxDrop+1e-9 || best.Bytes >= out.Candidates[0].Bytes {
		t.Errorf("the best is %+v", best)
	}
	for i, c := range out.Candidates {
		if c.Form != "" && c.Drop <= o.MaxDrop && c.Bytes < best.Bytes {
			t.Errorf("candidate %d keeps the bar and is smaller than the best", i)
		}
		if c.Verdict == "" {
			t.Errorf("candidate %d has no verdict", i)
		}
	}
	for _, name := range []string{bestFile, bestONNX} {
		f, err := measure.Open(measure.Source{Path: o.Folder + "/" + name})
		if err != nil {
			t.Fatal(err)
		}
		if f.Integer == nil {
			t.Errorf("%s is not int8", name)
		}
	}
	text, err := os.ReadFile(filepath.Join(o.Folder, table))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"times smaller", "the disk is on fire", "gives the network's logits", "On the test images", "is off by"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
}

// TestInterrupted: the best so far is the answer.
func TestInterrupted(t *testing.T) {
	o := options(t)
	ctx, cancel := context.WithCancel(context.Background())
	o.Compute = func(context.Context, *pipeline.Run) (pipeline.RunDone, error) {
		cancel()
		return pipeline.RunDone{}, ctx.Err()
	}
	out, err := Run(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	if out.Ended != "it was interrupted" || out.Best == 0 {
		t.Errorf("%d is the best, and the search ended because %s", out.Best, out.Ended)
	}
	if _, err := measure.Open(measure.Source{Path: filepath.Join(o.Folder, bestFile)}); err != nil {
		t.Error(err)
	}
}

// TestLate: when the time is up, nothing more is tried, and a run that does not
// come to its end is stopped.
func TestLate(t *testing.T) {
	o := options(t)
	o.Time = time.Second
	o.Compute = func(ctx context.Context, run *pipeline.Run) (pipeline.RunDone, error) {
		<-ctx.Done()
		return pipeline.RunDone{Status: pipeline.StatusStopped}, nil
	}
	s, err := open(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.engine.Close()
	s.began = time.Now().Add(-o.Time)
	if ended := s.try(); ended != "the time is up" || len(s.outcome.Candidates) > 0 {
		t.Errorf("%s, after %d candidates", ended, len(s.outcome.Candidates))
	}
	_, err = s.train("run-1", step{file: s.sparse.file, target: 0.5, epochs: 1})
	if err == nil || !strings.Contains(err.Error(), "not done when the time was up") {
		t.Errorf("a run that never ends: %v", err)
	}
}

func TestPlan(t *testing.T) {
	o := options(t)
	p, err := MakePlan(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Experiment.Validate(); err != nil || len(p.Experiment.Prune.Targets) < 3 || p.Experiment.Gate.MaxDrop != 0.05 {
		t.Errorf("%v: %+v", err, p.Experiment)
	}
	if !strings.Contains(p.Text, "int8 by min-max") || !strings.Contains(p.Text, "points less") {
		t.Errorf("%s", p.Text)
	}
}

// TestCompare: what is faster only within the noise is not better.
func TestCompare(t *testing.T) {
	at := func(ms, spread, drop float64, form string) *Candidate {
		return &Candidate{Name: "n", Form: form, Drop: drop, Top1: 0.9 - drop, Bytes: int64(1000 * ms), file: &measure.File{},
			Speed: cost.Speed{Seconds: ms / 1e3, Low: (ms - spread) / 1e3, High: (ms + spread) / 1e3}}
	}
	best := at(1, 0.05, 0, cost.Float)
	for _, c := range []struct {
		goal   string
		have   *Candidate
		better bool
		want   string
	}{
		{Latency, at(0.5, 0.05, 0.005, cost.Integer), true, "the fastest so far"},
		{Latency, at(0.5, 0.05, 0.015, cost.Integer), false, "loses 1.50 points, more than 1.00"},
		{Latency, at(0.97, 0.05, 0, cost.Sparse), false, "not faster than n beyond the noise"},
		{Latency, at(1.5, 0.05, 0, cost.Integer), false, "rejected: int8 is slower"},
		{Size, at(0.9, 0.05, 0.01, cost.Float), true, "the smallest so far"},
		{Size, at(1.1, 0.05, 0, cost.Float), false, "not smaller"},
	} {
		s := searcher{Options: Options{For: c.goal, MaxDrop: 0.01}, outcome: &Outcome{}}
		better, why := s.compare(c.have, best)
		if better != c.better || !strings.Contains(why, c.want) {
			t.Errorf("%+v: %v, %q; want %v, %q", c.have, better, why, c.better, c.want)
		}
	}
}

// TestLadder climbs, fails, halves and then tries longer.
func TestLadder(t *testing.T) {
	l := newLadder(Size, &measure.File{Path: "in"})
	var targets []float64
	var epochs []float64
	for range 12 {
		s, ok := l.next(3600, 10)
		if !ok {
			t.Fatal("an hour is too short")
		}
		targets, epochs = append(targets, s.target), append(epochs, s.epochs)
		var file *measure.File
		if s.target < 0.9 {
			file = &measure.File{Path: "kept"}
		}
		l.done(s, file)
	}
	if targets[0] != 0.5 || targets[3] != 0.87 || targets[4] != 0.92 || targets[5] != (0.87+0.92)/2 || l.kept >= 0.9 || l.lost < 0.9 {
		t.Errorf("%v", targets)
	}
	if epochs[11] <= epochs[5] {
		t.Errorf("near the limit it does not try longer: %v", epochs)
	}
	if _, ok := l.next(0.1, 10); ok {
		t.Error("a tenth of a second is enough for an epoch of ten")
	}
}

// TestContent: networks are known by what they hold.
func TestContent(t *testing.T) {
	g, err := model.ResNet(model.Arch{Depth: 8, Shortcut: model.Pad, Classes: 10})
	if err != nil {
		t.Fatal(err)
	}
	g.Init(1)
	a, err := contentOf(&measure.File{Float: g, Metadata: map[string]string{"x": "1"}})
	if err != nil {
		t.Fatal(err)
	}
	if b, _ := contentOf(&measure.File{Float: g}); a != b {
		t.Error("metadata tell networks apart")
	}
	g.Nodes[1].Weight[0]++
	if b, _ := contentOf(&measure.File{Float: g}); a == b || a == weights.Hash(nil) {
		t.Error("a weight does not")
	}
}
