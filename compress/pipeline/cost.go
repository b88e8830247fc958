package pipeline

import (
	"fmt"
	"runtime"
	"time"

	measured "espalier/compress/cost" // estimate.go has a cost of its own
	"espalier/compress/quantize"
	"espalier/dataset"
	"espalier/internal/plural"
)

// What a checkpoint's measurement may take: for each form and number of threads,
// and for one batch of 128, which is left out where it would take longer.
const (
	costTime     = 30 * time.Millisecond
	costPatience = time.Second
)

// What a Cost is of.
const (
	CostDense  = "dense"
	CostPruned = "pruned" // of a round
	CostInt8   = "int8"
)

// cost measures a checkpoint, unless the experiment does without or it was
// measured before an interruption. Top1 is its accuracy on the test split.
func (r *runner) cost(what string, round int, file string, top1 float64, integer *quantize.Network) error {
	state := r.hub.State()
	if !r.e.Cost.Measure || state.Cost(what, round) != nil {
		return nil
	}
	defer r.begin(StageCost, round, what)()
	n := measured.Network{Float: r.net, Metadata: r.metadata(nil)}
	if integer != nil {
		n = measured.Network{Integer: integer, Metadata: r.metadata(nil)}
	}
	report, err := measured.Measure(r.ctx, n, measured.Options{
		Kernels: r.engine.Kernels, Algorithm: r.engine.Algorithm, Threads: r.engine.Threads(),
		Time: costTime, Patience: costPatience, NoInteger: true,
	})
	if r.ctx.Err() != nil {
		return r.breathe()
	}
	if err != nil {
		// What a network costs decides nothing: the run goes on without.
		r.log("warn", "the cost of the %s network was not measured: %s", what, err)
		return nil
	}
	c := Cost{
		What: what, Round: round, File: file, Top1: top1,
		Parameters: report.Parameters, Weights: report.Weights, NonZero: report.NonZero,
		MACs: report.MACs, EffectiveMACs: report.EffectiveMACs, Activations: report.Activations,
		Bytes: report.Bytes.Dense, SparseBytes: report.Bytes.Sparse, GzipBytes: report.Bytes.Gzip, ZstdBytes: report.Bytes.Zstd,
		Machine: report.Machine, Kernel: report.Kernel, Notes: report.Notes,
	}
	for _, s := range report.Speeds {
		c.Speeds = append(c.Speeds, Speed(s))
	}
	r.hub.Publish(c)
	runtime.GC() // gives back what was planned here before the next stage plans its own
	return nil
}

// denseCost measures the dense network; of a run that goes on in a later round
// it is gone.
func (r *runner) denseCost() error {
	if r.past.rounds > 0 || r.past.step != nil {
		return nil
	}
	state := r.hub.State()
	return r.cost(CostDense, 0, denseCheckpoint, state.Evaluation("dense", string(dataset.Test)).Top1, nil)
}

// integerCost measures the final network in integers.
func (r *runner) integerCost() error {
	return r.cost(CostInt8, 0, quantizedFile, r.hub.State().Quantized.Top1, r.integers)
}

// Fastest returns the quickest form for a batch on so many threads, or of the most
// threads for 0; not ok where none was measured.
func (c *Cost) Fastest(batch, threads int) (best Speed, ok bool) {
	most := 0
	for _, s := range c.Speeds {
		most = max(most, s.Threads)
	}
	if threads == 0 {
		threads = most
	}
	for _, s := range c.Speeds {
		if s.Batch == batch && s.Threads == threads && (!ok || s.Seconds < best.Seconds) {
			best, ok = s, true
		}
	}
	return best, ok
}

// Name names the checkpoint, as "round 3".
func (c *Cost) Name() string {
	if c.What == CostPruned {
		return fmt.Sprintf("round %d", c.Round)
	}
	return c.What
}

// String tells the cost in one line.
func (c Cost) String() string {
	text := fmt.Sprintf("cost  %s  %s parameters, %s MACs, %s effective  %s bytes, %s without zeros", c.Name(),
		plural.Thousands(c.Parameters), plural.Thousands(c.MACs), plural.Thousands(c.EffectiveMACs), plural.Thousands(c.Bytes), plural.Thousands(c.SparseBytes))
	for _, s := range c.Speeds {
		if s.Batch == 1 && s.Threads == 1 {
			text += fmt.Sprintf("  %s %.3f ms an image on one thread", s.Form, 1e3*s.Seconds)
		}
	}
	return text
}
