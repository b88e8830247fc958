package onnx

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"espalier/internal/shared"
	"espalier/model"
	"espalier/model/weights"
)

// stateDict reads a file of testdata/graph, or of the shared networks.
func stateDict(t *testing.T, path string) *weights.File {
	t.Helper()
	f, err := weights.Open(path, "")
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// answer returns the image of make.py and the logits that PyTorch computes of it.
func answer(t *testing.T, network string) (x, logits []float32) {
	t.Helper()
	file, err := os.ReadFile("testdata/graph/" + network + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var pytorch struct{ Logits []float32 }
	if err := json.Unmarshal(file, &pytorch); err != nil {
		t.Fatal(err)
	}
	x = make([]float32, 3*8*8)
	for i := range x {
		x[i] = -1 + 2*float32(i)/float32(len(x)-1)
	}
	return x, pytorch.Logits
}

// TestReadGraph: with the graph of a network of other values, or of none, a state
// dict gives the logits that PyTorch computes with it.
func TestReadGraph(t *testing.T) {
	x, want := answer(t, "values")
	for _, graph := range []string{"kept.onnx", "bare.onnx", "fresh.onnx"} {
		for _, values := range []string{"values.pt", "parallel.pt"} {
			g, notes, err := ReadGraph("testdata/graph/"+graph, stateDict(t, "testdata/graph/"+values))
			if err != nil {
				t.Errorf("%s with the graph in %s: %v", values, graph, err)
				continue
			}
			got := make([]float32, len(want))
			model.NewEvaluator(g, newEngine(t), 1).Logits(got, x)
			if worst := farthest(got, want); !(worst < 1e-6) {
				t.Errorf("%s with the graph in %s: logits %v, want %v", values, graph, got, want)
			}
			if text := strings.Join(notes, "\n"); !strings.Contains(text, "left out, since the graph does not have them: aux") {
				t.Errorf("%s with the graph in %s: notes %q", values, graph, notes)
			}
		}
	}
}

// TestReadGraphRefuses names what does not fit, and what to do.
func TestReadGraphRefuses(t *testing.T) {
	const values, kept = "testdata/graph/values.pt", "testdata/graph/kept.onnx"
	change := func(do func(f *weights.File)) *weights.File {
		f := stateDict(t, values)
		do(f)
		return f
	}
	drop := func(name string) func(f *weights.File) {
		return func(f *weights.File) {
			for i, have := range f.Tensors {
				if have.Name == name {
					f.Tensors = append(f.Tensors[:i], f.Tensors[i+1:]...)
					return
				}
			}
			t.Errorf("there is no tensor %s", name)
		}
	}
	for _, c := range []struct {
		what, graph string
		file        *weights.File
		want        string
	}{
		{"folded batch norm", "testdata/graph/folded.onnx", stateDict(t, values), "do_constant_folding=False"},
		{"a layer's weight missing", kept, change(drop("second.weight")), "its weight second.weight is no tensor of the state dict"},
		{"another shape", kept, change(func(f *weights.File) { f.Tensors[0].Shape = []int{1, 3} }), "initializer gamma has shape [1 6 1 1], and tensor gamma of the state dict [1 3]: the graph is of another network"},
		{"a tensor more", kept, change(func(f *weights.File) {
			f.Tensors = append(f.Tensors, weights.Float32("bn.scale", []int{2}, []float32{1, 2}))
		}), "tensor bn.scale of shape [2] has no place"},
		{"not an ONNX file", values, stateDict(t, values), "not an ONNX file"},
		{"a file that has a graph", kept, change(func(f *weights.File) {
			f.Metadata = map[string]string{weights.MetaGraph: "{}"}
		}), weights.ErrOwnGraph.Error()},
	} {
		if _, _, err := ReadGraph(c.graph, c.file); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", c.what, err, c.want)
		}
	}
}

// TestReadGraphKeepsMasks: what torch.nn.utils.prune left is applied and kept.
func TestReadGraphKeepsMasks(t *testing.T) {
	f := stateDict(t, "testdata/graph/values.pt")
	for i, have := range f.Tensors {
		if have.Name != "head.weight" {
			continue
		}
		mask := make([]float32, 32)
		for k := range mask {
			mask[k] = float32(k % 2)
		}
		f.Tensors[i].Name = "head.weight_orig"
		f.Tensors = append(f.Tensors, weights.Float32("head.weight_mask", have.Shape, mask))
	}
	g, _, err := ReadGraph("testdata/graph/kept.onnx", f)
	if err != nil {
		t.Fatal(err)
	}
	head := g.Node("head")
	if head.Mask == nil || head.Mask[0] != 0 || head.Mask[1] != 1 || head.Weight[0] != 0 || head.Weight[1] == 0 {
		t.Errorf("mask %v of weights %v", head.Mask, head.Weight)
	}
}

// TestReadGraphOfZoo: a state dict with the graph that PyTorch exported beside it
// is the network of that file.
func TestReadGraphOfZoo(t *testing.T) {
	files, err := filepath.Glob(shared.Path("zoo/*.onnx"))
	if err != nil || len(files) == 0 {
		t.Skip("the networks of other programs are not here; set ESPALIER_SHARED to the folder that holds zoo/")
	}
	for _, path := range files {
		want, err := Read(path)
		if err != nil {
			t.Fatal(err)
		}
		g, _, err := ReadGraph(path, stateDict(t, strings.TrimSuffix(path, ".onnx")+".pt"))
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		if !g.SameStructure(want.Float) || weights.Hash(weights.FromNetwork(g)) != weights.Hash(weights.FromNetwork(want.Float)) {
			t.Errorf("%s: another network", path)
		}
	}
	if _, _, err := ReadGraph(files[0], stateDict(t, strings.TrimSuffix(files[1], ".onnx")+".pt")); err == nil || errors.Is(err, weights.ErrOwnGraph) {
		t.Errorf("the graph of another network: error %v", err)
	}
}
