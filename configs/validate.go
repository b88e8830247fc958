package configs

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// A ValueError is a value that an experiment cannot have.
type ValueError struct {
	Key     string // as prune.targets[1]
	Problem string // "is 1.2: want a fraction between 0 and 1"
}

func (e *ValueError) Error() string { return e.Key + " " + e.Problem }

// Validate returns the first impossible value as a *ValueError. What depends on
// the data, such as the number of validation images, is checked when the data
// are read.
func (e Experiment) Validate() error {
	rules := []func() *ValueError{
		func() *ValueError { return oneOf("data.set", e.Data.Set, Sets()...) },
		func() *ValueError { return atLeast("data.train", e.Data.Train, 0) },
		func() *ValueError { return atLeast("data.test", e.Data.Test, 0) },
		func() *ValueError { return atLeast("data.validation", e.Data.Validation, 0) },
		e.path,
		e.images,
		e.cutout,
		e.network,
		func() *ValueError { return e.training("dense", e.Dense, 1) },
		e.scratch,
		e.schedule,
		func() *ValueError { return e.training("fine_tune", e.FineTune, len(e.Prune.Targets)+len(e.Rounds)) },
		e.sensitivity,
		e.rounds,
		e.distill,
		func() *ValueError { return share("gate.min_top1", e.Gate.MinTop1) },
		func() *ValueError { return share("gate.max_drop", e.Gate.MaxDrop) },
		func() *ValueError { return share("gate.fallback_drop", e.Gate.FallbackDrop) },
		func() *ValueError { return share("gate.smallest_step", e.Gate.SmallestStep) },
		func() *ValueError { return oneOf("gate.split", e.Gate.Split, Validation, Test) },
		e.gate,
		func() *ValueError { return oneOf("quantize.recipe", e.Quantize.Recipe, Recipes()...) },
		func() *ValueError { return observer("quantize.observer", e.Quantize.Observer) },
		func() *ValueError { return atLeast("quantize.images", e.Quantize.Images, 1) },
		e.repair,
		e.sweep,
		e.qat,
		func() *ValueError { return atLeast("engine.threads", e.Engine.Threads, 0) },
		func() *ValueError { return oneOf("engine.kernel", e.Engine.Kernel, "auto", "avx512", "avx2", "go") },
		func() *ValueError { return oneOf("engine.algorithm", e.Engine.Algorithm, "auto", "direct", "winograd") },
	}
	for _, rule := range rules {
		if err := rule(); err != nil {
			return err
		}
	}
	return nil
}

func (e Experiment) path() *ValueError {
	if e.Data.Path != "" && e.Data.Set == Shapes10 {
		return bad("data.path", "is %q: %s is drawn by the program and has no path; leave it out", e.Data.Path, Shapes10)
	}
	if e.Data.Path == "" && (e.Data.Set == Folder || e.Data.Set == NPZ) {
		return bad("data.path", "is empty: name the %s of images", map[string]string{Folder: "folder", NPZ: ".npz file"}[e.Data.Set])
	}
	return nil
}

// images checks the settings that only some data sets have.
func (e Experiment) images() *ValueError {
	d := e.Data
	only := func(key, set string) *ValueError {
		return bad(key, "is for data.set %s, and data.set is %s: leave it out", set, d.Set)
	}
	if d.Labels != "" {
		if d.Set != CIFAR100 {
			return only("data.labels", CIFAR100)
		}
		if err := oneOf("data.labels", d.Labels, Fine, Coarse); err != nil {
			return err
		}
	}
	if len(d.Size) > 0 {
		if d.Set != Folder {
			return only("data.size", Folder)
		}
		if len(d.Size) > 2 {
			return bad("data.size", "has %d numbers: want a height and a width, or one number for both", len(d.Size))
		}
		for _, side := range d.Size {
			if side < 8 || side > 224 {
				return bad("data.size", "is %v: want 8 to 224 pixels", []int(d.Size))
			}
		}
	}
	if d.Channels != 0 {
		if d.Set != Folder {
			return only("data.channels", Folder)
		}
		if d.Channels != 1 && d.Channels != 3 {
			return bad("data.channels", "is %d: want 3, or 1 for grey", d.Channels)
		}
	}
	if !(d.Memory >= 0 && d.Memory <= 1<<20) {
		return bad("data.memory", "is %v: want a number of GiB", d.Memory)
	}
	if !(d.ValidationShare >= 0 && d.ValidationShare < 1) {
		return bad("data.validation_share", "is %v: want 0 or more and less than 1", d.ValidationShare)
	}
	if d.ValidationShare > 0 && d.Validation > 0 {
		return bad("data.validation_share", "is %v and data.validation %d: give one of them", d.ValidationShare, d.Validation)
	}
	if d.Flip != "" {
		return oneOf("data.flip", d.Flip, "true", "false")
	}
	return nil
}

func (e Experiment) network() *ValueError {
	if e.Model.Network != "" {
		if err := oneOf("model.network", e.Model.Network, Networks()...); err != nil {
			return err
		}
	}
	if w := e.Model.Width; !(w >= 0 && w <= 64) {
		return bad("model.width", "is %v: want a factor above 0, at most 64", w)
	}
	cifar := e.Model.Network == "" || e.Model.Network == CIFARResNet
	if d := e.Model.Depth; cifar && (d < 8 || d > 110 || (d-2)%6 != 0) {
		return bad("model.depth", "is %d: want 6n+2, as 20, 32, 44 or 56", d)
	}
	if e.Model.Weights == "" {
		return bad("model.weights", "is empty: want %s, %s or a file", Embedded, Scratch)
	}
	if e.Model.Graph != "" && (e.Model.Weights == Scratch || e.Model.Weights == Embedded) {
		return bad("model.graph", "is for the state dict of a file, and model.weights is %s: name the file there", e.Model.Weights)
	}
	if (e.Model.Mean == "") != (e.Model.Std == "") {
		return bad("model.mean", "is %q and model.std %q: give both or neither", e.Model.Mean, e.Model.Std)
	}
	return oneOf("model.shortcut", e.Model.Shortcut, "projection", "pad")
}

// training checks the settings of SGD for so many rounds.
func (e Experiment) training(key string, t Training, rounds int) *ValueError {
	if len(t.Epochs) != 1 && len(t.Epochs) != rounds {
		return bad(key+".epochs", "has %d values: want one number, or one for each of %d rounds", len(t.Epochs), rounds)
	}
	for i, epochs := range t.Epochs {
		if !(epochs >= 0 && epochs <= 100000) {
			at := key + ".epochs"
			if len(t.Epochs) > 1 {
				at = fmt.Sprintf("%s[%d]", at, i)
			}
			return bad(at, "is %v: want a number from 0 to 100000", epochs)
		}
	}
	if t.Batch < 1 || t.Batch > 4096 {
		return bad(key+".batch", "is %d: want 1 to 4096", t.Batch)
	}
	if !(t.LearningRate > 0 && t.LearningRate <= 100) {
		return bad(key+".learning_rate", "is %v: want more than 0 and at most 100", t.LearningRate)
	}
	if !(t.Momentum >= 0 && t.Momentum < 1) {
		return bad(key+".momentum", "is %v: want 0 or more and less than 1", t.Momentum)
	}
	if !(t.WeightDecay >= 0 && t.WeightDecay < 1) {
		return bad(key+".weight_decay", "is %v: want 0 or more and less than 1", t.WeightDecay)
	}
	if t.Nesterov && t.Momentum == 0 {
		return bad(key+".nesterov", "is true, but %s.momentum is 0: give a momentum, as 0.9", key)
	}
	if err := oneOf(key+".weight_decay_on", t.WeightDecayOn, AllParameters, WeightsOnly); err != nil {
		return err
	}
	if !(t.LabelSmoothing >= 0 && t.LabelSmoothing < 1) {
		return bad(key+".label_smoothing", "is %v: want 0 or more and less than 1, as 0.1", t.LabelSmoothing)
	}
	if !(t.Average >= 0 && t.Average < 1) {
		return bad(key+".average", "is %v: want the decay per step, 0 or more and less than 1, as 0.999", t.Average)
	}
	return t.rate(key)
}

// rate checks the learning rate and its schedule.
func (t Training) rate(key string) *ValueError {
	if err := oneOf(key+".schedule", t.Schedule, Cosine, Steps); err != nil {
		return err
	}
	for _, epochs := range t.Epochs {
		if epochs > 0 && t.Warmup >= epochs || !(t.Warmup >= 0) {
			return bad(key+".warmup", "is %v: want 0 or more epochs, and fewer than the %v that are trained", t.Warmup, epochs)
		}
	}
	previous := 0.0
	for i, epochs := range t.Milestones {
		at := fmt.Sprintf("%s.milestones[%d]", key, i)
		if t.Schedule != Steps {
			return bad(at, "is %v, but %s.schedule is %s: set it to %s", epochs, key, t.Schedule, Steps)
		}
		if !(epochs > previous) {
			return bad(at, "is %v after %v: milestones are epochs and rise", epochs, previous)
		}
		previous = epochs
	}
	if !(t.Gamma > 0 && t.Gamma < 1) {
		return bad(key+".gamma", "is %v: want more than 0 and less than 1, as 0.1", t.Gamma)
	}
	return nil
}

func (e Experiment) cutout() *ValueError {
	switch side := e.Data.Cutout; {
	case side < 0 || side > 32:
		return bad("data.cutout", "is %d: want a square's side in pixels, 0 to 32", side)
	case side > 0 && !e.Data.Augment:
		return bad("data.cutout", "is %d, but data.augment is false: set it to true", side)
	}
	return nil
}

func (e Experiment) distill() *ValueError {
	if err := share("distill.weight", e.Distill.Weight); err != nil {
		return err
	}
	if !(e.Distill.Temperature > 0 && e.Distill.Temperature <= 100) {
		return bad("distill.temperature", "is %v: want more than 0 and at most 100, as 4", e.Distill.Temperature)
	}
	return nil
}

func (e Experiment) scratch() *ValueError {
	if e.Model.Weights == Scratch && e.Dense.Epochs[0] == 0 {
		return bad("dense.epochs", "is 0: a network from %s has to be trained before it is pruned", Scratch)
	}
	return nil
}

func (e Experiment) schedule() *ValueError {
	previous := 0.0
	for i, target := range e.Prune.Targets {
		key := fmt.Sprintf("prune.targets[%d]", i)
		if !(target > 0 && target < 1) {
			return bad(key, "is %v: want a fraction between 0 and 1, as 0.9 for 90 %%", target)
		}
		if target <= previous {
			return bad(key, "is %v after %v: targets rise from round to round", target, previous)
		}
		previous = target
	}
	if err := share("prune.edge_share", e.Prune.EdgeShare); err != nil {
		return err
	}
	return share("prune.edge_until", e.Prune.EdgeUntil)
}

func (e Experiment) gate() *ValueError {
	if m := e.Gate.MoreEpochs; !(m >= 0 && m <= 100000) {
		return bad("gate.more_epochs", "is %v: want a number from 0 to 100000", m)
	}
	limited := e.Gate.MinTop1 > 0 || e.Gate.MaxDrop > 0
	if limited && e.Gate.Split == Validation && e.Data.Validation == 0 && e.Data.ValidationShare == 0 {
		return bad("gate.split", "is %s, but data.validation holds no images out: hold some out or take %s", Validation, Test)
	}
	return nil
}

// repair wants known repairs, and validation images to judge them on.
func (e Experiment) repair() *ValueError {
	const key = "quantize.repair"
	if e.Quantize.Repair == "" || e.Quantize.Repair == "auto" {
		return nil
	}
	for _, name := range strings.Split(e.Quantize.Repair, ",") {
		if err := oneOf(key, name, append([]string{"auto"}, Repairs()...)...); err != nil {
			return err
		}
	}
	return nil
}

func (e Experiment) sweep() *ValueError {
	previous := 0
	for i, size := range e.Sweep.Sizes {
		key := fmt.Sprintf("sweep.sizes[%d]", i)
		if size < 1 {
			return bad(key, "is %d: want at least 1 image", size)
		}
		if size <= previous {
			return bad(key, "is %d after %d: sizes rise", size, previous)
		}
		previous = size
	}
	if err := atLeast("sweep.draws", e.Sweep.Draws, 1); err != nil {
		return err
	}
	if len(e.Sweep.Sizes) > 0 && len(e.Sweep.Observers) == 0 {
		return bad("sweep.observers", "is empty: name some of %s", strings.Join(Observers(), ", "))
	}
	for i, name := range e.Sweep.Observers {
		key := fmt.Sprintf("sweep.observers[%d]", i)
		if err := observer(key, name); err != nil {
			return err
		}
		if slices.Contains(e.Sweep.Observers[:i], name) {
			return bad(key, "is %s again: name each observer once", name)
		}
	}
	return nil
}

func bad(key, problem string, values ...any) *ValueError {
	return &ValueError{Key: key, Problem: fmt.Sprintf(problem, values...)}
}

func oneOf(key, value string, allowed ...string) *ValueError {
	if slices.Contains(allowed, value) {
		return nil
	}
	return bad(key, "is %q: want %s", value, strings.Join(allowed, ", "))
}

// observer wants the name of an observer, or a percentile with its share.
func observer(key, name string) *ValueError {
	text, ok := strings.CutPrefix(name, Percentile+"-")
	if !ok {
		return oneOf(key, name, Observers()...)
	}
	if p, err := strconv.ParseFloat(text, 64); err != nil || !(p > 0 && p <= 100) {
		return bad(key, "is %q: want a share above 0 and up to 100 per cent, as %s-99.9", name, Percentile)
	}
	return nil
}

func atLeast(key string, value, least int) *ValueError {
	if value >= least && value <= math.MaxInt32 {
		return nil
	}
	return bad(key, "is %d: want %d or more", value, least)
}

func share(key string, value float64) *ValueError {
	if value >= 0 && value <= 1 { // false for NaN
		return nil
	}
	return bad(key, "is %v: want a fraction from 0 to 1", value)
}
