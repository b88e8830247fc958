package onnx

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"espalier/compress/quantize"
	"espalier/model"
	"espalier/model/weights"
)

// metadataOf is the metadata that the command export writes of a quantized
// network.
func metadataOf(t testing.TB, q *quantize.Network) map[string]string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "q.safetensors")
	if err := quantize.Save(path, q, map[string]string{"dataset": "none"}); err != nil {
		t.Fatal(err)
	}
	_, metadata, err := weights.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	return metadata
}

// open reads a file and builds the network in it.
func open(path string) (*model.Graph, *quantize.Network, map[string]string, error) {
	f, err := Read(path)
	if err != nil {
		return nil, nil, nil, err
	}
	if f.Float != nil {
		return f.Float, nil, f.Metadata, nil
	}
	q, err := quantize.FromTensors(f.Integer, f.Metadata)
	if err == nil {
		err = f.Check(q)
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", path, err)
	}
	return nil, q, f.Metadata, err
}

func written(t *testing.T, m *Model) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "n.onnx")
	if _, err := m.WriteFile(path); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestReadFloat(t *testing.T) {
	for _, a := range archs {
		dense := randomOf(t, a)
		for name, n := range map[string]*model.Graph{"batch norm": dense, "fused": dense.ForInference()} {
			got, integer, metadata, err := open(written(t, Float(n, Header{Version: "v1", Metadata: weights.Metadata(n, map[string]string{"dataset": "none"})})))
			if err != nil {
				t.Errorf("%s, %s: %v", a, name, err)
				continue
			}
			if !reflect.DeepEqual(n, got) || integer != nil || metadata["dataset"] != "none" {
				t.Errorf("%s, %s: another network came back, metadata %v", a, name, metadata)
			}
		}
	}
}

// TestReadInteger: what a file holds of a quantized network is the network with
// its biases rounded, and computes what that computes.
func TestReadInteger(t *testing.T) {
	x := randomImages(20)
	for _, a := range archs {
		n := randomOf(t, a)
		for _, recipe := range quantize.Recipes() {
			q := quantized(t, n, recipe, x[:pixels])
			float, got, _, err := open(written(t, Integer(q, Header{Version: "v1", Metadata: metadataOf(t, q)})))
			if err != nil {
				t.Errorf("%s, %s: %v", a, recipe, err)
				continue
			}
			q.RoundBiases()
			if float != nil || !reflect.DeepEqual(got.Recipe, q.Recipe) || got.Calibration != q.Calibration || !slices.Equal(got.Std, q.Std) {
				t.Errorf("%s, %s: recipe %+v, calibration %+v", a, recipe, got.Recipe, got.Calibration)
			}
			for i, want := range q.Layers() {
				l := got.Layers()[i]
				if !slices.Equal(l.Weight, want.Weight) || !slices.Equal(l.Scale, want.Scale) {
					t.Errorf("%s, %s: %s has other weights", a, recipe, l.Name)
				}
				for k, b := range want.Bias {
					if math.Abs(float64(l.Bias[k]-b)) > 1e-6*math.Abs(float64(b)) {
						t.Errorf("%s, %s: %s has bias %g, want %g", a, recipe, l.Name, l.Bias[k], b)
					}
				}
			}
			have, want := make([]float32, 200), make([]float32, 200)
			quantize.NewEvaluator(got, newEngine(t)).Logits(have, x)
			quantize.NewEvaluator(q, newEngine(t)).Logits(want, x)
			compareCodes(t, a.String()+", "+recipe, have, want, q.Output().Output.Scale, 1)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	n := randomNetwork(t, model.Pad)
	q := quantized(t, n, "lab", randomImages(1))
	h := Header{Version: "v1", Metadata: metadataOf(t, q)}
	for name, c := range map[string]struct {
		change func(m *Model)
		want   string
	}{
		"another program's file":  {func(m *Model) { m.producer = "pytorch" }, "graph is not the one"},
		"another graph":           {func(m *Model) { m.graph.nodes = m.graph.nodes[:9] }, "graph is not the one"},
		"another attribute":       {func(m *Model) { nodeNamed(t, m, "layer2.0.conv1").attributes[1].ints[0] = 1 }, "graph is not the one"},
		"no recipe":               {func(m *Model) { m.metadata = nil }, "QuantizeLinear"},
		"half a tensor":           {func(m *Model) { w := initializerNamed(t, m, "fc.weight"); w.raw = w.raw[:9] }, "has 9 bytes"},
		"a huge shape":            {func(m *Model) { initializerNamed(t, m, "fc.weight").dims = []int64{1 << 40, 1 << 40} }, "has shape"},
		"a negative shape":        {func(m *Model) { initializerNamed(t, m, "fc.weight").dims = []int64{-1, -640} }, "has shape"},
		"a zero point of weights": {func(m *Model) { initializerNamed(t, m, "fc.weight_zero_point").raw[0] = 1 }, "is not 0"},
		"a bias without scale":    {func(m *Model) { initializerNamed(t, m, "fc.bias_scale").name = "x.bias_scale" }, "no scale"},
		"a missing weight":        {func(m *Model) { initializerNamed(t, m, "layer1.0.conv1.weight").name = "y" }, "is not 0"},
		"a scale that is not one": {func(m *Model) { clear(initializerNamed(t, m, "pool.output_scale").raw) }, "a scale must be positive"},
		"a type that files lack":  {func(m *Model) { initializerNamed(t, m, "pool.output_scale").dataType = 10 }, "of type 10"},
		"several zero points of one": {func(m *Model) {
			z := initializerNamed(t, m, "pool.output_zero_point")
			z.dims, z.raw = []int64{2}, []byte{0, 0}
		}, "2 elements"},
	} {
		m := Integer(q, h)
		c.change(m)
		_, _, _, err := open(written(t, m))
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "n.onnx") {
			t.Errorf("%s: error %v, want one that names the file and says %q", name, err, c.want)
		}
	}
	if _, _, _, err := open(filepath.Join(t.TempDir(), "none.onnx")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	path := filepath.Join(t.TempDir(), "text.onnx")
	os.WriteFile(path, []byte("these are no weights"), 0o600)
	if _, _, _, err := open(path); err == nil || !strings.Contains(err.Error(), "not an ONNX file") {
		t.Errorf("text: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	n := randomNetwork(f, model.Pad)
	q := quantized(f, n, "lab", randomImages(1))
	whole := Integer(q, Header{Version: "v1", Metadata: metadataOf(f, q)})
	// Files hold 80 kB of weights, which a reader copies and nothing else: the
	// fuzzer gets what is around them, with one weight left.
	for i := range whole.graph.initializers {
		if t := &whole.graph.initializers[i]; len(t.raw) > 64 {
			t.raw = t.raw[:1]
		}
	}
	f.Add(whole.Encode())
	f.Add((&Model{irVersion: 8, producer: "espalier", metadata: []entry{{"a", "b"}}}).Encode())
	f.Add([]byte{8, 8, 18, 0, 58, 2, 42, 0})
	f.Fuzz(func(t *testing.T, file []byte) {
		m, err := decode(file)
		if err != nil {
			return
		}
		again, err := decode(m.Encode())
		if err != nil || !bytes.Equal(m.Encode(), again.Encode()) {
			t.Errorf("what was read is another model when written and read again: %v", err)
		}
		if f, err := parse(file, nil); err == nil {
			if (f.Float == nil) == (f.Integer == nil) {
				t.Error("neither a network in floating point nor one in integers, or both")
			}
			if q, err := quantize.FromTensors(f.Integer, f.Metadata); err == nil {
				f.Check(q) // it must not panic
			}
			if f.Float != nil {
				if err := f.Float.Check(); err != nil {
					t.Errorf("a network that is not valid: %v", err)
				}
			}
			if _, err := json.Marshal(f.Metadata); err != nil {
				t.Error(err)
			}
		}
	})
}
