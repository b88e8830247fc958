package onnx

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"

	"espalier/model"
	"espalier/model/weights"
)

// errForeign is about files that this package did not write.
var errForeign = errors.New("only ONNX files that this program exported are read; export the network again, or give the file that it came from")

// maxFile is the most bytes of a file that is read.
const maxFile = 1 << 30

// A File is a network that Float or Integer wrote, as the file holds it: biases
// in integers are multiples of bias_scale, and the few weights that
// newParameters rescaled are the rescaled ones.
type File struct {
	Float    *model.Graph     // nil of a network in integers
	Integer  []weights.Tensor // its tensors, as files of weights hold them; see Check
	Metadata map[string]string

	model *Model
}

// Read reads a file. Other programs' files are refused: a file is one of ours if
// writing what was read gives its graph again. Of a network in integers, Check
// says so once it is built.
func Read(path string) (*File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("reading ONNX: %w", err)
	}
	if !info.Mode().IsRegular() || info.Size() > maxFile {
		return nil, fmt.Errorf("reading ONNX: %s is not a regular file of at most %d bytes", path, maxFile)
	}
	file, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading ONNX: %w", err)
	}
	f, err := parse(file)
	if err != nil {
		return nil, fmt.Errorf("reading ONNX from %s: %w", path, err)
	}
	return f, nil
}

// metaQuantized is the metadata that a network in integers has.
const metaQuantized = "quantization"

func parse(file []byte) (*File, error) {
	m, err := decode(file)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", err, errForeign)
	}
	f := &File{Metadata: map[string]string{}, model: m}
	for _, e := range m.metadata {
		f.Metadata[e.key] = e.value
	}
	tensors, err := m.graph.tensors()
	if err != nil {
		return nil, err
	}
	if _, ok := f.Metadata[metaQuantized]; ok {
		f.Integer = tensors
		return f, nil
	}
	if f.Float, err = weights.Network(tensors, f.Metadata); err != nil {
		return nil, fmt.Errorf("%w: %w", err, errForeign)
	}
	return f, f.check(Float(f.Float, Header{m.producerVersion, f.Metadata}))
}

// Check reports whether the file is what Integer writes of n, which was built from
// its tensors.
func (f *File) Check(n IntegerNetwork) error {
	return f.check(Integer(n, Header{f.model.producerVersion, f.Metadata}))
}

func (f *File) check(again *Model) error {
	if !sameShape(f.model, again) {
		return fmt.Errorf("the graph is not the one that these weights are written with: %w", errForeign)
	}
	return nil
}

// tensors returns the initializers that are parameters, as safetensors files
// hold them.
func (g *graph) tensors() ([]weights.Tensor, error) {
	byName := map[string]*tensor{}
	for i := range g.initializers {
		byName[g.initializers[i].name] = &g.initializers[i]
	}
	limits := map[string]bool{} // of activations, which belong to their operator
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

// sizes are the bytes of an element of each data type.
var sizes = map[int64]int64{typeFloat: 4, typeUint8: 1, typeInt8: 1, typeInt32: 4, typeInt64: 8}

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

// sameShape reports whether two models are alike but for what their
// initializers hold.
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
