package onnx

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// maxMessages is the most messages of a file: nodes, attributes, tensors,
// dimensions and the like. Networks have some ten thousand.
const maxMessages = 1 << 18

// decode reads a file by the tables of fields. It skips fields that they do not
// list, such as names of source lines. It takes at most 128 MiB plus twenty
// times the bytes.
func decode(b []byte) (*Model, error) {
	m := new(Model)
	d := decoder{left: maxMessages}
	if err := d.message(m, b); err != nil {
		return nil, fmt.Errorf("this is not an ONNX file, or it is damaged: %w", err)
	}
	return m, nil
}

// A decoder counts messages.
type decoder struct{ left int }

func (d *decoder) message(m message, b []byte) error {
	if d.left--; d.left < 0 {
		return fmt.Errorf("more than %d nodes, attributes and tensors", maxMessages)
	}
	for len(b) > 0 {
		number, wire, n := protowire.ConsumeTag(b)
		if n < 0 {
			return protowire.ParseError(n)
		}
		b = b[n:]
		n = protowire.ConsumeFieldValue(number, wire, b)
		if n < 0 {
			return protowire.ParseError(n)
		}
		if err := d.field(m, number, wire, b[:n]); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

func (d *decoder) field(m message, number protowire.Number, wire protowire.Type, b []byte) error {
	for _, f := range m.fields() {
		if f.number != number {
			continue
		}
		var err error
		switch wire {
		case protowire.VarintType:
			i, _ := protowire.ConsumeVarint(b)
			err = f.readInt(int64(i))
		case protowire.Fixed32Type:
			bits, _ := protowire.ConsumeFixed32(b)
			err = f.readFloat(math.Float32frombits(bits))
		case protowire.Fixed64Type:
			bits, _ := protowire.ConsumeFixed64(b)
			err = f.readDouble(math.Float64frombits(bits))
		case protowire.BytesType:
			value, _ := protowire.ConsumeBytes(b)
			err = d.bytes(f, value)
		default:
			err = errKind
		}
		if err == errKind {
			return fmt.Errorf("%T, field %d: %w", m, number, err)
		}
		return err
	}
	return nil
}

var errKind = errors.New("a value of another kind")

func (f field) readInt(i int64) error {
	switch v := f.value.(type) {
	case *int64:
		*v = i
	case **int64:
		*v = &i
	case *[]int64: // not packed, as in the format's first version
		*v = append(*v, i)
	default:
		return errKind
	}
	return nil
}

func (f field) readFloat(x float32) error {
	switch v := f.value.(type) {
	case **float32:
		*v = &x
	case *[]float32:
		*v = append(*v, x)
	default:
		return errKind
	}
	return nil
}

func (f field) readDouble(x float64) error {
	v, ok := f.value.(*[]float64)
	if !ok {
		return errKind
	}
	*v = append(*v, x)
	return nil
}

// bytes reads text, bytes, packed numbers and messages.
func (d *decoder) bytes(f field, b []byte) error {
	switch v := f.value.(type) {
	case *string:
		*v = string(b)
	case *[]byte:
		*v = append([]byte{}, b...)
	case *[]string:
		*v = append(*v, string(b))
	case *[]int64:
		for len(b) > 0 {
			i, n := protowire.ConsumeVarint(b)
			if n < 0 {
				return protowire.ParseError(n)
			}
			*v, b = append(*v, int64(i)), b[n:]
		}
	case *[]float32:
		for ; len(b) >= 4; b = b[4:] {
			*v = append(*v, math.Float32frombits(binary.LittleEndian.Uint32(b)))
		}
	case *[]float64:
		for ; len(b) >= 8; b = b[8:] {
			*v = append(*v, math.Float64frombits(binary.LittleEndian.Uint64(b)))
		}
	case **tensor:
		*v = new(tensor)
		return d.message(*v, b)
	case message:
		return d.message(v, b)
	case messages:
		return d.message(v.add(), b)
	default:
		return errKind
	}
	return nil
}
