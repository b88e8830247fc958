package quantize

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"espalier/internal/finite"
	"espalier/model"
	"espalier/model/kernel"
	"espalier/model/weights"
)

// Metadata keys of a quantized network's file, beside those of every file: under
// weights.MetaQuantization is the recipe as JSON.
const (
	metaObserver = "calibration_observer"
	metaImages   = "calibration_images"
	metaBatch    = "calibration_batch"
)

// IsQuantized reports whether a file with that metadata holds a quantized
// network.
func IsQuantized(metadata map[string]string) bool {
	_, ok := metadata[weights.MetaQuantization]
	return ok
}

// Save writes a quantized network as one safetensors file. Every convolution and
// linear layer has weight (I8, or packed as U8 where codes have fewer bits),
// weight_scale and bias (F32), a batch norm has factor and bias (F32), and every node
// whose output has a scale of its own has output_scale (F32) and output_zero_point
// (I32). Recipe, calibration, graph and normalisation stand in the metadata, beside
// what the caller adds.
func Save(path string, n *Network, metadata map[string]string) error {
	tensors, all, err := Tensors(n, metadata)
	if err != nil {
		return fmt.Errorf("writing weights to %s: %w", path, err)
	}
	return weights.Write(path, tensors, all)
}

// Tensors returns what Save writes.
func Tensors(n *Network, metadata map[string]string) ([]weights.Tensor, map[string]string, error) {
	recipe, err := json.Marshal(n.Recipe)
	if err != nil {
		return nil, nil, fmt.Errorf("recipe %s: %w", n.Recipe.Name, err)
	}
	graph, err := n.Graph().Describe()
	if err != nil {
		return nil, nil, err
	}
	all := weights.Metadata(&model.Graph{Name: n.Name, Mean: n.Mean, Std: n.Std}, metadata)
	maps.Copy(all, map[string]string{
		weights.MetaQuantization: string(recipe),
		weights.MetaGraph:        graph,
		metaObserver:             n.Calibration.Observer,
		metaImages:               strconv.Itoa(n.Calibration.Images),
		metaBatch:                strconv.Itoa(n.Calibration.Batch),
	})
	return n.tensors(), all, nil
}

// stored reports whether files hold the scale and zero point of the node's
// output. A pool that keeps its input's scale is stored with it, as in earlier
// versions.
func (n *Node) stored() bool { return !n.Keeps || n.Op == (model.GlobalAvgPool{}) }

// tensors returns the network's state for a file.
func (n *Network) tensors() []weights.Tensor {
	var all []weights.Tensor
	for _, m := range n.Nodes {
		if m.stored() {
			zero := binary.LittleEndian.AppendUint32(nil, uint32(m.Output.Zero))
			all = append(all, weights.Float32(m.Name+".output_scale", []int{1}, []float32{m.Output.Scale}),
				weights.Tensor{Name: m.Name + ".output_zero_point", DType: weights.I32, Shape: []int{1}, Data: zero})
		}
	}
	for _, m := range n.Nodes {
		out := []int{m.Shape.C}
		switch {
		case m.IsLayer():
			all = append(all, m.weightTensor(),
				weights.Float32(m.Name+".weight_scale", out, m.Scale),
				weights.Float32(m.Name+".bias", out, m.Bias))
		case m.Scale != nil:
			all = append(all, weights.Float32(m.Name+".factor", out, m.Scale), weights.Float32(m.Name+".bias", out, m.Bias))
		}
	}
	return all
}

// weightTensor returns a layer's codes: I8 in the weight's shape, or, of fewer than
// 8 bits, packed one behind the other as U8 [bytes].
func (n *Node) weightTensor() weights.Tensor {
	t := weights.Tensor{Name: n.Name + ".weight", DType: weights.I8, Shape: n.WeightShape(), Data: pack(n.Weight, n.WeightBits)}
	if n.WeightBits < 8 {
		t.DType, t.Shape = weights.U8, []int{len(t.Data)}
	}
	return t
}

// FromTensors builds a quantized network from a file's tensors and metadata. It
// checks shapes, types, scales and zero points. A file that does not describe
// its graph is from an earlier version and holds a CIFAR ResNet.
func FromTensors(tensors []weights.Tensor, metadata map[string]string) (*Network, error) {
	n := &Network{}
	if err := n.readMetadata(metadata); err != nil {
		return nil, err
	}
	f := tensorFile{}
	for _, t := range tensors {
		f[t.Name] = t
	}
	g, err := graphOf(tensors, metadata)
	if err != nil {
		return nil, err
	}
	n.Name, n.Mean, n.Std, n.Nodes = g.Name, g.Mean, g.Std, steps(g, n.Recipe)
	for _, m := range n.Nodes {
		if err := f.node(m, n.Recipe); err != nil {
			return nil, err
		}
	}
	if len(f) > 0 {
		name := slices.Min(slices.Collect(maps.Keys(f)))
		return nil, fmt.Errorf("tensor %s of shape %v belongs to no node of the network", name, f[name].Shape)
	}
	return n, nil
}

// graphOf returns the graph that a file describes, or the ResNet that its
// tensors are.
func graphOf(tensors []weights.Tensor, metadata map[string]string) (*model.Graph, error) {
	text, ok := metadata[weights.MetaGraph]
	if !ok {
		var floats []weights.Tensor
		for _, t := range tensors {
			if t.DType == weights.I8 || strings.HasSuffix(t.Name, ".bias") {
				floats = append(floats, asFloat(t))
			}
		}
		return weights.Network(floats, metadata)
	}
	g, err := model.ParseGraph(text)
	if err != nil {
		return nil, err
	}
	for _, n := range g.Nodes {
		_, dropout := n.Op.(model.Dropout)
		if dropout || !g.Fused() {
			return nil, fmt.Errorf("the network's description has %s, which a quantized network cannot have: the file is damaged", model.OpName(n.Op))
		}
	}
	g.Mean, g.Std, err = weights.Normalisation(metadata, g.Input().Shape.C)
	return g, err
}

// asFloat returns the tensor in float32, which package weights takes for a
// network's. Codes are small integers, so this is exact.
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
	text, ok := metadata[weights.MetaQuantization]
	if !ok {
		return fmt.Errorf("metadata %q is missing; this is not a quantized network: quantize it first", weights.MetaQuantization)
	}
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.DisallowUnknownFields()
	if err := d.Decode(&n.Recipe); err != nil {
		return fmt.Errorf("metadata %q: %w; the file comes from another version", weights.MetaQuantization, err)
	}
	if _, err := n.Recipe.WithWidths(n.Recipe.Widths); err != nil {
		return fmt.Errorf("metadata %q: %w", weights.MetaQuantization, err)
	}
	n.Calibration.Observer = metadata[metaObserver]
	// Both are for people; a file without them computes the same.
	n.Calibration.Images, _ = strconv.Atoi(metadata[metaImages])
	n.Calibration.Batch, _ = strconv.Atoi(metadata[metaBatch])
	return nil
}

// A tensorFile is a file's tensors by name.
type tensorFile map[string]weights.Tensor

// node fills in what a file holds of n, and takes it out of f.
func (f tensorFile) node(n *Node, r Recipe) error {
	var err error
	_, norm := n.Op.(model.BatchNorm)
	switch {
	case n.IsLayer():
		err = f.layer(n)
	case norm:
		if n.Scale, err = f.floats(n.Name+".factor", n.Shape.C); err == nil {
			n.Bias, err = f.floats(n.Name+".bias", n.Shape.C)
		}
	}
	if err != nil {
		return err
	}
	_, there := f[n.Name+".output_scale"]
	switch {
	case n.Float && !there: // ONNX files leave out unused scales
		n.Output = kernel.Affine{Scale: 1}
	case n.Keeps && !there && !n.stored():
		n.Output = n.Inputs[0].Output
	default:
		if err := f.activation(n, r); err != nil {
			return err
		}
	}
	if in := n.Inputs; n.Keeps && n.Output != in[0].Output {
		return fmt.Errorf("node %s has scale %g and zero point %d: want those of its input %s; the file is damaged", n.Name, n.Output.Scale, n.Output.Zero, in[0].Name)
	}
	return nil
}

// layer fills in a layer's weights, scales and biases.
func (f tensorFile) layer(n *Node) error {
	name, count := n.Name+".weight", 1
	for _, d := range n.WeightShape() {
		count *= d
	}
	codes, ok := f[name]
	delete(f, name)
	packed := []int{packedLen(count, n.WeightBits)}
	switch {
	case ok && codes.DType == weights.I8 && slices.Equal(codes.Shape, n.WeightShape()):
		n.Weight = unpack(codes.Data, count, 8) // as ONNX files have them
	case ok && codes.DType == weights.U8 && n.WeightBits < 8 && slices.Equal(codes.Shape, packed):
		n.Weight = unpack(codes.Data, count, n.WeightBits)
	default:
		return fmt.Errorf("tensor %s of shape %v and type %s, or packed %v and %s, is missing", name, n.WeightShape(), weights.I8, packed, weights.U8)
	}
	if half := 1 << (n.WeightBits - 1); slices.ContainsFunc(n.Weight, func(c int8) bool { return int(c) < -half || int(c) >= half }) {
		return fmt.Errorf("tensor %s has codes of more than %d bits; the file is damaged", name, n.WeightBits)
	}
	if fan := n.Fan(); fan > MaxFan {
		return fmt.Errorf("tensor %s: each output sums over %d weights, but int32 holds sums over at most %d", name, fan, MaxFan)
	}
	var err error
	if n.Scale, err = f.scales(n.Name+".weight_scale", n.Shape.C); err != nil {
		return err
	}
	n.Bias, err = f.floats(n.Name+".bias", n.Shape.C)
	return err
}

// activation fills in the quantization of a node's output. Behind a ReLU the
// zero point is 0, unless the scale is shared with other values.
func (f tensorFile) activation(n *Node, r Recipe) error {
	scale, err := f.scales(n.Name+".output_scale", 1)
	if err != nil {
		return err
	}
	name := n.Name + ".output_zero_point"
	zero, ok := f[name]
	delete(f, name)
	if !ok || zero.DType != weights.I32 || len(zero.Data) != 4 {
		return fmt.Errorf("tensor %s: want one number of type %s", name, weights.I32)
	}
	_, relu := n.Act.(model.ReLU)
	z := int32(binary.LittleEndian.Uint32(zero.Data))
	most := int32(n.largest())
	if z < 0 || z > most || (relu && z != 0 && !r.Shared) {
		return fmt.Errorf("tensor %s is %d: want 0 to %d, and 0 behind a ReLU", name, z, most)
	}
	n.Output = kernel.Affine{Scale: scale[0], Zero: uint8(z)}
	return nil
}

// floats returns a tensor of n finite numbers.
func (f tensorFile) floats(name string, n int) ([]float32, error) {
	t, ok := f[name]
	if !ok {
		return nil, fmt.Errorf("tensor %s is missing", name)
	}
	delete(f, name)
	values, err := t.Float32s()
	if err != nil {
		return nil, err
	}
	if len(values) != n {
		return nil, fmt.Errorf("tensor %s has %d elements: want %d", name, len(values), n)
	}
	if i := finite.First(values); i >= 0 {
		return nil, fmt.Errorf("tensor %s: element %d is %g; the file is damaged", name, i, values[i])
	}
	return values, nil
}

// scales is floats for numbers that are positive.
func (f tensorFile) scales(name string, n int) ([]float32, error) {
	values, err := f.floats(name, n)
	for i, v := range values {
		if v <= 0 {
			return nil, fmt.Errorf("tensor %s: element %d is %g, and a scale must be positive; the file is damaged", name, i, v)
		}
	}
	return values, err
}
