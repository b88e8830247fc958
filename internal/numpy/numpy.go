// Package numpy reads NumPy's arrays and numbers in pickles of any protocol and
// any version of NumPy. It is a part of a pickle.World and leaves to that what it
// does not know.
package numpy

import (
	"fmt"
	"math"
	"unicode/utf8"

	"espalier/internal/pickle"
)

// maxDims is NumPy's own limit.
const maxDims = 32

// A function is one of those that pickles of arrays call.
type function string

func (f function) String() string { return "NumPy's " + string(f) }

// functions maps names in a file to what they stand for. NumPy 2 renamed its
// core. In protocols 0 to 2, bytes are text that a function call encodes.
var functions = map[string]function{
	"numpy.core.multiarray _reconstruct":  "reconstruct",
	"numpy._core.multiarray _reconstruct": "reconstruct",
	"numpy.core.numeric _frombuffer":      "frombuffer",
	"numpy._core.numeric _frombuffer":     "frombuffer",
	"numpy.core.multiarray scalar":        "scalar",
	"numpy._core.multiarray scalar":       "scalar",
	"numpy ndarray":                       "ndarray",
	"numpy dtype":                         "dtype",
	"_codecs encode":                      "encode",
	"__builtin__ bytes":                   "bytes",
	"builtins bytes":                      "bytes",
	"__builtin__ bytearray":               "bytes",
	"builtins bytearray":                  "bytes",
}

// A World makes arrays.
type World struct {
	// Budget is the number of bytes that all calls together may copy, since a
	// file can repeat calls at little cost.
	Budget int
}

// Global returns what a name stands for, if it is known.
func (w *World) Global(module, name string) (any, bool) {
	f, ok := functions[module+" "+name]
	return f, ok
}

// Call builds an array as NumPy does. known is false if function is not one of
// Global's or the arguments are of another kind.
func (w *World) Call(f any, args pickle.Tuple) (value any, known bool, err error) {
	name, _ := f.(function)
	switch {
	case name == "reconstruct":
		return new(Array), true, nil
	case name == "dtype" && len(args) > 0:
		text, _ := pickle.Text(args[0])
		t := ParseType(text)
		return &t, true, nil
	case name == "scalar" && len(args) == 2:
		t, ok := args[0].(*Type)
		data, isBytes := args[1].([]byte)
		if !ok || !isBytes || t.Size == 0 || len(data) != t.Size {
			return nil, false, nil
		}
		return &Array{Type: *t, Data: data}, true, nil
	case name == "frombuffer" && len(args) == 4:
		order, _ := pickle.Text(args[3])
		a := new(Array)
		return a, true, a.set(args[2], args[1], order == "F", args[0])
	case name == "bytes" || name == "encode":
		return w.bytes(args)
	}
	return nil, false, nil
}

// bytes returns the bytes in a bytes argument, in a text in Latin-1, or no bytes
// for no argument.
func (w *World) bytes(args pickle.Tuple) (value any, known bool, err error) {
	if len(args) == 0 {
		return []byte{}, true, nil
	}
	switch v := args[0].(type) {
	case []byte:
		return v, true, nil
	case string:
		if w.Budget -= utf8.RuneCountInString(v); w.Budget < 0 {
			return nil, true, fmt.Errorf("the file asks for more memory than a file of this size may")
		}
		out := make([]byte, 0, len(v))
		for _, r := range v {
			if r > math.MaxUint8 {
				return nil, false, nil // another encoding
			}
			out = append(out, byte(r))
		}
		return out, true, nil
	}
	return nil, false, nil
}

// Build completes a type or an array with its state.
func (w *World) Build(object, state any) (known bool, err error) {
	fields, _ := state.(pickle.Tuple)
	switch o := object.(type) {
	case *Type:
		if len(fields) > 1 {
			order, _ := pickle.Text(fields[1])
			o.Big = order == ">"
		}
		return true, nil
	case *Array:
		if len(fields) > 4 {
			fields = fields[len(fields)-4:] // a version comes first
		}
		if len(fields) != 4 {
			return true, fmt.Errorf("an array's state has %d parts; the file is damaged", len(fields))
		}
		columns, _ := fields[2].(bool)
		return true, o.set(fields[0], fields[1], columns, fields[3])
	}
	return false, nil
}

// set gives an array its elements and checks their number against its shape.
func (a *Array) set(shape, dtype any, columns bool, content any) error {
	dims, ok := shape.(pickle.Tuple)
	t, isType := dtype.(*Type)
	if !ok || !isType || len(dims) > maxDims {
		return fmt.Errorf("an array is described by %s and %s; the file is damaged", pickle.TypeName(shape), pickle.TypeName(dtype))
	}
	*a = Array{Type: *t, Columns: columns, Shape: make([]int, len(dims))}
	count := int64(1)
	for i, d := range dims {
		n, ok := d.(int64)
		if !ok || n < 0 || n > math.MaxInt32 || count > math.MaxInt32 {
			return fmt.Errorf("an array has an invalid dimension; the file is damaged")
		}
		a.Shape[i] = int(n)
		count *= n
	}
	if t.Size == 0 {
		return nil // not numbers: the elements do not matter
	}
	data, ok := content.([]byte)
	if !ok || count*int64(t.Size) != int64(len(data)) {
		return fmt.Errorf("an array %v of type %s has %d bytes; the file is damaged", a.Shape, t, len(data))
	}
	a.Data = data
	return nil
}
