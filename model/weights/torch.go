package weights

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"espalier/internal/numpy"
	"espalier/internal/pickle"
)

// The first bytes of the formats that PyTorch has written over the years.
var (
	zipMagic = []byte("PK\x03\x04")
	tarMagic = []byte("ustar") // at offset 257
)

// isTorch reports whether a file looks like one of torch.save, whether it can
// be read or not.
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

// parseTorch reads a file of torch.save, or of Python's own pickle: the tensors
// of one of its state dicts, under the names there, and as metadata the numbers
// and short strings beside it. Key chooses among several; see choose.
func parseTorch(file []byte, key string) (*File, error) {
	var root any
	var err error
	switch {
	case isTar(file):
		return nil, fmt.Errorf("tar files, which PyTorch wrote before 2017, are %w; load the file in PyTorch and save it again", ErrUnsupported)
	case bytes.HasPrefix(file, zipMagic):
		root, err = readTorchZip(file)
	default:
		root, err = readTorchLegacy(file, newTorchWorld(len(file)))
	}
	if err != nil {
		return nil, err
	}
	found, err := findStates(root)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("no tensors found: the file holds %s; save torch.save(model.state_dict(), FILE)", pickle.TypeName(root))
	}
	chosen, notes, err := choose(found, key)
	if err != nil {
		return nil, err
	}
	f := &File{Metadata: chosen.place.metadata(), Notes: notes}
	// A file of n bytes holds at most n bytes of weights, or more if it is
	// compressed. Tensors that share a storage may together be larger.
	budget := int64(1<<20 + 4*len(file))
	seen := map[string]bool{}
	for _, e := range chosen.entries {
		if seen[e.name] {
			return nil, fmt.Errorf("tensor %.256s is there twice; the file is damaged", e.name)
		}
		seen[e.name] = true
		t := Tensor{Name: e.name, DType: e.dtype, Shape: e.shape}
		switch v := e.value.(type) {
		case *view:
			t.Data, err = v.bytes(&budget)
		case *numpy.Array:
			t.Data = v.Bytes()
		}
		if err != nil {
			return nil, fmt.Errorf("tensor %.256s: %w", e.name, err)
		}
		f.Tensors = append(f.Tensors, t)
	}
	return f, nil
}
