package weights

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
)

// A Tensor is a named array as a file holds it.
type Tensor struct {
	Name  string
	DType DType
	Shape []int  // row-major; empty for a scalar
	Data  []byte // little-endian, len = product of Shape × DType.Size()
}

// Float32 returns a tensor of type F32 with a copy of data.
func Float32(name string, shape []int, data []float32) Tensor {
	b := make([]byte, 4*len(data))
	for i, v := range data {
		binary.LittleEndian.PutUint32(b[4*i:], math.Float32bits(v))
	}
	return Tensor{name, F32, shape, b}
}

// Float32s returns a copy of the elements as float32. The error names the
// tensor when it does not hold floating-point numbers.
func (t Tensor) Float32s() ([]float32, error) {
	v, err := t.DType.toFloat32(t.Data)
	if err != nil {
		return nil, fmt.Errorf("tensor %s has %w", t.Name, err)
	}
	return v, nil
}

// Hash returns the SHA-256, in hexadecimal, over the names, types, shapes and
// bytes of the tensors in their order. Metadata is left out: two runs that
// reach the same weights have the same hash.
func Hash(tensors []Tensor) string {
	h := sha256.New()
	for _, t := range tensors {
		// Lengths come before contents, so that different lists give different
		// input to the hash.
		fmt.Fprintf(h, "%d %s %s %d", len(t.Name), t.Name, t.DType, len(t.Shape))
		for _, d := range t.Shape {
			fmt.Fprintf(h, " %d", d)
		}
		fmt.Fprintf(h, "\n")
		h.Write(t.Data)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// byteSize returns the bytes that a tensor of that shape takes. It fails on a
// negative dimension, on more than maxDims dimensions, and if the size exceeds
// limit. It never overflows.
func byteSize(shape []int, elem int, limit int64) (int64, error) {
	if len(shape) > maxDims {
		return 0, fmt.Errorf("%d dimensions: at most %d are read", len(shape), maxDims)
	}
	empty := false
	for _, d := range shape {
		if d < 0 {
			return 0, fmt.Errorf("shape %v has a negative dimension", shape)
		}
		empty = empty || d == 0
	}
	if empty {
		return 0, nil
	}
	size := int64(elem)
	for _, d := range shape {
		if int64(d) > limit/size {
			return 0, fmt.Errorf("shape %v takes more than %d bytes", shape, limit)
		}
		size *= int64(d)
	}
	return size, nil
}
