package ui

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"espalier/ui/internal/sample"
)

func TestAViewFollowsStaysAndMoves(t *testing.T) {
	var v viewport
	check := func(what string, last, lo, hi float64, pinned bool) {
		t.Helper()
		gotLo, gotHi := v.steps(0, last, false)
		if gotLo != lo || gotHi != hi || v.pinned != pinned {
			t.Errorf("%s: %v to %v, pinned %v; want %v to %v, %v", what, gotLo, gotHi, v.pinned, lo, hi, pinned)
		}
	}
	check("all", 800, 0, 800, false)
	v.zoom(0, 800, 800, 0.5)
	check("the newer half", 800, 400, 800, false)
	check("and as it grows", 1000, 600, 1000, false)
	v.pan(0, 1000, -0.25)
	check("a quarter to the left", 2000, 500, 900, true)
	v.pan(0, 2000, -9)
	check("to the beginning", 2000, 0, 400, true)
	v.zoom(0, 2000, 100, 0.5)
	check("closer around a step", 2000, 50, 250, true)
	v.reach(0, 2000, 300)
	check("a step beyond it", 2000, 100, 300, true)
	v.pan(0, 2000, 100)
	check("to the end, where it follows", 2100, 1900, 2100, false)
	v.reach(0, 2100, 1000)
	check("back to a step", 2100, 1000, 1200, true)
	v.hold(0, 2100)
	check("following", 2100, 1900, 2100, false)
	v.hold(0, 2100)
	check("held", 5000, 1900, 2100, true)
	for range 10 {
		v.zoom(0, 5000, 2000, 2)
	}
	check("all again", 6000, 0, 6000, false)
}

// Whatever is done, a view lies within the run and is no closer than it may be.
func TestAnyViewLiesWithinTheRun(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var v viewport
		last := rapid.Float64Range(leastSteps, 1e6).Draw(rt, "last")
		for range rapid.IntRange(1, 20).Draw(rt, "moves") {
			switch rapid.IntRange(0, 3).Draw(rt, "move") {
			case 0:
				v.zoom(0, last, rapid.Float64Range(1, last).Draw(rt, "around"), rapid.SampledFrom([]float64{0.5, 0.8, 1.25, 2}).Draw(rt, "factor"))
			case 1:
				v.pan(0, last, rapid.Float64Range(-2, 2).Draw(rt, "share"))
			case 2:
				v.hold(0, last)
			case 3:
				v.reach(0, last, rapid.Float64Range(1, last).Draw(rt, "step"))
			}
			const rounding = 1e-6
			if lo, hi := v.steps(0, last, false); lo < -rounding || hi > last+rounding || hi-lo < leastSteps/2-rounding {
				rt.Fatalf("from %v to %v of %v", lo, hi, last)
			}
			if lo, hi := v.steps(0, last, true); !v.pinned && (hi < last || lo >= last) {
				rt.Fatalf("growing: from %v to %v of %v", lo, hi, last)
			}
		}
	})
}

// The newest steps stay in view while they come, and the title says so.
func TestAChartFollowsItsNewestSteps(t *testing.T) {
	src := during(2, 60)
	a := newTestApp(t, src, 100, 30)
	press(a, "+", "+")
	if !strings.Contains(a.View(), "live, last") || a.loss.view.pinned {
		t.Fatalf("+ does not follow:\n%s", a.View())
	}
	src.Tell(300)
	pull(a)
	_, last, _ := a.loss.extent(&a.scene)
	if lo, hi := a.loss.view.steps(0, last, true); last < lo || last > hi || hi-lo > last/2 {
		t.Errorf("step %v is not among those from %v to %v", last, lo, hi)
	}
	press(a, "shift+left")
	if !strings.Contains(a.View(), "pinned") {
		t.Errorf("a moved view does not stay:\n%s", a.View())
	}
	a = newTestApp(t, sample.Finished(sample.Journal()), 100, 30)
	if press(a, "+"); !strings.Contains(a.View(), "· last ") {
		t.Errorf("+ in a run that is over:\n%s", a.View())
	}
	if press(a, "="); !strings.Contains(a.View(), "whole run") {
		t.Errorf("= in a run that is over:\n%s", a.View())
	}
	a = newTestApp(t, src, 100, 30)
	press(a, "+", "=")
	if !strings.Contains(a.View(), "· live ") {
		t.Errorf("= does not show all again:\n%s", a.View())
	}
}
