package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"time"

	"espalier/compress/prune"
	"espalier/compress/quantize"
	"espalier/configs"
	"espalier/dataset"
	"espalier/model"
	"espalier/model/kernel"
)

// evaluationBatch is the number of images evaluated at a time. Results do not
// depend on it.
const evaluationBatch = 128

// A runner computes one run in one goroutine.
type runner struct {
	ctx    context.Context
	e      configs.Experiment
	folder Folder
	hub    *Hub
	parts  Parts
	resume bool
	moved  bool // see Run

	engine *model.Engine
	data   *dataset.Data
	// shape and classes are those of the data.
	shape    dataset.Shape
	classes  int
	net      *model.Graph
	eval     *model.Evaluator // of net; reload it when weights have changed
	recipe   quantize.Recipe
	integers *quantize.Network // the final network, once it is made
	gate     prune.Gate
	ladder   *ladder // from the first round on
	past     past    // what a resumed run has behind it

	control  control
	estimate *estimate
	training *training // the stage of SGD in progress, or nil
	stage    string
	round    int
	steps    int // optimiser updates so far, over the whole run

	began  time.Time
	before float64       // seconds of work before an interruption
	paused time.Duration // since began
	saved  time.Time     // the last checkpoint inside a stage
	saves  int           // of such checkpoints
}

func newRunner(ctx context.Context, run *Run, p Parts) *runner {
	if p.Open == nil {
		p.Open = dataset.Open
	}
	if p.CheckpointEvery == 0 {
		p.CheckpointEvery = time.Minute
	}
	return &runner{
		ctx: ctx, e: run.Experiment, folder: run.Folder, hub: run.Hub, parts: p, resume: run.resume, moved: run.moved, past: run.past,
		gate:  prune.Gate{MinTop1: run.Experiment.Gate.MinTop1, MaxDrop: run.Experiment.Gate.MaxDrop, Split: run.Experiment.Gate.Split},
		began: time.Now(), saved: time.Now(),
	}
}

var (
	// errStopped ends a run that somebody asked to stop.
	errStopped = errors.New("stopped")
	// errStoppedNow ends a run that was asked not to finish its round.
	errStoppedNow = fmt.Errorf("%w now", errStopped)
)

// run passes through the stages.
func (r *runner) run() error {
	set, err := kernel.Select(r.e.Engine.Kernel)
	if err != nil {
		return r.refuse(err)
	}
	algorithm, err := model.ParseAlgorithm(r.e.Engine.Algorithm)
	if err != nil {
		return r.refuse(err)
	}
	if r.recipe, err = quantize.RecipeNamed(r.e.Quantize.Recipe); err != nil {
		return r.refuse(err)
	}
	r.recipe.IntegerBias = r.recipe.IntegerBias || r.e.Quantize.RoundBiases
	r.recipe.PerTensor = r.recipe.PerTensor || r.e.Quantize.PerTensor
	if r.net = r.past.net; r.net == nil {
		shape, classes, err := dataset.Describe(r.dataOptions())
		if err != nil {
			return r.refuse(fmt.Errorf("look at the data: %w", err))
		}
		r.shape, r.classes = shape, len(classes)
		if r.net, err = r.source(); err != nil {
			return r.refuse(err)
		}
		// Published before pictures are decoded, which may take minutes.
		if err := r.fits(&dataset.Data{Name: r.e.Data.Set, Shape: shape, Classes: classes}); err != nil {
			return r.refuse(err)
		}
	}
	r.engine = model.NewEngine(set, r.e.Engine.Threads, algorithm)
	defer r.engine.Close()

	if err := r.open(); err != nil {
		return err
	}
	for _, stage := range r.stages() {
		if err := stage(); err != nil {
			return err
		}
	}
	return nil
}

// stages lists what the run passes through, in order. Each stage knows what of it
// an interrupted run has behind it, and does the rest.
func (r *runner) stages() []func() error {
	return []func() error{r.readData, r.lookAhead, r.denseStage, r.denseCost, r.curves, r.rounds, r.trainQuantized, r.quantization}
}

// become makes n the present network, whose evaluator is then a new one unless
// only weights differ.
func (r *runner) become(n *model.Graph) {
	if n.SameStructure(r.net) {
		adopt(r.net, n)
		r.eval.Reload()
		return
	}
	r.net = n
	r.eval = model.NewEvaluator(n, r.engine, evaluationBatch)
}

// open publishes the run's first event, or that a resumed run goes on.
func (r *runner) open() error {
	r.estimate = newEstimate(r.e)
	if r.resume {
		return r.continued()
	}
	r.hub.Publish(r.started())
	if r.e.About != "" {
		r.log("info", "%s", r.e.About)
	}
	return nil
}

// refuse publishes RunStarted for an experiment that cannot begin, so that
// every journal begins with it.
func (r *runner) refuse(err error) error {
	if r.net == nil {
		r.net = r.stand()
	}
	if !r.resume {
		r.hub.Publish(r.started())
	}
	return err
}

// spec is the network that the experiment names, for the data's image size and
// classes, or for CIFAR-10's if the data could not be read.
func (r *runner) spec() model.Spec {
	m, in := r.e.Model, cmp.Or(r.shape, dataset.Shape{H: 32, W: 32, C: 3})
	return model.Spec{
		Network: cmp.Or(m.Network, configs.CIFARResNet), Depth: m.Depth, Width: m.Width, Shortcut: model.Shortcut(m.Shortcut),
		Input: model.Shape{C: in.C, H: in.H, W: in.W}, Classes: cmp.Or(r.classes, 10),
	}
}

// stand returns a stand-in network for the journal's first event if the
// experiment's could not be made.
func (r *runner) stand() *model.Graph {
	if n, err := r.spec().Build(); err == nil {
		return n
	}
	n, err := model.ResNet(model.Arch{Depth: 20, Shortcut: model.Projection, Classes: 10})
	if err != nil {
		panic(err) // there is one
	}
	return n
}

// started returns the run's first event.
func (r *runner) started() RunStarted {
	s := RunStarted{
		Schema: Schema, Version: r.parts.Version, Name: r.folder.Name(), Experiment: r.e.Name,
		Dataset: r.e.Data.Set, Seed: r.e.Seed, Gate: r.gate.String(),
		Sizes: capSizes(r.e.Sweep.Sizes, expectedTrain(r.e)), Observers: r.e.Sweep.Observers,
		Network: r.net.Name, Weights: r.net.Weights(), MACs: r.net.MACs(),
		Pruning: r.e.PruningText(), FineTune: r.e.FineTune.String(), Quantization: r.e.Quantize.String(),
	}
	for _, round := range r.e.Plan() {
		s.Targets = append(s.Targets, round.Target())
	}
	if d := r.e.Distill.String(); d != "" {
		s.FineTune += ", " + d
	}
	if r.engine != nil {
		s.Threads, s.Kernel = r.engine.Threads(), r.engine.Kernels.Name
	}
	s.Layers = layersOf(r.net)
	return s
}

// layersOf describes the layers of a network.
func layersOf(n *model.Graph) []LayerInfo {
	var all []LayerInfo
	for _, l := range n.Layers() {
		all = append(all, LayerInfo{
			Name: l.Name, Shape: l.WeightShape(), Stride: l.Stride(), Weights: len(l.Weight), MACs: l.MACs(), Edge: prune.IsEdge(n, l),
		})
	}
	return all
}

// begin opens a stage; the function it returns closes it.
func (r *runner) begin(stage string, round int, text string) func() {
	r.hub.Publish(StageStarted{Stage: stage, Round: round, Text: text})
	return r.reenter(stage, round)
}

// reenter is begin for a stage that was opened before an interruption.
func (r *runner) reenter(stage string, round int) func() {
	r.stage, r.round = stage, round
	began, paused := time.Now(), r.paused
	return func() {
		seconds := (time.Since(began) - (r.paused - paused)).Seconds()
		r.hub.Publish(StageDone{Stage: stage, Round: round, Seconds: seconds})
	}
}

// seconds returns the time that the run has worked, pauses excluded.
func (r *runner) seconds() float64 {
	return r.before + (time.Since(r.began) - r.paused).Seconds()
}

func (r *runner) log(level, format string, values ...any) {
	r.hub.Publish(Log{Level: level, Text: fmt.Sprintf(format, values...)})
}

// stream derives a seed for one purpose from the experiment's.
func (r *runner) stream(purpose string, n int) uint64 {
	h := fnv.New64a()
	fmt.Fprintf(h, "%d %s %d", r.e.Seed, purpose, n)
	return h.Sum64()
}

// outcome describes how the run ended.
func (r *runner) outcome(err error) RunDone {
	state := r.hub.State()
	done := RunDone{Status: StatusDone, Ended: StandingDone, Seconds: r.seconds()}
	dense, passed := state.Evaluation("dense", string(dataset.Test)), state.Passed()
	result := ""
	if dense != nil {
		done.Dense, done.Top1 = dense.Top1, dense.Top1
		done.Result, result = denseCheckpoint, "the dense network"
	}
	if passed != nil {
		done.Top1, done.Sparsity = passed.Top1, passed.Sparsity
		done.Result, result = passed.Checkpoint, fmt.Sprintf("that of round %d", passed.Round)
	}
	if state.Quantized != nil {
		done.Int8 = state.Quantized.Top1
	}
	var lost *diverged
	switch n := len(state.Rounds); {
	case errors.Is(err, errStopped):
		done.Status, done.Ended, done.Reason = StatusStopped, StandingStopped, r.control.reason
	case errors.As(err, &lost):
		done.Status, done.Ended, done.Reason = StatusFailed, StandingDiverged, err.Error()
	case err != nil:
		done.Status, done.Ended, done.Reason = StatusFailed, StandingFailed, err.Error()
	case n > 0 && !state.Rounds[n-1].Passed:
		last := state.Rounds[n-1]
		done.Ended = StandingGateFailed
		if last.Diverged {
			done.Ended = StandingDiverged
		}
		done.Reason = fmt.Sprintf("round %d did not pass, so the result is %s: %s", last.Round, result, last.Reason)
	}
	return done
}

// conclude writes what people keep of the run.
func (r *runner) conclude(done RunDone) error {
	// The report tells of the end, and the end is the journal's last event: the
	// report is written as if it had happened.
	state := r.hub.State()
	if state.Started == nil {
		return nil
	}
	state.Apply(Event{Seq: state.Seq + 1, Time: time.Now(), Body: done})
	if err := r.hub.Sync(); err != nil {
		return err
	}
	files, err := writeReport(r.folder, r.e, &state)
	if err != nil {
		return err
	}
	for _, file := range files {
		r.saidSaved("report", file)
	}
	if done.Status == StatusDone {
		return removeSteps(r.folder)
	}
	return nil
}
