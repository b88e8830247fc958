package onnx

import (
	"errors"
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// decode reads what Encode wrote, by the same tables of fields. A field that
// they do not list is an error. Memory stays within a hundred times the bytes.
func decode(b []byte) (*Model, error) {
	m := new(Model)
	return m, readMessage(m, b)
}

func readMessage(m message, b []byte) error {
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
		if err := readField(m, number, wire, b[:n]); err != nil {
			return fmt.Errorf("%T, field %d: %w", m, number, err)
		}
		b = b[n:]
	}
	return nil
}

func readField(m message, number protowire.Number, wire protowire.Type, b []byte) error {
	for _, f := range m.fields() {
		if f.number != number {
			continue
		}
		switch wire {
		case protowire.VarintType:
			i, _ := protowire.ConsumeVarint(b)
			return f.readInt(int64(i))
		case protowire.Fixed32Type:
			bits, _ := protowire.ConsumeFixed32(b)
			return f.readFloat(math.Float32frombits(bits))
		case protowire.BytesType:
			value, _ := protowire.ConsumeBytes(b)
			return f.readBytes(value)
		}
	}
	return fmt.Errorf("there is none of wire type %d in files of this program", wire)
}

var errKind = errors.New("a value of another kind")

func (f field) readInt(i int64) error {
	switch v := f.value.(type) {
	case *int64:
		*v = i
	case **int64:
		*v = &i
	default:
		return errKind
	}
	return nil
}

func (f field) readFloat(x float32) error {
	v, ok := f.value.(**float32)
	if !ok {
		return errKind
	}
	*v = &x
	return nil
}

func (f field) readBytes(b []byte) error {
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
	case message:
		return readMessage(v, b)
	case messages:
		return readMessage(v.add(), b)
	default:
		return errKind
	}
	return nil
}
