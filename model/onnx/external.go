package onnx

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

// A folder holds external data: tensors that a model keeps in other files beside
// it. No path may lead out of the folder, not even through a link.
type folder struct {
	path string // empty if there is none
	left int64  // bytes that may still be read
}

// read returns a tensor's bytes, which must be size.
func (f *folder) read(t *tensor, size int64) ([]byte, error) {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("tensor %s lies in another file: "+format, append([]any{t.name}, args...)...)
	}
	location, offset, length := "", int64(0), size
	for _, e := range t.external {
		var err error
		switch e.key {
		case "location":
			location = e.value
		case "offset":
			offset, err = strconv.ParseInt(e.value, 10, 64)
		case "length":
			length, err = strconv.ParseInt(e.value, 10, 64)
		}
		if err != nil {
			return nil, bad("its %s is %q; want a whole number", e.key, e.value)
		}
	}
	if f == nil || f.path == "" {
		return nil, bad("%q is looked for beside the ONNX file, and there is no folder", location)
	}
	if !filepath.IsLocal(filepath.FromSlash(location)) {
		return nil, bad("%q leads out of the ONNX file's folder; put the data beside the ONNX file and save it with the bare name", location)
	}
	if length != size || offset < 0 {
		return nil, bad("%d bytes at %d; shape %v needs %d bytes", length, offset, t.dims, size)
	}
	if f.left -= size; f.left < 0 {
		return nil, bad("more than %d bytes of data; the network is too large", int64(maxFile))
	}
	root, err := os.OpenRoot(f.path)
	if err != nil {
		return nil, bad("%w", err)
	}
	defer root.Close()
	info, err := root.Stat(location)
	if err != nil {
		return nil, bad("%w; put the file beside the ONNX file", err)
	}
	if !info.Mode().IsRegular() || info.Size() < size || offset > info.Size()-size {
		return nil, bad("%s has %d bytes, and %d at %d are asked for; copy the file again", location, info.Size(), size, offset)
	}
	file, err := root.Open(location)
	if err != nil {
		return nil, bad("%w", err)
	}
	defer file.Close()
	raw := make([]byte, size)
	if _, err := file.ReadAt(raw, offset); err != nil {
		return nil, bad("reading %s: %w", location, err)
	}
	return raw, nil
}
