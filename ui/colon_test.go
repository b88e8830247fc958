package ui

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"espalier/compress/pipeline"
	"espalier/ui/internal/sample"
)

// line types a line into the command line.
func line(a *App, text string) {
	press(a, ":")
	press(a, strings.Split(text, "")...)
	run(a, press(a, "enter"))
}

func TestTheCommandLine(t *testing.T) {
	src := during(2, 10)
	a := newTestApp(t, src, 100, 30)
	line(a, "goto 42")
	if !a.scene.cursorOn || a.scene.cursor != 42 {
		t.Errorf(":goto 42 puts the cursor at %v", a.scene.cursor)
	}
	line(a, "layer 2.0.c1")
	if l, _ := a.scene.selectedLayer(); l.Name != "layer2.0.conv1" {
		t.Errorf(":layer selects %s", l.Name)
	}
	line(a, "ca 7")
	line(a, "note slow today")
	line(a, "sens")
	want := []pipeline.Command{
		{Do: pipeline.Calibrate, Images: 7, Observer: "min-max", Source: "keyboard"},
		{Do: pipeline.Remark, Text: "slow today", Source: "keyboard"},
		{Do: pipeline.Scan, Source: "keyboard"},
	}
	if diff := cmp.Diff(want, src.Sent()); diff != "" {
		t.Errorf("commands (−want +got):\n%s", diff)
	}
	for text, explanation := range map[string]string{
		"dance": "is not a command", "goto x": "is not a step", "calib": "number of images", "calib 5 best": "use one of",
		"layer 9": "there is no layer", "export doc": "use one of csv", "replay": "still in progress", "pause-at 3": "already", "note": "what to remember",
	} {
		line(a, text)
		if !strings.Contains(a.View(), explanation) {
			t.Errorf(":%s is not explained by %q but %q", text, explanation, a.said)
		}
	}
}

func TestEveryCommandOfTheCommandLineIsInTheHelp(t *testing.T) {
	a := newTestApp(t, during(2, 10), 100, 100)
	press(a, "?")
	for _, c := range colons() {
		if !strings.Contains(a.View(), ":"+c.name) || !strings.Contains(a.View(), c.help[:min(len(c.help), 30)]) {
			t.Errorf("the help lacks :%s", c.name)
		}
	}
}

func TestTheHelpIsNeverCut(t *testing.T) {
	for focus := range paneCount {
		a := newTestApp(t, during(2, 10), 80, 100)
		a.setFocus(focus)
		press(a, "?")
		for _, line := range a.helpLines(76) {
			n := 0
			for _, p := range line {
				n += a.grid.Width(p.text)
			}
			if n > 76 {
				t.Errorf("pane %d: the help has a line of %d cells: %v", focus, n, line)
			}
		}
	}
}

func TestNamesAreCompleted(t *testing.T) {
	for text, want := range map[string]string{"g": "goto ", "p": "pause-at ", "q": "quit", "": "", "x": "x", "rep": "replay"} {
		if got := complete(text); got != want {
			t.Errorf("%q is completed to %q, want %q", text, got, want)
		}
	}
	a := newTestApp(t, during(2, 10), 100, 30)
	press(a, ":", "g", "tab", "9", "enter")
	if a.scene.cursor != 9 {
		t.Errorf("the cursor is at %v", a.scene.cursor)
	}
}

func TestAPauseThatIsOrderedComes(t *testing.T) {
	src := during(2, 10)
	a := newTestApp(t, src, 100, 30)
	at := a.scene.run.Step.GlobalStep
	line(a, fmt.Sprintf("pause-at %d", at+5))
	want := []pipeline.Command{{Do: pipeline.PauseAt, AtStep: at + 5, Source: "keyboard"}}
	if diff := cmp.Diff(want, src.Sent()); diff != "" {
		t.Errorf("commands (−want +got):\n%s", diff)
	}
	if !strings.Contains(a.View(), fmt.Sprintf("pauses at %d", at+5)) {
		t.Errorf("the header does not say where the run will pause:\n%s", a.View())
	}
	src.Tell(50)
	pull(a)
	if a.scene.run.Status != pipeline.StandingPaused || a.scene.run.Step.GlobalStep != at+5 || strings.Contains(a.View(), "pauses at") {
		t.Errorf("%v at step %d, want a pause at %d", a.scene.run.Status, a.scene.run.Step.GlobalStep, at+5)
	}
}

func TestGotoInAReplay(t *testing.T) {
	a := newTestApp(t, sample.Finished(sample.Journal()), 100, 30)
	run(a, press(a, "R", " "))
	line(a, "700")
	if got := a.scene.run.Step.GlobalStep; got != 700 || a.scene.cursorOn {
		t.Errorf("the replay is at step %d, want 700", got)
	}
	line(a, "30")
	if got := a.scene.run.Step.GlobalStep; got != 30 {
		t.Errorf("the replay is at step %d, want 30", got)
	}
}

func TestLayersAreSortedAndFiltered(t *testing.T) {
	a := newTestApp(t, during(4, 75), 100, 40)
	press(a, "2", "t")
	a.layers.order = byDepth
	layers := a.scene.run.Layers(a.scene.asOf())
	for order := byDepth; order < layerOrders; order++ {
		shown := a.layers.shown(layers)
		if len(shown) != len(layers) {
			t.Errorf("by %v: %d layers, want %d", order, len(shown), len(layers))
		}
		value := map[layerOrder]func(i int) float64{
			byDepth:       func(i int) float64 { return -float64(i) },
			bySparsity:    func(i int) float64 { return layers[i].Sparsity },
			byChange:      func(i int) float64 { return layers[i].Delta },
			byKept:        func(i int) float64 { return float64(layers[i].Kept) },
			byMACs:        func(i int) float64 { return float64(layers[i].MACs) },
			bySensitivity: func(i int) float64 { return layers[i].Rise },
		}[order]
		for i := 1; i < len(shown); i++ {
			if value(shown[i-1]) < value(shown[i]) {
				t.Errorf("by %v: layer %d comes before layer %d", order, shown[i-1], shown[i])
			}
		}
		press(a, "s")
	}
	press(a, "/", "c", "o", "n", "v", "2", "enter", "g")
	for range 20 {
		if l, _ := a.scene.selectedLayer(); !strings.Contains(l.Name, "conv2") {
			t.Fatalf("%s is selected though it is not shown", l.Name)
		}
		press(a, "j")
	}
	if press(a, "esc"); a.layers.filter.text != "" || strings.Contains(a.View(), "/conv2") {
		t.Error("esc does not clear the filter")
	}
}
