package onnx

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"espalier/internal/normalisation"
	"espalier/model"
)

// The operator sets that are read.
const (
	firstOpset = 7
	lastOpset  = 24
)

// maxMap is the most values of one node for one image.
const maxMap = 1 << 24

// An importer turns a file into a network. It walks the file's nodes in order,
// computes those that depend only on constants, and adds nodes to the network
// for the others.
type importer struct {
	file    *Model
	folder  *folder
	opset   int64
	tensors map[string]*tensor // initializers
	values  map[string]*value
	reads   map[string]int // how many nodes that the logits depend on read each name
	done    map[*value]*value
	names   *namer
	build   *model.Builder
	image   model.Shape
	batch   int64 // of the file's input, 0 if it is not fixed
	left    int   // elements that may still be made
	notes   []string
}

// network returns the network that a file describes, and sentences about what
// was left out. folder may hold the data of its tensors.
func (m *Model) network(folder *folder, size int64) (*model.Graph, []string, error) {
	im := &importer{
		file: m, folder: folder, tensors: map[string]*tensor{}, values: map[string]*value{},
		reads: map[string]int{}, done: map[*value]*value{}, left: 1<<20 + int(4*size),
	}
	if err := im.version(); err != nil {
		return nil, nil, err
	}
	for i := range m.graph.initializers {
		t := &m.graph.initializers[i]
		im.tensors[t.name] = t
	}
	if err := im.input(); err != nil {
		return nil, nil, err
	}
	live, output, err := im.live()
	if err != nil {
		return nil, nil, err
	}
	im.names = newNamer(live, m.producer == producer)
	for _, n := range live {
		if err := im.node(n); err != nil {
			return nil, nil, err
		}
	}
	g, err := im.finish(output)
	return g, im.notes, err
}

// version looks up the operator set.
func (im *importer) version() error {
	for _, o := range im.file.opsets {
		if o.domain == "" || o.domain == "ai.onnx" {
			im.opset = o.version
		}
	}
	if im.opset < firstOpset || im.opset > lastOpset {
		return fmt.Errorf("the file uses operator set %d, and %d to %d are read: export the network again with one of these, or convert the file with onnx.version_converter", im.opset, firstOpset, lastOpset)
	}
	return nil
}

// input begins the network. Files up to IR version 3 list initializers among the
// inputs.
func (im *importer) input() error {
	var inputs []valueInfo
	for _, v := range im.file.graph.inputs {
		if im.tensors[v.name] == nil {
			inputs = append(inputs, v)
		}
	}
	if len(inputs) != 1 {
		return fmt.Errorf("the network has %d inputs, and one is supported, images [batch][channels][height][width]: export it with that one", len(inputs))
	}
	in := inputs[0]
	dims := in.kind.tensor.shape.dims
	if len(dims) != 4 {
		return fmt.Errorf("input %s has %d dimensions: want images [batch][channels][height][width]", in.name, len(dims))
	}
	size := make([]int, 3)
	for k, d := range dims[1:] {
		if d.size < 1 || d.size > 4096 {
			return fmt.Errorf("input %s has shape %s: channels, height and width must be numbers; export the network with images of a fixed size", in.name, describe(dims))
		}
		size[k] = int(d.size)
	}
	im.batch = max(dims[0].size, 0)
	v := &value{dims: size, alone: true}
	im.image = model.Shape{C: size[0], H: size[1], W: size[2]}
	if size[2] <= 4 && size[0] > 4 {
		im.image, v.nhwc = model.Shape{C: size[2], H: size[0], W: size[1]}, true
	}
	if im.image.Len() > maxMap {
		return fmt.Errorf("input %s has shape %s: at most %d values are read", in.name, describe(dims), maxMap)
	}
	name := im.file.graph.name
	if name == "" || !printable(name) {
		name = "network"
	}
	im.build = model.NewBuilder(name, im.image)
	v.node = im.build.Input()
	im.values[in.name] = v
	return nil
}

func describe(dims []dimension) string {
	var all []string
	for _, d := range dims {
		switch {
		case d.name != "":
			all = append(all, d.name)
		case d.size > 0:
			all = append(all, strconv.FormatInt(d.size, 10))
		default:
			all = append(all, "?")
		}
	}
	return strings.Join(all, "×")
}

// live returns the nodes that the first output depends on, in the file's order,
// and counts the readers of each name.
func (im *importer) live() (live []*node, output string, err error) {
	g := &im.file.graph
	if len(g.outputs) == 0 || len(g.nodes) == 0 {
		return nil, "", errors.New("the file holds no network: it has no nodes or no output; export it again")
	}
	output = g.outputs[0].name
	if len(g.outputs) > 1 {
		var others []string
		for _, o := range g.outputs[1:] {
			others = append(others, o.name)
		}
		im.note("of the outputs the first, %s, is taken; left out: %s", output, short(others))
	}
	im.reads[output] = 1
	for i := len(g.nodes) - 1; i >= 0; i-- {
		n := &g.nodes[i]
		if !slices.ContainsFunc(n.outputs, func(name string) bool { return name != "" && im.reads[name] > 0 }) {
			continue
		}
		live = append(live, n)
		for _, name := range n.inputs {
			im.reads[name]++
		}
	}
	slices.Reverse(live)
	return live, output, nil
}

func short(names []string) string {
	const shown = 4
	if len(names) <= shown {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:shown], ", "), len(names)-shown)
}

func (im *importer) note(format string, args ...any) {
	im.notes = append(im.notes, fmt.Sprintf(format, args...))
}

// node reads one node of the file.
func (im *importer) node(n *node) error {
	fail := func(err error) error {
		return fmt.Errorf("node %q (%s, operator set %d): %w", nodeName(n), opName(n), im.opset, err)
	}
	read, known := operators[opName(n)]
	if _, folds := folds[n.op]; !known && (!folds || n.domain != "" && n.domain != "ai.onnx") {
		names := slices.Sorted(maps.Keys(operators))
		return fail(fmt.Errorf("this operator is not supported, but %s are: export the network without it, or simplify the file with onnxsim first", strings.Join(names, ", ")))
	}
	in := make([]*value, len(n.inputs))
	constant := true
	for k, name := range n.inputs {
		if name == "" {
			continue
		}
		v, err := im.value(name)
		if err != nil {
			return fail(err)
		}
		in[k] = v
		constant = constant && v.constant != nil
	}
	if len(n.outputs) == 0 {
		return nil
	}
	var out *value
	var err error
	if _, folds := folds[n.op]; folds && constant {
		out, err = im.fold(n, in)
	} else if known {
		out, err = read(im, n, in)
	} else {
		err = errors.New("it computes with the network's values, which is supported for shapes only: simplify the file with onnxsim first")
	}
	if err != nil {
		return fail(err)
	}
	if _, twice := im.values[n.outputs[0]]; twice {
		return fail(fmt.Errorf("another node produces %q too; the file is damaged", n.outputs[0]))
	}
	im.values[n.outputs[0]] = out
	return nil
}

// value returns what a name stands for.
func (im *importer) value(name string) (*value, error) {
	if v := im.values[name]; v != nil {
		return v, nil
	}
	t := im.tensors[name]
	if t == nil {
		return nil, fmt.Errorf("it reads %q, which no node before it produces; the file is damaged, or its nodes are not in order: open and save it with onnxsim", name)
	}
	a, err := im.read(t)
	if err != nil {
		return nil, err
	}
	v := &value{constant: a, source: name}
	im.values[name] = v
	return v, nil
}

// read returns a tensor's elements.
func (im *importer) read(t *tensor) (*array, error) {
	a, err := t.array(im.folder)
	if err != nil {
		return nil, err
	}
	if t.location == 1 { // within limits of its own
		im.left += 4 * a.len()
	}
	return a, im.spend(a.len())
}

// spend counts elements that were made, and fails if they are too many for a
// file of this size.
func (im *importer) spend(elements int) error {
	if im.left -= elements; im.left < 0 {
		return errors.New("the network has far more values than the file holds: it is damaged, or its weights are shared in ways that are not supported")
	}
	return nil
}

// add appends a node to the network.
func (im *importer) add(name string, op model.Op, inputs ...*model.Node) (*model.Node, error) {
	n := im.build.Add(name, op, inputs...)
	if n.Shape.C == 0 {
		_, err := im.build.Graph()
		return nil, err
	}
	if n.Shape.C > maxMap || n.Shape.Len() > maxMap {
		return nil, fmt.Errorf("its output has shape %v: at most %d values are read", n.Shape, maxMap)
	}
	return n, nil
}

// finish returns the network whose output is a value.
func (im *importer) finish(output string) (*model.Graph, error) {
	v, err := im.value(output)
	if err != nil {
		return nil, fmt.Errorf("the output: %w", err)
	}
	if v.softmax != "" {
		im.note("the %s at the end is left out: logits are what is measured and written", v.softmax)
		w := *v
		w.softmax = ""
		v = &w
	}
	if v, err = im.settled(v); err != nil {
		return nil, fmt.Errorf("the output %q: %w", output, err)
	}
	if v.node == im.build.Input() || !v.node.Shape.IsVector() {
		return nil, fmt.Errorf("the output %q has shape %s: only networks that give one number for each class are supported", output, v)
	}
	g, err := im.build.Graph()
	if g == nil {
		return nil, err
	}
	g = &model.Graph{Name: g.Name, Nodes: slices.Clone(g.Nodes)}
	dropUnread(g, v.node)
	im.names.settle(g)
	im.normalisation(g)
	if err := g.Check(); err != nil {
		return nil, err
	}
	return g, nil
}

// dropUnread removes nodes that the output does not depend on, such as gates
// that became part of a SiLU, and nodes after the output.
func dropUnread(g *model.Graph, output *model.Node) {
	read := map[*model.Node]bool{output: true, g.Input(): true}
	for _, n := range slices.Backward(g.Nodes) {
		if read[n] {
			for _, in := range n.Inputs {
				read[in] = true
			}
		}
	}
	g.Nodes = slices.DeleteFunc(g.Nodes, func(n *model.Node) bool { return !read[n] })
}

// normalisation takes mean and standard deviation from the file's metadata if
// they are there and make sense.
func (im *importer) normalisation(g *model.Graph) {
	var found [2][]float32
	for k, key := range []string{"mean", "std"} {
		for _, e := range im.file.metadata {
			if e.key != key {
				continue
			}
			numbers, err := normalisation.Parse(e.value)
			if err == nil && len(numbers) != im.image.C {
				err = fmt.Errorf("the network takes %d channels", im.image.C)
			}
			if err == nil {
				err = normalisation.Check(key, numbers)
			}
			if err != nil {
				im.note("the metadata's %s, %q, is not used: %v", key, e.value, err)
				continue
			}
			found[k] = numbers
		}
	}
	if found[0] != nil && found[1] != nil {
		g.Mean, g.Std = found[0], found[1]
	}
}
