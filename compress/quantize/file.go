package quantize

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"strconv"

	"espalier/model"
	"espalier/model/kernel"
	"espalier/model/weights"
)

// Metadata keys of a quantized network's file.
const (
	metaRecipe   = "quantization" // the recipe as JSON
	metaObserver = "calibration_observer"
	metaImages   = "calibration_images"
	metaBatch    = "calibration_batch"
)

// IsQuantized reports whether a file with that metadata holds a quantized
// network.
func IsQuantized(metadata map[string]string) bool {
	_, ok := metadata[metaRecipe]
	return ok
}

// Save writes a quantized network as one safetensors file. Every layer has
// weight (I8), weight_scale and bias (F32), output_scale (F32) and
// output_zero_point (I32); input, blocks and pool have the last two. Recipe,
// calibration, architecture and normalisation stand in the metadata, beside
// what the caller adds.
func Save(path string, n *Network, metadata map[string]string) error {
	recipe, err := json.Marshal(n.Recipe)
	if err != nil {
		return fmt.Errorf("writing weights to %s: recipe %s: %w", path, n.Recipe.Name, err)
	}
	all := weights.Metadata(&model.Graph{Name: n.Arch.String(), Mean: n.Mean[:], Std: n.Std[:]}, metadata)
	maps.Copy(all, map[string]string{
		metaRecipe:   string(recipe),
		metaObserver: n.Calibration.Observer,
		metaImages:   strconv.Itoa(n.Calibration.Images),
		metaBatch:    strconv.Itoa(n.Calibration.Batch),
	})
	return weights.Write(path, n.tensors(), all)
}

// tensors returns the network's state for a file.
func (n *Network) tensors() []weights.Tensor {
	var all []weights.Tensor
	n.eachActivation(func(name string, a *kernel.Affine, _ bool) error {
		zero := binary.LittleEndian.AppendUint32(nil, uint32(a.Zero))
		all = append(all, weights.Float32(name+".output_scale", []int{1}, []float32{a.Scale}),
			weights.Tensor{Name: name + ".output_zero_point", DType: weights.I32, Shape: []int{1}, Data: zero})
		return nil
	})
	for _, l := range n.Layers() {
		codes := make([]byte, len(l.Weight))
		for i, w := range l.Weight {
			codes[i] = byte(w)
		}
		all = append(all,
			weights.Tensor{Name: l.Name + ".weight", DType: weights.I8, Shape: l.shape(), Data: codes},
			weights.Float32(l.Name+".weight_scale", []int{l.Out}, l.Scale),
			weights.Float32(l.Name+".bias", []int{l.Out}, l.Bias))
	}
	return all
}

func (l *Layer) shape() []int {
	if l.Kind == model.LinearKind {
		return []int{l.Out, l.In}
	}
	return []int{l.Out, l.In, l.Kernel, l.Kernel}
}

// eachActivation calls do for every activation's quantization with its name
// and whether it comes out of a ReLU, in forward order, up to the first error.
func (n *Network) eachActivation(do func(name string, a *kernel.Affine, rectified bool) error) error {
	err := do("input", &n.Input, false)
	layer := func(l *Layer) {
		if err == nil {
			err = do(l.Name, &l.Output, l.ReLU)
		}
	}
	layer(n.Stem)
	for _, b := range n.Blocks {
		layer(b.Conv1)
		layer(b.Conv2)
		if b.Downsample != nil {
			layer(b.Downsample)
		}
		if err == nil {
			err = do(b.Name(), &b.Sum, true)
		}
	}
	if err == nil {
		err = do("pool", &n.Pool, true)
	}
	layer(n.Classifier)
	return err
}

// Load reads a quantized network from a file and returns the file's metadata
// with it.
func Load(path string) (*Network, map[string]string, error) {
	tensors, metadata, err := weights.Read(path)
	if err != nil {
		return nil, nil, err
	}
	n, err := FromTensors(tensors, metadata)
	if err != nil {
		return nil, nil, fmt.Errorf("building a quantized network from %s: %w", path, err)
	}
	return n, metadata, nil
}

// FromTensors builds a quantized network from a file's tensors and metadata.
// Everything that could make it compute something else than it says is
// checked: shapes, types, scales and zero points.
func FromTensors(tensors []weights.Tensor, metadata map[string]string) (*Network, error) {
	f := tensorFile{}
	var floats []weights.Tensor
	for _, t := range tensors {
		f[t.Name] = t
		if t.DType == weights.I8 || isBias(t.Name) {
			floats = append(floats, asFloat(t))
		}
	}
	// The float network with the same shapes: package weights knows which
	// architecture they are, and what is missing or too much.
	g, err := weights.Network(floats, metadata)
	if err != nil {
		return nil, err
	}
	shapes, err := model.NetworkOf(g)
	if err != nil {
		return nil, err
	}
	n := &Network{Arch: shapes.Arch, Mean: shapes.Mean, Std: shapes.Std}
	if err := n.readMetadata(metadata); err != nil {
		return nil, err
	}
	n.skeleton(shapes)
	for _, l := range n.Layers() {
		if err := f.layer(l); err != nil {
			return nil, err
		}
	}
	return n, n.eachActivation(f.activation)
}

func isBias(name string) bool {
	const suffix = ".bias"
	return len(name) > len(suffix) && name[len(name)-len(suffix):] == suffix
}

// asFloat returns a tensor of the same shape that package weights takes for a
// network's. Codes are small integers, so that they are exact.
func asFloat(t weights.Tensor) weights.Tensor {
	if t.DType != weights.I8 {
		return t
	}
	values := make([]float32, len(t.Data))
	for i, b := range t.Data {
		values[i] = float32(int8(b))
	}
	return weights.Float32(t.Name, t.Shape, values)
}

// readMetadata reads the recipe and the calibration.
func (n *Network) readMetadata(metadata map[string]string) error {
	text, ok := metadata[metaRecipe]
	if !ok {
		return fmt.Errorf("metadata %q is missing; this is no quantized network: quantize it first", metaRecipe)
	}
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.DisallowUnknownFields()
	if err := d.Decode(&n.Recipe); err != nil {
		return fmt.Errorf("metadata %q: %w; the file comes from another version", metaRecipe, err)
	}
	n.Calibration.Observer = metadata[metaObserver]
	// Both are for people; a file without them computes the same.
	n.Calibration.Images, _ = strconv.Atoi(metadata[metaImages])
	n.Calibration.Batch, _ = strconv.Atoi(metadata[metaBatch])
	return nil
}

// skeleton makes the layers that n has, without weights and scales.
func (n *Network) skeleton(shapes *model.Network) {
	n.Stem, n.Classifier = emptyLayer(shapes.Stem, true), emptyLayer(shapes.Classifier, false)
	for _, from := range shapes.Blocks {
		b := &Block{Conv1: emptyLayer(from.Conv1, true), Conv2: emptyLayer(from.Conv2, false)}
		if from.Downsample != nil {
			b.Downsample = emptyLayer(from.Downsample, false)
		}
		n.Blocks = append(n.Blocks, b)
	}
}

// A tensorFile is a file's tensors by name.
type tensorFile map[string]weights.Tensor

// layer fills in l's weights, scales and biases.
func (f tensorFile) layer(l *Layer) error {
	codes := f[l.Name+".weight"]
	if codes.DType != weights.I8 {
		return fmt.Errorf("tensor %s has type %s: want %s", codes.Name, codes.DType, weights.I8)
	}
	l.Weight = make([]int8, len(codes.Data))
	for i, b := range codes.Data {
		l.Weight[i] = int8(b)
	}
	var err error
	if l.Scale, err = f.scales(l.Name+".weight_scale", l.Out); err != nil {
		return err
	}
	l.Bias, err = f.floats(l.Name+".bias", l.Out)
	return err
}

// activation fills in one activation's quantization.
func (f tensorFile) activation(name string, a *kernel.Affine, rectified bool) error {
	scale, err := f.scales(name+".output_scale", 1)
	if err != nil {
		return err
	}
	zero, ok := f[name+".output_zero_point"]
	if !ok || zero.DType != weights.I32 || len(zero.Data) != 4 {
		return fmt.Errorf("tensor %s.output_zero_point: want one number of type %s", name, weights.I32)
	}
	z := int32(binary.LittleEndian.Uint32(zero.Data))
	if z < 0 || z > 255 || (rectified && z != 0) {
		return fmt.Errorf("tensor %s is %d: want 0 to 255, and 0 behind a ReLU", zero.Name, z)
	}
	*a = kernel.Affine{Scale: scale[0], Zero: uint8(z)}
	return nil
}

// floats returns a tensor of n finite numbers.
func (f tensorFile) floats(name string, n int) ([]float32, error) {
	t, ok := f[name]
	if !ok {
		return nil, fmt.Errorf("tensor %s is missing", name)
	}
	values, err := t.Float32s()
	if err != nil {
		return nil, err
	}
	if len(values) != n {
		return nil, fmt.Errorf("tensor %s has %d elements: want %d", name, len(values), n)
	}
	for i, v := range values {
		if !finite(v) {
			return nil, fmt.Errorf("tensor %s: element %d is %g; the file is damaged", name, i, v)
		}
	}
	return values, nil
}

// scales is floats for numbers that are positive.
func (f tensorFile) scales(name string, n int) ([]float32, error) {
	values, err := f.floats(name, n)
	for i, v := range values {
		if v <= 0 {
			return nil, fmt.Errorf("tensor %s: element %d is %g, and a scale is positive; the file is damaged", name, i, v)
		}
	}
	return values, err
}
