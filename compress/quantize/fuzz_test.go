package quantize

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"espalier/internal/finite"
	"espalier/model"
	"espalier/model/weights"
)

// FuzzFromTensors puts one tensor of the fuzzer's into a good file's place, and
// a recipe into its metadata: no such file makes the reader panic, and what it
// accepts is whole. How files are cut into tensors is fuzzed in package weights.
func FuzzFromTensors(f *testing.F) {
	n, _ := randomNetwork(f, model.Projection, 0)
	c := &Calibration{Ranges: map[string]Range{"input": {-1, 1}, "pool": {0, 1}}}
	for _, l := range n.Layers() {
		c.Ranges[l.Name] = Range{0, 1}
		c.Ranges[strings.TrimSuffix(l.Name, ".conv1")] = Range{0, 1}
	}
	path := filepath.Join(f.TempDir(), "int8.safetensors")
	if err := Save(path, mustBuild(f, n, c, lab), nil); err != nil {
		f.Fatal(err)
	}
	good, metadata, err := weights.Read(path)
	if err != nil {
		f.Fatal(err)
	}
	for i, t := range good {
		if len(t.Data) <= 128 { // of weights one is enough
			f.Add(uint8(i), t.Name, string(t.DType), len(t.Shape), t.Data, metadata[weights.MetaQuantization])
		}
	}
	f.Add(uint8(0), "layer4.0.conv1.weight", "I8", 4, make([]byte, 9), `{"Name":"lab"}`)
	f.Add(uint8(255), "", "F64", 0, []byte{0, 0, 0, 0, 0, 0, 0, 0}, `{"Bits":4}`)
	f.Fuzz(func(t *testing.T, which uint8, name, dtype string, dims int, data []byte, recipe string) {
		d := weights.DType(dtype)
		if d.Size() == 0 || dims < 0 || dims > 8 || len(data) > 1<<12 {
			return // no such tensor leaves package weights
		}
		shape := slices.Repeat([]int{1}, dims)
		count := len(data) / d.Size()
		if dims > 0 {
			shape[0] = count
		} else {
			count = 1
		}
		if len(data) < count*d.Size() {
			return
		}
		tensors := slices.Clone(good)
		tensors[int(which)%len(tensors)] = weights.Tensor{Name: name, DType: d, Shape: shape, Data: data[:count*d.Size()]}
		n, err := FromTensors(tensors, map[string]string{weights.MetaQuantization: recipe})
		if err != nil {
			return
		}
		if _, err := json.Marshal(n.Recipe); err != nil {
			t.Errorf("recipe %+v: %v", n.Recipe, err)
		}
		for _, l := range n.Layers() {
			if out := l.Shape.C; len(l.Scale) != out || len(l.Bias) != out || l.Fan()*out != len(l.Weight) {
				t.Errorf("layer %s has %d weights, %d scales and %d biases", l.Name, len(l.Weight), len(l.Scale), len(l.Bias))
			}
			for k, s := range l.Scale {
				if !(s > 0) || !finite.Is(s) || !finite.Is(l.Bias[k]) {
					t.Errorf("layer %s, channel %d: scale %g, bias %g", l.Name, k, s, l.Bias[k])
				}
			}
		}
	})
}
