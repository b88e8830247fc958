package onnx

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"espalier/compress/quantize"
	"espalier/model"
)

// A runtime runs files in onnxruntime, through node.
type runtime struct{ modules string }

// newRuntime finds the npm package onnxruntime-node: in the folder that
// $ESPALIER_ORT names or in testdata/ort, as "npm ci --ignore-scripts" leaves
// it there. Where it is missing the test is skipped, or fails if
// $ESPALIER_REQUIRE_ORT is set.
func newRuntime(t testing.TB) runtime {
	if testing.Short() {
		t.Skip("onnxruntime is left out of short tests")
	}
	missing := t.Skipf
	if os.Getenv("ESPALIER_REQUIRE_ORT") != "" {
		missing = t.Fatalf
	}
	folder := os.Getenv("ESPALIER_ORT")
	if folder == "" {
		folder = filepath.Join("testdata", "ort")
	}
	modules, err := filepath.Abs(filepath.Join(folder, "node_modules"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := exec.LookPath("node"); err != nil {
		missing("no onnxruntime: %v; install Node.js", err)
	}
	if _, err := os.Stat(filepath.Join(modules, "onnxruntime-node")); err != nil {
		missing("no onnxruntime: %v; run npm ci --ignore-scripts in model/onnx/testdata/ort, or set ESPALIER_ORT", err)
	}
	return runtime{modules}
}

// levels are onnxruntime's levels of optimization that files are run at: with
// operators fused as far as it can, and one by one as the file has them.
var levels = []string{"all", "disabled"}

// logits runs a model on x [n][3][32][32].
func (r runtime) logits(t testing.TB, m *Model, level string, x []float32) []float32 {
	t.Helper()
	logits, said := r.run(t, m, level, x, "3,32,32")
	// Warnings count as failures: the file is to be beyond reproach.
	if said != "input logits\n" {
		t.Errorf("onnxruntime, level %s: %s", level, said)
	}
	return logits
}

// run runs a model on x, images of a shape, and returns the first output and
// what is printed.
func (r runtime) run(t testing.TB, m *Model, level string, x []float32, shape string) (logits []float32, printed string) {
	t.Helper()
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	images := new(bytes.Buffer)
	binary.Write(images, binary.LittleEndian, x)
	for name, content := range map[string][]byte{"model.onnx": m.Encode(), "images": images.Bytes()} {
		if err := os.WriteFile(path(name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("node", filepath.Join("testdata", "ort", "run.js"), path("model.onnx"), path("images"), path("logits"), level, shape)
	cmd.Env = append(os.Environ(), "NODE_PATH="+r.modules)
	said, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("onnxruntime, level %s: %v: %s", level, err, said)
	}
	raw, err := os.ReadFile(path("logits"))
	if err != nil {
		t.Fatal(err)
	}
	logits = make([]float32, len(raw)/4)
	if err := binary.Read(bytes.NewReader(raw), binary.LittleEndian, logits); err != nil {
		t.Fatal(err)
	}
	return logits, string(said)
}

// TestFloatInRuntime: onnxruntime computes the same logits, of files with and
// without batch norm, of dense and of pruned networks.
func TestFloatInRuntime(t *testing.T) {
	r := newRuntime(t)
	x := randomImages(3)
	for _, a := range archs {
		dense := randomOf(t, a)
		for name, n := range map[string]*model.Graph{
			"dense": dense, "fused": dense.ForInference(), "pruned": pruned(t, dense),
		} {
			want := make([]float32, 30)
			model.NewEvaluator(n, newEngine(t), 3).Logits(want, x)
			for _, level := range levels {
				got := r.logits(t, Float(n, Header{}), level, x)
				if worst := farthest(got, want); !(worst <= 1e-4) {
					t.Errorf("%s, %s, level %s: logits differ by %g, want 1e-4 at most", name, a, level, worst)
				}
			}
		}
	}
}

func farthest(got, want []float32) float64 {
	if len(got) != len(want) {
		return math.Inf(1)
	}
	var worst float64
	for i := range got {
		worst = max(worst, math.Abs(float64(got[i]-want[i])))
	}
	return worst
}

// TestIntegerInRuntime: onnxruntime's integer kernels and its plain operators
// compute what the own integer network does, under recipes that differ in the
// pool's and the logits' quantization, of dense and of pruned networks.
//
// PyTorch's recipes have float32 biases, which no ONNX file can keep: those
// are compared after rounding them, and before only as to what is recognised.
func TestIntegerInRuntime(t *testing.T) {
	r := newRuntime(t)
	const images = 100
	x := randomImages(images)
	for _, a := range archs {
		dense := randomOf(t, a)
		for name, n := range map[string]*model.Graph{"dense": dense, "pruned": pruned(t, dense)} {
			for _, recipe := range []string{"lab", "fbgemm", "ort"} {
				q := quantized(t, n, recipe, x[:32*pixels])
				file := Integer(q, Header{})
				exact, rounded := make([]float32, images*10), make([]float32, images*10)
				quantize.NewEvaluator(q, newEngine(t)).Logits(exact, x)
				q.RoundBiases()
				quantize.NewEvaluator(q, newEngine(t)).Logits(rounded, x)
				for _, level := range levels {
					what := fmt.Sprintf("%s, %s, recipe %s, level %s", name, a, recipe, level)
					got := r.logits(t, file, level, x)
					compareCodes(t, what, got, rounded, q.Output().Output.Scale, 1)
					compareCodes(t, what+", exact biases", got, exact, q.Output().Output.Scale, 3)
				}
			}
		}
	}
}

// compareCodes wants 99 % of logits within a number of steps of what is wanted,
// and the same top-1 but for ties: classes that are as close.
func compareCodes(t *testing.T, what string, got, want []float32, step, steps float32) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d logits, want %d", what, len(got), len(want))
	}
	within, other, tied := 0, 0, 0
	limit := step * (steps + 0.001)
	for i := range want {
		if d := got[i] - want[i]; d >= -limit && d <= limit {
			within++
		}
	}
	for i := 0; i < len(want); i += 10 {
		g, w := largest(got[i:i+10]), largest(want[i:i+10])
		switch {
		case g == w:
		case want[i+w]-want[i+g] <= limit:
			tied++
		default:
			other++
		}
	}
	t.Logf("%s: %d of %d logits within %g steps; another top-1 on %d images, and on %d with a tie", what, within, len(want), steps, other, tied)
	if 100*within < 99*len(want) || other > 0 {
		t.Errorf("%s: %d of %d logits within %g steps, want 99 %%; another top-1 on %d images", what, within, len(want), steps, other)
	}
}

func largest(x []float32) int {
	best := 0
	for i, v := range x {
		if v > x[best] {
			best = i
		}
	}
	return best
}
