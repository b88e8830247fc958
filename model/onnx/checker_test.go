package onnx

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"espalier/compress/quantize"
	"espalier/model"
)

// python finds a Python that has ONNX's own package: the one that
// $ESPALIER_ONNX_PYTHON names, the system's or the first on the path. Where
// there is none the test is skipped, or fails if $ESPALIER_REQUIRE_ONNX is set.
func python(t testing.TB) string {
	t.Helper()
	for _, p := range []string{os.Getenv("ESPALIER_ONNX_PYTHON"), "/usr/bin/python3", "python3"} {
		if p != "" && exec.Command(p, "-c", "import onnx").Run() == nil {
			return p
		}
	}
	missing := t.Skipf
	if os.Getenv("ESPALIER_REQUIRE_ONNX") != "" {
		missing = t.Fatalf
	}
	missing("no Python with the package onnx; install Debian's python3-onnx, or set ESPALIER_ONNX_PYTHON")
	return ""
}

// check holds models to ONNX's own checker and returns what it says of each:
// "ok", or a complaint.
func check(t testing.TB, models []*Model) []string {
	t.Helper()
	p := python(t)
	args := []string{filepath.Join("testdata", "onnx", "check.py")}
	for i, m := range models {
		path := filepath.Join(t.TempDir(), fmt.Sprintf("%d.onnx", i))
		if err := os.WriteFile(path, m.Encode(), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, path)
	}
	cmd := exec.Command(p, args...)
	said, err := cmd.Output()
	lines := strings.Split(strings.TrimSuffix(string(said), "\n"), "\n")
	if err != nil || len(lines) != len(models) {
		t.Fatalf("%s: %v: %s", strings.Join(cmd.Args, " "), err, said)
	}
	return lines
}

// TestChecker: ONNX's own checker has nothing to say against any file, dense,
// pruned or quantized by any recipe, with both shortcuts.
func TestChecker(t *testing.T) {
	var names []string
	var models []*Model
	add := func(name string, m *Model) { names, models = append(names, name), append(models, m) }
	h := Header{Version: "v1", Metadata: map[string]string{"mean": "0.1 0.2 0.3"}}
	for _, a := range archs {
		n := randomOf(t, a)
		add(a.String(), Float(n, h))
		add(a.String()+" fused", Float(n.ForInference(), h))
		add(a.String()+" pruned", Float(pruned(t, n), h))
		for _, recipe := range quantize.Recipes() {
			add(a.String()+" "+recipe, Integer(quantized(t, n, recipe, randomImages(1)), h))
		}
		add(a.String()+" pruned lab", Integer(quantized(t, pruned(t, n), "lab", randomImages(1)), h))
	}
	for i, said := range check(t, models) {
		if said != "ok" {
			t.Errorf("%s: %s", names[i], said)
		}
	}
}

// TestCheckerComplains: the checker sees what is wrong with a file. What it does
// not look at, TestGraphIsValid does.
func TestCheckerComplains(t *testing.T) {
	q := quantized(t, randomNetwork(t, model.Pad), "lab", randomImages(1))
	var names []string
	var models []*Model
	for name, damage := range map[string]func(m *Model){
		"an operator that there is not":  func(m *Model) { nodeNamed(t, m, "conv1").op = "Convolution" },
		"an attribute that there is not": func(m *Model) { nodeNamed(t, m, "conv1").attributes[0].name = "kernel" },
		"an attribute of another type":   func(m *Model) { nodeNamed(t, m, "conv1").attributes[1] = intAttribute("strides", 1) },
		"a missing input":                func(m *Model) { nodeNamed(t, m, "conv1").inputs[0] = "nothing" },
		"too few inputs":                 func(m *Model) { n := nodeNamed(t, m, "conv1"); n.inputs = n.inputs[:1] },
		"a value made twice":             func(m *Model) { nodeNamed(t, m, "flatten").outputs[0] = "pool.average" },
		"nodes out of order": func(m *Model) {
			all := m.graph.nodes
			all[len(all)-1], all[len(all)-2] = all[len(all)-2], all[len(all)-1]
		},
		"a scale in int32":          func(m *Model) { initializerNamed(t, m, "conv1.output_scale").dataType = typeInt32 },
		"another output":            func(m *Model) { m.graph.outputs[0] = batched(outputName, 11) },
		"an output of another type": func(m *Model) { m.graph.outputs[0].kind.tensor.element = typeInt8 },
		"pads that do not fit":      func(m *Model) { initializerNamed(t, m, "layer2.0.shortcut.pads").raw[8] = 9 },
		"no operator set":           func(m *Model) { m.opsets = nil },
		"no IR version":             func(m *Model) { m.irVersion = 0 },
		"a graph without a name":    func(m *Model) { m.graph.name = "" },
	} {
		m := Integer(q, Header{})
		damage(m)
		names, models = append(names, name), append(models, m)
	}
	for i, said := range check(t, models) {
		t.Logf("%s: %.100s", names[i], said)
		if said == "ok" {
			t.Errorf("%s: no complaint", names[i])
		}
	}
}
