package weights

import (
	"bytes"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestSparse writes tensors without their zeros and reads them back, bit by bit.
func TestSparse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 3000).Draw(t, "elements")
		share := rapid.Float64Range(0, 1).Draw(t, "share")
		values := make([]float32, n)
		for i := range values {
			if float64(i%97)/97 < share {
				values[i] = float32(i) - 7
			}
		}
		codes := make([]byte, n)
		for i := range codes {
			if i%13 == 0 {
				codes[i] = byte(i)
			}
		}
		if n > 4 {
			values[3] = float32(math.Copysign(0, -1))
		}
		tensors := []Tensor{
			Float32("first.weight", []int{n}, values),
			{"second.weight", I8, []int{1, n}, codes},
			Float32("bias", []int{3}, []float32{0, 1, 0}),
		}
		metadata := map[string]string{"dataset": "cifar10"}
		var dense, sparse bytes.Buffer
		if err := Encode(&dense, tensors, metadata); err != nil {
			t.Fatal(err)
		}
		if err := EncodeSparse(&sparse, tensors, metadata); err != nil {
			t.Fatal(err)
		}
		if sparse.Len() > dense.Len()+64 {
			t.Errorf("%d bytes without zeros, %d with", sparse.Len(), dense.Len())
		}
		back, have, err := parseSafetensors(sparse.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		if Hash(back) != Hash(tensors) || len(have) != 1 || have["dataset"] != "cifar10" {
			t.Errorf("%d tensors, metadata %v", len(back), have)
		}
	})
}

// TestSparseSize counts by hand: of 8,000 elements one in ten is not zero.
func TestSparseSize(t *testing.T) {
	values := make([]float32, 8000)
	for i := 0; i < len(values); i += 10 {
		values[i] = 1
	}
	path := filepath.Join(t.TempDir(), "sparse.safetensors")
	if err := WriteSparse(path, []Tensor{Float32("w", []int{80, 100}, values)}, nil); err != nil {
		t.Fatal(err)
	}
	file, err := readAll(path)
	if err != nil {
		t.Fatal(err)
	}
	if data := 8000/8 + 800*4; len(file) < data || len(file) > data+256 {
		t.Errorf("%d bytes, want %d and a header", len(file), data)
	}
	tensors, _, err := Read(path)
	if err != nil || len(tensors) != 1 || !slices.Equal(tensors[0].Shape, []int{80, 100}) {
		t.Fatalf("%v, %v", tensors, err)
	}
	if back, _ := tensors[0].Float32s(); !slices.Equal(back, values) {
		t.Error("other values came back")
	}
}

// TestSparseRefuses reads coded tensors that do not fit together.
func TestSparseRefuses(t *testing.T) {
	bitmap := func(bits ...byte) Tensor { return Tensor{"w.bitmap", U8, []int{len(bits)}, bits} }
	one := Float32("w.nonzero", []int{1}, []float32{5})
	for _, c := range []struct {
		name    string
		tensors []Tensor
		shapes  string
		want    string // in the error
	}{
		{"no shapes", []Tensor{bitmap(1), one}, `[`, "damaged"},
		{"a tensor that is not there", nil, `{"w":[8]}`, "does not hold"},
		{"no elements", []Tensor{bitmap(1)}, `{"w":[8]}`, "does not follow"},
		{"too few bits", []Tensor{bitmap(1), one}, `{"w":[9]}`, "bitmap of 1 bytes for 9"},
		{"too many bits", []Tensor{bitmap(3), one}, `{"w":[8]}`, "2 bits for 4 bytes"},
		{"a bit behind the end", []Tensor{bitmap(1 << 7), one}, `{"w":[7]}`, "behind the last"},
		{"much", []Tensor{bitmap(1), one}, `{"w":[1000000,1000000]}`, "more than"},
		{"a negative shape", []Tensor{bitmap(1), one}, `{"w":[-1]}`, "negative"},
	} {
		_, err := expand(c.tensors, map[string]string{metaSparse: c.shapes})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
