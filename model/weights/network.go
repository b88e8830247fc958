package weights

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"espalier/internal/finite"
	"espalier/internal/normalisation"
	"espalier/model"
)

// Metadata keys that say on which images a network was trained.
const (
	MetaDataset  = "dataset"   // as dataset.Data.Name
	MetaDataSeed = "data_seed" // that built-in images were drawn from
)

// Metadata keys of the normalisation: numbers with spaces between, per channel
// on the 0 to 1 scale.
const (
	MetaMean = "mean"
	MetaStd  = "std"
)

// MetaGraph is the metadata key of the network as model.Graph.Describe writes it.
const MetaGraph = "graph"

// MetaQuantization is the metadata key of an integer network; see package
// quantize.
const MetaQuantization = "quantization"

// metaArch is the metadata key of the architecture in words, for people; reading
// relies on the tensors. A file that has it was written by this program.
const metaArch = "architecture"

// Save writes a network as safetensors: its tensors under PyTorch's names, and in the
// metadata the graph and the normalisation beside what the caller adds. Masks are not
// stored; the zeros are.
func Save(path string, n *model.Graph, metadata map[string]string) error {
	return Write(path, FromNetwork(n), Metadata(n, metadata))
}

// Load reads a network from a file and returns the file's metadata with it.
func Load(path string) (*model.Graph, map[string]string, error) {
	f, err := Open(path, "")
	if err != nil {
		return nil, nil, err
	}
	return named(path, f.Tensors, f.Metadata)
}

// Decode is Load for a file in memory. Errors call it name.
func Decode(name string, file []byte) (*model.Graph, map[string]string, error) {
	tensors, metadata, err := Parse(name, file)
	if err != nil {
		return nil, nil, err
	}
	return named(name, tensors, metadata)
}

func named(name string, tensors []Tensor, metadata map[string]string) (*model.Graph, map[string]string, error) {
	n, err := Network(tensors, metadata)
	if err != nil {
		return nil, nil, fmt.Errorf("building a network from %s: %w", name, err)
	}
	return n, metadata, nil
}

// FromNetwork returns copies of a network's tensors, in its order.
func FromNetwork(n *model.Graph) []Tensor {
	var tensors []Tensor
	for _, t := range n.Tensors() {
		tensors = append(tensors, Float32(t.Name, t.Shape, t.Data))
	}
	return tensors
}

// Metadata returns extra together with what Save notes about every network.
func Metadata(n *model.Graph, extra map[string]string) map[string]string {
	m := map[string]string{metaArch: n.Name}
	maps.Copy(m, extra)
	if len(n.Nodes) > 0 {
		// extra may come from a file of the same network in another form.
		delete(m, MetaGraph)
		if text, err := n.Describe(); err == nil {
			m[MetaGraph] = text
		}
	}
	if n.Std != nil {
		m[MetaMean], m[MetaStd] = formatNumbers(n.Mean), formatNumbers(n.Std)
	}
	return m
}

// Network builds a network from a file's tensors: the one that the metadata describe, or
// else the built-in one that names and shapes belong to (see family and infer). Mean and
// std come from the metadata. Wrappers are removed from names, counters are skipped,
// masks are kept (see tidy). Any other surplus or missing tensor, and one of another
// shape or with values that are not finite, is an error.
func Network(tensors []Tensor, metadata map[string]string) (*model.Graph, error) {
	n, _, err := NotedNetwork(tensors, metadata)
	return n, err
}

// NotedNetwork is Network that also returns sentences, without a full stop,
// about what it changed and skipped.
func NotedNetwork(tensors []Tensor, metadata map[string]string) (*model.Graph, []string, error) {
	_, own := metadata[metaArch]
	tensors, notes, err := tidy(tensors, own)
	if err != nil {
		return nil, nil, err
	}
	n, more, err := build(tensors, metadata)
	return n, append(notes, more...), err
}

// build is Network for tensors whose names are tidy. It returns notes of its own.
func build(tensors []Tensor, metadata map[string]string) (*model.Graph, []string, error) {
	var n *model.Graph
	var notes []string
	byName, masks, err := split(tensors)
	if err != nil {
		return nil, nil, err
	}
	if text, ok := metadata[MetaGraph]; ok {
		n, err = described(text, byName)
	} else {
		if byName, masks, err = renamed(byName, masks); err != nil {
			return nil, nil, err
		}
		n, notes, err = inferred(byName)
	}
	if err != nil {
		return nil, nil, err
	}
	if err := fillAll(n, byName, masks); err != nil {
		if _, other := errors.AsType[structureError](err); other && metadata[MetaGraph] == "" {
			err = unknown(err)
		}
		return nil, nil, err
	}
	n.Mean, n.Std, err = Normalisation(metadata, n.Input().Shape.C)
	return n, notes, err
}

// inferred returns the built-in network that names and shapes belong to.
func inferred(byName map[string]Tensor) (*model.Graph, []string, error) {
	if spec, ok := family(byName); ok {
		note := fmt.Sprintf("the names are those of a %s; it is taken to be for images of %d×%d", spec, spec.Input.H, spec.Input.W)
		n, err := sized(spec, byName)
		return n, []string{note}, err
	}
	spec, fused, err := infer(byName)
	if err != nil {
		return nil, nil, unknown(err)
	}
	n, err := sized(spec, byName)
	if err == nil && fused {
		n = n.FoldNorms()
	}
	return n, nil, err
}

// A structureError is about tensors that a network lacks, or has in another shape.
type structureError struct{ error }

// unknown adds to an error about the structure of a state dict what helps where its
// network is not built in.
func unknown(err error) error {
	return fmt.Errorf("%w; if the network is none of the built-in ones, give its ONNX file, too, with --graph (in an experiment model.graph)", err)
}

// fillAll copies a file's tensors and masks into a network. All must be there,
// and no others.
func fillAll(n *model.Graph, byName, masks map[string]Tensor) error {
	for _, want := range n.Tensors() {
		t, ok := byName[want.Name]
		if !ok {
			return structureError{fmt.Errorf("tensor %s of shape %v is missing from this %s", want.Name, want.Shape, n.Name)}
		}
		delete(byName, want.Name)
		if err := fill(want, t); err != nil {
			return err
		}
	}
	if len(byName) > 0 {
		name := slices.Min(slices.Collect(maps.Keys(byName)))
		return structureError{fmt.Errorf("tensor %s of shape %v has no place in a %s", name, byName[name].Shape, n.Name)}
	}
	for _, l := range n.Layers() {
		mask, ok := masks[l.Name]
		if !ok {
			continue
		}
		var err error
		if l.Mask, err = mask.Float32s(); err != nil {
			return err
		}
		if len(l.Mask) != len(l.Weight) {
			return fmt.Errorf("tensor %s has %d values for %d weights; the file is damaged", mask.Name, len(l.Mask), len(l.Weight))
		}
	}
	return nil
}

// Normalisation returns the mean and std of each channel in a file's metadata;
// nil if they are not there.
func Normalisation(metadata map[string]string, channels int) (mean, std []float32, err error) {
	if mean, err = numbers(metadata, MetaMean, channels); err != nil {
		return nil, nil, err
	}
	std, err = numbers(metadata, MetaStd, channels)
	return mean, std, err
}

// fill copies a file's tensor into a network's tensor.
func fill(want model.Tensor, t Tensor) error {
	if !slices.Equal(t.Shape, want.Shape) {
		return structureError{fmt.Errorf("tensor %s: expected shape %v, found %v", t.Name, want.Shape, t.Shape)}
	}
	values, err := t.Float32s()
	if err != nil {
		return err
	}
	if i := finite.First(values); i >= 0 {
		return fmt.Errorf("tensor %s: element %d is %v; the file is damaged, or training diverged", t.Name, i, values[i])
	}
	if strings.HasSuffix(want.Name, ".running_var") {
		if i := slices.IndexFunc(values, func(v float32) bool { return v < 0 }); i >= 0 {
			return fmt.Errorf("tensor %s: element %d is %v, and a variance cannot be negative; the file is damaged", t.Name, i, values[i])
		}
	}
	copy(want.Data, values)
	return nil
}

func formatNumbers(v []float32) string {
	s := make([]string, len(v))
	for i, x := range v {
		s[i] = strconv.FormatFloat(float64(x), 'g', -1, 32)
	}
	return strings.Join(s, " ")
}

// numbers parses one number for each channel. It returns nil if the key is missing.
func numbers(metadata map[string]string, key string, channels int) (v []float32, err error) {
	text, ok := metadata[key]
	if !ok {
		return nil, nil
	}
	v, err = normalisation.Parse(text)
	if err == nil && len(v) != channels {
		err = fmt.Errorf("want %d numbers, one for each channel of the images", channels)
	}
	if err == nil {
		err = normalisation.Check(key, v)
	}
	if err != nil {
		return nil, fmt.Errorf("metadata %q is %q: %w; give --mean and --std", key, text, err)
	}
	return v, nil
}
