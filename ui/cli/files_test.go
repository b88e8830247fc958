package cli

import (
	"context"
	"encoding/json"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"espalier/compress/bench"
	"espalier/compress/compare"
	"espalier/compress/measure"
	"espalier/model"
	"espalier/model/weights"
)

// decoded runs the program, which must succeed, and decodes what it answers.
func decoded(t *testing.T, answer any, args ...string) {
	t.Helper()
	stdout, stderr, code := cli(context.Background(), append(args, "--json")...)
	if code != 0 {
		t.Fatalf("%v: exit code %d, stderr %q", args, code, stderr)
	}
	if err := json.Unmarshal([]byte(stdout), answer); err != nil {
		t.Fatalf("%v: %v in %s", args, err, stdout)
	}
}

// TestFilesTravel takes a network of the published width and a wider one
// through every command that reads files: in floating point, in integers, and
// as both are exported.
func TestFilesTravel(t *testing.T) {
	data := []string{"--dataset", "cifar10", "--data", images(t)}
	for _, width := range []int{16, 32} {
		dense := networkOf(t, model.Arch{Depth: 8, Shortcut: model.Pad, Classes: 10, Width: width})
		dir := t.TempDir()
		path := func(name string) string { return filepath.Join(dir, name) }
		quantize := append([]string{"quantize", dense, "--images", "10", "-o", path("q.safetensors")}, data...)
		var written struct{ Int8, Float measure.Result }
		decoded(t, &written, quantize...)
		for from, to := range map[string]string{dense: "n.onnx", path("q.safetensors"): "q.onnx"} {
			var size struct{ Bytes, Compressed int64 }
			if decoded(t, &size, "export", from, "--onnx", path(to)); size.Bytes < 1e4 {
				t.Errorf("export: %+v", size)
			}
		}
		for file, want := range map[string]measure.Result{
			dense: written.Float, path("n.onnx"): written.Float, path("q.safetensors"): written.Int8, path("q.onnx"): written.Int8,
		} {
			var r measure.Result
			decoded(t, &r, append([]string{"evaluate", file}, data...)...)
			if r.Correct != want.Correct || r.Total != 40 || r.Loss < want.Loss-1e-5 || r.Loss > want.Loss+1e-5 {
				t.Errorf("width %d, evaluate %s: %+v, want %+v", width, filepath.Base(file), r, want)
			}
			if strings.HasPrefix(filepath.Base(file), "q.") {
				var v measure.Verdict
				decoded(t, &v, append([]string{"check", "quantization", file, "--min-top1", "0.001"}, data...)...)
				if v.Correct != want.Correct || !v.Passed {
					t.Errorf("width %d, check %s: %+v", width, filepath.Base(file), v)
				}
			}
		}
		// Int8 is some noise away, folding batch norm before or after changes
		// the last bit, and biases that are integers already change nothing.
		for _, pair := range []struct {
			a, b        string
			least, most float64 // dB
		}{
			{dense, path("q.safetensors"), 15, 80},
			{dense, path("n.onnx"), 100, math.Inf(1)},
			{path("q.safetensors"), path("q.onnx"), math.Inf(1), math.Inf(1)},
		} {
			var r compare.Result
			decoded(t, &r, append([]string{"compare-layers", pair.a, pair.b, "--images", "5", "--min-snr", "15"}, data...)...)
			if r.First != "" || r.Images != 5 || len(r.Layers) != 13 {
				t.Errorf("width %d, compare %s and %s: %q disagrees first, %d points", width, filepath.Base(pair.a), filepath.Base(pair.b), r.First, len(r.Layers))
			}
			for _, l := range r.Layers {
				snr := math.Inf(1)
				if l.SNR != nil {
					snr = *l.SNR
				}
				if snr < pair.least || snr > pair.most {
					t.Errorf("width %d, compare %s and %s: %s has an SNR of %g dB", width, filepath.Base(pair.a), filepath.Base(pair.b), l.Point, snr)
				}
			}
		}
		for _, file := range []string{path("q.safetensors"), path("q.onnx")} {
			var b bench.Report
			decoded(t, &b, "bench", file, "--threads", "1", "--seconds", "0.01")
			if len(b.Rows) != 2 || b.Rows[0].Task != bench.Integer || strings.Contains(b.Network, "width") != (width == 32) {
				t.Errorf("width %d, bench %s: %+v", width, filepath.Base(file), b)
			}
		}
	}
}

// TestRunFromAFile prunes and quantizes a network that is wider than any the
// program carries.
func TestRunFromAFile(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("HOME", t.TempDir())
	file := networkOf(t, model.Arch{Depth: 8, Shortcut: model.Projection, Classes: 10, Width: 32})
	stdout, stderr, code := cli(context.Background(), "run", "smoke", "--plain", "--set", "model.weights="+file,
		"--set", "dense.epochs=0", "--set", "prune.targets=[0.5]", "--set", "sweep.sizes=[]")
	if code != 0 || !strings.Contains(stdout, "resnet8 projection width 32") {
		t.Fatalf("exit code %d, stderr %q, stdout\n%s", code, stderr, stdout)
	}
	rounds, _ := filepath.Glob("runs/*/checkpoints/round-1.safetensors")
	if len(rounds) != 1 {
		t.Fatalf("%d rounds were kept", len(rounds))
	}
	if stdout, stderr, code := cli(context.Background(), "run", "smoke", "--plain", "--set", "model.weights="+file, "--set", "dense.epochs=0",
		"--set", "prune.targets=[]", "--set", "sweep.sizes=[]", "--mean", "imagenet", "--std", "0.5,0.5,0.5", "--run-dir", "normalised"); code != 0 {
		t.Fatalf("exit code %d, stderr %q, stdout\n%s", code, stderr, stdout)
	}
	named, _ := filepath.Glob("normalised/*/checkpoints/dense.safetensors")
	if len(named) != 1 {
		t.Fatalf("%d dense networks", len(named))
	}
	if n, _, err := weights.Load(named[0]); err != nil || !slices.Equal(n.Mean, []float32{0.485, 0.456, 0.406}) || !slices.Equal(n.Std, []float32{0.5, 0.5, 0.5}) {
		t.Errorf("normalised by %v and %v, error %v", n.Mean, n.Std, err)
	}
	n, _, err := weights.Load(rounds[0])
	if err != nil {
		t.Fatal(err)
	}
	if zero, total := n.Sparsity(); !strings.HasSuffix(n.Name, " width 32") || float64(zero) < 0.45*float64(total) {
		t.Errorf("%s with %d zeros of %d", n.Name, zero, total)
	}
}
