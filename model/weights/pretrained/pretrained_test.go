package pretrained

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"espalier/model"
	"espalier/model/weights"
)

var arch = model.Arch{Depth: 8, Shortcut: model.Pad, Classes: 10}

func TestLoad(t *testing.T) {
	n, err := model.New(arch)
	if err != nil {
		t.Fatal(err)
	}
	n.Init(1)
	path := filepath.Join(t.TempDir(), "n")
	if err := weights.Save(path, n, map[string]string{"dataset": "shapes10"}); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	from := fstest.MapFS{
		"files/shapes10-resnet8-pad.safetensors":        {Data: b},
		"files/cifar10-resnet8-pad.safetensors":         {Data: b},
		"files/shapes10-resnet8-projection.safetensors": {Data: b},
		"files/shapes10-resnet20-pad.safetensors":       {Data: b[:1000]},
	}
	got, err := load(from, "shapes10", arch)
	if err != nil || weights.Hash(weights.FromNetwork(got)) != weights.Hash(weights.FromNetwork(n)) {
		t.Errorf("another network came back (error %v)", err)
	}
	for _, c := range []struct {
		set  string
		arch model.Arch
		want string
	}{
		{"shapes10", model.Arch{Depth: 56, Shortcut: model.Pad, Classes: 10}, "no resnet56 pad for shapes10 is embedded"},
		{"cifar10", arch, "for shapes10"}, // trained on something else
		{"shapes10", model.Arch{Depth: 8, Shortcut: model.Projection, Classes: 10}, "holds a resnet8 pad"},
		{"shapes10", model.Arch{Depth: 20, Shortcut: model.Pad, Classes: 10}, "truncated"},
	} {
		if _, err := load(from, c.set, c.arch); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s for %s: error %v, want one that says %q", c.arch, c.set, err, c.want)
		}
	}
}

// Every embedded file is found by its name and holds what the name says.
func TestEmbedded(t *testing.T) {
	names, err := fs.Glob(files, "files/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if name == "files/README.md" {
			continue
		}
		b, err := files.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		n, metadata, err := weights.Decode(name, b)
		if err != nil {
			t.Error(err)
			continue
		}
		if want := File(metadata[weights.MetaDataset], n.Arch); name != want {
			t.Errorf("%s would be looked for as %s", name, want)
		}
		if n.Std == ([3]float32{}) {
			t.Errorf("%s does not say how images were normalised", name)
		}
	}
}
