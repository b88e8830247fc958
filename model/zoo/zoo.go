// Package zoo carries the trained dense networks that come with the program,
// so that an experiment starts at once. The program trained them itself; each
// file's metadata says on which images and by which command.
package zoo

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"espalier/model"
	"espalier/model/weights"
)

//go:embed *.safetensors
var files embed.FS

// Load returns a copy of the network trained on a data set ("cifar10" or
// "shapes10"), or an error that says that there is none of this architecture.
func Load(set string, network model.Spec) (*model.Graph, error) {
	name := fmt.Sprintf("%s-%s.safetensors", set, strings.ReplaceAll(network.String(), " ", "-"))
	file, err := files.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("the program carries %s, but no %s for %s: train one with --set model.weights=scratch", strings.Join(Names(), ", "), network, set)
	}
	if err != nil {
		return nil, err
	}
	n, _, err := weights.Decode(name, file)
	return n, err
}

// Names lists the networks, as "shapes10-resnet20-projection".
func Names() []string {
	entries, err := files.ReadDir(".")
	if err != nil {
		panic(err) // embedded: cannot happen
	}
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".safetensors"))
	}
	return names
}
