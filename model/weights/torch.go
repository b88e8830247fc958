package weights

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strconv"

	"espalier/internal/pickle"
)

// How the files begin that PyTorch has written over the years.
var (
	zipMagic = []byte("PK\x03\x04")
	tarMagic = []byte("ustar") // at offset 257
)

// isTorch reports whether a file looks like one that torch.save wrote, read
// here or not.
func isTorch(file []byte) bool {
	return bytes.HasPrefix(file, zipMagic) || isTar(file) || isPickle(file)
}

func isTar(file []byte) bool {
	return len(file) >= 512 && bytes.HasPrefix(file[257:], tarMagic)
}

// isPickle looks for a pickle's protocol opcode. A safetensors header of 640
// bytes begins with the same two bytes, but six zeros follow.
func isPickle(file []byte) bool {
	return len(file) >= 8 && file[0] == pickle.Proto && file[1] >= 2 && file[1] <= 5 &&
		binary.LittleEndian.Uint64(file) > maxHeader
}

// parseTorch reads a file of torch.save: the tensors of its state dict, under
// the names there, and as metadata the numbers and short strings beside it.
func parseTorch(file []byte) ([]Tensor, map[string]string, error) {
	var root any
	var err error
	switch {
	case isTar(file):
		return nil, nil, fmt.Errorf("tar files, which PyTorch wrote before 2017, are %w; load the file in PyTorch and save it again", ErrUnsupported)
	case bytes.HasPrefix(file, zipMagic):
		root, err = readTorchZip(file)
	default:
		root, err = readTorchLegacy(file)
	}
	if err != nil {
		return nil, nil, err
	}
	metadata := map[string]string{}
	state, err := stateDict(root, metadata, maxNesting)
	if err != nil {
		return nil, nil, err
	}
	// A file of n bytes holds at most n bytes of weights, but tensors that
	// share a storage may together be larger.
	budget := int64(1<<20 + 4*len(file))
	var tensors []Tensor
	seen := map[string]bool{}
	for _, p := range state.Pairs {
		v, ok := p.Value.(*view)
		if !ok {
			continue
		}
		name, ok := p.Key.(string)
		if !ok || seen[name] {
			return nil, nil, fmt.Errorf("a tensor's name is %s or stands there twice; the file is damaged", pickle.TypeName(p.Key))
		}
		seen[name] = true
		data, err := v.bytes(&budget)
		if err != nil {
			return nil, nil, fmt.Errorf("tensor %s: %w", name, err)
		}
		tensors = append(tensors, Tensor{name, v.storage.dtype, v.shape, data})
	}
	return tensors, metadata, nil
}

// maxNesting is how deep the state dict may lie.
const maxNesting = 4

// stateKeys are the names under which training scripts keep the weights, the
// most specific first.
var stateKeys = []string{"state_dict", "model_state_dict", "model", "net"}

// stateDict finds the dict of tensors in what was saved: the innermost under
// stateKeys, or root itself. Numbers and short strings on the way go into
// metadata.
func stateDict(root any, metadata map[string]string, depth int) (*pickle.Dict, error) {
	d, ok := root.(*pickle.Dict)
	if !ok {
		return nil, fmt.Errorf("the file holds %s, and a dict of tensors was expected; save torch.save(model.state_dict(), FILE)", pickle.TypeName(root))
	}
	tensors := false
	byKey := map[string]*pickle.Dict{}
	for _, p := range d.Pairs {
		key, ok := p.Key.(string)
		if !ok {
			continue
		}
		switch v := p.Value.(type) {
		case *view:
			tensors = true
		case *pickle.Dict:
			byKey[key] = v
		default:
			if text, ok := scalar(v); ok && key != metaMean && key != metaStd && key != metaArch {
				metadata[key] = text
			}
		}
	}
	for _, key := range stateKeys {
		if inner, ok := byKey[key]; ok && depth > 1 {
			return stateDict(inner, metadata, depth-1)
		}
	}
	if !tensors {
		return nil, fmt.Errorf("no tensors found, neither at the top nor under state_dict, model_state_dict, model or net; save torch.save(model.state_dict(), FILE)")
	}
	return d, nil
}

// scalar puts a number or a short string into words.
func scalar(v any) (string, bool) {
	switch v := v.(type) {
	case int64:
		return strconv.FormatInt(v, 10), true
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64), true
	case bool:
		return strconv.FormatBool(v), true
	case string:
		return v, len(v) <= 1024
	}
	return "", false
}
