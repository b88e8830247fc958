package cost

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"time"

	"espalier/compress/quantize"
	"espalier/model"
	"espalier/model/kernel"
)

// Forms in which a network is computed.
const (
	Float   = "fp32"
	Sparse  = "sparse fp32" // by lists of the weights that are not zero
	Integer = "int8"
)

// Batch is the number of images of a large batch.
const Batch = 128

// Options say how to measure.
type Options struct {
	Kernels   *kernel.Set
	Algorithm model.Algorithm
	Threads   int           // the most threads; below 1: GOMAXPROCS
	Time      time.Duration // for each form of each measurement, without warm-up
	// Patience is the most time that a batch of 128 may take; longer ones are
	// not measured. 0 means no limit.
	Patience time.Duration
	Layers   bool // measure layer by layer, too
	// NoInteger leaves int8 out of a network in floating point; otherwise it is
	// quantized on random images, which does not change the speed.
	NoInteger bool
}

// A Report is what a network costs on this machine.
type Report struct {
	Counts
	Kernel  string  `json:"kernel"`
	Machine string  `json:"machine"`
	Speeds  []Speed `json:"speeds"`
	// Notes are sentences that say what brings no gain, and why.
	Notes []string `json:"notes,omitempty"`
}

// A Speed is one measurement.
type Speed struct {
	Form        string  `json:"form"`
	Batch       int     `json:"batch"` // images
	Threads     int     `json:"threads"`
	Seconds     float64 `json:"seconds"` // for the batch: the median
	Low         float64 `json:"low"`     // a quarter of the repetitions took at most this
	High        float64 `json:"high"`    // and a quarter at least this
	Repetitions int     `json:"repetitions"`
}

// Images returns images a second.
func (s Speed) Images() float64 { return float64(s.Batch) / s.Seconds }

// Slower reports whether s took longer than t by more than the spread of both.
func (s Speed) Slower(t Speed) bool { return s.Low > t.High }

// Speed returns a measurement. Threads 0 means the most.
func (r *Report) Speed(form string, batch, threads int) (s Speed, ok bool) {
	for _, have := range r.Speeds {
		if have.Form == form && have.Batch == batch && (have.Threads == threads || threads == 0 && have.Threads >= s.Threads) {
			s, ok = have, true
		}
	}
	return s, ok
}

// A form is a network compiled for one engine and batch.
type form struct {
	name    string
	run     func()
	profile func() []model.StepTime
}

// Measure counts and takes times. It ends early with the context's error.
func Measure(ctx context.Context, n Network, o Options) (*Report, error) {
	counts, err := Count(n)
	if err != nil {
		return nil, err
	}
	m := &measuring{Options: o, ctx: ctx, report: &Report{Counts: counts, Kernel: o.Kernels.Name, Machine: Machine()}}
	if m.Threads < 1 {
		m.Threads = runtime.GOMAXPROCS(0)
	}
	if err := m.prepare(n); err != nil {
		return nil, err
	}
	for _, threads := range slices.Compact([]int{1, m.Threads}) {
		if err := m.on(threads); err != nil {
			return nil, err
		}
	}
	m.report.Notes = m.notes()
	return m.report, nil
}

// A measuring is a report in progress.
type measuring struct {
	Options
	ctx     context.Context
	report  *Report
	float   *model.Graph // nil for an integer network
	full    *model.Graph // without zeros, if float is computed by lists
	integer *quantize.Network
	why     string // why a network with zeros is not computed by lists
}

// prepare makes the forms of the network.
func (m *measuring) prepare(n Network) error {
	m.float, m.integer = n.Float, n.Integer
	if m.float == nil {
		return nil
	}
	e := model.NewEngine(m.Kernels, m.Threads, m.Algorithm)
	defer e.Close()
	now, possible := model.NewEvaluator(m.float, e, 1).Sparse()
	switch {
	case now:
		m.full = WithoutZeros(m.float)
	case !possible:
		m.why = "it has operators that are only computed densely"
	default:
		m.why = "it has too few zeros for computing by lists to be faster"
	}
	if m.NoInteger {
		return nil
	}
	var err error
	if m.integer, err = Quantized(m.float, e); err != nil {
		return fmt.Errorf("quantizing the network to measure it in int8: %w", err)
	}
	return nil
}

// on measures on a number of threads: one image and, on the most threads, a
// batch.
func (m *measuring) on(threads int) error {
	e := model.NewEngine(m.Kernels, threads, m.Algorithm)
	defer e.Close()
	forms := m.forms(e, 1)
	if err := m.times(forms, 1, threads); err != nil {
		return err
	}
	if m.Layers && threads == 1 {
		if err := m.layers(forms); err != nil {
			return err
		}
	}
	if threads < m.Threads {
		return nil
	}
	one, _ := m.report.Speed(forms[0].name, 1, 0)
	if about := time.Duration(one.Seconds * Batch * float64(time.Second)); m.Patience > 0 && about > m.Patience {
		return nil
	}
	return m.times(m.forms(e, Batch), Batch, threads)
}

// forms compiles all forms of the network.
func (m *measuring) forms(e *model.Engine, batch int) []form {
	var all []form
	var x []float32
	float := func(name string, g *model.Graph) {
		x = Images(g.Input().Shape, batch)
		v := model.NewEvaluator(g, e, batch)
		logits := make([]float32, batch*v.Classes())
		all = append(all, form{name, func() { v.Logits(logits, x) }, func() []model.StepTime { return v.Profile(logits, x) }})
	}
	switch {
	case m.full != nil:
		float(Float, m.full)
		float(Sparse, m.float)
	case m.float != nil:
		float(Float, m.float)
	}
	if m.integer != nil {
		x = Images(m.integer.Input().Shape, batch)
		v := quantize.NewEvaluator(m.integer, e)
		logits := make([]float32, batch*v.Classes())
		all = append(all, form{Integer, func() { v.Logits(logits, x) }, func() []model.StepTime { return v.Profile(logits, x) }})
	}
	return all
}

// times measures forms in turn.
func (m *measuring) times(forms []form, batch, threads int) error {
	var runs []func()
	for _, f := range forms {
		runs = append(runs, f.run)
	}
	all, err := Repeat(m.ctx, m.Time*time.Duration(len(forms)), runs...)
	if err != nil {
		return err
	}
	for i, f := range forms {
		low, high := quartiles(all[i])
		m.report.Speeds = append(m.report.Speeds, Speed{
			Form: f.name, Batch: batch, Threads: threads, Repetitions: len(all[i]),
			Seconds: Median(all[i]).Seconds(), Low: low.Seconds(), High: high.Seconds(),
		})
	}
	return nil
}

// layers measures the steps of every form, for one image on one thread.
func (m *measuring) layers(forms []form) error {
	for _, f := range forms {
		steps := map[string][]time.Duration{}
		_, err := Repeat(m.ctx, m.Time, func() {
			sums := map[string]time.Duration{}
			for _, s := range f.profile() {
				sums[s.Node] += s.Time
			}
			for node, t := range sums {
				steps[node] = append(steps[node], t)
			}
		})
		if err != nil {
			return err
		}
		for i := range m.report.Layers {
			l := &m.report.Layers[i]
			times := steps[l.Name]
			if len(times) == 0 {
				continue
			}
			if l.Seconds == nil {
				l.Seconds = map[string]float64{}
			}
			slices.Sort(times)
			l.Seconds[f.name] = Median(times).Seconds()
		}
	}
	return nil
}

// WithoutZeros returns a copy whose weights are all nonzero, so that it is
// computed densely. The speed does not depend on the values otherwise.
func WithoutZeros(g *model.Graph) *model.Graph {
	c := g.Clone()
	for _, l := range c.Layers() {
		l.Mask = nil
		for i, w := range l.Weight {
			if w == 0 {
				l.Weight[i] = 1e-3
			}
		}
	}
	return c
}

// calibrationImages are enough, since accuracy does not matter here.
const calibrationImages = 32

// Quantized quantizes a network on random images: scales do not change the speed.
func Quantized(g *model.Graph, e *model.Engine) (*quantize.Network, error) {
	recipe, err := quantize.RecipeNamed("")
	if err != nil {
		return nil, err
	}
	x := Images(g.Input().Shape, calibrationImages)
	image := g.Input().Shape.Len()
	load := func(first, n int) ([]float32, error) { return x[first*image : (first+n)*image], nil }
	v := model.NewEvaluator(g, e, quantize.CalibrationBatch)
	var n *quantize.Network
	err = quantize.Calibrate(v, e, recipe.Observers(g), []string{recipe.Observer}, load, []int{calibrationImages}, func(c *quantize.Calibration) (err error) {
		n, err = quantize.Build(g, c, recipe)
		return err
	})
	return n, err
}

// Images draws n images [n][c][h][w] with mean 0 and deviation 1, like
// normalised images.
func Images(shape model.Shape, n int) []float32 {
	random := rand.New(rand.NewPCG(1, 0))
	x := make([]float32, n*shape.Len())
	for i := range x {
		x[i] = float32(random.NormFloat64())
	}
	return x
}
