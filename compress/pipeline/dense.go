package pipeline

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"espalier/configs"
	"espalier/dataset"
	"espalier/model"
	"espalier/model/onnx"
	"espalier/model/weights"
)

// denseCheckpoint is the dense network's path in the run folder.
const denseCheckpoint = "checkpoints/dense.safetensors"

// source returns the network that the experiment begins with. If the experiment
// sets mean and std, they replace the network's.
func (r *runner) source() (*model.Graph, error) {
	n, err := r.weights()
	if err != nil || r.e.Model.Std == "" {
		return n, err
	}
	mean, err := dataset.ParseMean(r.e.Model.Mean)
	if err != nil {
		return nil, fmt.Errorf("model.%w", err)
	}
	std, err := dataset.ParseStd(r.e.Model.Std)
	if err != nil {
		return nil, fmt.Errorf("model.%w", err)
	}
	if c := n.Input().Shape.C; len(mean) != c || len(std) != c {
		return nil, fmt.Errorf("model.mean and model.std have %d and %d numbers, and the network takes %d channels: give one for each", len(mean), len(std), c)
	}
	n.Mean, n.Std = mean, std
	return n, nil
}

// weights returns the network that model.weights names.
func (r *runner) weights() (*model.Graph, error) {
	switch from := r.e.Model.Weights; from {
	case configs.Scratch, configs.Embedded:
		n, err := r.spec().Build()
		if err != nil {
			return nil, err
		}
		if from == configs.Embedded {
			return r.embedded()
		}
		n.Init(r.stream("init", 0))
		return n, nil
	default:
		n, err := r.loaded(from)
		if err != nil {
			return nil, fmt.Errorf("model.weights: %w", err)
		}
		return n, nil
	}
}

// embedded returns the network that the program carries for the experiment.
func (r *runner) embedded() (*model.Graph, error) {
	if r.parts.Embedded == nil {
		return nil, fmt.Errorf("this program carries no weights: set model.weights to %s or to a file", configs.Scratch)
	}
	n, err := r.parts.Embedded(r.e.Data.Set, r.spec())
	if err != nil {
		return nil, fmt.Errorf("embedded weights: %w", err)
	}
	return n, nil
}

// loaded reads a network from a file. If the experiment sets the normalisation,
// it replaces the file's, which need not be readable then.
func (r *runner) loaded(path string) (*model.Graph, error) {
	if strings.EqualFold(filepath.Ext(path), ".onnx") {
		return r.loadedONNX(path)
	}
	file, err := weights.Open(path, r.e.Model.Key)
	if err != nil {
		return nil, err
	}
	if r.e.Model.Std != "" {
		delete(file.Metadata, weights.MetaMean)
		delete(file.Metadata, weights.MetaStd)
	}
	notes := file.Notes
	var n *model.Graph
	if graph := r.e.Model.Graph; graph != "" {
		n, notes, err = onnx.ReadGraph(graph, file)
	} else {
		var more []string
		n, more, err = weights.NotedNetwork(file.Tensors, file.Metadata)
		notes = append(notes, more...)
	}
	if err != nil {
		return nil, fmt.Errorf("building a network from %s: %w", path, err)
	}
	for _, note := range notes {
		r.log("info", "%s: %s", path, note)
	}
	return n, nil
}

// loadedONNX reads a network in floating point from an ONNX file.
func (r *runner) loadedONNX(path string) (*model.Graph, error) {
	if r.e.Model.Key != "" {
		return nil, fmt.Errorf("%s is an ONNX file and holds one network: leave out model.key", path)
	}
	if r.e.Model.Graph != "" {
		return nil, fmt.Errorf("%s: %w", path, weights.ErrOwnGraph)
	}
	file, err := onnx.Read(path)
	if err != nil {
		return nil, err
	}
	if file.Float == nil {
		return nil, fmt.Errorf("%s is quantized and cannot be trained: name the file that it was made from", path)
	}
	for _, note := range file.Notes {
		r.log("info", "%s: %s", path, note)
	}
	return file.Float, nil
}

// denseStage trains the dense network, if the experiment asks for it, and measures
// it.
func (r *runner) denseStage() error {
	r.eval = model.NewEvaluator(r.net, r.engine, evaluationBatch)
	if r.past.dense {
		r.gate, _ = r.chooseGate()
		return nil
	}
	var done func()
	if r.past.step != nil {
		done = r.reenter(StageDense, 0)
	} else {
		done = r.begin(StageDense, 0, filepath.Base(r.e.Model.Weights))
	}
	if err := r.trainDense(); err != nil {
		return err
	}
	parts := []dataset.Part{dataset.Test}
	if r.data.Validation.Len() > 0 {
		parts = []dataset.Part{dataset.Validation, dataset.Test}
	}
	for _, part := range parts {
		e, err := r.evaluate("dense", part)
		if err != nil {
			return err
		}
		if bad := noAnswer(e); bad != "" {
			return &diverged{bad + ": begin with other weights, or train them with a lower learning rate"}
		}
	}
	if err := r.saveNetwork("checkpoint", denseCheckpoint, map[string]string{"stage": StageDense}); err != nil {
		return err
	}
	if err := r.allScales(); err != nil {
		return err
	}
	gate, why := r.chooseGate()
	if why != "" {
		r.gate = gate
		r.hub.Publish(Decided{About: "gate", Text: why, Gate: gate.String()})
	}
	done()
	if r.control.stopAfter {
		return r.stopped("the dense network was asked for")
	}
	return nil
}

// stopped ends the run because a command asked for it at a round's end.
func (r *runner) stopped(reason string) error {
	r.control.reason = reason
	return errStopped
}

// trainDense trains the dense network, or takes it from the cache if an earlier
// run trained it with the same settings.
func (r *runner) trainDense() error {
	epochs := r.e.Dense.Epochs[0]
	if epochs == 0 {
		return nil
	}
	cached, err := r.cached()
	if err != nil {
		return err
	}
	if len(r.keptSteps()) > 0 {
		cached = "" // the cache does not have what the network was on the way
	}
	if cached != "" && r.past.step == nil {
		err := r.takeCached(cached, epochs)
		if err == nil {
			return nil
		}
		if !errors.Is(err, os.ErrNotExist) {
			r.log("warn", "the cached dense network is trained anew: %v", err)
		}
	}
	t, err := r.plan(StageDense, 0, r.e.Dense, epochs)
	if err != nil {
		return err
	}
	t.keep = r.keptSteps()
	if err := r.restore(t); err != nil {
		return err
	}
	if err := r.train(t); err != nil && !errors.Is(err, errSkipped) {
		return err
	} else if err == nil && cached != "" {
		if err := r.cache(cached); err != nil {
			r.log("warn", "the dense network is not kept for later runs: %s", err)
		}
	}
	return nil
}

// keptSteps returns the steps of the dense training that rounds go back to.
func (r *runner) keptSteps() []int {
	var steps []int
	for _, round := range r.e.Plan() {
		if step := r.keptStep(round); round.Rewind == configs.RewindWeights && !slices.Contains(steps, step) {
			steps = append(steps, step)
		}
	}
	return steps
}

// adopt copies the parameters and statistics of a network of the same
// architecture.
func adopt(n, from *model.Graph) {
	source := from.Tensors()
	for i, t := range n.Tensors() {
		copy(t.Data, source[i].Data)
	}
	n.Mean, n.Std = from.Mean, from.Std
}

// metadata describes where a checkpoint comes from.
func (r *runner) metadata(extra map[string]string) map[string]string {
	m := map[string]string{
		weights.MetaDataset: r.e.Data.Set, "experiment": r.e.Name, "seed": fmt.Sprint(r.e.Seed), "run": r.folder.Name(),
		"kernel": r.engine.Kernels.Name, "steps": fmt.Sprint(r.steps), "espalier": r.parts.Version,
	}
	if set := r.e.Data.Set; set == configs.Shapes10 || set == configs.Folder {
		m[weights.MetaDataSeed] = fmt.Sprint(r.e.Data.Seed)
	}
	if r.data.Note != "" {
		m["dataset_note"] = r.data.Note
	}
	for k, v := range extra {
		m[k] = v
	}
	return m
}

// saveNetwork writes the present network into the run folder.
func (r *runner) saveNetwork(what, path string, extra map[string]string) error {
	meta := r.metadata(extra)
	err := r.write(func() error { return weights.Save(r.folder.Path(path), r.net, meta) })
	if err != nil {
		return err
	}
	r.saidSaved(what, path)
	return nil
}
