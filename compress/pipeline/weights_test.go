package pipeline

import (
	"math"
	"strings"
	"testing"

	"espalier/compress/prune"
	"espalier/configs"
	"espalier/dataset"
	"espalier/model"
	exact "espalier/model/reference"
	"espalier/model/weights"
)

// TestRoundsOfWeights runs a round of every criterion, shape and schedule, and
// wants the sparsity that was asked for. Interrupted in its training and resumed, the run has the
// same journal.
func TestRoundsOfWeights(t *testing.T) {
	type round struct {
		rounds string
		zero   float64 // share of the candidates
	}
	for _, c := range first(1, []round{
		{"{weights: {target: 0.8, schedule: cubic, every: 1, until: 1, criterion: movement}}", 0.8},
		{"{weights: {target: 0.8, criterion: lamp, scope: erk}}", 0.8},
		{"{weights: {target: 0.8, criterion: taylor}}", 0.8},
		{`{weights: {shape: "2:4", criterion: normalised}}`, 0.5},
		{"{weights: {target: 0.8, shape: 1x4, criterion: random, scope: layer}}", 0.8},
		{"{weights: {target: 0.8, schedule: cubic, every: 2}}", 0.8},
		{"{weights: {target: 0.8, schedule: regrow, every: 2, until: 1}}", 0.8},
		{"{weights: {target: 0.8}, rewind: learning_rate, fine_tune: {epochs: 1}}", 0.8},
		{"{weights: {target: 0.3}}, {weights: {target: 0.8}, rewind: weights, fine_tune: {epochs: 1}}", 0.8},
	}) {
		t.Run(c.rounds, func(t *testing.T) {
			t.Parallel()
			set := []string{"sweep.sizes=[]", "quantize.images=2", "rounds=[" + c.rounds + "]"}
			r := create(t, tiny(t, set...))
			_, events := do(t, r, tinyParts())
			rows := of[RoundDone](events)
			last := rows[len(rows)-1]
			n, _, err := weights.Load(r.Folder.Path(last.Checkpoint))
			if err != nil {
				t.Fatal(err)
			}
			if zero := prune.CandidateSparsity(n); math.Abs(zero-c.zero) > 1e-3 {
				t.Errorf("%.4f of the candidates are zero, want %v", zero, c.zero)
			}
			again := create(t, tiny(t, set...))
			stopAt(t, again, tinyParts(), func(b Body) bool { s, ok := b.(StepDone); return ok && s.Round == last.Round && s.Step == 3 })
			resumed, err := Continue(again.Folder)
			if err != nil {
				t.Fatal(err)
			}
			defer resumed.Close()
			_, went := do(t, resumed, tinyParts())
			if journalHash(t, again.Folder) != journalHash(t, r.Folder) {
				t.Errorf("resumed: another journal:\n%s", firstDifference(events, went))
			}
		})
	}
}

// TestTargetsAreRounds: the usual list of targets and the same list of rounds have
// the same bits.
func TestTargetsAreRounds(t *testing.T) {
	numeric(t)
	_, events := reference(t)
	r := create(t, tiny(t, "sweep.sizes=[]", "rounds=[{weights: {target: 0.3, floor: 0}}, {weights: {target: 0.7, floor: 0}}]"))
	_, own := do(t, r, tinyParts())
	want, have := of[RoundDone](events), of[RoundDone](own)
	for i := range want {
		if have[i].Hash != want[i].Hash || have[i].Top1 != want[i].Top1 {
			t.Errorf("round %d: %+v, want %+v", i+1, have[i], want[i])
		}
	}
}

// TestCubicRises: the zeros of the candidates rise with every change of the masks
// to the target, and then stay.
func TestCubicRises(t *testing.T) {
	r := create(t, tiny(t, "sweep.sizes=[]", "quantize.images=2", "prune.edge_share=0", "rounds=[{weights: {target: 0.8, schedule: cubic, every: 1, until: 0.667}}]"))
	_, events := do(t, r, tinyParts())
	var have []float64
	for _, s := range of[Sparsity](events) {
		have = append(have, s.Target)
	}
	// Steps 1 to 4 of 4, and the round's end.
	want := []float64{0.8 * (1 - 27./64), 0.8 * (1 - 8./64), 0.8 * (1 - 1./64), 0.8, 0.8}
	if len(have) != len(want) {
		t.Fatalf("masks changed to %v, want %v", have, want)
	}
	for i := range want {
		if math.Abs(have[i]-want[i]) > 1e-12 {
			t.Errorf("masks changed to %v, want %v", have, want)
		}
	}
}

// TestRewinding: the learning rate is that of the dense training's last steps, and
// weights begin where they were there.
func TestRewinding(t *testing.T) {
	r := create(t, tiny(t, "sweep.sizes=[]", "quantize.images=2", "rounds=[{weights: {target: 0.5}, rewind: weights, fine_tune: {epochs: 1}}]"))
	_, events := do(t, r, tinyParts())
	var dense, tuned []StepDone
	for _, s := range of[StepDone](events) {
		if s.Stage == StageDense {
			dense = append(dense, s)
		} else {
			tuned = append(tuned, s)
		}
	}
	if len(dense) != 6 || len(tuned) != 4 {
		t.Fatalf("%d and %d steps", len(dense), len(tuned))
	}
	for i, s := range tuned {
		if s.LearningRate != dense[i+2].LearningRate {
			t.Errorf("step %d has the rate %v, the dense one %v", i, s.LearningRate, dense[i+2].LearningRate)
		}
	}
	if _, _, err := weights.Load(r.Folder.Path(keptCheckpoint(2))); err != nil {
		t.Error(err)
	}
}

// TestGradients: what criteria get are the loss's gradients, as the reference
// computes them, and the network stays as it is.
func TestGradients(t *testing.T) {
	numeric(t)
	r := tuning(t, "fine_tune.batch=32")
	before := weights.Hash(weights.FromNetwork(r.net))
	have, err := r.gradients(try{Round: configs.Round{FineTune: r.e.FineTune}, number: 3})
	if err != nil {
		t.Fatal(err)
	}
	if weights.Hash(weights.FromNetwork(r.net)) != before {
		t.Fatal("the network changed")
	}
	loader := r.data.NewLoader(r.data.Train, dataset.LoaderOptions{Batch: 32, Shuffle: true, Seed: r.stream("gradients", 3)})
	x, labels := make([]float32, 32*r.data.Shape.Len()), make([]uint16, 32)
	want := map[string][]float64{}
	for b := range loader.Batches() {
		loader.Load(0, b, x, labels)
		for name, g := range referenceGradients(t, r.net, x, labels) {
			if want[name] == nil {
				want[name] = make([]float64, len(g))
			}
			for i, v := range g {
				want[name][i] += v
			}
		}
	}
	for _, l := range r.net.Layers() {
		sum, off := 0.0, 0.0
		for i, w := range want[l.Name] {
			off += (float64(have[l.Name][i]) - w) * (float64(have[l.Name][i]) - w)
			sum += w * w
		}
		if sum == 0 || !(math.Sqrt(off/sum) < 1e-3) {
			t.Errorf("layer %s: gradients are off by %.2g", l.Name, math.Sqrt(off/sum))
		}
	}
}

// TestTheFloorIsSaid: a layer that would have died is named.
func TestTheFloorIsSaid(t *testing.T) {
	r := tuning(t)
	l := prune.Candidates(r.net)[2]
	for i := range l.Weight {
		l.Weight[i] *= 1e-6
	}
	if err := r.pruneWeights(try{Round: configs.Round{Weights: &configs.Weights{Target: 0.8, Floor: 0.05}}}); err != nil {
		t.Fatal(err)
	}
	state := r.hub.State()
	if len(state.Problems) != 1 || !strings.HasPrefix(state.Problems[0].Text, l.Name+" would have kept 0 of its ") {
		t.Errorf("%+v", state.Problems)
	}
	if prune.Measure(r.net).Layers[3].Zero == len(l.Weight) {
		t.Error("the layer died")
	}
}

// referenceGradients returns the gradients of a network's weights by layer.
func referenceGradients(t *testing.T, g *model.Graph, x []float32, labels []uint16) map[string][]float64 {
	t.Helper()
	n, wide := exact.From(g.Clone()), make([]float64, len(x))
	for i, v := range x {
		wide[i] = float64(v)
	}
	n.Backward(len(labels), wide, labels)
	all := map[string][]float64{}
	for _, p := range n.Parameters() {
		if layer, ok := strings.CutSuffix(p.Name, ".weight"); ok && g.Node(layer).IsLayer() {
			all[layer] = p.Gradient
		}
	}
	return all
}
