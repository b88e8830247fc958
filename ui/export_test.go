package ui

import (
	"encoding/csv"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"espalier/ui/internal/sample"
)

// exported presses keys up to one that exports, does what they ask for, and
// returns the file's path and content.
func exported(t *testing.T, a *App, keys ...string) (path, content string) {
	t.Helper()
	a.options.ExportFolder = t.TempDir()
	cmd := press(a, keys...)
	if cmd == nil {
		t.Fatalf("%q exports nothing:\n%s", keys, a.View())
	}
	for _, c := range cmds(cmd) {
		a.Update(c())
	}
	files, _ := filepath.Glob(filepath.Join(a.options.ExportFolder, "*"))
	if len(files) == 0 {
		t.Fatalf("%q wrote no file:\n%s", keys, a.View())
	}
	text, err := os.ReadFile(files[len(files)-1])
	if err != nil {
		t.Fatal(err)
	}
	return files[len(files)-1], string(text)
}

func TestEveryPaneExportsItsNumbers(t *testing.T) {
	for focus := range paneCount {
		a := newTestApp(t, sample.Finished(sample.Journal()), 100, 30)
		a.setFocus(focus)
		want := a.panes[focus].data(&a.scene)
		path, text := exported(t, a, "e", "c")
		lines, err := csv.NewReader(strings.NewReader(text)).ReadAll()
		if err != nil || len(lines) != len(want.rows)+1 || len(want.rows) == 0 {
			t.Errorf("%s: %d lines of CSV for %d rows: %v", path, len(lines), len(want.rows), err)
		}
		want = a.panes[focus].data(&a.scene) // the log has one line more
		var objects []map[string]any
		if _, text = exported(t, a, "e", "j"); json.Unmarshal([]byte(text), &objects) != nil || len(objects) != len(want.rows) {
			t.Errorf("pane %d: %d JSON objects for %d rows in\n%.300s", focus, len(objects), len(want.rows), text)
		}
		if diff := cmp.Diff(len(want.columns), len(objects[0])); diff != "" {
			t.Errorf("pane %d: columns (−want +got):\n%s", focus, diff)
		}
		if !strings.Contains(a.said, a.options.ExportFolder) {
			t.Errorf("the screen does not say where the file is: %q", a.said)
		}
	}
}

func TestNumbersThatAreNotFinite(t *testing.T) {
	table := table{columns: []string{"v"}, rows: [][]any{{math.NaN()}, {math.Inf(1)}, {1.5}}}
	var asCSV, asJSON strings.Builder
	if err := table.csv(&asCSV); err != nil {
		t.Fatal(err)
	}
	if err := table.json(&asJSON); err != nil {
		t.Fatal(err)
	}
	if asCSV.String() != "v\nNaN\n+Inf\n1.5\n" || asJSON.String() != "[\n{\"v\":null},\n{\"v\":null},\n{\"v\":1.5}\n]\n" {
		t.Errorf("CSV %q, JSON %q", asCSV.String(), asJSON.String())
	}
}

func TestAnExportShowsTheScreenBelowTheMenu(t *testing.T) {
	a := newTestApp(t, sample.Finished(sample.Journal()), 80, 24)
	before := a.View()
	_, text := exported(t, a, "e", "t")
	trimmed := strings.Split(before, "\n")
	for i := range trimmed {
		trimmed[i] = strings.TrimRight(trimmed[i], " ")
	}
	if diff := cmp.Diff(strings.Join(trimmed, "\n")+"\n", text); diff != "" {
		t.Errorf("the text is not the screen (−want +got):\n%s", diff)
	}
	for key, begin := range map[string]string{"s": "<svg ", "p": "\x89PNG"} {
		if path, text := exported(t, a, "e", key); !strings.HasPrefix(text, begin) {
			t.Errorf("%s begins with %.10q", path, text)
		}
	}
}

func TestExportsReplaceNothing(t *testing.T) {
	folder := t.TempDir()
	write := (&table{columns: []string{"a"}}).csv
	var names []string
	for range 3 {
		path, err := writeNew(folder, "x", "csv", write)
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, filepath.Base(path))
	}
	if diff := cmp.Diff([]string{"x.csv", "x-2.csv", "x-3.csv"}, names); diff != "" {
		t.Errorf("names (−want +got):\n%s", diff)
	}
	if _, err := writeNew(filepath.Join(folder, "missing"), "x", "csv", write); err == nil || !strings.Contains(err.Error(), "missing") {
		t.Errorf("a folder that is not there: %v", err)
	}
}

// A picture of a run that nobody computes any more says so, unless an earlier step
// is shown.
func TestAShotOfADeadRun(t *testing.T) {
	for _, c := range []struct {
		computed bool
		step     int
		want     string
	}{{false, 0, "✗ DEAD"}, {false, 50, "● RUNNING"}, {true, 0, "● RUNNING"}} {
		o := Options{Theme: "dark", Computed: func() bool { return c.computed }}
		shot, err := Draw(during(2, 10), o, ShotOptions{Width: 100, Height: 30, Step: c.step})
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(shot.Text(), c.want) {
			t.Errorf("computed %v, step %d: no %q in\n%s", c.computed, c.step, c.want, shot.Text())
		}
	}
}

func TestAShotIsTheScreen(t *testing.T) {
	src := sample.Finished(sample.Journal())
	shot, err := Draw(src, Options{Theme: "dark"}, ShotOptions{Width: 80, Height: 24, Pane: "layers", Keys: []string{"j"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"✓ DONE", "▸1.0.c1"} {
		if !strings.Contains(shot.Text(), want) {
			t.Errorf("%q is not in\n%s", want, shot.Text())
		}
	}
	shot, err = Draw(src, Options{Theme: "dark"}, ShotOptions{Width: 100, Height: 30, Step: 200})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"● RUNNING", "round 2/6", "step 200"} {
		if !strings.Contains(shot.Text(), want) {
			t.Errorf("as of step 200, %q is not in\n%s", want, shot.Text())
		}
	}
	shot, err = Draw(src, Options{Theme: "dark", Runs: testShelf()}, ShotOptions{Width: 100, Height: 30, Keys: []string{"7", "z", "G", "c"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"compared", "quick-other", "fine_tune.learning_rate"} {
		if !strings.Contains(shot.Text(), want) {
			t.Errorf("%q is not in the comparison\n%s", want, shot.Text())
		}
	}
	for what, o := range map[string]ShotOptions{
		"unknown pane": {Width: 80, Height: 24, Pane: "loos"}, "dead key": {Width: 80, Height: 24, Keys: []string{"!"}},
	} {
		if _, err := Draw(src, Options{}, o); err == nil {
			t.Errorf("%s: no error", what)
		}
	}
	if _, err := Draw(sample.NewSource(nil), Options{}, ShotOptions{Width: 80, Height: 24}); err == nil {
		t.Error("a run without events was drawn")
	}
}
