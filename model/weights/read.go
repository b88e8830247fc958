package weights

import (
	"bytes"
	"fmt"
	"io"
	"os"

	"espalier/internal/pickle"
)

// ErrUnsupported is wrapped by errors about files that are well formed but of
// a kind that this package does not read.
var ErrUnsupported = pickle.ErrUnsupported

// Read returns the tensors and the metadata of a file: safetensors, or a
// PyTorch checkpoint. The content decides, not the name's ending.
func Read(path string) ([]Tensor, map[string]string, error) {
	file, err := readAll(path)
	if err != nil {
		return nil, nil, fmt.Errorf("reading weights: %w", err)
	}
	return Parse(path, file)
}

// Parse is Read for a file that is in memory already; errors call it name. The
// tensors may share file's bytes.
func Parse(name string, file []byte) ([]Tensor, map[string]string, error) {
	parse := parseSafetensors
	if isTorch(file) {
		parse = parseTorch
	}
	tensors, metadata, err := parse(file)
	if err != nil {
		return nil, nil, fmt.Errorf("reading weights from %s: %w", name, err)
	}
	return tensors, metadata, nil
}

// readAll reads a regular file of at most maxFile bytes.
func readAll(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file; give a .safetensors, .pt, .pth or .th file", path)
	}
	if info.Size() > maxFile {
		return nil, fmt.Errorf("%s has %d bytes: at most %d are read", path, info.Size(), int64(maxFile))
	}
	var b bytes.Buffer
	b.Grow(int(info.Size()) + bytes.MinRead)
	if _, err := io.Copy(&b, io.LimitReader(f, maxFile)); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return b.Bytes(), nil
}
