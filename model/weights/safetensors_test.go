package weights

import (
	"bytes"
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

// file puts a header and data together as they stand in a safetensors file.
func file(header string, data ...byte) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(b, header...), data...)
}

func TestParseSafetensors(t *testing.T) {
	in := file(`{"b":{"dtype":"F32","shape":[1,2],"data_offsets":[1,9]},"a":{"dtype":"U8","shape":[],"data_offsets":[0,1]},"__metadata__":{"k":"v"},"none":{"dtype":"F64","shape":[0,3],"data_offsets":[9,9]}} `,
		7, 0, 0, 128, 63, 0, 0, 0, 192)
	tensors, metadata, err := Parse("x", in)
	if err != nil {
		t.Fatal(err)
	}
	want := []Tensor{
		{"a", U8, []int{}, []byte{7}},
		{"b", F32, []int{1, 2}, []byte{0, 0, 128, 63, 0, 0, 0, 192}},
		{"none", F64, []int{0, 3}, []byte{}},
	}
	if d := cmp.Diff(want, tensors); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(map[string]string{"k": "v"}, metadata); d != "" {
		t.Error(d)
	}
	b, err := tensors[1].Float32s()
	if err != nil || !cmp.Equal(b, []float32{1, -2}) {
		t.Errorf("b = %v, %v, want 1 and -2", b, err)
	}
}

func TestParseSafetensorsRefuses(t *testing.T) {
	huge := binary.LittleEndian.AppendUint64(nil, 1<<62)
	for _, c := range []struct {
		name string
		file []byte
		want string
	}{
		{"empty", nil, "empty"},
		{"short length", []byte{1, 2}, "truncated"},
		{"huge header", huge, "at most"},
		{"header longer than file", file(`{}`)[:9], "truncated"},
		{"no JSON", file(`hello`), "want a JSON object"},
		{"array", file(`[]`), "want a JSON object"},
		{"after the object", file(`{}{}`), "follows the JSON object"},
		{"cut JSON", file(`{"a":`), "offset"},
		{"unknown type", file(`{"a":{"dtype":"F4","shape":[1],"data_offsets":[0,1]}}`, 0), `type "F4"`},
		{"type of JSON", file(`{"a":{"dtype":"U8","shape":["1"],"data_offsets":[0,1]}}`, 0), "tensor a"},
		{"name twice", file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}`, 0, 0), "twice"},
		{"metadata not strings", file(`{"__metadata__":{"a":1}}`), "metadata"},
		{"out of bounds", file(`{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}`, 0), "outside the 1 bytes"},
		{"negative offset", file(`{"a":{"dtype":"U8","shape":[2],"data_offsets":[-1,1]}}`, 0), "outside"},
		{"end before begin", file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[1,0]}}`, 0), "outside"},
		{"size differs", file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,2]}}`, 0, 0), "takes 4 bytes"},
		{"negative dimension", file(`{"a":{"dtype":"U8","shape":[-1,-1],"data_offsets":[0,1]}}`, 0), "negative"},
		{"overflow", file(`{"a":{"dtype":"F64","shape":[4294967296,4294967296],"data_offsets":[0,0]}}`), "takes more than"},
		{"too many dimensions", file(`{"a":{"dtype":"U8","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[0,1]}}`, 0), "dimensions"},
		{"gap", file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}`, 0, 0), "gaps"},
		{"overlap", file(`{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}`, 0, 0, 0), "overlap"},
		{"surplus", file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, 0, 0), "follow the last"},
	} {
		_, _, err := Parse("some.file", c.file)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "some.file") {
			t.Errorf("%s: error %q, want one that names the file and says %q", c.name, err, c.want)
		}
	}
}

func TestEncodeRefuses(t *testing.T) {
	one := Tensor{"a", U8, []int{1}, []byte{1}}
	for name, tensors := range map[string][]Tensor{
		"name twice":     {one, one},
		"no name":        {{"", U8, []int{1}, []byte{1}}},
		"reserved name":  {{metadataKey, U8, []int{1}, []byte{1}}},
		"size and shape": {{"a", F32, []int{1}, []byte{1}}},
		"unknown type":   {{"a", "F4", []int{1}, []byte{}}},
		"negative":       {{"a", U8, []int{-1}, []byte{1}}},
	} {
		if err := Encode(io.Discard, tensors, nil); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// TestRoundTrip draws tensors of every type and any name, and wants them back;
// the data begins at a multiple of 64 bytes.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOfNDistinct(rapid.StringN(1, 20, -1).Filter(func(s string) bool { return s != metadataKey }), 0, 6, rapid.ID).Draw(t, "names")
		var tensors []Tensor
		for _, name := range names {
			d := rapid.SampledFrom([]DType{F64, F32, F16, BF16, I64, I32, I16, I8, U8, Bool}).Draw(t, "dtype")
			shape := rapid.SliceOfN(rapid.IntRange(0, 4), 0, 3).Draw(t, "shape")
			size := d.Size()
			for _, n := range shape {
				size *= n
			}
			tensors = append(tensors, Tensor{name, d, shape, rapid.SliceOfN(rapid.Byte(), size, size).Draw(t, "data")})
		}
		metadata := rapid.MapOf(rapid.String(), rapid.String()).Draw(t, "metadata")
		var b, again bytes.Buffer
		if err := Encode(&b, tensors, metadata); err != nil {
			t.Fatal(err)
		}
		if err := Encode(&again, tensors, metadata); err != nil || !bytes.Equal(b.Bytes(), again.Bytes()) {
			t.Fatalf("the same arguments gave other bytes (error %v)", err)
		}
		if start := 8 + binary.LittleEndian.Uint64(b.Bytes()); start%dataAlignment != 0 {
			t.Fatalf("data begins at %d", start)
		}
		got, meta, err := Parse("x", b.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(tensors, got, cmpopts.EquateEmpty()); d != "" {
			t.Fatal(d)
		}
		if d := cmp.Diff(metadata, meta, cmpopts.EquateEmpty()); d != "" {
			t.Fatal(d)
		}
	})
}

// Tensors that cannot be written leave the old file as it was.
func TestWriteIsAtomic(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.safetensors")
	good := []Tensor{{"a", U8, []int{1}, []byte{1}}}
	if err := Write(path, good, nil); err != nil {
		t.Fatal(err)
	}
	before, _ := os.ReadFile(path)
	if err := Write(path, []Tensor{{"a", U8, []int{2}, []byte{1}}}, nil); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("error %v, want one that names %s", err, path)
	}
	after, _ := os.ReadFile(path)
	if !bytes.Equal(before, after) {
		t.Error("a failed write changed the file")
	}
	if err := Write(filepath.Join(t.TempDir(), "missing", "a"), good, nil); err == nil {
		t.Error("no error for a folder that is not there")
	}
}

func TestHash(t *testing.T) {
	base := Tensor{"a", U8, []int{2, 1}, []byte{1, 2}}
	seen := map[string]string{}
	for name, list := range map[string][]Tensor{
		"base":    {base},
		"name":    {{"b", U8, []int{2, 1}, []byte{1, 2}}},
		"type":    {{"a", I8, []int{2, 1}, []byte{1, 2}}},
		"shape":   {{"a", U8, []int{1, 2}, []byte{1, 2}}},
		"data":    {{"a", U8, []int{2, 1}, []byte{1, 3}}},
		"nothing": {},
		"two":     {base, base},
	} {
		h := Hash(list)
		if other, ok := seen[h]; ok || len(h) != 64 {
			t.Errorf("%s and %s have the same hash %s", name, other, h)
		}
		seen[h] = name
	}
	if Hash([]Tensor{base}) != Hash([]Tensor{base}) {
		t.Error("the same tensors have two hashes")
	}
}
