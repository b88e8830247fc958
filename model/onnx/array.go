package onnx

import (
	"encoding/binary"
	"fmt"

	"espalier/model/weights"
)

// An array is a constant's value: numbers in f, or whole numbers and booleans
// in i; the other one is nil.
type array struct {
	dims []int
	f    []float32
	i    []int64
}

// Limits of arrays.
const (
	maxRank     = 8
	maxElements = 1 << 28
)

func (a *array) len() int { return len(a.f) + len(a.i) }

func ints(values ...int64) *array { return &array{dims: []int{len(values)}, i: values} }

// elements returns how many elements a shape has. It fails if a dimension is
// negative or the shape is too large.
func elements(dims []int) (int, error) {
	if len(dims) > maxRank {
		return 0, fmt.Errorf("%d dimensions: at most %d are read", len(dims), maxRank)
	}
	count, zero := 1, false
	for _, d := range dims {
		if d < 0 || d > maxElements {
			return 0, fmt.Errorf("shape %v: want dimensions from 0 to %d", dims, maxElements)
		}
		if d == 0 {
			zero = true
			continue
		}
		if count *= d; count > maxElements {
			return 0, fmt.Errorf("shape %v: at most %d elements are read", dims, maxElements)
		}
	}
	if zero {
		return 0, nil
	}
	return count, nil
}

// sizes are the bytes of an element of each data type.
var sizes = map[int64]int64{
	typeFloat: 4, typeUint8: 1, typeInt8: 1, typeUint16: 2, typeInt16: 2, typeInt32: 4, typeInt64: 8, typeBool: 1,
	typeFloat16: 2, typeDouble: 8, typeUint32: 4, typeUint64: 8, typeBfloat16: 2,
}

// floats are the types of floating-point numbers.
var floats = map[int64]weights.DType{
	typeFloat: weights.F32, typeDouble: weights.F64, typeFloat16: weights.F16, typeBfloat16: weights.BF16,
}

// array returns the tensor's elements. Data in another file is read from folder.
func (t *tensor) array(folder *folder) (*array, error) {
	a := &array{}
	for _, d := range t.dims {
		a.dims = append(a.dims, int(d))
	}
	count, err := elements(a.dims)
	if err != nil {
		return nil, fmt.Errorf("tensor %s: %w; the file is damaged", t.name, err)
	}
	size, ok := sizes[t.dataType]
	if !ok {
		return nil, fmt.Errorf("tensor %s has data type %d, which is not supported: convert the network to float32", t.name, t.dataType)
	}
	raw := t.raw
	if t.location == 1 {
		if raw, err = folder.read(t, int64(count)*size); err != nil {
			return nil, err
		}
	}
	if raw != nil && (len(raw) > 0 || count == 0) {
		if int64(len(raw)) != int64(count)*size {
			return nil, fmt.Errorf("tensor %s of type %d and shape %v has %d bytes; the file is damaged", t.name, t.dataType, t.dims, len(raw))
		}
		a.fromRaw(t.dataType, raw, count)
		return a, nil
	}
	a.fromLists(t)
	if a.len() != count {
		return nil, fmt.Errorf("tensor %s of type %d and shape %v has %d elements; the file is damaged", t.name, t.dataType, t.dims, a.len())
	}
	return a, nil
}

// fromRaw fills the array from little-endian bytes.
func (a *array) fromRaw(dataType int64, raw []byte, count int) {
	if dtype, ok := floats[dataType]; ok {
		a.f, _ = weights.Tensor{DType: dtype, Data: raw}.Float32s() // it is of floats
		return
	}
	order := binary.LittleEndian
	a.i = make([]int64, count)
	for k := range count {
		switch dataType {
		case typeInt64, typeUint64:
			a.i[k] = int64(order.Uint64(raw[8*k:]))
		case typeInt32:
			a.i[k] = int64(int32(order.Uint32(raw[4*k:])))
		case typeUint32:
			a.i[k] = int64(order.Uint32(raw[4*k:]))
		case typeInt16:
			a.i[k] = int64(int16(order.Uint16(raw[2*k:])))
		case typeUint16:
			a.i[k] = int64(order.Uint16(raw[2*k:]))
		case typeInt8:
			a.i[k] = int64(int8(raw[k]))
		default: // uint8 and booleans
			a.i[k] = int64(raw[k])
		}
	}
}

// fromLists fills the array from the list for the tensor's type.
func (a *array) fromLists(t *tensor) {
	switch t.dataType {
	case typeFloat:
		a.f = append([]float32{}, t.floats...)
	case typeDouble:
		a.f = make([]float32, len(t.doubles))
		for k, x := range t.doubles {
			a.f[k] = float32(x)
		}
	case typeFloat16, typeBfloat16: // bits, as whole numbers
		var raw []byte
		for _, bits := range t.int32s {
			raw = binary.LittleEndian.AppendUint16(raw, uint16(bits))
		}
		a.fromRaw(t.dataType, raw, len(t.int32s))
	case typeInt64:
		a.i = append([]int64{}, t.int64s...)
	case typeUint32, typeUint64:
		a.i = append([]int64{}, t.uint64s...)
	default:
		a.i = append([]int64{}, t.int32s...)
	}
}
