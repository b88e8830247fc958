package search

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"espalier/compress/cost"
	"espalier/compress/measure"
	"espalier/compress/pipeline"
	"espalier/configs"
	"espalier/dataset"
	"espalier/model"
	"espalier/model/kernel"
)

// Goals: what is to become small.
const (
	Latency = "latency" // of one image on one thread
	Size    = "size"    // of the file without zeros
)

// Goals returns both, the default first.
func Goals() []string { return []string{Latency, Size} }

// Options say what to search for.
type Options struct {
	Model measure.Source
	// Base is what every run has: the images, how it fine-tunes, the seed and the
	// engine.
	Base    configs.Experiment
	MaxDrop float64 // of top-1 on validation images, a fraction
	For     string  // one of Goals
	Time    time.Duration
	Folder  string // that everything is written into
	// Compute computes and shows a run; it is closed afterwards.
	Compute func(context.Context, *pipeline.Run) (pipeline.RunDone, error)
	// Say tells people a sentence.
	Say func(format string, values ...any)
}

// An Outcome is what a search found.
type Outcome struct {
	Goal       string      `json:"for"`
	MaxDrop    float64     `json:"max_drop"`
	Dataset    string      `json:"dataset"`
	Machine    string      `json:"machine"`
	Kernel     string      `json:"kernel"`
	Seconds    float64     `json:"seconds"`
	Candidates []Candidate `json:"candidates"` // the first is the network that came in
	Best       int         `json:"best"`       // index of the best; 0: nothing better was found
	// Ended says why the search is over.
	Ended string `json:"ended"`
	// Before and After are top-1 on test images, of the network that came in and
	// of the best.
	Before float64 `json:"test_top1_before"`
	After  float64 `json:"test_top1_after"`
	// Files are what the best network was written to.
	Files []string `json:"files"`
	// Exported tells how the ONNX file was checked.
	Exported string `json:"exported,omitempty"`
	// Losses tell in words where the best network loses accuracy.
	Losses []string `json:"losses,omitempty"`
}

// A Candidate is one network that was tried.
type Candidate struct {
	Name     string     `json:"name"`              // "sparsity 0.80, int8 by min-max"
	Top1     float64    `json:"top1"`              // on validation images
	Drop     float64    `json:"drop"`              // against the network that came in
	Sparsity float64    `json:"sparsity"`          // of all weights
	Form     string     `json:"form"`              // that is quickest
	Speed    cost.Speed `json:"speed"`             // of one image on one thread
	Batch    float64    `json:"images_per_second"` // in batches of 128, 0 if not measured
	Bytes    int64      `json:"bytes"`             // without zeros
	Verdict  string     `json:"verdict"`           // why it was taken or not, in words
	Seconds  float64    `json:"seconds"`           // it took to make and to measure

	file *measure.File
	// like is a candidate with the same codes and steps, whose time and size are
	// taken.
	like *Candidate
}

// A searcher is a search in progress.
type searcher struct {
	Options
	ctx      context.Context
	engine   *model.Engine
	began    time.Time
	data     *dataset.Data
	outcome  *Outcome
	measured map[string]Candidate // by the network's content
	sparse   *ladder
}

// Run searches until the time is up, nothing is left to try, or ctx ends; what
// was best then is the answer. An error means that there is none: the model or
// the images cannot be read.
func Run(ctx context.Context, o Options) (*Outcome, error) {
	s, err := open(ctx, o)
	if err != nil {
		return nil, err
	}
	defer s.engine.Close()
	if err := s.incoming(); err != nil {
		return nil, err
	}
	s.outcome.Ended = s.try()
	return s.outcome, s.finish()
}

// open reads the model and the images.
func open(ctx context.Context, o Options) (*searcher, error) {
	s := &searcher{Options: o, ctx: ctx, began: time.Now(), measured: map[string]Candidate{}}
	kernels, err := kernel.Select(o.Base.Engine.Kernel)
	if err != nil {
		return nil, err
	}
	file, err := measure.Open(o.Model)
	if err != nil {
		return nil, err
	}
	if file.Float == nil {
		return nil, fmt.Errorf("%s is quantized already: give the network in floating point that it was made from", o.Model.Path)
	}
	for _, note := range file.Notes {
		o.Say("%s: %s", o.Model.Path, note)
	}
	if s.data, err = dataset.Open(pipeline.DataOptions(o.Base.Data)); err != nil {
		return nil, err
	}
	if s.data.Validation.Len() == 0 {
		return nil, errors.New("no images are held out to judge candidates on: set data.validation or data.validation_share above 0")
	}
	if _, err := file.Normalise(s.data); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(o.Folder, 0o755); err != nil {
		return nil, fmt.Errorf("make the folder to write into: %w", err)
	}
	s.engine = model.NewEngine(kernels, o.Base.Engine.Threads, model.Auto)
	s.outcome = &Outcome{Goal: o.For, MaxDrop: o.MaxDrop, Dataset: s.data.Name, Machine: cost.Machine(), Kernel: kernels.Name}
	if s.data.Note != "" {
		s.outcome.Dataset += " (" + s.data.Note + ")"
	}
	s.sparse = newLadder(o.For, file)
	return s, nil
}

// incoming measures the network that came in: it is the best until another is
// better.
func (s *searcher) incoming() error {
	c := Candidate{Name: "as it came in", file: s.sparse.file}
	if err := s.judge(&c); err != nil {
		return err
	}
	c.Verdict = "the network that came in"
	s.outcome.Candidates = []Candidate{c}
	return s.save()
}

// try tries candidates and says why it ended.
func (s *searcher) try() string {
	s.integers("", s.sparse.file)
	epoch, err := s.epoch()
	if err != nil {
		return fmt.Sprintf("it cannot be trained, so only int8 was tried: %s", err)
	}
	s.Say("an epoch of %d training images takes about %s", s.data.Train.Len(), pipeline.Duration(epoch))
	for n := 1; ; n++ {
		switch {
		case s.ctx.Err() != nil:
			return "it was interrupted"
		case s.left() < s.overhead():
			return "the time is up"
		}
		step, ok := s.sparse.next(s.left()-s.overhead(), epoch)
		if !ok {
			return "the rest of the time is too short for another candidate"
		}
		s.fineTuned(n, step)
	}
}

// left returns the seconds until the time is up.
func (s *searcher) left() float64 { return (s.Time - time.Since(s.began)).Seconds() }

// overhead is what a candidate takes beside training, in seconds: reading the
// images again, measuring, quantizing. The first int8 candidates show it.
func (s *searcher) overhead() float64 {
	total := 0.0
	for _, c := range s.outcome.Candidates[:min(len(s.outcome.Candidates), 1+len(configs.Observers()))] {
		total += c.Seconds
	}
	return 1.3*total + 1
}

// fineTuned computes a run to a higher sparsity and judges what it made.
func (s *searcher) fineTuned(n int, step step) {
	began := time.Now()
	name := fmt.Sprintf("sparsity %.3g after %.3g epochs", step.target, step.epochs)
	s.Say("trying %s, from %s", name, step.from)
	file, err := s.train(fmt.Sprintf("run-%d", n), step)
	if err != nil {
		s.failed(name, err, began)
		s.sparse.done(step, nil)
		return
	}
	c := Candidate{Name: name, file: file}
	kept := s.add(c, began)
	if s.integers(name+", ", file) {
		kept = true
	}
	if !kept {
		file = nil
	}
	s.sparse.done(step, file)
}

// train computes one run and reads its network. A run that would take more than a
// tenth of the search's time beyond its end is stopped.
func (s *searcher) train(name string, step step) (*measure.File, error) {
	run, err := pipeline.Create(s.Folder, name, s.experiment(step))
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(s.ctx, time.Duration(s.left()*float64(time.Second))+s.Time/10)
	defer cancel()
	done, err := s.Compute(ctx, run)
	if failed := run.Close(); err == nil {
		err = failed
	}
	switch {
	case ctx.Err() != nil && s.ctx.Err() == nil:
		return nil, errors.New("it was not done when the time was up: the machine was slower than it was measured")
	case err != nil:
		return nil, err
	case done.Status != pipeline.StatusDone:
		return nil, fmt.Errorf("its run ended as %s: %s", done.Standing(), done.Reason)
	}
	state := run.Hub.State()
	passed := state.Passed()
	if passed == nil {
		return nil, errors.New(done.Reason)
	}
	return measure.Open(measure.Source{Path: run.Folder.Path(passed.Checkpoint)})
}

// integers quantizes a network by every observer and reports whether one of the
// results keeps the bar.
func (s *searcher) integers(prefix string, file *measure.File) (kept bool) {
	var first *Candidate // observers change scales of activations, and neither time nor size
	for _, observer := range configs.Observers() {
		if s.ctx.Err() != nil || s.left() < 0 {
			return kept
		}
		began := time.Now()
		name := prefix + "int8 by " + observer
		q, err := file.Quantize(s.ctx, s.engine, s.data, measure.Calibration{
			Observer: observer, Images: min(calibrationImages, s.data.Train.Len()), Seed: s.Base.Seed, RoundBiases: true,
		})
		if err != nil {
			s.failed(name, err, began)
			continue
		}
		if s.add(Candidate{Name: name, file: q, like: first}, began) {
			kept = true
		}
		if c := s.outcome.Candidates[len(s.outcome.Candidates)-1]; first == nil && c.Form != "" {
			first = &c
		}
	}
	return kept
}

// calibrationImages are more than any sweep here has shown to matter.
const calibrationImages = 512

// add judges a candidate, keeps it if it is the best, and reports whether it keeps
// the bar.
func (s *searcher) add(c Candidate, began time.Time) bool {
	if err := s.judge(&c); err != nil {
		s.failed(c.Name, err, began)
		return false
	}
	c.Seconds = time.Since(began).Seconds()
	best := &s.outcome.Candidates[s.outcome.Best]
	var better bool
	better, c.Verdict = s.compare(&c, best)
	s.outcome.Candidates = append(s.outcome.Candidates, c)
	s.Say("%s: top-1 %.2f %% (%+.2f points), %.3g ms, %.1f kB: %s", c.Name, 100*c.Top1, -100*c.Drop, 1e3*c.Speed.Seconds, float64(c.Bytes)/1e3, c.Verdict)
	if better {
		s.outcome.Best = len(s.outcome.Candidates) - 1
	}
	if err := s.save(); err != nil {
		s.Say("the best so far could not be written: %s", err)
	}
	return s.keeps(&c)
}

// failed notes a candidate that there is no network of.
func (s *searcher) failed(name string, err error, began time.Time) {
	c := Candidate{Name: name, Verdict: "failed: " + err.Error(), Seconds: time.Since(began).Seconds()}
	if s.ctx.Err() != nil {
		c.Verdict = "not finished: the search was interrupted"
	}
	s.Say("%s: %s", name, c.Verdict)
	s.outcome.Candidates = append(s.outcome.Candidates, c)
}

// path returns a file's place in the folder.
func (s *searcher) path(name string) string { return filepath.Join(s.Folder, name) }
