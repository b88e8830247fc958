package prune

import (
	"fmt"
	"strings"
)

// A Gate decides after each round whether pruning goes on. A limit of 0 is not
// applied; with both at 0 every round passes.
type Gate struct {
	MinTop1 float64 // least top-1, as a fraction
	MaxDrop float64 // most that top-1 may fall below the dense network's, as a fraction
	Split   string  // what top-1 is measured on: "test" or "validation"
}

// tolerance absorbs the rounding of a difference such as 0.9259 − 0.9049. One
// image in a hundred thousand changes top-1 by ten thousand times as much.
const tolerance = 1e-9

// Judge decides whether a round's top-1 passes the gate. The reason is a
// sentence with the numbers. A top-1 that is not a number fails.
func (g Gate) Judge(dense, top1 float64) (passed bool, reason string) {
	drop := dense - top1
	measured := fmt.Sprintf("top-1 %s on %s", percent(top1), g.Split)
	var held []string
	switch {
	case top1 != top1:
		return false, fmt.Sprintf("top-1 on %s is not a number", g.Split)
	case g.MinTop1 > 0 && !(top1 >= g.MinTop1-tolerance):
		return false, fmt.Sprintf("%s is below the gate's minimum of %s", measured, percent(g.MinTop1))
	case g.MaxDrop > 0 && !(drop <= g.MaxDrop+tolerance):
		return false, fmt.Sprintf("%s is %s below the dense network's %s, more than the %s that the gate allows",
			measured, points(drop), percent(dense), points(g.MaxDrop))
	}
	if g.MinTop1 > 0 {
		held = append(held, "reaches the gate's minimum of "+percent(g.MinTop1))
	}
	if g.MaxDrop > 0 {
		held = append(held, fmt.Sprintf("is %s %s the dense network's %s, within the allowed %s",
			points(max(drop, -drop)), belowOrAbove(drop), percent(dense), points(g.MaxDrop)))
	}
	if held == nil {
		return true, measured + "; no gate is set"
	}
	return true, measured + " " + strings.Join(held, " and ")
}

// String puts the gate in words, as "top-1 ≥ 90.00 % on test".
func (g Gate) String() string {
	var parts []string
	if g.MinTop1 > 0 {
		parts = append(parts, "top-1 ≥ "+percent(g.MinTop1))
	}
	if g.MaxDrop > 0 {
		parts = append(parts, "drop ≤ "+points(g.MaxDrop))
	}
	if parts == nil {
		return "none"
	}
	return strings.Join(parts, ", ") + " on " + g.Split
}

func belowOrAbove(drop float64) string {
	if drop < 0 {
		return "above"
	}
	return "below"
}

func percent(share float64) string { return fmt.Sprintf("%.2f %%", 100*share) }

func points(share float64) string { return fmt.Sprintf("%.2f points", 100*share) }
