package cli

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"espalier/compress/search"
	"espalier/configs"
	"espalier/model"
)

// TestCompress plans, writes the plan as an experiment, and searches for a moment.
func TestCompress(t *testing.T) {
	dense := networkOf(t, model.Arch{Depth: 8, Shortcut: model.Pad, Classes: 10})
	folder := t.TempDir()
	few := []string{"compress", dense, "--data", images(t), "--set", "data.validation=50", "--max-drop", "99%", "--for", "size"}
	with := func(more ...string) []string { return append(append([]string{}, few...), more...) }
	var plan struct{ Plan, Experiment string }
	decoded(t, &plan, with("--dry-run", "-o", filepath.Join(folder, "plan"))...)
	document, err := os.ReadFile(plan.Experiment)
	if err != nil {
		t.Fatal(err)
	}
	e, err := configs.Decode("plan.yaml", document, nil)
	if err != nil || e.Gate.MaxDrop != 0.99 || len(e.Prune.Targets) == 0 || !strings.Contains(plan.Plan, "int8 by") {
		t.Errorf("%v: %s", err, document)
	}
	var out search.Outcome
	decoded(t, &out, with("--hours", "0.003", "-o", filepath.Join(folder, "out"))...)
	if out.Best == 0 || len(out.Candidates) < 2 || len(out.Files) != 2 {
		t.Errorf("%+v", out)
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{with("-o", folder), "is there already"},
		{with("--max-drop", "two"), "want a share"},
		{with("--for", "fun"), "latency or size"},
		{with("--hours", "0"), "more than 0"},
	} {
		if _, stderr, code := cli(context.Background(), c.args...); code == 0 || !strings.Contains(stderr, c.want) {
			t.Errorf("%v: exit code %d, %s", c.args, code, stderr)
		}
	}
}

func TestShare(t *testing.T) {
	for text, want := range map[string]float64{"1%": 0.01, " 0.5 % ": 0.005, "0.02": 0.02, "0": 0} {
		if have, err := share(text); err != nil || have != want {
			t.Errorf("%q is %g, %v; want %g", text, have, err, want)
		}
	}
	for _, text := range []string{"", "x", "-1%", "100%", "1"} {
		if _, err := share(text); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}
