package onnx

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"espalier/model"
	"espalier/model/weights"
)

// ReadGraph reads a network of which an ONNX file gives the graph and a state dict
// the values: every initializer is replaced by the state dict's tensor of its name
// before the network is built. The file may lack the values, also those that lie in
// other files. Every tensor must find its place, and every layer its weight.
// Images are normalised as the state dict's metadata say, or else the graph's.
func ReadGraph(path string, file *weights.File) (*model.Graph, []string, error) {
	values, masks, notes, err := file.StateDict()
	if err != nil {
		return nil, nil, err
	}
	graph, folder, err := load(path)
	if err != nil {
		return nil, nil, err
	}
	g, more, err := fill(graph, folder, values, masks)
	if err != nil {
		return nil, nil, fmt.Errorf("with the graph in %s: %w", path, err)
	}
	mean, std, err := weights.Normalisation(file.Metadata, g.Input().Shape.C)
	if err != nil {
		return nil, nil, err
	}
	if std != nil {
		g.Mean, g.Std = mean, std
	}
	return g, append(notes, more...), nil
}

// unfolded says how a graph is exported that keeps a state dict's names.
const unfolded = "exporters rename and drop tensors when they fold batch norm into a convolution; export the graph of the network in evaluation mode with torch.onnx.export(..., training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=False)"

// fill returns the network of a graph with a state dict's values, which it takes
// out of values. Folder is where other constants may lie.
func fill(graph []byte, folder *folder, values, masks map[string]weights.Tensor) (*model.Graph, []string, error) {
	m, err := decode(graph)
	if err != nil {
		return nil, nil, err
	}
	if slices.ContainsFunc(m.metadata, func(e entry) bool { return e.key == weights.MetaQuantization }) {
		return nil, nil, errors.New("it is quantized: give the graph in floating point")
	}
	prefix := m.prefix(values)
	m.declare(values, prefix)
	m.separate(values, prefix)
	used := map[string]bool{} // initializers that got a value
	size := int64(len(graph))
	for i := range m.graph.initializers {
		t := &m.graph.initializers[i]
		name, ok := strings.CutPrefix(t.name, prefix)
		v, known := values[name]
		if !ok || !known {
			continue
		}
		if err := t.fill(v); err != nil {
			return nil, nil, err
		}
		used[t.name] = true
		size += int64(4 * len(t.floats))
		delete(values, name)
	}
	if err := m.allFilled(used); err != nil {
		return nil, nil, err
	}
	parts := map[string]bool{}
	for name := range used {
		parts[firstPart(name[len(prefix):])] = true
	}
	left, err := leftOver(values, parts)
	if err != nil {
		return nil, nil, err
	}
	g, notes, err := m.network(folder, size)
	if err != nil {
		return nil, nil, err
	}
	if len(left) > 0 {
		notes = append(notes, "left out, since the graph does not have them: "+short(left))
	}
	return g, notes, hold(g, masks, prefix)
}

// prefix returns what stands before the state dict's names in the file's: nothing,
// or what all names of the state dict shared, which was taken off them.
func (m *Model) prefix(values map[string]weights.Tensor) string {
	prefix, most := "", 0
	fits := map[string]int{}
	count := func(name string) {
		for rest := name; ; {
			if _, ok := values[rest]; ok {
				p := name[:len(name)-len(rest)]
				if fits[p]++; fits[p] > most || fits[p] == most && len(p) < len(prefix) {
					prefix, most = p, fits[p]
				}
			}
			var dot bool
			if _, rest, dot = strings.Cut(rest, "."); !dot {
				return
			}
		}
	}
	for i := range m.graph.initializers {
		count(m.graph.initializers[i].name)
	}
	for _, v := range m.graph.inputs {
		count(v.name)
	}
	return prefix
}

// declare adds initializers for the inputs that stand for tensors of the state dict
// in a file that was exported without values.
func (m *Model) declare(values map[string]weights.Tensor, prefix string) {
	known := map[string]bool{}
	for i := range m.graph.initializers {
		known[m.graph.initializers[i].name] = true
	}
	for _, v := range m.graph.inputs {
		name, ok := strings.CutPrefix(v.name, prefix)
		if _, holds := values[name]; !ok || !holds || known[v.name] {
			continue
		}
		t := tensor{name: v.name, dataType: typeFloat}
		for _, d := range v.kind.tensor.shape.dims {
			t.dims = append(t.dims, d.size)
		}
		m.graph.initializers = append(m.graph.initializers, t)
	}
}

// separate gives every tensor of the state dict an initializer of its own. PyTorch's
// exporter keeps one of those that are equal, as the batch norms' of a network that
// was not trained, and writes an Identity that gives the other one's name.
func (m *Model) separate(values map[string]weights.Tensor, prefix string) {
	at := map[string]int{}
	for i := range m.graph.initializers {
		at[m.graph.initializers[i].name] = i
	}
	m.graph.nodes = slices.DeleteFunc(m.graph.nodes, func(n node) bool {
		from, ok := at[n.input(0)]
		if n.op != "Identity" || !ok || len(n.outputs) != 1 || !strings.HasPrefix(n.outputs[0], prefix) {
			return false
		}
		if _, ok := values[n.outputs[0][len(prefix):]]; !ok {
			return false
		}
		t := m.graph.initializers[from]
		t.name = n.outputs[0]
		m.graph.initializers = append(m.graph.initializers, t)
		return true
	})
}

// fill replaces an initializer's elements by a state dict's.
func (t *tensor) fill(v weights.Tensor) error {
	shape := make([]int64, len(v.Shape))
	for k, d := range v.Shape {
		shape[k] = int64(d)
	}
	if _, float := floats[t.dataType]; !float || !slices.Equal(t.dims, shape) {
		return fmt.Errorf("initializer %s has shape %v, and tensor %s of the state dict %v: the graph is of another network", t.name, t.dims, v.Name, v.Shape)
	}
	data, err := v.Float32s()
	*t = tensor{name: t.name, dims: t.dims, dataType: typeFloat, floats: data}
	return err
}

// allFilled refuses a graph with a layer whose weight is none of the state dict's.
func (m *Model) allFilled(used map[string]bool) error {
	own := map[string]bool{}
	for i := range m.graph.initializers {
		own[m.graph.initializers[i].name] = true
	}
	for i := range m.graph.nodes {
		n := &m.graph.nodes[i]
		switch n.op {
		case "Conv", "FusedConv", "Gemm", "FusedGemm", "MatMul":
			if w := n.input(1); own[w] && !used[w] {
				return fmt.Errorf("node %q (%s): its weight %s is no tensor of the state dict: %s", nodeName(n), n.op, w, unfolded)
			}
		}
	}
	return nil
}

// leftOver returns the modules of tensors that found no place: those that the graph
// has nothing of, as classifiers that only training uses. Parts are the modules that
// it has. Any other tensor is an error, since it changes what the network computes.
func leftOver(values map[string]weights.Tensor, parts map[string]bool) ([]string, error) {
	layers := map[string]bool{} // modules with a convolution or a linear layer
	for name, v := range values {
		if len(v.Shape) == 2 || len(v.Shape) == 4 {
			layers[firstPart(name)] = true
		}
	}
	left := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		part := firstPart(name)
		if parts[part] || !layers[part] {
			return nil, fmt.Errorf("tensor %s of shape %v has no place in it: %s", values[name].Name, values[name].Shape, unfolded)
		}
		left[part] = true
	}
	return slices.Sorted(maps.Keys(left)), nil
}

func firstPart(name string) string {
	first, _, _ := strings.Cut(name, ".")
	return first
}

// hold gives layers their masks.
func hold(g *model.Graph, masks map[string]weights.Tensor, prefix string) error {
	for name, mask := range masks {
		l := g.Node(prefix + name)
		if l == nil {
			continue // of what was left out
		}
		keep, err := mask.Float32s()
		if err != nil {
			return err
		}
		if len(keep) != len(l.Weight) {
			return fmt.Errorf("tensor %s has %d values for %d weights: the graph is of another network", mask.Name, len(keep), len(l.Weight))
		}
		l.Mask = keep
	}
	return nil
}
