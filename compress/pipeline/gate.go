package pipeline

import (
	"fmt"

	"espalier/compress/prune"
)

// chooseGate returns the gate for the dense network as measured, and a sentence
// if it differs from the experiment's. If the dense network is hardly above the
// least top-1, that limit would end the run in its first rounds and say nothing
// about pruning. The experiment's FallbackDrop then takes its place.
func (r *runner) chooseGate() (gate prune.Gate, why string) {
	gate = r.gate
	limit, asked := r.e.Gate.FallbackDrop, gate.MinTop1
	state := r.hub.State()
	dense := state.Evaluation("dense", gate.Split)
	if limit == 0 || asked == 0 || len(r.e.Plan()) == 0 || dense == nil || dense.Top1-asked >= limit-1e-9 {
		return gate, ""
	}
	gate.MinTop1 = 0
	if gate.MaxDrop == 0 || gate.MaxDrop > limit {
		gate.MaxDrop = limit
	}
	return gate, fmt.Sprintf("the dense network has %s on %s, which is not %.2f points above the gate's minimum of %s: a round passes if it loses at most %.2f points against the dense network instead",
		Percent(dense.Top1), gate.Split, 100*limit, Percent(asked), 100*gate.MaxDrop)
}
