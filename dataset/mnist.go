package dataset

import (
	"bufio"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

var (
	digits  = []string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"}
	fashion = []string{"t-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot"}
)

// firstLabels are the first labels of the published test images. They tell the
// two sets apart, whose files have the same names.
var firstLabels = map[string][]uint16{
	MNIST:        {7, 2, 1, 0, 4, 1, 4, 9, 5, 9},
	FashionMNIST: {9, 2, 1, 1, 6, 1, 4, 6, 5, 7},
}

// The parts of MNIST: its files have one of these names, with .gz added if they
// are packed.
var mnistFiles = map[string][2]string{
	"train": {"train-images-idx3-ubyte", "train-labels-idx1-ubyte"},
	"test":  {"t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"},
}

// mnistFolders are where the files may lie within a folder: torchvision has the
// latter.
var mnistFolders = map[string][]string{
	MNIST:        {"", "mnist", "MNIST/raw"},
	FashionMNIST: {"", "fashion-mnist", "FashionMNIST/raw"},
}

// openMNIST reads the idx files of MNIST or Fashion-MNIST.
func openMNIST(o Options) (*Data, error) {
	dir, err := findMNIST(o)
	if err != nil {
		return nil, err
	}
	d := &Data{Name: o.Set, Source: dir, Classes: digits, Train: &Split{}}
	if o.Set == FashionMNIST {
		d.Classes = fashion
	}
	d.Classes = slices.Clone(d.Classes)
	if d.Test, err = readIDX(dir, "test", o.Memory); err != nil {
		return nil, err
	}
	d.Shape = d.Test.Shape
	for set, want := range firstLabels {
		if set != o.Set && startsWith(d.Test.Labels, want) {
			return nil, fmt.Errorf("%s holds %s: choose that data set, or name a folder with %s", dir, set, o.Set)
		}
	}
	if !o.TestOnly {
		if d.Train, err = readIDX(dir, "train", o.Memory); err != nil {
			return nil, err
		}
		if d.Train.Shape != d.Shape {
			return nil, fmt.Errorf("%s: training images are %s and test images %s: get the files again", dir, d.Train.Shape, d.Shape)
		}
	}
	if !startsWith(d.Test.Labels, firstLabels[o.Set]) {
		d.Note = "not the original images"
	}
	return d, nil
}

func startsWith(labels, first []uint16) bool {
	return len(labels) >= len(first) && slices.Equal(labels[:len(first)], first)
}

// findMNIST returns the folder of the files.
func findMNIST(o Options) (string, error) {
	places, err := places(o.Path)
	if err != nil {
		return "", err
	}
	for _, place := range places {
		for _, sub := range mnistFolders[o.Set] {
			dir := filepath.Join(place, filepath.FromSlash(sub))
			if f, _, err := openIDX(dir, mnistFiles["test"][1]); err == nil {
				f.Close()
				return dir, nil
			}
		}
	}
	return "", fmt.Errorf("%s %w in %s: name the folder that holds %s and its three companions, unpacked or as .gz, with --data or in data.path",
		o.Set, errNotThere, strings.Join(places, " or "), mnistFiles["train"][0])
}

var errNotThere = errors.New("was not found")

// places returns where to look for a data set: path if given, otherwise the
// folder that the environment names and the cache.
func places(path string) ([]string, error) {
	if path != "" {
		return []string{path}, nil
	}
	cache, err := CacheDir()
	if err != nil {
		return nil, err
	}
	if env := os.Getenv(EnvData); env != "" {
		return []string{env, cache}, nil
	}
	return []string{cache}, nil
}

// openIDX opens a file under one of the names that it may have.
func openIDX(dir, name string) (f *os.File, path string, err error) {
	dotted := strings.Replace(name, "-idx", ".idx", 1)
	for _, name := range []string{name, name + ".gz", dotted, dotted + ".gz"} {
		path = filepath.Join(dir, name)
		info, err := os.Stat(path)
		if err == nil && info.Mode().IsRegular() {
			f, err = os.Open(path)
			return f, path, err
		}
	}
	return nil, "", fmt.Errorf("%s is missing in %s: %w", name, dir, fs.ErrNotExist)
}

// readIDX reads the images and labels of a part.
func readIDX(dir, part string, memory int64) (*Split, error) {
	names := mnistFiles[part]
	f, path, err := openIDX(dir, names[0])
	if err != nil {
		return nil, fmt.Errorf("reading images: %w", err)
	}
	defer f.Close()
	dims, pixels, err := parseIDX(f, path, 3, memory)
	if err != nil {
		return nil, err
	}
	f, path, err = openIDX(dir, names[1])
	if err != nil {
		return nil, fmt.Errorf("reading labels: %w", err)
	}
	defer f.Close()
	count, labels, err := parseIDX(f, path, 1, memory)
	if err != nil {
		return nil, err
	}
	if count[0] != dims[0] {
		return nil, fmt.Errorf("reading %s: it has %d labels for %d images: get both files again", path, count[0], dims[0])
	}
	s := &Split{Shape: Shape{dims[1], dims[2], 1}, Images: pixels, Labels: make([]uint16, len(labels))}
	for i, label := range labels {
		if int(label) >= len(digits) {
			return nil, &formatError{path, int64(8 + i), fmt.Sprintf("the label of image %d is %d instead of 0 to 9: the file is damaged, get it again", i, label)}
		}
		s.Labels[i] = uint16(label)
	}
	return s, nil
}

// parseIDX reads a file of bytes in the format idx, which may be packed with
// gzip: two zero bytes, the type (8 for bytes), the number of dimensions, each
// dimension as a big-endian uint32, and the values. Errors name the file.
func parseIDX(r io.Reader, file string, dimensions int, memory int64) (dims []int, values []uint8, err error) {
	in := bufio.NewReader(r)
	if magic, _ := in.Peek(2); string(magic) == "\x1f\x8b" {
		unpacked, err := gzip.NewReader(in)
		if err != nil {
			return nil, nil, fmt.Errorf("reading %s: %w: the file is damaged, get it again", file, err)
		}
		in = bufio.NewReader(unpacked)
	}
	head := make([]byte, 4+4*dimensions)
	if n, err := io.ReadFull(in, head); err != nil {
		return nil, nil, &formatError{file, int64(n), "the file ends within its head: it is truncated, get it again"}
	}
	if head[0] != 0 || head[1] != 0 || head[2] != 8 || int(head[3]) != dimensions {
		return nil, nil, &formatError{file, 0, fmt.Sprintf("the file begins with % x instead of 00 00 08 %02x: it is no idx file of bytes in %d dimensions", head[:4], dimensions, dimensions)}
	}
	total := int64(1)
	for i := range dimensions {
		v := int64(binary.BigEndian.Uint32(head[4+4*i:]))
		if v == 0 {
			return nil, nil, &formatError{file, int64(4 + 4*i), "a dimension is 0: the file holds nothing, get it again"}
		}
		if i > 0 && v > 1<<16 || v > memory/total {
			return nil, nil, &formatError{file, int64(4 + 4*i), fmt.Sprintf("the file says that it holds more than %.1f GiB: it is damaged, or data.memory must allow more", float64(memory)/(1<<30))}
		}
		total *= v
		dims = append(dims, int(v))
	}
	// Memory grows with the bytes that are there, not with the length that the head
	// claims.
	values, err = io.ReadAll(io.LimitReader(in, total+1))
	if err != nil {
		return nil, nil, fmt.Errorf("reading %s: %w: the file is damaged or truncated, get it again", file, err)
	}
	if int64(len(values)) != total {
		more := "fewer"
		if int64(len(values)) > total {
			more = "more"
		}
		return nil, nil, &formatError{file, int64(len(head) + len(values)), fmt.Sprintf("the file has %s than the %d values that its head says: get it again", more, total)}
	}
	return dims, values, nil
}
