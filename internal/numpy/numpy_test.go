package numpy

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"espalier/internal/pickle"
)

func TestArrays(t *testing.T) {
	columns := &Array{Type: Type{'u', 1, false}, Shape: []int{2, 3}, Data: []byte{1, 4, 2, 5, 3, 6}, Columns: true}
	if d := cmp.Diff([]byte{1, 2, 3, 4, 5, 6}, columns.Bytes()); d != "" {
		t.Error(d)
	}
	big := &Array{Type: ParseType(">i2"), Shape: []int{2}, Data: []byte{0xff, 0xfe, 1, 2}}
	if d := cmp.Diff([]byte{0xfe, 0xff, 2, 1}, big.Bytes()); d != "" {
		t.Error(d)
	}
	for i, want := range []int64{-2, 258} {
		if v, ok := big.Int(i); !ok || v != want {
			t.Errorf("element %d is %d, %v, want %d", i, v, ok, want)
		}
	}
	if _, ok := (&Array{Type: ParseType("f4"), Shape: []int{1}, Data: make([]byte, 4)}).Int(0); ok {
		t.Error("a float was taken for an integer")
	}
}

func TestTypes(t *testing.T) {
	for name, want := range map[string]string{
		"u1": "uint8", "|u1": "uint8", "<i8": "int64", ">f4": "float32", "int32": "int32", "b1": "bool", "O": "object", "U5": "text", "V8": "another type", "": "another type",
	} {
		if got := ParseType(name).String(); got != want {
			t.Errorf("%q is %s, want %s", name, got, want)
		}
	}
}

// Calls and states that make no array.
func TestRefuses(t *testing.T) {
	w := &World{Budget: 3}
	u1 := &Type{'u', 1, false}
	one, two := pickle.Tuple{int64(1)}, pickle.Tuple{int64(2)}
	for _, c := range []struct {
		name  string
		state pickle.Tuple
		want  string
	}{
		{"too few parts", pickle.Tuple{one}, "1 parts"},
		{"no type", pickle.Tuple{int64(1), one, "u1", false, []byte{1}}, "described by a tuple and a str"},
		{"fewer bytes", pickle.Tuple{int64(1), two, u1, false, []byte{1}}, "[2] of type uint8 has 1 bytes"},
		{"a negative size", pickle.Tuple{int64(1), pickle.Tuple{int64(-1)}, u1, false, []byte{1}}, "invalid dimension"},
		{"sizes that overflow", pickle.Tuple{int64(1), pickle.Tuple{int64(1) << 31, int64(1) << 31, int64(1) << 31}, u1, false, []byte{}}, "invalid dimension"},
	} {
		known, err := w.Build(new(Array), c.state)
		if !known || err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, error %v, want one that says %q", c.name, known, err, c.want)
		}
	}
	if _, _, err := w.Call(function("encode"), pickle.Tuple{"abc", "latin1"}); err != nil {
		t.Error(err)
	}
	if _, _, err := w.Call(function("encode"), pickle.Tuple{"a", "latin1"}); err == nil {
		t.Error("the budget was not kept")
	}
	for _, f := range []any{function("scalar"), function("ndarray"), "another"} {
		if v, known, err := w.Call(f, pickle.Tuple{int64(1), int64(2)}); known || err != nil {
			t.Errorf("%v makes %v, %v", f, v, err)
		}
	}
}
