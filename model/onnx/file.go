package onnx

import (
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// A Size is how much room a file takes.
type Size struct {
	Bytes      int64 `json:"bytes"`
	Compressed int64 `json:"compressed_bytes"` // with gzip at its best level
}

// WriteFile stores the model under a temporary name beside path and renames
// it: nobody sees half a file.
func (m *Model) WriteFile(path string) (Size, error) {
	file := m.Encode()
	if err := write(path, file); err != nil {
		return Size{}, fmt.Errorf("writing ONNX to %s: %w; check that the folder exists and may be written", path, err)
	}
	return Size{int64(len(file)), compressed(file)}, nil
}

func write(path string, file []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*.tmp")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	if _, err := f.Write(file); err != nil {
		return err
	}
	// CreateTemp makes files private.
	if err := f.Chmod(0o644); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// compressed returns how many bytes gzip makes of a file's.
func compressed(file []byte) int64 {
	var n counter
	w, err := gzip.NewWriterLevel(&n, gzip.BestCompression)
	if err != nil {
		panic(err) // the level is a constant
	}
	w.Write(file) // a counter takes everything
	w.Close()
	return int64(n)
}

// A counter counts what is written.
type counter int64

var _ io.Writer = (*counter)(nil)

func (c *counter) Write(b []byte) (int, error) {
	*c += counter(len(b))
	return len(b), nil
}
