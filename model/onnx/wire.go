package onnx

import (
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// A message is a protocol buffer.
type message interface{ fields() []field }

// A field is a number and a pointer to its value: *int64, *float32 and *string,
// left out if they are zero; pointers to these, left out if they are nil;
// *[]byte, left out if it is nil; *[]string; *[]int64, *[]float32 and
// *[]float64, packed; a message; a pointer to a tensor, left out if it is nil;
// messages.
type field struct {
	number protowire.Number
	value  any
}

// messages is a repeated field.
type messages interface {
	all() []message
	add() message // appends an empty one
}

type listOf[T any, M interface {
	*T
	message
}] struct{ items *[]T }

func list[T any, M interface {
	*T
	message
}](items *[]T) messages {
	return listOf[T, M]{items}
}

func (l listOf[T, M]) all() []message {
	var all []message
	for i := range *l.items {
		all = append(all, M(&(*l.items)[i]))
	}
	return all
}

func (l listOf[T, M]) add() message {
	*l.items = append(*l.items, *new(T))
	return M(&(*l.items)[len(*l.items)-1])
}

// Encode returns the file's bytes, which depend only on the model.
func (m *Model) Encode() []byte { return appendMessage(nil, m) }

func appendMessage(b []byte, m message) []byte {
	for _, f := range m.fields() {
		b = f.append(b)
	}
	return b
}

func (f field) append(b []byte) []byte {
	switch v := f.value.(type) {
	case *int64:
		if *v != 0 {
			b = f.appendInt(b, *v)
		}
	case **int64:
		if *v != nil {
			b = f.appendInt(b, **v)
		}
	case **float32:
		if *v != nil {
			b = protowire.AppendTag(b, f.number, protowire.Fixed32Type)
			b = protowire.AppendFixed32(b, math.Float32bits(**v))
		}
	case *string:
		if *v != "" {
			b = f.appendBytes(b, []byte(*v))
		}
	case *[]byte:
		if *v != nil {
			b = f.appendBytes(b, *v)
		}
	case *[]string:
		for _, s := range *v {
			b = f.appendBytes(b, []byte(s))
		}
	case *[]int64:
		var packed []byte
		for _, i := range *v {
			packed = protowire.AppendVarint(packed, uint64(i))
		}
		if packed != nil {
			b = f.appendBytes(b, packed)
		}
	case *[]float32:
		var packed []byte
		for _, x := range *v {
			packed = protowire.AppendFixed32(packed, math.Float32bits(x))
		}
		if packed != nil {
			b = f.appendBytes(b, packed)
		}
	case *[]float64:
		var packed []byte
		for _, x := range *v {
			packed = protowire.AppendFixed64(packed, math.Float64bits(x))
		}
		if packed != nil {
			b = f.appendBytes(b, packed)
		}
	case **tensor:
		if *v != nil {
			b = f.appendBytes(b, appendMessage(nil, *v))
		}
	case message:
		b = f.appendBytes(b, appendMessage(nil, v))
	case messages:
		for _, m := range v.all() {
			b = f.appendBytes(b, appendMessage(nil, m))
		}
	default:
		panic("onnx: a field of a type that is not listed")
	}
	return b
}

func (f field) appendInt(b []byte, i int64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, f.number, protowire.VarintType), uint64(i))
}

func (f field) appendBytes(b, value []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, f.number, protowire.BytesType), value)
}
