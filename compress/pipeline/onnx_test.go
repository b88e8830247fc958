package pipeline

import (
	"path/filepath"
	"strings"
	"testing"

	"espalier/model"
	"espalier/model/onnx"
	"espalier/model/weights"
)

// other writes an ONNX file of a network of no known family and returns its path.
func other(t *testing.T) string {
	t.Helper()
	b := model.NewBuilder("other", model.Shape{C: 3, H: 32, W: 32})
	layer := func(name string, out, stride int, x *model.Node) *model.Node {
		conv := b.Add(name, model.Conv{Out: out, Kernel: 3, Stride: stride, Padding: model.Pad2D(1), Groups: 1}, x)
		return b.Add(name+".relu", model.ReLU{}, b.Norm(name+".bn", conv))
	}
	x := layer("stem", 12, 2, b.Input())
	x = b.Add("join", model.Concat{}, layer("left", 7, 2, x), layer("right", 9, 2, x))
	b.Add("head", model.Linear{Out: 10}, b.Add("pool", model.GlobalAvgPool{}, x))
	g, err := b.Graph()
	if err != nil {
		t.Fatal(err)
	}
	g.Init(3)
	path := filepath.Join(t.TempDir(), "other.onnx")
	header := onnx.Header{Metadata: map[string]string{"mean": "0.5 0.5 0.5", "std": "0.25 0.25 0.25"}}
	if _, err := onnx.Float(g, header).WriteFile(path); err != nil {
		t.Fatal(err)
	}
	return path
}

// stateDict writes the tensors of a network in an ONNX file without anything that says
// what network they belong to, and returns the path.
func stateDict(t *testing.T, graph string) string {
	t.Helper()
	f, err := onnx.Read(graph)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "values.safetensors")
	if err := weights.Write(path, weights.FromNetwork(f.Float), nil); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestONNXGoesThrough trains, prunes and quantizes the network of an ONNX file, and of
// a state dict with the graph in one, under its layers' names.
func TestONNXGoesThrough(t *testing.T) {
	graph := other(t)
	for _, from := range [][]string{{"model.weights=" + graph}, {"model.weights=" + stateDict(t, graph), "model.graph=" + graph}} {
		r := create(t, tiny(t, append(from, "gate.max_drop=0.9", "gate.min_top1=0")...))
		_, events := do(t, r, tinyParts())
		if rounds := of[RoundDone](events); len(of[Quantized](events)) != 1 || len(rounds) != 2 || !rounds[1].Passed {
			t.Errorf("%d int8 networks after the rounds %+v", len(of[Quantized](events)), rounds)
		}
		g, _, err := weights.Load(r.Folder.Path(denseCheckpoint))
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, l := range g.Layers() {
			names = append(names, l.Name)
		}
		if got := strings.Join(names, " "); got != "stem left right head" {
			t.Errorf("the checkpoint has layers %s", got)
		}
	}
}
