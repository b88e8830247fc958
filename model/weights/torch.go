package weights

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strconv"
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
	return len(file) >= 8 && file[0] == opProto && file[1] >= 2 && file[1] <= 5 &&
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
	for _, p := range state.pairs {
		v, ok := p.value.(*view)
		if !ok {
			continue
		}
		name, ok := p.key.(string)
		if !ok || seen[name] {
			return nil, nil, fmt.Errorf("a tensor's name is %s or stands there twice; the file is damaged", typeName(p.key))
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
func stateDict(root any, metadata map[string]string, depth int) (*dict, error) {
	d, ok := root.(*dict)
	if !ok {
		return nil, fmt.Errorf("the file holds %s, and a dict of tensors was expected; save torch.save(model.state_dict(), FILE)", typeName(root))
	}
	tensors := false
	byKey := map[string]*dict{}
	for _, p := range d.pairs {
		key, ok := p.key.(string)
		if !ok {
			continue
		}
		switch v := p.value.(type) {
		case *view:
			tensors = true
		case *dict:
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

// A storageSet makes storages from persistent ids, one for each key.
type storageSet struct {
	byKey map[string]*storage
	views bool // whether ids have the legacy format's sixth part
}

// persistent understands ("storage", class, key, device, count), to which a
// legacy file adds None or (view's key, first element, count).
func (set *storageSet) persistent(id any) (any, error) {
	t, ok := id.(tuple)
	if !ok || len(t) < 5 || t[0] != any("storage") {
		return nil, fmt.Errorf("a persistent id that is no storage is %w; save the state dict alone with torch.save(model.state_dict(), FILE)", ErrUnsupported)
	}
	class, ok1 := t[1].(global)
	dtype, ok2 := torchStorages[class]
	key, ok3 := t[2].(string)
	count, ok4 := t[4].(int64)
	if !ok1 || !ok2 || !ok3 || !ok4 || count < 0 || count > maxFile/int64(dtype.Size()) {
		return nil, fmt.Errorf("a storage is described by %s, %s and %s; the file is damaged", typeName(t[1]), typeName(t[2]), typeName(t[4]))
	}
	s, ok := set.byKey[key]
	if !ok {
		s = &storage{key: key, dtype: dtype, count: count}
		set.byKey[key] = s
	}
	if s.dtype != dtype || s.count != count {
		return nil, fmt.Errorf("storage %s is described as %d %s and as %d %s; the file is damaged", key, s.count, s.dtype, count, dtype)
	}
	if !set.views || len(t) < 6 || t[5] == any(none{}) {
		return s, nil
	}
	part, ok := t[5].(tuple)
	if !ok || len(part) != 3 {
		return nil, fmt.Errorf("storage %s: a part of it is described by %s; the file is damaged", key, typeName(t[5]))
	}
	first, ok1 := part[1].(int64)
	size, ok2 := part[2].(int64)
	if !ok1 || !ok2 || first < 0 || size < 0 || first > count || size > count-first {
		return nil, fmt.Errorf("storage %s: a part reaches outside its %d elements; the file is damaged", key, count)
	}
	return &storage{key: key, dtype: dtype, count: size, root: s, first: first}, nil
}
