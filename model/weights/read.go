package weights

import (
	"bytes"
	"fmt"
	"io"
	"os"

	"espalier/internal/filekind"
	"espalier/internal/pickle"
)

// ErrUnsupported is wrapped by errors about well-formed files of a kind that
// this package does not read.
var ErrUnsupported = pickle.ErrUnsupported

// A File is what a file of weights holds.
type File struct {
	Tensors  []Tensor
	Metadata map[string]string
	// Notes are sentences for people, without a full stop, about what the reader
	// chose or skipped.
	Notes []string
}

// Open reads a file: safetensors, or a PyTorch checkpoint. The content decides,
// not the name's ending. If the file holds several networks, key chooses one by
// its path, such as "ema" or "checkpoint.model". Without a key there must be only
// one.
func Open(path, key string) (*File, error) {
	file, err := readAll(path)
	if err != nil {
		return nil, fmt.Errorf("reading weights: %w", err)
	}
	return open(path, key, file)
}

// Read returns a file's tensors and its metadata: all that a safetensors file
// holds, under their own names, and of a PyTorch checkpoint what Open takes
// without a key.
func Read(path string) ([]Tensor, map[string]string, error) {
	file, err := readAll(path)
	if err != nil {
		return nil, nil, fmt.Errorf("reading weights: %w", err)
	}
	if isTorch(file) || filekind.Of(file) != "" {
		f, err := open(path, "", file)
		if err != nil {
			return nil, nil, err
		}
		return f.Tensors, f.Metadata, nil
	}
	tensors, metadata, err := parseSafetensors(file)
	if err != nil {
		return nil, nil, fmt.Errorf("reading weights from %s: %w", path, err)
	}
	return tensors, metadata, nil
}

// Parse is Read for a file in memory. Errors call it name. The tensors may
// share file's bytes.
func Parse(name string, file []byte) ([]Tensor, map[string]string, error) {
	f, err := open(name, "", file)
	if err != nil {
		return nil, nil, err
	}
	return f.Tensors, f.Metadata, nil
}

func open(name, key string, file []byte) (f *File, err error) {
	switch {
	case isTorch(file):
		f, err = parseTorch(file, key)
	default:
		if kind := filekind.Of(file); kind != "" {
			return nil, fmt.Errorf("reading weights from %s: the file is %s; give a .safetensors, .pt, .pth or .th file", name, kind)
		}
		f = &File{}
		if f.Tensors, f.Metadata, err = parseSafetensors(file); err == nil {
			err = f.narrow(key)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("reading weights from %s: %w", name, err)
	}
	return f, nil
}

// narrow reduces a file with several networks to the one that key names. Files
// that this program wrote hold one.
func (f *File) narrow(key string) error {
	if _, own := f.Metadata[metaArch]; (own && key == "") || len(f.Tensors) == 0 {
		return nil
	}
	s := state{}
	for _, t := range f.Tensors {
		s.entries = append(s.entries, entry{t.Name, t.DType, t.Shape, t})
	}
	chosen, notes, err := choose([]state{s}, key)
	if err != nil {
		return err
	}
	f.Tensors, f.Notes = nil, notes
	for _, e := range chosen.entries {
		t := e.value.(Tensor)
		t.Name = e.name
		f.Tensors = append(f.Tensors, t)
	}
	return nil
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
