package cli

import (
	"context"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"espalier/model"
	"espalier/model/weights"
)

func TestInspect(t *testing.T) {
	g, err := model.Spec{Network: model.MobileNetV2, Width: 0.25, Input: model.Shape{C: 1, H: 28, W: 28}, Classes: 5}.Build()
	if err != nil {
		t.Fatal(err)
	}
	g.Init(1)
	clear(g.Node("classifier.1").Weight[:1280])
	path := filepath.Join(t.TempDir(), "m.safetensors")
	if err := weights.Save(path, g, nil); err != nil { // without a normalisation
		t.Fatal(err)
	}
	stdout, stderr, code := cli(context.Background(), "inspect", path)
	if code != 0 {
		t.Fatalf("exit code %d, %s", code, stderr)
	}
	for _, want := range []string{
		"mobilenetv2 width 0.25: images of 1×28×28, 5 classes,",
		"conv 3×3/1+1, 8 groups",
		"clip 0 to 6",
		"weights are zero",
	} {
		if !strings.Contains(stdout, want) {
			t.Errorf("stdout lacks %q:\n%s", want, stdout)
		}
	}
	stdout, _, code = cli(context.Background(), "inspect", path, "--plan", "--batch", "4")
	for _, want := range []string{"evaluation of mobilenetv2 width 0.25", "depthwise conv 3×3/2", "a training step on 4 images"} {
		if code != 0 || !strings.Contains(stdout, want) {
			t.Errorf("exit code %d, the plan lacks %q:\n%s", code, want, stdout)
		}
	}
	stdout, _, _ = cli(context.Background(), "inspect", path, "--json")
	var r inspection
	if err := json.Unmarshal([]byte(stdout), &r); err != nil || r.Parameters != g.ParameterCount() || r.MACs != g.MACs() || len(r.Nodes) != len(g.Nodes) || r.Input != [3]int{1, 28, 28} {
		t.Errorf("error %v, %d parameters, %d MACs, %d nodes of %v", err, r.Parameters, r.MACs, len(r.Nodes), r.Input)
	}
	if _, stderr, code := cli(context.Background(), "inspect", path, "--plan", "--batch", "0"); code != 2 || !strings.Contains(stderr, "--batch 0") {
		t.Errorf("a batch of 0: exit code %d, %s", code, stderr)
	}
	if _, stderr, code := cli(context.Background(), "inspect", path, "--plan", "--json"); code != 2 || !strings.Contains(stderr, "only one of --plan and --json") {
		t.Errorf("--plan with --json: exit code %d, %s", code, stderr)
	}
}

// TestGraphOfStateDict: with --graph the network of an ONNX file gets the values of a
// state dict, in every command that reads a network, and where the file says its own
// network --graph is refused.
func TestGraphOfStateDict(t *testing.T) {
	const folder = "../../model/onnx/testdata/graph/"
	values, graph := folder+"values.pt", folder+"kept.onnx"
	_, stderr, code := cli(context.Background(), "inspect", values)
	if code != 2 || !strings.Contains(stderr, "--graph") {
		t.Errorf("without --graph: exit code %d, %s", code, stderr)
	}
	stdout, stderr, code := cli(context.Background(), "inspect", values, "--graph", graph)
	if code != 0 || !strings.Contains(stdout, "gate.down") || !strings.Contains(stderr, "left out") {
		t.Fatalf("exit code %d, %s%s", code, stdout, stderr)
	}
	exported := filepath.Join(t.TempDir(), "e.onnx")
	if _, stderr, code := cli(context.Background(), "export", values, "--graph", graph, "--mean", "cifar10", "--std", "cifar10", "--onnx", exported); code != 0 {
		t.Errorf("export: exit code %d, %s", code, stderr)
	}
	for _, args := range [][]string{
		{"inspect", exported},
		{"compare-layers", exported, exported, "--dataset", "shapes10"},
	} {
		if _, stderr, code := cli(context.Background(), append(args, "--graph", graph)...); code != 2 || !strings.Contains(stderr, "leave out the graph") {
			t.Errorf("%v: exit code %d, %s", args, code, stderr)
		}
	}
	if _, stderr, code := cli(context.Background(), "bench", values, "--graph", graph, "--only", "fp32", "--seconds", "0.01", "--threads", "1"); code != 0 {
		t.Errorf("bench: exit code %d, %s", code, stderr)
	}
}
