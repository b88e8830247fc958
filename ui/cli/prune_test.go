package cli

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"espalier/compress/measure"
	"espalier/model"
	"espalier/model/weights"
)

// TestPrune removes channels under every budget, and takes the result through
// the commands that read files.
func TestPrune(t *testing.T) {
	dense := networkOf(t, model.Arch{Depth: 8, Shortcut: model.Pad, Classes: 10, Width: 32})
	data := []string{"--dataset", "cifar10", "--data", images(t)}
	dir := t.TempDir()
	small := filepath.Join(dir, "small.safetensors")
	for _, c := range []struct {
		flags string
		fits  func(r measure.Pruned) bool
	}{
		{"--macs 0.5 --bn-images 50", func(r measure.Pruned) bool { return 2*r.After.MACs <= r.Before.MACs && r.Norms == 50 }},
		{"--parameters 0.3 --round-to 1 --bn-images 0 --runs 0", func(r measure.Pruned) bool {
			return float64(r.After.Parameters) <= 0.7*float64(r.Before.Parameters) && r.Norms == 0 && r.After.Seconds == 0
		}},
		{"--channels 0.5 --per-layer --criterion taylor --images 40 --weights 0.8", func(r measure.Pruned) bool {
			return 2*r.After.Channels <= r.Before.Channels && r.After.Sparsity > 0.7 && r.After.Sparsity < 0.81
		}},
	} {
		var r measure.Pruned
		decoded(t, &r, append(append([]string{"prune", dense, "-o", small, "--runs", "3"}, strings.Fields(c.flags)...), data...)...)
		if !c.fits(r) || r.Images != 20 || r.Before.Top1 == nil || r.After.Top1 == nil || len(r.Groups) == 0 || r.File != small {
			t.Errorf("%s: %+v", c.flags, r)
		}
		g, metadata, err := weights.Load(small)
		if err != nil {
			t.Fatal(err)
		}
		if g.MACs() != r.After.MACs || g.ParameterCount() != r.After.Parameters || metadata[weights.MetaDataset] != "shapes10" || g.Std == nil {
			t.Errorf("%s: the file has %d multiply-adds and %d parameters, metadata %v; said %+v", c.flags, g.MACs(), g.ParameterCount(), metadata, r.After)
		}
		kept := 0
		for _, group := range r.Groups {
			kept += group.Kept
		}
		if kept != r.After.Channels {
			t.Errorf("%s: groups keep %d channels of %d", c.flags, kept, r.After.Channels)
		}
	}
	var float, fromONNX measure.Result
	onnx, int8 := filepath.Join(dir, "small.onnx"), filepath.Join(dir, "small-int8.safetensors")
	decoded(t, &float, append([]string{"evaluate", small}, data...)...)
	decoded(t, &struct{}{}, "export", small, "--onnx", onnx)
	decoded(t, &fromONNX, append([]string{"evaluate", onnx}, data...)...)
	if float.Correct != fromONNX.Correct || float.Total != 40 {
		t.Errorf("%d right of %d, %d from ONNX", float.Correct, float.Total, fromONNX.Correct)
	}
	decoded(t, &struct{}{}, append([]string{"quantize", small, "--images", "10", "-o", int8}, data...)...)
}

// TestPruneToATime asks for times far apart, so that the machine's noise does not
// decide, and that the table is kept.
func TestPruneToATime(t *testing.T) {
	dense := networkOf(t, model.Arch{Depth: 8, Shortcut: model.Projection, Classes: 10, Width: 32})
	dir := t.TempDir()
	data := []string{"--dataset", "cifar10", "--data", images(t), "--bn-images", "0", "--output", filepath.Join(dir, "small.safetensors")}
	for _, ms := range []string{"1e-6", "1e6"} {
		_, stderr, code := cli(context.Background(), append([]string{"prune", dense, "--latency-ms", ms, "--runs", "5", "--latency-table", filepath.Join(dir, "times.json")}, data...)...)
		if code == 0 || !strings.Contains(stderr, "ask for a time in between") {
			t.Errorf("%s ms: exit code %d, %s", ms, code, stderr)
		}
	}
	other := filepath.Join(dir, "other.json") // also a budget that is no time keeps what was measured
	decoded(t, &struct{}{}, append([]string{"prune", dense, "--macs", "0.5", "--runs", "1", "--latency-table", other}, data...)...)
	if _, err := os.Stat(other); err != nil {
		t.Error(err)
	}
}

func TestPruneMistakes(t *testing.T) {
	file, data := network(t), images(t)
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("HOME", t.TempDir())
	t.Setenv("ESPALIER_DATA", "")
	for flags, want := range map[string]string{
		"":                              "say how much to remove",
		"--macs 0.5 --latency-ms 1":     "a budget of its own",
		"--macs 0.5 --channels 0.5":     "want one budget",
		"--macs 1.5":                    "above 0 and below 1",
		"--macs 0.99":                   "the smallest network has",
		"--latency-ms -1":               "--latency-ms -1",
		"--weights 1":                   "--weights 1",
		"--macs 0.5 --criterion size":   `no criterion "size"`,
		"--macs 0.5 --criterion taylor": "run 'espalier fetch'",
		"--macs 0.5 --floor 2":          "a floor of 2",
		"--macs 0.5 -o x.onnx":          "ends in .safetensors",
	} {
		args := append([]string{"prune", file, "--dataset", "cifar10", "--runs", "0"}, strings.Fields(flags)...)
		if !strings.Contains(flags, "taylor") {
			args = append(args, "--data", data)
		}
		_, stderr, code := cli(context.Background(), args...)
		if code == 0 || !strings.Contains(stderr, want) {
			t.Errorf("%s: exit code %d, %q, want %q", flags, code, stderr, want)
		}
	}
}

// TestSensitivity measures groups, is interrupted, and goes on.
func TestSensitivity(t *testing.T) {
	file := network(t)
	out := filepath.Join(t.TempDir(), "sensitivity.json")
	args := []string{"prune", file, "--dataset", "cifar10", "--data", images(t), "--sensitivity", out, "--shares", "0.25,0.5"}
	var whole, again, part measure.Sensitivity
	decoded(t, &whole, args...)
	if len(whole.Groups) != 6 || whole.Groups[0].Name != "conv1" || len(whole.Groups[0].Points) != 2 || whole.Images != 20 || whole.Dense.Loss <= 0 || whole.Groups[5].Points[1].Loss == whole.Dense.Loss {
		t.Errorf("%+v", whole)
	}
	part = whole
	part.Groups = whole.Groups[:4:4]
	part.Groups[1].Points = []measure.Point{{Top1: 0.5}, {Top1: 0.25}} // measured earlier
	text, err := json.Marshal(part)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(out, text, 0o644); err != nil {
		t.Fatal(err)
	}
	decoded(t, &again, args...)
	if !reflect.DeepEqual(again.Groups[:4], part.Groups) || !reflect.DeepEqual(again.Groups[4:], whole.Groups[4:]) {
		t.Errorf("went on with %+v, want %+v behind %+v", again.Groups, whole.Groups[4:], part.Groups)
	}
	if _, stderr, code := cli(context.Background(), append(args, "--criterion", "l1")...); code == 0 || !strings.Contains(stderr, "another measurement") {
		t.Errorf("another criterion: exit code %d, %q", code, stderr)
	}
}
