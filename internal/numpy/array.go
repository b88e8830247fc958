package numpy

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// A Type is an element type: NumPy's letter for its kind ('u' for unsigned and
// 'i' for signed integers, 'f' for floating point, 'b' for booleans), and the
// bytes of an element. Other types, such as Python objects ('O') or records
// ('V'), are only names.
type Type struct {
	Kind byte
	Size int
	Big  bool // the most significant byte comes first
}

// ParseType reads a name such as "u1", "<f4" or "int64".
func ParseType(name string) Type {
	for long, short := range map[string]string{
		"uint8": "u1", "int8": "i1", "int16": "i2", "int32": "i4", "int64": "i8",
		"float16": "f2", "float32": "f4", "float64": "f8", "bool": "b1",
	} {
		if name == long {
			name = short
		}
	}
	t := Type{}
	if name != "" && (name[0] == '>' || name[0] == '<' || name[0] == '|' || name[0] == '=') {
		t.Big = name[0] == '>'
		name = name[1:]
	}
	if len(name) == 2 && name[1] >= '1' && name[1] <= '8' && (name[0] == 'u' || name[0] == 'i' || name[0] == 'f' || name[0] == 'b') {
		t.Kind, t.Size = name[0], int(name[1]-'0')
		return t
	}
	if name != "" {
		t.Kind = name[0]
	}
	return t
}

// String returns NumPy's name of the type.
func (t Type) String() string {
	kind := map[byte]string{'u': "uint", 'i': "int", 'f': "float"}[t.Kind]
	switch {
	case kind != "":
		return fmt.Sprintf("%s%d", kind, 8*t.Size)
	case t.Kind == 'b':
		return "bool"
	case t.Kind == 'O':
		return "object"
	case t.Kind == 'U', t.Kind == 'S':
		return "text"
	}
	return "another type"
}

// An Array is one of NumPy's, or a single number, which has no dimensions.
type Array struct {
	Type  Type
	Shape []int
	// Data holds the elements, row-major or, with Columns, column-major
	// ("Fortran order"). It is nil if the elements are not numbers.
	Data    []byte
	Columns bool
}

func (a *Array) String() string {
	if len(a.Shape) == 0 && a.Data != nil {
		return fmt.Sprintf("a NumPy number of type %s", a.Type)
	}
	return fmt.Sprintf("a NumPy array %v of type %s", a.Shape, a.Type)
}

// Len returns the number of elements.
func (a *Array) Len() int {
	n := 1
	for _, d := range a.Shape {
		n *= d
	}
	return n
}

// Int returns element i of Data if it is an integer or a boolean.
func (a *Array) Int(i int) (v int64, ok bool) {
	if a.Data == nil || (a.Type.Kind != 'u' && a.Type.Kind != 'i' && a.Type.Kind != 'b') {
		return 0, false
	}
	b := slices.Clone(a.Data[i*a.Type.Size : (i+1)*a.Type.Size])
	if a.Type.Big {
		slices.Reverse(b)
	}
	fill := byte(0)
	if a.Type.Kind == 'i' && b[len(b)-1] >= 0x80 {
		fill = 0xff
	}
	for len(b) < 8 {
		b = append(b, fill)
	}
	v = int64(binary.LittleEndian.Uint64(b))
	return v, a.Type.Kind != 'u' || v >= 0
}

// Bytes returns the elements row-major with the least significant byte first.
// It returns Data itself if that has this form.
func (a *Array) Bytes() []byte {
	out, size := a.Data, a.Type.Size
	if a.Columns && len(a.Shape) > 1 {
		out = make([]byte, 0, len(a.Data))
		strides := make([]int, len(a.Shape))
		stride := 1
		for i, d := range a.Shape {
			strides[i] = stride
			stride *= d
		}
		at := make([]int, len(a.Shape))
		for len(out) < len(a.Data) {
			from := 0
			for i, x := range at {
				from += x * strides[i]
			}
			out = append(out, a.Data[from*size:(from+1)*size]...)
			for i := len(at) - 1; i >= 0; i-- {
				if at[i]++; at[i] < a.Shape[i] {
					break
				}
				at[i] = 0
			}
		}
	}
	if a.Type.Big && size > 1 {
		out = slices.Clone(out)
		for i := 0; i < len(out); i += size {
			slices.Reverse(out[i : i+size])
		}
	}
	return out
}
