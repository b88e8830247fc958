package ui

import (
	"strings"
	"testing"

	"espalier/compress/pipeline"
	"espalier/ui/state"
)

// TestEscLeavesTheCosts, and a click does not select a row of the table that they
// stand in place of.
func TestEscLeavesTheCosts(t *testing.T) {
	a, _ := aliveIn(t, "costs")
	if !a.rounds.costs.on {
		t.Fatal("no costs are shown")
	}
	a.rounds.click(&a.scene, 5, a.rounds.body.Y+2)
	if press(a, "esc"); a.rounds.costs.on || a.rounds.selected != 0 {
		t.Errorf("costs %v, row %d", a.rounds.costs.on, a.rounds.selected)
	}
}

// TestCostView: dominated networks are known, the selected one is explained, and
// networks of compared runs stand among them.
func TestCostView(t *testing.T) {
	cost := func(what string, top1, ms float64) pipeline.Cost {
		return pipeline.Cost{What: what, Top1: top1, Bytes: 1000, Speeds: []pipeline.Speed{{Form: "fp32", Batch: 1, Threads: 1, Seconds: ms / 1e3}}}
	}
	s := &scene{run: &state.Run{Costs: []pipeline.Cost{cost("dense", 0.92, 3), cost("int8", 0.91, 1)}},
		others: []contender{{name: "other", run: &state.Run{Costs: []pipeline.Cost{cost("dense", 0.90, 2)}}}}}
	v := &costView{}
	dots := v.dots(s)
	if len(dots) != 3 || dots[0].cost.What != "int8" || dots[1].by != 0 || dots[2].by != -1 {
		t.Fatalf("%+v", dots)
	}
	if rows := v.data(s).rows; len(rows) != 3 {
		t.Errorf("%d rows to export", len(rows))
	}
	p := &roundsPane{costs: costView{on: true}}
	p.move(s, 2, 1)
	if p.costs.axis != 2 || p.costs.dot != 0 { // batches of 128 were not measured
		t.Errorf("%+v", p.costs)
	}
	p.move(s, -2, 2)
	if p.costs.axis != 0 || p.costs.dot != 2 {
		t.Errorf("%+v", p.costs)
	}
	if !strings.Contains(p.about(), "is dim where") {
		t.Error("the pane does not say what is dim")
	}
}
