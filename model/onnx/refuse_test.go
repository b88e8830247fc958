package onnx

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestRefusals: what is not supported, and what is damaged, ends in one sentence
// that names it.
func TestRefusals(t *testing.T) {
	for _, r := range refusals() {
		t.Run(r.name, func(t *testing.T) {
			_, err := Read(written(t, r.file()))
			if err == nil {
				t.Fatalf("no error, want one that says %q", r.want)
			}
			for _, words := range r.want {
				if !strings.Contains(err.Error(), words) {
					t.Errorf("error %q, want one that says %q", err, words)
				}
			}
		})
	}
}

// TestExternal: weights lie in a file beside the model, and nowhere else.
func TestExternal(t *testing.T) {
	plain := images(13).conv("conv", 3, 4).head(4)
	want, _, err := plain.network(nil, 1<<10)
	if err != nil {
		t.Fatal(err)
	}
	raw := plain.graph.initializers[0].raw
	size := "432"
	for _, c := range []struct {
		name                     string
		location, offset, length string
		err                      string
	}{
		{"beside the file", "data.bin", "8", size, ""},
		{"in a folder below", "sub/data.bin", "0", "", ""},
		{"above the folder", "../data.bin", "8", size, "leads out"},
		{"an absolute path", "/etc/passwd", "8", size, "leads out"},
		{"a link out of the folder", "link.bin", "8", size, "conv.weight"},
		{"no file", "none.bin", "8", size, "beside the ONNX file"},
		{"a folder", "sub", "0", size, "copy the file again"},
		{"too short a file", "data.bin", "16", size, "copy the file again"},
		{"a huge offset", "data.bin", "9223372036854775807", size, "copy the file again"},
		{"a negative offset", "data.bin", "-8", size, "needs 432 bytes"},
		{"another length", "data.bin", "0", "4000000000", "needs 432 bytes"},
		{"no number", "data.bin", "x", size, "whole number"},
		{"no location", "", "0", size, "leads out"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := images(13).conv("conv", 3, 4).head(4)
			w := &m.graph.initializers[0]
			w.raw, w.location = nil, 1
			for _, e := range []entry{{"location", c.location}, {"offset", c.offset}, {"length", c.length}} {
				if e.value != "" {
					w.external = append(w.external, e)
				}
			}
			outside := t.TempDir()
			path := written(t, m)
			dir := filepath.Dir(path)
			for name, content := range map[string][]byte{
				filepath.Join(dir, "data.bin"):        append(make([]byte, 8), raw...),
				filepath.Join(dir, "sub", "data.bin"): raw,
				filepath.Join(outside, "data.bin"):    append(make([]byte, 8), raw...),
			} {
				if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(name, content, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.Symlink(filepath.Join(outside, "data.bin"), filepath.Join(dir, "link.bin")); err != nil {
				t.Skip(err)
			}
			f, err := Read(path)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) || !strings.Contains(err.Error(), "conv.weight") {
					t.Errorf("error %v, want one that names the tensor and says %q", err, c.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			for i, x := range f.Float.Node("conv").Weight {
				if x != want.Node("conv").Weight[i] {
					t.Fatalf("weight %d is %g, want %g", i, x, want.Node("conv").Weight[i])
				}
			}
		})
	}
}

// TestMetadata: means and deviations come with the file where it has both.
func TestMetadata(t *testing.T) {
	for _, c := range []struct {
		mean, std string
		known     bool
		note      string
	}{
		{"0.5 0.25 0.125", "[0.5, 0.5, 0.5]", true, ""},
		{"", "", false, ""},
		{"0.5 0.25 0.125", "", false, ""},
		{"123 117 104", "0.5 0.5 0.5", false, "0 to 255"},
		{"0.5", "0.5 0.5 0.5", false, "3 channels"},
		{"a b c", "0.5 0.5 0.5", false, "not a finite number"},
	} {
		m := images(13).conv("conv", 3, 4).head(4)
		for _, e := range []entry{{"mean", c.mean}, {"std", c.std}} {
			if e.value != "" {
				m.metadata = append(m.metadata, e)
			}
		}
		f, err := Read(written(t, m))
		if err != nil {
			t.Fatal(err)
		}
		if notes := strings.Join(f.Notes, "; "); (f.Float.Std != nil) != c.known || c.note == "" && notes != "" || !strings.Contains(notes, c.note) {
			t.Errorf("mean %q, std %q: %v and %v, notes %q", c.mean, c.std, f.Float.Mean, f.Float.Std, notes)
		}
	}
}

// TestNodeNames: layers are called as their weights are, else as their modules.
func TestNodeNames(t *testing.T) {
	n := func(names ...string) *namer {
		var nodes []*node
		for _, name := range names {
			nodes = append(nodes, &node{name: name})
		}
		return newNamer(nodes, false)
	}
	m := n("/conv1/Conv", "/Relu", "/layer1/layer1.0/conv1/Conv", "/layer1/layer1.0/relu/Relu", "/layer1/layer1.0/relu/Relu_1", "/layer1/layer1.0/Add", "/features/features.2/MaxPool")
	for _, c := range []struct{ name, op, want string }{
		{"/conv1/Conv", "Conv", "conv1"},
		{"/Relu", "Relu", "relu"},
		{"/layer1/layer1.0/conv1/Conv", "Conv", "layer1.0.conv1"},
		{"/layer1/layer1.0/relu/Relu", "Relu", "layer1.0.relu"},
		{"/layer1/layer1.0/relu/Relu_1", "Relu", "layer1.0.relu_1"},
		{"/layer1/layer1.0/Add", "Add", "layer1.0.add"},
		{"/features/features.2/MaxPool", "MaxPool", "features.2"},
		{"Conv_0", "Conv", "conv_0"},
		{"", "Conv", "conv"},
		{"model/block 1/conv:0", "Conv", "model.block_1.conv_0"},
		{"\x00\n/\x1b[2J", "Relu", "__2j"},
	} {
		if got := m.name(&node{name: c.name, op: c.op}); got != c.want {
			t.Errorf("%q: %q, want %q", c.name, got, c.want)
		}
	}
	for constant, want := range map[string]string{
		"layer1.0.conv1.weight": "layer1.0.conv1", "fc.bias": "fc", "onnx::Conv_123": "", "weight": "", "a/b.weight": "", "conv.kernel": "",
	} {
		if got := layerOf(constant); got != want {
			t.Errorf("%q: %q, want %q", constant, got, want)
		}
	}
}
