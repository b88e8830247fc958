package dataset

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Recognise returns which data set a file or folder holds, by the names of its
// files and, if two sets have the same names, by its labels. It returns "" if it
// recognises none.
func Recognise(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return ""
	}
	if !info.IsDir() {
		switch name := strings.ToLower(filepath.Base(path)); {
		case strings.HasSuffix(name, ".npz"):
			return NPZ
		case strings.HasPrefix(name, "cifar-100"):
			return CIFAR100
		case strings.HasSuffix(name, ".tar.gz") || strings.HasSuffix(name, ".tgz"):
			return CIFAR10
		}
		return ""
	}
	for _, set := range []string{CIFAR10, CIFAR100} {
		for _, l := range published(Options{Set: set}).layouts {
			if isFile(filepath.Join(path, l.archive)) {
				return set
			}
			for _, dir := range []string{path, filepath.Join(path, l.folder)} {
				if slices.ContainsFunc(l.files(false), func(name string) bool { return isFile(filepath.Join(dir, name)) }) {
					return set
				}
			}
		}
	}
	for _, set := range []string{MNIST, FashionMNIST} {
		dir, err := findMNIST(Options{Set: set, Path: path})
		if err != nil {
			continue
		}
		if s, err := readIDX(dir, "test", DefaultMemory); err == nil && startsWith(s.Labels, firstLabels[FashionMNIST]) {
			return FashionMNIST
		}
		return set
	}
	if g, err := list(Options{Path: path}); err == nil && len(g.classes) >= minClasses {
		return Folder
	}
	return ""
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// Describe returns the shape and the classes of the images that o asks for. It
// decodes no picture of a folder.
func Describe(o Options) (Shape, []string, error) {
	switch o.Set {
	case CIFAR10, CIFAR100:
		return cifarShape, published(o).classes, nil
	case Shapes10:
		return Shape{side, side, 3}, shapeNames[:], nil
	case Folder:
		g, err := list(o)
		if err != nil {
			return Shape{}, nil, err
		}
		return o.shape(), g.classes, nil
	}
	o.TestOnly, o.TestLimit = true, 1
	d, err := Open(o)
	if err != nil {
		return Shape{}, nil, err
	}
	return d.Shape, d.Classes, nil
}
