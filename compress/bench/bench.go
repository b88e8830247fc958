package bench

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	"espalier/compress/quantize"
	"espalier/internal/plural"
	"espalier/model"
	"espalier/model/kernel"
)

// Tasks, in the order in which they are measured.
const (
	Training = "training"
	Float    = "fp32"
	Integer  = "int8"
	Sparse   = "sparse"
	Epochs   = "epoch" // of CIFAR-10, and the share that loading takes
	Delay    = "delay" // of a goroutine while training runs
)

// Tasks returns all tasks.
func Tasks() []string { return []string{Training, Float, Integer, Sparse, Epochs, Delay} }

// Batch is the number of images of a training step and of a large batch of
// inference.
const Batch = 128

// sparsityTarget is the sparsity of the sparse network's layers, except the
// first convolution and the classifier.
const sparsityTarget = 0.92

// Options say what to measure.
type Options struct {
	Kernels   *kernel.Set
	Algorithm model.Algorithm
	Threads   int           // the most threads; below 1: GOMAXPROCS
	Time      time.Duration // for each row, without warm-up
	Tasks     []string      // empty: all that the networks allow
	// Network is measured in floating point and, if Quantized is nil, quantized
	// on random images. It may be nil if Quantized is not.
	Network   *model.Graph
	Quantized *quantize.Network
	// Progress, if not nil, is called before each measurement with its name.
	Progress func(done, total int, what string)
}

// A Report is what was measured. Its JSON form is that of the command bench.
type Report struct {
	Network   string          `json:"network"` // as "ResNet-20, projection shortcuts"
	Kernel    string          `json:"kernel"`
	Algorithm model.Algorithm `json:"algorithm"`
	System    string          `json:"system"` // as linux/amd64
	MACs      int64           `json:"macs"`   // of one image's forward pass
	Peaks     []Peak          `json:"peaks"`  // on one thread and on all
	// Scaling is the peak of all threads divided by the number of threads times
	// the peak of one.
	Scaling float64 `json:"scaling"`
	Rows    []Row   `json:"rows"`
	Epoch   *Epoch  `json:"epoch,omitempty"`
	Delay   *Late   `json:"delay,omitempty"`
}

// A Peak is what the processor does at most, in operations per second.
type Peak struct {
	Threads int     `json:"threads"`
	Float   float64 `json:"fp32"`
	Integer float64 `json:"int8"`
}

// A Row is one measurement.
type Row struct {
	Task        string  `json:"task"`
	Batch       int     `json:"batch"` // images
	Threads     int     `json:"threads"`
	Repetitions int     `json:"repetitions"`
	Seconds     float64 `json:"seconds"` // for a batch: the median
	Best        float64 `json:"best"`    // the fastest batch, in seconds
	Images      float64 `json:"images_per_second"`
	Operations  float64 `json:"operations_per_second"` // direct-equivalent, two a multiply-add
	OfPeak      float64 `json:"of_peak"`               // share of the peak on as many threads
	Bytes       int64   `json:"bytes"`                 // of planned memory
	Sparsity    float64 `json:"sparsity"`              // share of convolution and linear weights that are zero
	// TimesDense is how many times as fast the sparse network is as the same
	// network before it was pruned, measured in turn with it; 0 in other tasks.
	TimesDense float64 `json:"times_dense,omitempty"`
}

// sharedCore is the scaling below which threads seem to share physical cores.
const sharedCore = 0.9

// Warning returns a sentence that says why the figures are doubtful, or "".
func (r *Report) Warning() string {
	if r.Scaling >= sharedCore {
		return ""
	}
	all := r.Peaks[len(r.Peaks)-1].Threads
	return fmt.Sprintf("%d threads together reach only %.0f %% of %d times one thread's peak: they share physical cores, or something else uses the processor", all, 100*r.Scaling, all)
}

// Run measures everything that the options ask for. It ends early with the
// context's error.
func Run(ctx context.Context, o Options) (*Report, error) {
	o, err := o.complete()
	if err != nil {
		return nil, err
	}
	b := &bench{Options: o, ctx: ctx}
	if err := b.networks(); err != nil {
		return nil, err
	}
	b.plan()
	for i, s := range b.steps {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if o.Progress != nil {
			o.Progress(i, len(b.steps), s.what)
		}
		if err := s.run(); err != nil {
			return nil, fmt.Errorf("measuring %s: %w", s.what, err)
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return &b.report, nil
}

// complete fills in defaults and checks the rest.
func (o Options) complete() (Options, error) {
	if o.Threads < 1 {
		o.Threads = runtime.GOMAXPROCS(0)
	}
	if o.Time <= 0 {
		return o, fmt.Errorf("measuring for %v: want a positive time", o.Time)
	}
	possible := Tasks()
	if o.Network == nil {
		possible = []string{Integer}
	}
	if len(o.Tasks) == 0 {
		o.Tasks = possible
	}
	for _, task := range o.Tasks {
		if !slices.Contains(Tasks(), task) {
			return o, fmt.Errorf("there is no task %q: choose from %s", task, strings.Join(Tasks(), ", "))
		}
		if !slices.Contains(possible, task) {
			return o, fmt.Errorf("%s cannot be measured on a quantized network: measure %s, or another file", task, strings.Join(possible, ", "))
		}
	}
	return o, nil
}

// A bench is a report in progress.
type bench struct {
	Options
	ctx     context.Context
	pruned  *model.Graph
	integer *quantize.Network
	report  Report
	steps   []step
}

// A step is one measurement.
type step struct {
	what string
	run  func() error
}

func (b *bench) wants(task string) bool { return slices.Contains(b.Tasks, task) }

// threads returns 1 and, if it is more, the number of all threads.
func (b *bench) threads() []int { return slices.Compact([]int{1, b.Threads}) }

// plan lists the measurements.
func (b *bench) plan() {
	for _, threads := range b.threads() {
		b.add(fmt.Sprintf("peaks, %s", plural.Count(threads, "thread")), func() error {
			p := b.Kernels.Peak(threads)
			b.report.Peaks = append(b.report.Peaks, Peak{threads, p.Float, p.Integer})
			b.report.Scaling = p.Float / b.report.Peaks[0].Float / float64(threads)
			return nil
		})
	}
	for _, task := range Tasks() {
		if !b.wants(task) {
			continue
		}
		switch task {
		case Training:
			b.addRows(task, Batch)
		case Epochs:
			b.add("an epoch's loading", b.epoch)
		case Delay:
			b.add("delay of other goroutines during training", b.delay)
		default:
			b.addRows(task, 1)
			b.addRows(task, Batch)
		}
	}
}

func (b *bench) add(what string, run func() error) { b.steps = append(b.steps, step{what, run}) }

func (b *bench) addRows(task string, batch int) {
	for _, threads := range b.threads() {
		b.add(fmt.Sprintf("%s, %s, %s", task, plural.Count(batch, "image"), plural.Count(threads, "thread")), func() error {
			e := model.NewEngine(b.Kernels, threads, b.Algorithm)
			defer e.Close()
			return b.row(task, batch, e)
		})
	}
}
