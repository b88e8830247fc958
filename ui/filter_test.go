package ui

import (
	"fmt"
	"strings"
	"testing"

	"espalier/compress/pipeline"
	"espalier/ui/internal/sample"
	"espalier/ui/state"
)

// selectedLine returns the text of the log's selected line.
func selectedLine(a *App) string {
	lines := a.log.lines(&a.scene)
	return lines[a.log.selected(&a.scene, lines)].Text
}

func TestMatchesAreSteppedThroughAndStaySelected(t *testing.T) {
	a := newTestApp(t, sample.Finished(sample.Journal()), 100, 30)
	press(a, "5", "/")
	press(a, strings.Split("round . done", "")...)
	press(a, "enter")
	for i, key := range []string{"n", "n", "N", "N"} { // from the newest to the beginning and back
		press(a, key)
		want := fmt.Sprintf("round %d done", []int{1, 2, 1, 6}[i])
		if got := selectedLine(a); !strings.Contains(got, want) {
			t.Errorf("key %d, %s: %q is selected, want %q", i, key, got, want)
		}
	}
	press(a, "N", "N", "esc")
	if got := selectedLine(a); !strings.Contains(got, "round 4 done") || a.log.filter.text != "" {
		t.Errorf("without the filter %q is selected, want the line that was", got)
	}
	press(a, "2", "/", "f", "c", "enter", "n")
	if l, _ := a.scene.selectedLayer(); l.Name != "fc" || !strings.Contains(a.View(), "match 1 of 1") {
		t.Errorf("layer %s is selected:\n%s", l.Name, a.View())
	}
}

func TestTheLogStaysWhereItIsHeld(t *testing.T) {
	src := during(2, 10)
	a := newTestApp(t, src, 100, 30)
	press(a, "5", "f")
	held := selectedLine(a)
	for range 3 {
		src.Tell(400)
		pull(a)
		if got := selectedLine(a); got != held {
			t.Fatalf("%q is selected, want %q", got, held)
		}
	}
	if !strings.Contains(a.View(), "below · f follows") {
		t.Errorf("the title does not say that there is more below:\n%s", a.View())
	}
	press(a, "f")
	lines := a.log.lines(&a.scene)
	if got := selectedLine(a); got != lines[len(lines)-1].Text {
		t.Errorf("following, %q is selected", got)
	}
	press(a, "k", "k")
	above := selectedLine(a)
	src.Tell(400)
	pull(a)
	if got := selectedLine(a); got != above {
		t.Errorf("%q is selected after more was said, want %q", got, above)
	}
}

func TestOnlyARunThatCanGoOnIsResumed(t *testing.T) {
	for _, c := range []struct {
		name     string
		live     bool
		attached bool
		resumes  bool
	}{{"a live run here", true, false, false}, {"a live run elsewhere", true, true, true}, {"a run that is over", false, false, true}} {
		src := sample.Finished(sample.Journal())
		if c.live {
			src = during(2, 10)
		}
		a := newTestApp(t, src, 100, 30)
		var next pipeline.Folder
		a.options.Attached, a.options.Resume = c.attached, func(f pipeline.Folder) { next = f }
		press(a, "7", "g")
		if press(a, "r"); next != "" {
			t.Errorf("%s: a run that is done is resumed", c.name)
		}
		cmd := press(a, "G", "r")
		if (next == "quick-other") != c.resumes || quits(cmd) != c.resumes || c.resumes && a.outcome != Resume {
			t.Errorf("%s: resumed %q, quits %v with %v, want %v", c.name, next, quits(cmd), a.outcome, c.resumes)
		}
		if !c.resumes && !strings.Contains(a.View(), "espalier run --resume quick-other") {
			t.Errorf("%s: the screen does not say how:\n%s", c.name, a.View())
		}
		for _, sent := range src.Sent() {
			t.Errorf("%s: the run was asked to %s", c.name, sent.Do)
		}
	}
}

func TestLeavingARunThatIsComputedElsewhere(t *testing.T) {
	a := newTestApp(t, during(2, 10), 100, 30)
	a.options.Attached = true
	press(a, "q")
	for text, want := range map[string]bool{"the run goes on in its process": true, "abort": false, "espalier attach 20261102-140219-quick": true} {
		if got := strings.Contains(a.View(), text); got != want {
			t.Errorf("%q is on the screen: %v, want %v\n%s", text, got, want, a.View())
		}
	}
	if cmd := press(a, "a"); quits(cmd) {
		t.Error("a leaves, though it could end nothing")
	}
}

// ! leaves out what needs no look, then all but errors, then nothing; the
// selected line stays where it passes.
func TestTheLogShowsLevels(t *testing.T) {
	src := during(2, 10)
	a := newTestApp(t, src, 100, 30)
	press(a, "5")
	all := len(a.log.lines(&a.scene))
	a.scene.run.Log.Add(state.Line{Level: "error", Text: "the disk is full"})
	warnings := 0
	for _, l := range a.scene.run.Log.Lines() {
		if l.Level == "warn" {
			warnings++
		}
	}
	for i, want := range []int{warnings + 1, 1, all + 1} {
		press(a, "!")
		lines := a.log.lines(&a.scene)
		if len(lines) != want {
			t.Errorf("! pressed %d times: %d lines, want %d", i+1, len(lines), want)
		}
		if got := selectedLine(a); got != "the disk is full" {
			t.Errorf("! pressed %d times: %q is selected", i+1, got)
		}
	}
	press(a, "!", "esc")
	if got := len(a.log.lines(&a.scene)); got != all+1 || strings.Contains(a.View(), "level ≥") {
		t.Errorf("esc shows %d lines, want all %d", got, all+1)
	}
}
