package dataset

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"espalier/internal/pickle"
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
	top, length, err := pickle.Run(buf.Bytes(), numpy{})
	if err != nil {
		where := err.(*pickle.Error)
		return nil, &FormatError{file, int64(where.Offset), where.Err.Error()}
	}
	s, problem := batch(top)
	if problem != "" {
		return nil, &FormatError{file, int64(length), problem + ": the file is no batch of CIFAR-10, or is damaged"}
	}
	return s, nil
}

// batch makes a split of an unpickled dict, or says what is wrong with it.
func batch(top any) (s *Split, problem string) {
	entries, ok := top.(*pickle.Dict)
	if !ok {
		return nil, "the pickle holds no dict"
	}
	value, _ := entries.Get("data")
	data, ok := value.(*array)
	if !ok {
		return nil, `the dict has no array "data"`
	}
	if data.rows == 0 {
		return nil, `the array "data" is empty`
	}
	value, _ = entries.Get("labels")
	labels, ok := value.(*pickle.List)
	if !ok {
		return nil, `the dict has no list "labels"`
	}
	if len(labels.Items) != data.rows {
		return nil, fmt.Sprintf("%d labels for %d images", len(labels.Items), data.rows)
	}
	s = &Split{Images: data.content, Labels: make([]uint8, data.rows)}
	if data.columns {
		s.Images = transpose(data.content, data.rows)
	}
	for i, item := range labels.Items {
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

// What a batch's pickle makes beside plain values.
type (
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

// numpy is the world of a pickled NumPy array.
type numpy struct{}

var _ pickle.World = numpy{}

func (numpy) Global(module, name string) (any, error) {
	g, ok := globals[module+" "+name]
	if !ok {
		return nil, fmt.Errorf("the name %.64q, which no batch of CIFAR-10 needs: the file is another pickle", module+"."+name)
	}
	return g, nil
}

// Call does what Python does to build an array: it makes an empty one, and the
// element type from its name.
func (numpy) Call(function any, args pickle.Tuple) (any, error) {
	name, _ := function.(global)
	switch {
	case name == "reconstruct" && len(args) == 3 && args[0] == any(global("ndarray")):
		return new(array), nil
	case name == "dtype" && len(args) == 3:
		if text, _ := pickle.Text(args[0]); text != "u1" && text != "uint8" {
			return nil, fmt.Errorf("an array of type %.16q instead of uint8: the file is another pickle, or is damaged", text)
		}
		return dtype{}, nil
	}
	return nil, errors.New("a call that no batch of CIFAR-10 needs: the file is another pickle, or is damaged")
}

// Build completes an object with its state.
func (numpy) Build(object, state any) error {
	fields, _ := state.(pickle.Tuple)
	switch o := object.(type) {
	case dtype:
		return nil // byte order and the like mean nothing to single bytes
	case *array:
		if len(fields) != 5 {
			break
		}
		shape, _ := fields[1].(pickle.Tuple)
		_, bytes := fields[2].(dtype)
		columns, isBool := fields[3].(bool)
		content, isContent := fields[4].([]byte)
		if len(shape) != 2 || !bytes || !isBool || !isContent {
			break
		}
		rows, _ := shape[0].(int64)
		width, _ := shape[1].(int64)
		if rows < 0 || rows > maxRecords || width != ImageBytes || rows*width != int64(len(content)) {
			return fmt.Errorf("an array of %d by %d with %d bytes instead of n by %d: the file is damaged", rows, width, len(content), ImageBytes)
		}
		*o = array{int(rows), columns, content}
		return nil
	}
	return errors.New("an object that no batch of CIFAR-10 needs: the file is another pickle, or is damaged")
}

func (numpy) Persistent(any) (any, error) {
	return nil, errors.New("a persistent id, which no batch of CIFAR-10 needs: the file is another pickle")
}

// transpose returns [rows][3072] of a [3072][rows].
func transpose(a []byte, rows int) []byte {
	b := make([]byte, len(a))
	for i, v := range a {
		b[i%rows*ImageBytes+i/rows] = v
	}
	return b
}
