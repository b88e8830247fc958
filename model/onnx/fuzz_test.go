package onnx

import (
	"bytes"
	"encoding/binary"
	"testing"

	"espalier/internal/allocation"
	"espalier/model"
)

// FuzzImport: no file crashes the importer, and what it reads is a valid network
// that can be written and read again.
func FuzzImport(f *testing.F) {
	for _, s := range spellings() {
		f.Add(s.file().Encode())
	}
	for _, r := range refusals() {
		if file := r.file().Encode(); len(file) < 1<<15 {
			f.Add(file)
		}
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		var g *model.Graph
		var err error
		allocation.Limit(t, len(file), 1<<10, 32<<20, func() {
			var m *Model
			if m, err = decode(file); err == nil {
				g, _, err = m.network(nil, int64(len(file)))
			}
		})
		if err != nil {
			return
		}
		if err := g.Check(); err != nil {
			t.Fatalf("a network that is not valid: %v", err)
		}
		if size := g.Input().Shape.Len() + g.ParameterCount(); size > 1<<20 {
			return
		}
		again, err := decode(Float(g, Header{}).Encode())
		if err != nil {
			t.Fatal(err)
		}
		h, _, err := again.network(nil, 1<<30)
		if err != nil {
			t.Fatalf("the network that was read cannot be read once it is written: %v\n%s", err, plan(g))
		}
		if len(h.Layers()) != len(g.Layers()) || h.Classes() != g.Classes() {
			t.Errorf("read as\n%s\nand once written as\n%s", plan(g), plan(h))
		}
	})
}

// TestMemory: files of nothing but the smallest messages and fields take little
// memory too, and too many are refused.
func TestMemory(t *testing.T) {
	// nested puts b into the only field of a message.
	nested := func(field byte, b []byte) []byte {
		return append(binary.AppendUvarint([]byte{field<<3 | 2}, uint64(len(b))), b...)
	}
	const model, node, attribute, tensor, dims = 7, 1, 5, 5, 1
	for _, c := range []struct {
		name  string
		count int
		file  func(small []byte) []byte
		small []byte
	}{
		{"attributes", 200_000, func(b []byte) []byte { return nested(model, nested(node, b)) }, []byte{attribute<<3 | 2, 0}},
		{"tensors", 200_000, func(b []byte) []byte { return nested(model, b) }, []byte{tensor<<3 | 2, 0}},
		{"nodes", 200_000, func(b []byte) []byte { return nested(model, b) }, []byte{node<<3 | 2, 0}},
		{"too many nodes", 2_000_000, func(b []byte) []byte { return nested(model, b) }, []byte{node<<3 | 2, 0}},
		{"dimensions", 500_000, func(b []byte) []byte { return nested(model, nested(tensor, b)) }, []byte{dims << 3, 1}},
	} {
		file := c.file(bytes.Repeat(c.small, c.count))
		var err error
		allocation.Limit(t, len(file), 1<<10, 32<<20, func() { _, err = decode(file) })
		if refused := err != nil; refused != (c.count > maxMessages) && c.name != "dimensions" {
			t.Errorf("%s: error %v", c.name, err)
		}
	}
}
