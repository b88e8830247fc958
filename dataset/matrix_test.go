package dataset

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// npy is a file of float32 numbers as NumPy writes it.
func npy(shape string, values ...float32) []byte {
	dict := "{'descr': '<f4', 'fortran_order': False, 'shape': (" + shape + "), }\n"
	b := append([]byte("\x93NUMPY\x01\x00"), byte(len(dict)), byte(len(dict)>>8))
	b, err := binary.Append(append(b, dict...), binary.LittleEndian, values)
	if err != nil {
		panic(err)
	}
	return b
}

func npz(names []string, file []byte) []byte {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, name := range names {
		w, err := z.Create(name)
		if err != nil {
			panic(err)
		}
		w.Write(file) // a buffer takes everything
	}
	z.Close()
	return b.Bytes()
}

func TestReadMatrix(t *testing.T) {
	whole := npy("2, 3", 1, 2, 3, 4, 5, 6)
	for _, c := range []struct {
		name string
		file []byte
		err  string
	}{
		{"a.npy", whole, ""},
		{"a.npz", npz([]string{"logits.npy", "labels.npy"}, whole), ""},
		{"a.NPZ", npz([]string{"arr_0.npy"}, whole), ""},
		{"a.npz", npz([]string{"a.npy", "b.npy"}, whole), "called logits"},
		{"a.npz", whole, "not an .npz file"},
		{"a.npy", whole[:len(whole)-1], "truncated"},
		{"a.npy", []byte("text"), "not a NumPy array"},
		{"a.npy", npy("6", 1, 2, 3, 4, 5, 6), "[images, classes]"},
		{"a.npy", npy("100000, 100000"), "at most"},
	} {
		path := filepath.Join(t.TempDir(), c.name)
		if err := os.WriteFile(path, c.file, 0o600); err != nil {
			t.Fatal(err)
		}
		m, err := ReadMatrix(path)
		switch {
		case c.err != "":
			if err == nil || !strings.Contains(err.Error(), c.err) || !strings.Contains(err.Error(), path) {
				t.Errorf("%s: error %v, want one that names the file and says %q", c.name, err, c.err)
			}
		case err != nil:
			t.Errorf("%s: %v", c.name, err)
		case m.Rows != 2 || m.Columns != 3 || !slices.Equal(m.Values, []float32{1, 2, 3, 4, 5, 6}):
			t.Errorf("%s: read %+v", c.name, m)
		}
	}
}
