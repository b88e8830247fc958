package cli

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"espalier/model"
	"espalier/model/weights"
)

// TestSourcesSurvive: no command writes over the file that it reads, by any name,
// nor under the ending of another format.
func TestSourcesSurvive(t *testing.T) {
	source := networkOf(t, model.Arch{Depth: 8, Shortcut: model.Pad, Classes: 10})
	dir := filepath.Dir(source)
	hard, soft := filepath.Join(dir, "hard"), filepath.Join(dir, "soft")
	if err := os.Link(source, hard); err != nil {
		t.Skip(err)
	}
	if err := os.Symlink(source, soft); err != nil {
		t.Skip(err)
	}
	before, err := os.ReadFile(source)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ out, want string }{
		{source, ""}, {hard, "itself"}, {soft, "itself"}, {dir + "/../" + filepath.Base(dir) + "/hard", "itself"}, {dir, "folder"},
	} {
		for _, args := range [][]string{{"export", source, "--onnx", c.out}, {"quantize", source, "-o", c.out, "--images", "8", "--data", images(t)}} {
			_, stderr, code := cli(context.Background(), args...)
			if code != exitUsage || !strings.Contains(stderr, c.want) {
				t.Errorf("%v: exit code %d, stderr %q", args, code, stderr)
			}
			if after, err := os.ReadFile(source); err != nil || !bytes.Equal(before, after) {
				t.Fatalf("%v: the source was lost", args)
			}
		}
	}
	for _, args := range [][]string{
		{"export", source, "--onnx", filepath.Join(dir, "x.pt")}, {"export", source, "--onnx", filepath.Join(dir, "x.SafeTensors")},
		{"quantize", source, "-o", filepath.Join(dir, "x.onnx"), "--data", images(t)}, {"quantize", source, "-o", filepath.Join(dir, "x.PTH"), "--data", images(t)},
	} {
		if _, stderr, code := cli(context.Background(), args...); code != exitUsage || !strings.Contains(stderr, "a name that ends in") {
			t.Errorf("%v: exit code %d, stderr %q", args, code, stderr)
		}
	}
}

// TestGivenNormalisationWins: --mean and --std are taken where the file's cannot
// be read, and other scales are refused.
func TestGivenNormalisationWins(t *testing.T) {
	n, metadata, err := weights.Load(networkOf(t, model.Arch{Depth: 8, Shortcut: model.Pad, Classes: 10}))
	if err != nil {
		t.Fatal(err)
	}
	metadata["mean"], metadata["std"] = "125 123 114", "a b c"
	path := filepath.Join(t.TempDir(), "n.safetensors")
	if err := weights.Write(path, weights.FromNetwork(n), metadata); err != nil {
		t.Fatal(err)
	}
	evaluate := []string{"evaluate", path, "--data", images(t)}
	for _, c := range []struct {
		args []string
		want string
	}{
		{nil, "0 to 255 scale"},
		{[]string{"--mean", "cifar10"}, "a b c"},
		{[]string{"--mean", "cifar10", "--std", "63,62,67"}, "0 to 255 scale"},
	} {
		if _, stderr, code := cli(context.Background(), append(evaluate, c.args...)...); code != exitUsage || !strings.Contains(stderr, c.want) {
			t.Errorf("%v: exit code %d, stderr %q", c.args, code, stderr)
		}
	}
	if _, stderr, code := cli(context.Background(), append(evaluate, "--mean", "cifar10", "--std", "cifar10")...); code != 0 {
		t.Errorf("exit code %d, stderr %q", code, stderr)
	}
}

// TestJSONIsAlone: with --json nothing is said beside the answer, so that a
// program may read both streams together.
func TestJSONIsAlone(t *testing.T) {
	source := networkOf(t, model.Arch{Depth: 8, Shortcut: model.Pad, Classes: 10})
	if _, stderr, code := cli(context.Background(), "evaluate", source, "--data", images(t), "--json"); code != 0 || stderr != "" {
		t.Errorf("exit code %d, stderr %q", code, stderr)
	}
	if _, stderr, code := cli(context.Background(), "evaluate", source, "--data", images(t)); code != 0 || !strings.Contains(stderr, "holds cifar10") {
		t.Errorf("without --json: exit code %d, stderr %q", code, stderr)
	}
}

// TestWhatAPlaceHolds: what --data names is told in words, not by the name of a
// setting.
func TestWhatAPlaceHolds(t *testing.T) {
	source, dir := networkOf(t, model.Arch{Depth: 8, Shortcut: model.Pad, Classes: 10}), t.TempDir()
	for _, class := range []string{"cat", "dog"} {
		if err := os.Mkdir(filepath.Join(dir, class), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, class, "1.png"), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want := dir + " holds images, one folder for each class\n"
	if _, stderr, _ := cli(context.Background(), "evaluate", source, "--data", dir); !strings.HasPrefix(stderr, want) {
		t.Errorf("stderr %q, want %q first", stderr, want)
	}
	want = dir + " holds images, one folder for each class: data.set becomes folder\n"
	if _, stderr, _ := cli(context.Background(), "run", "cifar10", "--plain", "--data", dir, "--run-dir", filepath.Join(dir, "cat", "1.png")); !strings.HasPrefix(stderr, want) {
		t.Errorf("stderr %q, want %q first", stderr, want)
	}
}
