package measure

import (
	"errors"
	"fmt"
	"strconv"

	"espalier/dataset"
	"espalier/model"
	"espalier/model/weights"
)

// A File is a network as a file holds it.
type File struct {
	Path     string
	Network  *model.Network
	Metadata map[string]string
}

// errNormalisation asks for what many published checkpoints leave out.
var errNormalisation = errors.New("the file does not say how images were normalised: give --mean and --std, as three numbers or by name (--mean imagenet --std imagenet)")

// Open reads a file of weights. Mean and std are used in place of the file's
// own where they are given (see ParseTriple); one of both must know them.
func Open(path, mean, std string) (*File, error) {
	n, metadata, err := weights.Load(path)
	if err != nil {
		return nil, err
	}
	if mean != "" {
		if n.Mean, err = parseTriple("mean", mean, means); err != nil {
			return nil, err
		}
	}
	if std != "" {
		if n.Std, err = parseTriple("std", std, stds); err != nil {
			return nil, err
		}
	}
	for _, s := range n.Std {
		if !(s > 0) {
			return nil, fmt.Errorf("%s: %w", path, errNormalisation)
		}
	}
	return &File{path, n, metadata}, nil
}

// Data says which images the file's network was made for, and how to open the
// test part alone: the data set from set or else from the file's metadata, the
// folder or archive from path.
func (f *File) Data(set, path string) (dataset.Options, error) {
	o := dataset.Options{Set: set, Path: path, TestOnly: true}
	if o.Set == "" {
		o.Set = f.Metadata[weights.MetaDataset]
	}
	if o.Set == "" {
		o.Set = dataset.CIFAR10
	}
	if text, ok := f.Metadata[weights.MetaSeed]; ok && o.Set == dataset.Shapes10 {
		seed, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return o, fmt.Errorf("%s: metadata %q is %q: want a whole number", f.Path, weights.MetaSeed, text)
		}
		o.Seed = seed
	}
	return o, nil
}
