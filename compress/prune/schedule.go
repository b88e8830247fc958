package prune

import "fmt"

// A Schedule is the absolute sparsity target of every round, 0 to 1.
type Schedule []float64

// DefaultSchedule is that of the report that this project starts from.
var DefaultSchedule = Schedule{0.30, 0.50, 0.70, 0.80, 0.90, 0.92}

// Validate reports the first target that is no sparsity or that asks for fewer
// zeros than the round before: a pruned weight does not come back.
func (s Schedule) Validate() error {
	previous := 0.0
	for i, target := range s {
		if !(target > 0 && target < 1) {
			return fmt.Errorf("target %d is %v: want a share between 0 and 1, as 0.9", i+1, target)
		}
		if target <= previous {
			return fmt.Errorf("target %d is %v, and the one before is %v: targets must rise, since pruned weights stay zero", i+1, target, previous)
		}
		previous = target
	}
	return nil
}
