package dataset

import (
	"bytes"
	"fmt"
	"io"
)

// maxPickle bounds a file of torchvision's layout, in bytes: ten times an
// official one.
const maxPickle = 320 << 20

// readPickle reads a file of torchvision's layout: a pickled dict whose entry
// "data" is a NumPy array of uint8 [n][3072], pixels as in the binary layout,
// and whose entry "labels" is a list of n ints. Other entries are skipped.
func readPickle(r io.Reader, file string, size int64) (*Split, error) {
	var buf bytes.Buffer
	buf.Grow(int(min(size, maxPickle)) + bytes.MinRead)
	if n, err := buf.ReadFrom(io.LimitReader(r, maxPickle+1)); err != nil {
		return nil, fmt.Errorf("reading CIFAR-10: %s, offset %d: %w", file, n, err)
	} else if n > maxPickle {
		return nil, &FormatError{file, maxPickle, fmt.Sprintf("the file is larger than %d MiB: split it", maxPickle>>20)}
	}
	m := &unpickler{file: file, input: buf.Bytes(), memo: make(map[uint32]any)}
	top, err := m.run()
	if err != nil {
		return nil, err
	}
	s, problem := batch(top)
	if problem != "" {
		return nil, &FormatError{file, int64(m.at), problem + ": the file is no batch of CIFAR-10, or is damaged"}
	}
	return s, nil
}

// batch makes a split of an unpickled dict, or says what is wrong with it.
func batch(top any) (s *Split, problem string) {
	entries, ok := top.(*dict)
	if !ok {
		return nil, "the pickle holds no dict"
	}
	data, ok := entries.value["data"].(*array)
	if !ok {
		return nil, `the dict has no array "data"`
	}
	if data.rows == 0 {
		return nil, `the array "data" is empty`
	}
	labels, ok := entries.value["labels"].(*list)
	if !ok {
		return nil, `the dict has no list "labels"`
	}
	if len(labels.items) != data.rows {
		return nil, fmt.Sprintf("%d labels for %d images", len(labels.items), data.rows)
	}
	s = &Split{Images: data.content, Labels: make([]uint8, data.rows)}
	if data.columns {
		s.Images = transpose(data.content, data.rows)
	}
	for i, item := range labels.items {
		label, ok := item.(int64)
		if !ok {
			return nil, fmt.Sprintf("the label of image %d is no int", i)
		}
		if label < 0 || label >= int64(len(cifarClasses)) {
			return nil, fmt.Sprintf("the label of image %d is %d instead of 0 to 9", i, label)
		}
		s.Labels[i] = uint8(label)
	}
	return s, ""
}

// What an unpickler makes of a file, beside int64, bool, nil and []byte (for
// strings of either kind).
type (
	list  struct{ items []any }
	tuple []any
	dict  struct{ value map[string]any } // with strings for keys
	// global is a Python function or class: one of those that an array needs.
	global string
	// dtype is the element type of arrays: always uint8.
	dtype struct{}
	// array is a NumPy array of uint8 [rows][3072], stored row by row, or
	// column by column ("Fortran order").
	array struct {
		rows    int
		columns bool
		content []byte
	}
)

// globals maps the names that may appear in a file to what they stand for.
// NumPy 2 renamed its core.
var globals = map[string]global{
	"numpy.core.multiarray _reconstruct":  "reconstruct",
	"numpy._core.multiarray _reconstruct": "reconstruct",
	"numpy ndarray":                       "ndarray",
	"numpy dtype":                         "dtype",
}

// call does what Python does to build an array: it makes an empty one, and the
// element type from its name.
func call(f, args any) (result any, problem string) {
	name, _ := f.(global)
	a, _ := args.(tuple)
	switch {
	case name == "reconstruct" && len(a) == 3 && a[0] == global("ndarray"):
		return new(array), ""
	case name == "dtype" && len(a) == 3:
		if text, _ := a[0].([]byte); string(text) != "u1" && string(text) != "uint8" {
			return nil, fmt.Sprintf("an array of type %q instead of uint8", text)
		}
		return dtype{}, ""
	}
	return nil, "a call that no batch of CIFAR-10 needs"
}

// build completes an object with its state.
func build(object, state any) (problem string) {
	fields, _ := state.(tuple)
	switch o := object.(type) {
	case dtype:
		return "" // byte order and the like mean nothing to single bytes
	case *array:
		if len(fields) != 5 {
			break
		}
		shape, _ := fields[1].(tuple)
		_, bytes := fields[2].(dtype)
		columns, isBool := fields[3].(bool)
		content, isContent := fields[4].([]byte)
		if len(shape) != 2 || !bytes || !isBool || !isContent {
			break
		}
		rows, _ := shape[0].(int64)
		width, _ := shape[1].(int64)
		if rows < 0 || rows > maxRecords || width != ImageBytes || rows*width != int64(len(content)) {
			return fmt.Sprintf("an array of %d by %d with %d bytes instead of n by %d", rows, width, len(content), ImageBytes)
		}
		*o = array{int(rows), columns, content}
		return ""
	}
	return "an object that no batch of CIFAR-10 needs"
}

// transpose returns [rows][3072] of a [3072][rows].
func transpose(a []byte, rows int) []byte {
	b := make([]byte, len(a))
	for i, v := range a {
		b[i%rows*ImageBytes+i/rows] = v
	}
	return b
}
