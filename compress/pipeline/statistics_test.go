package pipeline

import "testing"

// TestStatisticsWithoutTraining: a round that is not trained estimates statistics
// anew, unless it is told not to.
func TestStatisticsWithoutTraining(t *testing.T) {
	numeric(t)
	loss := map[string]float64{}
	for _, key := range []string{"", ", statistics: \"false\"", ", statistics: \"true\""} {
		r := create(t, tiny(t, "sweep.sizes=[]", "quantize.images=2", "rounds=[{weights: {target: 0.5}, fine_tune: {epochs: 0}"+key+"}]"))
		_, events := do(t, r, tinyParts())
		for _, e := range of[Evaluated](events) {
			if e.What == "pruned" {
				loss[key] = float64(e.Loss)
			}
		}
	}
	if loss[""] != loss[`, statistics: "true"`] || loss[""] == loss[`, statistics: "false"`] {
		t.Errorf("losses after pruning: %v", loss)
	}
}
