package weights

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/bits"
	"slices"
	"strings"

	"espalier/internal/atomicfile"
)

// Sparse coding leaves the zeros of pruned tensors out of a file. A tensor NAME
// becomes two: NAME.bitmap (U8, one bit an element, the lowest first, 1 where the
// element is not zero) and NAME.nonzero (the elements that are not, in order, in
// the tensor's type). The shape is in the metadata. A tensor that would not
// become smaller stays as it is, so the coding never costs more than a line of
// metadata. Reading restores the tensors bit by bit.
const (
	metaSparse    = "espalier.sparse" // {"NAME":[shape], …}
	bitmapSuffix  = ".bitmap"
	nonzeroSuffix = ".nonzero"
)

// WriteSparse is Write with the zeros left out.
func WriteSparse(path string, tensors []Tensor, metadata map[string]string) error {
	return atomicfile.Write(path, func(w io.Writer) error { return EncodeSparse(w, tensors, metadata) })
}

// EncodeSparse is Encode with the zeros left out.
func EncodeSparse(w io.Writer, tensors []Tensor, metadata map[string]string) error {
	var coded []Tensor
	shapes := map[string][]int{}
	for _, t := range tensors {
		bitmap, nonzero, ok := t.withoutZeros()
		if !ok {
			coded = append(coded, t)
			continue
		}
		shapes[t.Name] = t.Shape
		coded = append(coded, bitmap, nonzero)
	}
	if len(shapes) == 0 {
		return Encode(w, tensors, metadata)
	}
	text, err := json.Marshal(shapes)
	if err != nil {
		return err
	}
	all := map[string]string{}
	maps.Copy(all, metadata)
	all[metaSparse] = string(text)
	return Encode(w, coded, all)
}

// withoutZeros codes a tensor. It is not ok if that saves nothing. An element
// is zero if all its bytes are, so −0 is kept.
func (t Tensor) withoutZeros() (bitmap, nonzero Tensor, ok bool) {
	size := t.DType.Size()
	n := len(t.Data) / size
	zero := make([]byte, size)
	mask := make([]byte, (n+7)/8)
	var values []byte
	for i := range n {
		if v := t.Data[i*size : (i+1)*size]; !bytes.Equal(v, zero) {
			mask[i/8] |= 1 << (i % 8)
			values = append(values, v...)
		}
	}
	// A second entry in the header, and the shape, take about this much.
	const entry = 160
	if len(mask)+len(values)+entry >= len(t.Data) {
		return bitmap, nonzero, false
	}
	return Tensor{t.Name + bitmapSuffix, U8, []int{len(mask)}, mask},
		Tensor{t.Name + nonzeroSuffix, t.DType, []int{len(values) / size}, values}, true
}

// expand restores the zeros of a sparse-coded file's tensors, and removes the
// coding's key from the metadata.
func expand(tensors []Tensor, metadata map[string]string) ([]Tensor, error) {
	text, ok := metadata[metaSparse]
	if !ok {
		return tensors, nil
	}
	var shapes map[string][]int
	if err := json.Unmarshal([]byte(text), &shapes); err != nil {
		return nil, fmt.Errorf("metadata %q: %w; the file is damaged", metaSparse, err)
	}
	delete(metadata, metaSparse)
	var all []Tensor
	room := int64(maxFile)
	for i := 0; i < len(tensors); i++ {
		t := tensors[i]
		name, coded := strings.CutSuffix(t.Name, bitmapSuffix)
		shape, known := shapes[name]
		if !coded || !known {
			all = append(all, t)
			continue
		}
		delete(shapes, name)
		if i++; i == len(tensors) || tensors[i].Name != name+nonzeroSuffix {
			return nil, fmt.Errorf("tensor %s%s does not follow %s; the file is damaged", name, nonzeroSuffix, t.Name)
		}
		whole, err := withZeros(name, shape, t, tensors[i], room)
		if err != nil {
			return nil, fmt.Errorf("tensor %s without zeros: %w; the file is damaged", name, err)
		}
		room -= int64(len(whole.Data))
		all = append(all, whole)
	}
	if len(shapes) > 0 {
		return nil, fmt.Errorf("metadata %q names tensors that the file does not hold; the file is damaged", metaSparse)
	}
	return all, nil
}

// withZeros undoes withoutZeros, into at most room bytes.
func withZeros(name string, shape []int, bitmap, nonzero Tensor, room int64) (Tensor, error) {
	size := nonzero.DType.Size()
	length, err := byteSize(shape, size, room)
	if err != nil {
		return Tensor{}, err
	}
	n := int(length) / size
	ones := 0
	for _, b := range bitmap.Data {
		ones += bits.OnesCount8(b)
	}
	switch {
	case bitmap.DType != U8 || len(bitmap.Data) != (n+7)/8:
		return Tensor{}, fmt.Errorf("a bitmap of %d bytes for %d elements", len(bitmap.Data), n)
	case n%8 != 0 && bitmap.Data[n/8]>>(n%8) != 0:
		return Tensor{}, errors.New("the bitmap goes on behind the last element")
	case ones*size != len(nonzero.Data):
		return Tensor{}, fmt.Errorf("%d bits for %d bytes of elements", ones, len(nonzero.Data))
	}
	data, values := make([]byte, length), nonzero.Data
	for i := range n {
		if bitmap.Data[i/8]>>(i%8)&1 == 1 {
			copy(data[i*size:], values[:size])
			values = values[size:]
		}
	}
	return Tensor{name, nonzero.DType, slices.Clone(shape), data}, nil
}
