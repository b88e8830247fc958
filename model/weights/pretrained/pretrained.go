// Package pretrained carries networks that this program trained, so that an
// experiment can start at once.
package pretrained

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"espalier/model"
	"espalier/model/weights"
)

//go:embed files
var files embed.FS

// Load returns the network that was trained on a data set, as "shapes10", with
// an architecture. The error says so where none is embedded.
func Load(set string, arch model.Arch) (*model.Network, error) {
	return load(files, set, arch)
}

// File returns the name of a network's file among the embedded ones.
func File(set string, arch model.Arch) string {
	return fmt.Sprintf("files/%s-resnet%d-%s.safetensors", set, arch.Depth, arch.Shortcut)
}

func load(from fs.FS, set string, arch model.Arch) (*model.Network, error) {
	name := File(set, arch)
	b, err := fs.ReadFile(from, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("no %s for %s is embedded: train one with --set model.weights=scratch --set dense.epochs=100, or name a file", arch, set)
	}
	if err != nil {
		return nil, err
	}
	n, metadata, err := weights.Decode(name, b)
	if err != nil {
		return nil, err
	}
	if n.Arch != arch || metadata[weights.MetaDataset] != set {
		return nil, fmt.Errorf("the embedded %s holds a %s for %s", name, n.Arch, metadata[weights.MetaDataset])
	}
	return n, nil
}
