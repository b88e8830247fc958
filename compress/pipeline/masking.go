package pipeline

import (
	"fmt"
	"math"

	"espalier/compress/prune"
	"espalier/configs"
)

// A masking changes the masks while a round is trained. What it does at a step
// follows from the step, the weights, the masks and the momentum, and for the
// criterion movement from its scores; a checkpoint keeps all of them.
type masking struct {
	try    try
	method prune.Method
	from   float64 // sparsity of the candidates when the round began
	until  int     // steps after which the masks stay

	movement map[string][]float32 // scores by layer, or nil
	weights  map[string][]float32 // before the step in progress, for movement
	momentum map[string][]float32
}

// newMasking returns what changes the masks in a round, or nil.
func (r *runner) newMasking(t try, steps int) (*masking, error) {
	if t.again || t.Weights == nil || t.Weights.Schedule == "" {
		return nil, nil
	}
	method, err := r.method(t)
	if err != nil {
		return nil, err
	}
	// Edge layers rise with the rest to what they have at the target.
	method.Edges = prune.Edges{Share: r.edges().Target(t.Target()) / t.Target(), Until: 1}
	m := &masking{try: t, method: method, from: prune.CandidateSparsity(r.net), until: max(1, int(math.Round(t.Weights.Until*float64(steps))))}
	if t.Weights.Criterion == configs.Movement {
		m.movement, m.weights, m.momentum = prune.NewMovement(r.net), prune.NewMovement(r.net), prune.NewMovement(r.net)
	}
	return m, nil
}

// remask does what is due before the stage's next step.
func (r *runner) remask(t *training) error {
	m := t.masking
	if m.movement != nil {
		velocity := byLayer(t.trainer)
		for _, l := range r.net.Layers() {
			copy(m.weights[l.Name], l.Weight)
			copy(m.momentum[l.Name], velocity[l.Name])
		}
	}
	w := m.try.Weights
	if t.step == 0 || t.step > m.until || t.step%w.Every != 0 && t.step != m.until {
		return nil
	}
	share := float64(t.step) / float64(m.until)
	if w.Schedule == configs.Regrowth {
		return r.regrow(t, prune.Exchanged(w.Regrow, share))
	}
	return r.pruneOn(t, prune.Cubic(m.from, m.try.Target(), share))
}

// pruneOn raises the sparsity of the network in training.
func (r *runner) pruneOn(t *training, target float64) error {
	m := t.masking
	evidence, err := r.evidence(m.try, m.method.Criterion)
	if err != nil {
		return err
	}
	evidence.Movement = m.movement
	if _, err := m.method.Prune(r.net, target, evidence); err != nil {
		return fmt.Errorf("prune to %.4g at step %d: %w", target, r.steps, err)
	}
	t.trainer.Masks()
	r.sparsity(t.round, target)
	return nil
}

// regrow exchanges a share of every candidate's weights. The momentum of masked
// weights follows their gradients, though the weights stay zero: it decides which
// come back, as in Dettmers and Zettlemoyer 2019 (arXiv 1907.04840), in the place
// of RigL's gradient of one batch.
func (r *runner) regrow(t *training, share float64) error {
	velocity := byLayer(t.trainer)
	for _, l := range prune.Candidates(r.net) {
		for _, i := range prune.Regrow(l, velocity[l.Name], share) {
			velocity[l.Name][i] = 0
		}
	}
	t.trainer.Masks()
	r.sparsity(t.round, t.masking.try.Target())
	return nil
}

// moved adds the step that was taken to the movement scores.
func (m *masking) moved(r *runner, t *training) {
	if m.movement == nil {
		return
	}
	velocity := byLayer(t.trainer)
	for _, l := range r.net.Layers() {
		prune.AddMovement(m.movement[l.Name], m.weights[l.Name], m.momentum[l.Name], velocity[l.Name],
			float32(t.settings.Momentum), float32(t.settings.WeightDecay))
	}
}

// finish brings a training that was ended before its masks were final to its
// target.
func (r *runner) finish(t *training) error {
	if m := t.masking; m == nil || m.try.Weights.Schedule != configs.Cubic || t.step > m.until {
		return nil
	}
	return r.pruneOn(t, t.masking.try.Target())
}
