package onnx

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"espalier/model"
	"espalier/model/weights"
)

// errForeign refuses integer networks that this package did not write.
var errForeign = errors.New("an integer network is read only from an ONNX file that this program exported; export the network again, or give the file it was made from")

// maxFile is the most bytes of a file that is read.
const maxFile = 1 << 30

// A File is a network as an ONNX file holds it. An integer network is as
// Integer wrote it: biases are multiples of bias_scale, and weights that
// newParameters rescaled stay rescaled.
type File struct {
	Float    *model.Graph     // nil of a network in integers
	Integer  []weights.Tensor // its tensors, as files of weights hold them; see Check
	Metadata map[string]string
	Notes    []string // sentences about what was left out, for people

	model *Model
}

// Read reads any program's file in floating point (see importer), and integer
// files of this package. Check verifies the latter once the network is built:
// writing it must give the file's graph again. External data is read from the
// file's folder.
func Read(path string) (*File, error) {
	file, folder, err := load(path)
	if err != nil {
		return nil, err
	}
	f, err := parse(file, folder)
	if err != nil {
		return nil, fmt.Errorf("reading ONNX from %s: %w", path, err)
	}
	return f, nil
}

// load returns a file's bytes and its folder.
func load(path string) ([]byte, *folder, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, nil, fmt.Errorf("reading ONNX: %w", err)
	}
	if !info.Mode().IsRegular() || info.Size() > maxFile {
		return nil, nil, fmt.Errorf("reading ONNX: %s is not a regular file of at most %d bytes", path, maxFile)
	}
	file, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, fmt.Errorf("reading ONNX: %w", err)
	}
	return file, &folder{filepath.Dir(path), maxFile}, nil
}

func parse(file []byte, folder *folder) (*File, error) {
	m, err := decode(file)
	if err != nil {
		return nil, err
	}
	f := &File{Metadata: map[string]string{}, model: m}
	for _, e := range m.metadata {
		f.Metadata[e.key] = e.value
	}
	if _, ok := f.Metadata[weights.MetaQuantization]; ok {
		f.Integer, err = m.graph.tensors()
		return f, err
	}
	if f.Float = m.own(f.Metadata); f.Float == nil {
		f.Float, f.Notes, err = m.network(folder, int64(len(file)))
	}
	return f, err
}

// own returns the network of a file that Float wrote, with the names of all
// nodes, which files do not keep. It returns nil for other files.
func (m *Model) own(metadata map[string]string) *model.Graph {
	if m.producer != producer {
		return nil
	}
	tensors, err := m.graph.tensors()
	if err != nil {
		return nil
	}
	g, err := weights.Network(tensors, metadata)
	if err != nil || !sameShape(m, Float(g, Header{m.producerVersion, metadata, m.int4()})) {
		return nil
	}
	return g
}

// Check returns an error unless the file is what Integer writes for n, which was
// built from its tensors.
func (f *File) Check(n IntegerNetwork) error {
	if !sameShape(f.model, Integer(n, Header{f.model.producerVersion, f.Metadata, f.model.int4()})) {
		return fmt.Errorf("the graph is not the one that is exported with these weights: %w", errForeign)
	}
	return nil
}

// int4 reports whether the file is written in the operator set of int4.
func (m *Model) int4() bool { return len(m.opsets) == 1 && m.opsets[0].version == opsetInt4 }

// tensors returns the initializers that are parameters, as safetensors files
// hold them.
func (g *graph) tensors() ([]weights.Tensor, error) {
	byName := map[string]*tensor{}
	for i := range g.initializers {
		byName[g.initializers[i].name] = &g.initializers[i]
	}
	limits := map[string]bool{} // limits of activations, which belong to their operator
	for _, n := range g.nodes {
		if n.op == "Clip" {
			for _, x := range n.inputs[min(1, len(n.inputs)):] {
				limits[x] = true
			}
		}
	}
	var all []weights.Tensor
	for i := range g.initializers {
		t := &g.initializers[i]
		if limits[t.name] {
			continue
		}
		shape := make([]int, len(t.dims))
		count := int64(1)
		for i, d := range t.dims {
			if d < 0 || d > maxFile || count*d > maxFile {
				return nil, fmt.Errorf("initializer %s has shape %v: %w", t.name, t.dims, errForeign)
			}
			shape[i] = int(d)
			count *= d
		}
		if t.dataType == typeInt4 {
			wide, ok := t.widened(count)
			if !ok {
				return nil, fmt.Errorf("initializer %s of int4 and shape %v has %d bytes; the file is damaged", t.name, t.dims, len(t.raw))
			}
			t = wide
		}
		if size, ok := sizes[t.dataType]; !ok || count*size != int64(len(t.raw)) {
			return nil, fmt.Errorf("initializer %s of type %d and shape %v has %d bytes; the file is damaged", t.name, t.dataType, t.dims, len(t.raw))
		}
		switch t.dataType {
		case typeFloat:
			if strings.HasSuffix(t.name, ".bias_scale") {
				continue // see typeInt32
			}
			if len(shape) == 0 {
				shape = []int{1} // an activation's scale
			}
			all = append(all, weights.Tensor{Name: t.name, DType: weights.F32, Shape: shape, Data: t.raw})
		case typeInt8:
			if strings.HasSuffix(t.name, ".weight") {
				all = append(all, weights.Tensor{Name: t.name, DType: weights.I8, Shape: shape, Data: t.raw})
			} else if slices.ContainsFunc(t.raw, func(b byte) bool { return b != 0 }) {
				return nil, fmt.Errorf("%s is not 0: %w", t.name, errForeign)
			}
		case typeUint8: // an activation's zero point
			if count != 1 {
				return nil, fmt.Errorf("%s has %d elements: %w", t.name, count, errForeign)
			}
			all = append(all, weights.Tensor{Name: t.name, DType: weights.I32, Shape: []int{1}, Data: []byte{t.raw[0], 0, 0, 0}})
		case typeInt32:
			bias, err := dequantized(t, byName[t.name+"_scale"])
			if err != nil {
				return nil, err
			}
			all = append(all, weights.Float32(t.name, shape, bias))
		}
	}
	return all, nil
}

// widened returns a tensor of int4 as one of int8.
func (t *tensor) widened(count int64) (*tensor, bool) {
	if int64(len(t.raw)) != (count+1)/2 {
		return nil, false
	}
	wide := &tensor{name: t.name, dims: t.dims, dataType: typeInt8, raw: make([]byte, count)}
	for i := range wide.raw {
		wide.raw[i] = byte(int8(t.raw[i/2]<<(4-i%2*4)) >> 4)
	}
	return wide, true
}

// dequantized returns the real values of biases in integers.
func dequantized(bias, scale *tensor) ([]float32, error) {
	if scale == nil || scale.dataType != typeFloat || len(scale.raw) != len(bias.raw) {
		return nil, fmt.Errorf("%s has no scale for each channel: %w", bias.name, errForeign)
	}
	values := make([]float32, len(bias.raw)/4)
	for k := range values {
		code := int32(binary.LittleEndian.Uint32(bias.raw[4*k:]))
		unit := math.Float32frombits(binary.LittleEndian.Uint32(scale.raw[4*k:]))
		values[k] = float32(float64(code) * float64(unit))
	}
	return values, nil
}

// sameShape reports whether two models are equal except for the content of
// their initializers.
func sameShape(a, b *Model) bool {
	bare := func(m *Model) string {
		shallow := *m
		shallow.graph.initializers = slices.Clone(m.graph.initializers)
		for i := range shallow.graph.initializers {
			shallow.graph.initializers[i].raw = nil
		}
		return string(shallow.Encode())
	}
	return bare(a) == bare(b)
}
