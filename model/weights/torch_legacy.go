package weights

import (
	"encoding/binary"
	"fmt"
	"math/big"

	"espalier/internal/pickle"
)

// legacyMagic is the first value in a file of PyTorch before 1.6.
var legacyMagic, _ = new(big.Int).SetString("1950a86a20f9469cfc6c", 16)

const legacyProtocol = 1001

// readTorchLegacy reads the format before PyTorch 1.6: five pickles one after
// another (magic number, protocol, system, object, keys of the storages), then
// every storage in the order of the keys: its count as a 64-bit integer and
// its elements. A file that begins with another value is a pickle of Python's
// own, and that value is returned.
func readTorchLegacy(file []byte, w *torchWorld) (any, error) {
	w.views = true
	pos := 0
	next := func(what string) (any, error) {
		v, length, err := pickle.Run(file[pos:][:min(len(file)-pos, maxPickle)], w)
		if err != nil {
			return nil, fmt.Errorf("%s at offset %d of the file: %w", what, pos, err)
		}
		pos += length
		return v, nil
	}
	magic, err := next("magic number")
	if err != nil {
		return nil, err
	}
	if m, ok := magic.(*big.Int); !ok || m.Cmp(legacyMagic) != 0 {
		return magic, nil // Python's own pickle of tensors or of arrays
	}
	protocol, err := next("protocol")
	if err != nil {
		return nil, err
	}
	if protocol != any(int64(legacyProtocol)) {
		return nil, fmt.Errorf("the legacy format's protocol is not %d; others are %w", legacyProtocol, ErrUnsupported)
	}
	system, err := next("system information")
	if err != nil {
		return nil, err
	}
	if d, ok := system.(*pickle.Dict); ok {
		for _, p := range d.Pairs {
			if p.Key == any("little_endian") && p.Value == any(false) {
				return nil, fmt.Errorf("big-endian files are %w; save the file on a little-endian machine", ErrUnsupported)
			}
		}
	}
	root, err := next("object")
	if err != nil {
		return nil, err
	}
	keys, err := next("storage keys")
	if err != nil {
		return nil, err
	}
	l, ok := keys.(*pickle.List)
	if !ok {
		return nil, fmt.Errorf("the storage keys are %s: want a list; the file is damaged", pickle.TypeName(keys))
	}
	for _, k := range l.Items {
		key, ok := k.(string)
		s := w.storages[key]
		if !ok || s == nil || s.data != nil {
			return nil, fmt.Errorf("a storage key is %s that no tensor uses, or is there twice; the file is damaged", pickle.TypeName(k))
		}
		if len(file)-pos < 8 {
			return nil, fmt.Errorf("storage %s at offset %d: the file is truncated", key, pos)
		}
		count := binary.LittleEndian.Uint64(file[pos:])
		if count != uint64(s.count) {
			return nil, fmt.Errorf("storage %s at offset %d: %d elements, expected %d; the file is damaged", key, pos, count, s.count)
		}
		pos += 8
		elem := int64(s.dtype.Size())
		if elem == 0 {
			if elem, ok = otherStorages[global(s.dtype)]; !ok {
				return nil, fmt.Errorf("storage %s has elements of type %s, which is %w", key, s.dtype, ErrUnsupported)
			}
		}
		if s.count > int64(len(file))/elem {
			return nil, fmt.Errorf("storage %s at offset %d: %d elements, more than the file holds; the file is truncated", key, pos, s.count)
		}
		size := s.count * elem
		if size > int64(len(file)-pos) {
			return nil, fmt.Errorf("storage %s at offset %d: %d bytes are wanted and %d are left; the file is truncated", key, pos, size, len(file)-pos)
		}
		s.data = file[pos : pos+int(size) : pos+int(size)]
		pos += int(size)
	}
	return root, nil
}
