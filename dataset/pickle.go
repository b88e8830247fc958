package dataset

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"

	"espalier/internal/numpy"
	"espalier/internal/pickle"
)

// maxPickle bounds a file of torchvision's layout, in bytes: ten times an
// official one.
const maxPickle = 320 << 20

// readPickle reads a file of torchvision's layout, as Python 2 wrote it or as
// Python 3 wrote it again in any protocol: a dict whose entry "data" is a NumPy
// array of uint8 [n][3072], pixels as in the binary layout, and whose entry
// "labels" is a list, a tuple or an array of n integers. Other entries are
// skipped.
func readPickle(r io.Reader, file string, size int64) (*Split, error) {
	return readPickled(r, file, size, "labels", len(cifarClasses))
}

// readPickled is readPickle for any name of the entry with the labels.
func readPickled(r io.Reader, file string, size int64, entry string, classes int) (*Split, error) {
	var buf bytes.Buffer
	buf.Grow(int(min(size, maxPickle)) + bytes.MinRead)
	if n, err := buf.ReadFrom(io.LimitReader(r, maxPickle+1)); err != nil {
		return nil, fmt.Errorf("reading %s, offset %d: %w", file, n, err)
	} else if n > maxPickle {
		return nil, &formatError{file, maxPickle, fmt.Sprintf("the file is larger than %d MiB: split it", maxPickle>>20)}
	}
	in := buf.Bytes()
	top, length, err := pickle.Run(in, &batchWorld{numpy.World{Budget: len(in)}})
	if err != nil {
		where := err.(*pickle.Error)
		return nil, &formatError{file, int64(where.Offset), where.Err.Error()}
	}
	s, problem := batch(top, entry, classes)
	if problem != "" {
		return nil, &formatError{file, int64(length), fmt.Sprintf("%s: a batch of CIFAR-%d is a dict with \"data\", uint8 [n][3072], and n %q from 0 to %d", problem, cifarNumber(entry), entry, classes-1)}
	}
	return s, nil
}

// batch makes a split of an unpickled dict, or says what is wrong with it.
func batch(top any, entry string, classes int) (s *Split, problem string) {
	entries := asDict(top)
	if entries == nil {
		return nil, "the file holds " + pickle.TypeName(top)
	}
	value, ok := entries.Get("data")
	if !ok {
		return nil, `the dict has no "data"`
	}
	data, ok := value.(*numpy.Array)
	if !ok {
		return nil, `"data" is ` + pickle.TypeName(value)
	}
	pixels, problem := imagesOf(data)
	if problem != "" {
		return nil, problem
	}
	value, ok = entries.Get(entry)
	if !ok {
		if _, ok := entries.Get("fine_labels"); ok && entry == "labels" {
			return nil, `the dict has "fine_labels" and is CIFAR-100's`
		}
		return nil, fmt.Sprintf("the dict has no %q", entry)
	}
	labels, problem := labelsOf(value, classes)
	if problem != "" {
		return nil, problem
	}
	n := len(pixels) / cifarBytes
	if len(labels) != n {
		return nil, fmt.Sprintf("%d labels for %d images", len(labels), n)
	}
	return &Split{Shape: cifarShape, Images: pixels, Labels: labels}, ""
}

// asDict returns the dict in a value that is a dict or a subclass of it, or nil.
func asDict(v any) *pickle.Dict {
	switch v := v.(type) {
	case *pickle.Dict:
		return v
	case *pickle.Object: // an OrderedDict, say
		if len(v.Pairs) > 0 {
			return &pickle.Dict{Pairs: v.Pairs}
		}
	}
	return nil
}

// imagesOf returns the pixels of an array as [n][3][32][32]. The array may be
// [n][3072], [n][3][32][32] or [n][32][32][3].
func imagesOf(a *numpy.Array) (pixels []uint8, problem string) {
	if a.Type.Kind != 'u' || a.Type.Size != 1 {
		return nil, fmt.Sprintf(`"data" has elements of type %s`, a.Type)
	}
	if a.Len() == 0 {
		return nil, `the array "data" is empty`
	}
	if a.Shape[0] > maxRecords {
		return nil, fmt.Sprintf(`"data" has %d images, more than %d`, a.Shape[0], maxRecords)
	}
	switch rest := a.Shape[1:]; {
	case slices.Equal(rest, []int{cifarBytes}), slices.Equal(rest, []int{3, 32, 32}):
		return a.Bytes(), ""
	case slices.Equal(rest, []int{32, 32, 3}):
		return planes(a.Bytes()), ""
	}
	return nil, fmt.Sprintf(`"data" has shape %v`, a.Shape)
}

// planes turns images [n][32][32][3] into [n][3][32][32].
func planes(in []uint8) []uint8 {
	out := make([]uint8, len(in))
	for i, v := range in {
		image, at := i/cifarBytes, i%cifarBytes
		out[image*cifarBytes+at%3*32*32+at/3] = v
	}
	return out
}

// labelsOf returns the labels in a list, a tuple or an array.
func labelsOf(v any, classes int) (labels []uint16, problem string) {
	var items []any
	switch v := v.(type) {
	case *pickle.List:
		items = v.Items
	case pickle.Tuple:
		items = v
	case *numpy.Array:
		if len(v.Shape) == 0 || v.Len() != v.Shape[0] {
			return nil, fmt.Sprintf(`"labels" has shape %v`, v.Shape)
		}
		for i := range v.Len() {
			label, ok := v.Int(i)
			if !ok {
				return nil, fmt.Sprintf(`"labels" has elements of type %s`, v.Type)
			}
			if labels, problem = withLabel(labels, label, classes); problem != "" {
				return nil, problem
			}
		}
		return labels, ""
	default:
		return nil, `"labels" is ` + pickle.TypeName(v)
	}
	for i, item := range items {
		label, ok := item.(int64)
		if a, isArray := item.(*numpy.Array); isArray && a.Len() == 1 {
			label, ok = a.Int(0)
		}
		if !ok {
			return nil, fmt.Sprintf("the label of image %d is %s", i, pickle.TypeName(item))
		}
		if labels, problem = withLabel(labels, label, classes); problem != "" {
			return nil, problem
		}
	}
	return labels, ""
}

// withLabel appends a label after checking that it is below the number of classes.
func withLabel(labels []uint16, label int64, classes int) ([]uint16, string) {
	if label < 0 || label >= int64(classes) {
		return nil, fmt.Sprintf("the label of image %d is %d", len(labels), label)
	}
	return append(labels, uint16(label)), ""
}

// A batchWorld says what the names in a batch stand for: NumPy's arrays, and
// inert objects.
type batchWorld struct{ numpy numpy.World }

var _ pickle.World = (*batchWorld)(nil)

// A class is a name that does not matter here.
type class string

func (c class) String() string { return string(c) }

func (w *batchWorld) Global(module, name string) (any, error) {
	if g, ok := w.numpy.Global(module, name); ok {
		return g, nil
	}
	return class(module + "." + name), nil
}

func (w *batchWorld) Call(function any, args pickle.Tuple) (any, error) {
	if v, known, err := w.numpy.Call(function, args); known {
		return v, err
	}
	return &pickle.Object{Class: function, Args: args}, nil
}

func (w *batchWorld) Build(object, state any) error {
	if known, err := w.numpy.Build(object, state); known {
		return err
	}
	return nil // attributes do not matter
}

func (*batchWorld) Persistent(any) (any, error) {
	return nil, errors.New("a persistent id, as PyTorch's files have: the file is no batch of CIFAR-10")
}

// cifarNumber returns 10 or 100: which CIFAR has an entry of that name.
func cifarNumber(entry string) int {
	if entry == "labels" {
		return 10
	}
	return 100
}
