package onnx

import "testing"

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
		m, err := decode(file)
		if err != nil {
			return
		}
		g, _, err := m.network(nil, int64(len(file)))
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
