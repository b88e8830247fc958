package onnx

import (
	"compress/gzip"
	"io"

	"espalier/internal/atomicfile"
)

// A Size is the size of a file.
type Size struct {
	Bytes      int64 `json:"bytes"`
	Compressed int64 `json:"compressed_bytes"` // with gzip at its best level
}

// WriteFile stores the model atomically.
func (m *Model) WriteFile(path string) (Size, error) {
	file := m.Encode()
	err := atomicfile.Write(path, func(w io.Writer) error {
		_, err := w.Write(file)
		return err
	})
	if err != nil {
		return Size{}, err
	}
	return Size{int64(len(file)), compressed(file)}, nil
}

// compressed returns the size of a file after gzip.
func compressed(file []byte) int64 {
	var n counter
	w, err := gzip.NewWriterLevel(&n, gzip.BestCompression)
	if err != nil {
		panic(err) // the level is a constant
	}
	w.Write(file) // a counter never fails
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
