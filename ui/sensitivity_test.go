package ui

import (
	"encoding/csv"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"espalier/compress/pipeline"
	"espalier/internal/finite"
	"espalier/ui/internal/sample"
	"espalier/ui/state"
)

// TestSensitivityIsAskedForAndShown sorts by sensitivity before any is known,
// does what the pane says, and finds every layer's in the order of the numbers.
func TestSensitivityIsAskedForAndShown(t *testing.T) {
	for _, size := range [][2]int{{60, 16}, {80, 24}, {120, 36}, {200, 60}} {
		src := during(4, 75)
		a := newTestApp(t, src, size[0], size[1])
		press(a, "2", "s", "s", "s", "s", "s")
		if view := a.View(); !strings.Contains(view, "Not measured yet: t measures them, in about 5s") || strings.Contains(view, " +0.") {
			t.Errorf("%v: nothing is known, and it is not said:\n%s", size, view)
		}
		press(a, "t")
		if diff := cmp.Diff([]pipeline.Command{{Do: pipeline.Scan, Source: "keyboard"}}, src.Sent()); diff != "" {
			t.Errorf("commands (−want +got):\n%s", diff)
		}
		press(a, "g")
		a.saidUntil, a.stale = testTime.Add(-time.Second), true
		a.Update(nil)
		layers := a.scene.run.Layers(state.Now)
		shown := a.layers.shown(layers)
		most := slices.MaxFunc(layers, func(a, b state.LayerRow) int { return int(1e6 * (a.Rise - b.Rise)) })
		if layers[shown[0]].Name != most.Name || a.scene.layer != shown[0] {
			t.Errorf("%v: %s is first, want %s", size, layers[shown[0]].Name, most.Name)
		}
		row := rowOf(a.View(), "▸"+state.Short(most.Name))
		if want := fmt.Sprintf("%+.3f", most.Rise); !strings.Contains(row, want) {
			t.Errorf("%v: the row %q lacks %s", size, row, want)
		}
		if readout := "loss " + state.Rise(most.Rise) + " without half of it at step 615"; size[0] >= 100 && !strings.Contains(a.View(), readout) {
			t.Errorf("%v: nowhere is %q", size, readout)
		}
	}
}

// rowOf returns the row of a frame in which a text stands.
func rowOf(frame, text string) string {
	for _, line := range strings.Split(frame, "\n") {
		if strings.Contains(line, text) {
			return line
		}
	}
	return ""
}

// TestWhatIsSaidWhereNoSensitivityIsKnown: of a run that is over, in its past,
// and while it is measured.
func TestWhatIsSaidWhereNoSensitivityIsKnown(t *testing.T) {
	over := sample.Finished(sample.Journal())
	a := newTestApp(t, over, 100, 30)
	press(a, "2", "s", "s", "s", "s", "s", "t")
	if !strings.Contains(a.View(), "This run recorded no sensitivities.") || len(over.Sent()) > 0 {
		t.Errorf("a run that is over, after %v:\n%s", over.Sent(), a.View())
	}
	if line(a, "sensitivity"); !strings.Contains(a.View(), "the run is not in progress") {
		t.Errorf(":sensitivity says %q", a.said)
	}

	a = newTestApp(t, during(4, 75), 100, 30)
	press(a, "2", "t")
	line(a, "goto 20")
	if !strings.Contains(a.View(), "No sensitivities up to step 20.") {
		t.Errorf("before the scan:\n%s", a.View())
	}
	a.scene.run.Apply(pipeline.Event{Seq: a.scene.run.Seq + 1, Body: pipeline.Progress{Stage: pipeline.StageSensitivity, Done: 3, Total: 22, Unit: "layers", Asked: true}})
	a.stale = true
	a.Update(nil)
	for _, want := range []string{"Measuring the layers: 3 of 22.", "sensitivity    3/22 layers"} {
		if !strings.Contains(a.View(), want) {
			t.Errorf("while it is measured the screen lacks %q:\n%s", want, a.View())
		}
	}
}

// TestSensitivityIsExported: a number for each layer and the step it was measured
// at; nothing where nothing was.
func TestSensitivityIsExported(t *testing.T) {
	a := newTestApp(t, during(4, 75), 80, 24)
	press(a, "2")
	column := func(name string) []string {
		var text strings.Builder
		table := a.layers.data(&a.scene)
		if err := table.csv(&text); err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(strings.NewReader(text.String())).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		i := slices.Index(rows[0], name)
		var values []string
		for _, row := range rows[1:] {
			values = append(values, row[i])
		}
		return values
	}
	if rises := column("loss_rise"); len(rises) != 22 || strings.Join(rises, "") != "" {
		t.Errorf("before the scan: %q", rises)
	}
	press(a, "t")
	rises, steps := column("loss_rise"), column("loss_rise_step")
	for i, l := range a.scene.run.Layers(state.Now) {
		var rise float64
		if _, err := fmt.Sscan(rises[i], &rise); err != nil || math.Abs(rise-l.Rise) > 1e-12 || steps[i] != "615" {
			t.Errorf("%s: %q at step %q, want %v", l.Name, rises[i], steps[i], l.Rise)
		}
	}
}

// TestSensitivityMap: the layers have a cell for every level that was measured, with
// the names of what they lost above; no run has them that measured nothing.
func TestSensitivityMap(t *testing.T) {
	journal := during(2, 10).Since(0, 1<<30)
	info := journal[0].Body.(pipeline.RunStarted)
	add := func(p pipeline.SensitivityPoint) {
		last := journal[len(journal)-1]
		journal = append(journal, pipeline.Event{Seq: last.Seq + 1, Time: last.Time, Body: p})
	}
	plain := frameOf(t, journal)
	add(pipeline.SensitivityPoint{Loss: 1})
	for _, l := range info.Layers {
		for i, level := range []float64{0.3, 0.5, 0.7, 0.9, 0.95, 0.98, 0.99} {
			rise := 0.001
			if l.Name == info.Layers[2].Name {
				rise = float64(i * i * i)
			}
			add(pipeline.SensitivityPoint{Of: "weights", Layer: l.Name, Level: level, Loss: finite.OrNull(1 + rise)})
		}
	}
	mapped := frameOf(t, journal)
	for text, frame := range map[string]string{"with a map": mapped, "without": plain} {
		has := text == "with a map"
		heading := rowOf(frame, " layer ")
		if strings.Contains(heading, " weights ") != has || strings.Contains(frame, "··░▒▓██") != has {
			t.Errorf("%s:\n%s", text, frame)
		}
	}
}

// frameOf returns the layers' pane of a journal, alone on a wide screen.
func frameOf(t *testing.T, journal []pipeline.Event) string {
	t.Helper()
	src := sample.NewSource(slices.Clone(journal))
	src.Tell(len(journal))
	a := newTestApp(t, src, 160, 45)
	press(a, "2", "z")
	return a.View()
}
