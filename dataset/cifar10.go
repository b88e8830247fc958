package dataset

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// EnvData is the environment variable that names a folder or archive of
// CIFAR-10.
const EnvData = "ESPALIER_DATA"

// ErrMissing is wrapped by Open's error where CIFAR-10 was looked for and not
// found. That error says which file to put where.
var ErrMissing = errors.New("CIFAR-10 was not found")

var cifarClasses = []string{"airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"}

// cifarShape is the shape of CIFAR's images; each has cifarBytes bytes.
var cifarShape = Shape{32, 32, 3}

const cifarBytes = 3 * 32 * 32

// The size of the official data set.
const (
	cifarTrain = 50_000
	cifarTest  = 10_000
)

// A layout is one of the forms in which CIFAR-10 is published.
type layout struct {
	folder  string // that holds the files, also inside the archive
	archive string // the official name
	train   []string
	test    string
	// read parses one file of at most size bytes, or of unknown size if that is
	// 0. It names the file as file in errors.
	read func(r io.Reader, file string, size int64) (*Split, error)
}

var layouts = []*layout{
	{
		folder:  "cifar-10-batches-bin",
		archive: "cifar-10-binary.tar.gz",
		train:   []string{"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"},
		test:    "test_batch.bin",
		read:    readRecords,
	},
	{
		folder:  "cifar-10-batches-py",
		archive: "cifar-10-python.tar.gz",
		train:   []string{"data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5"},
		test:    "test_batch",
		read:    readPickle,
	},
}

// files returns the names of the files to read.
func (l *layout) files(testOnly bool) []string {
	if testOnly {
		return []string{l.test}
	}
	return append(slices.Clone(l.train), l.test)
}

// CacheDir returns the folder that Fetch fills and that Open searches last.
func CacheDir() (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("finding the user's cache folder: %w: name a folder with --data instead", err)
	}
	return filepath.Join(dir, "espalier"), nil
}

func openCIFAR(o Options) (*Data, error) {
	of := published(o)
	l, path, err := of.find(o.Path)
	if err != nil {
		return nil, err
	}
	var parts map[string]*Split
	if l != nil {
		parts, err = readFolder(l, path, o.TestOnly)
	} else {
		l, parts, err = readArchive(of.layouts, path, o.TestOnly)
	}
	if err != nil {
		return nil, err
	}
	d := &Data{
		Name:    o.Set,
		Source:  path,
		Shape:   cifarShape,
		Classes: slices.Clone(of.classes),
		Train:   &Split{},
		Test:    parts[l.test],
	}
	if !o.TestOnly {
		d.Train = join(parts, l.train)
	}
	if o.Set == CIFAR10 {
		d.Note = note(d, o.TestOnly)
	}
	return d, nil
}

// A publication is CIFAR-10, or CIFAR-100 with one of its two kinds of labels.
type publication struct {
	name    string
	classes []string
	layouts []*layout
	fetch   string // what else to do where it is missing
}

func published(o Options) publication {
	if o.Set == CIFAR100 {
		return cifar100(o.Coarse)
	}
	return publication{"CIFAR-10", cifarClasses, layouts, "run 'espalier fetch' to download it, or "}
}

// find looks for the files. It returns the layout and folder of the files, or
// no layout and the path of an archive.
func (p publication) find(path string) (*layout, string, error) {
	if path != "" {
		l, found, err := findIn(p.layouts, path)
		if err == nil && found == "" {
			err = fmt.Errorf("%w in %s: name a folder that holds %s or %s, the files in it, or the archive %s or %s",
				p.missing(), path, p.layouts[0].folder, p.layouts[1].folder, p.layouts[0].archive, p.layouts[1].archive)
		}
		return l, found, err
	}
	places, err := places("")
	if err != nil {
		return nil, "", err
	}
	for _, place := range places {
		if l, found, err := findIn(p.layouts, place); err != nil || found != "" {
			return l, found, err
		}
	}
	return nil, "", fmt.Errorf("%w in %s: %sput the folder %s or the archive %s into %s",
		p.missing(), strings.Join(places, " or "), p.fetch, p.layouts[0].folder, p.layouts[0].archive, places[len(places)-1])
}

// missing is ErrMissing for CIFAR-10, which can be fetched.
func (p publication) missing() error {
	if p.fetch != "" {
		return ErrMissing
	}
	return fmt.Errorf("%s %w", p.name, errNotThere)
}

// findIn looks at one place: an archive, a folder of batches, or a folder that
// holds one of these. It returns an empty path if it finds nothing.
func findIn(layouts []*layout, place string) (*layout, string, error) {
	info, err := os.Stat(place)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, "", nil
	}
	if err != nil {
		return nil, "", fmt.Errorf("looking for CIFAR-10: %w", err)
	}
	if !info.IsDir() {
		return nil, place, nil
	}
	for _, l := range layouts {
		for _, dir := range []string{place, filepath.Join(place, l.folder)} {
			// One file is enough to know the folder: if others are missing, reading
			// will name them.
			for _, name := range l.files(false) {
				if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
					return l, dir, nil
				} else if !errors.Is(err, fs.ErrNotExist) {
					return nil, "", fmt.Errorf("looking for CIFAR-10: %w", err)
				}
			}
		}
	}
	for _, l := range layouts {
		path := filepath.Join(place, l.archive)
		if _, err := os.Stat(path); err == nil {
			return nil, path, nil
		}
	}
	return nil, "", nil
}

// readFolder reads the files of a folder.
func readFolder(l *layout, dir string, testOnly bool) (map[string]*Split, error) {
	parts := make(map[string]*Split)
	for _, name := range l.files(testOnly) {
		s, err := readFile(l, filepath.Join(dir, name))
		if err != nil {
			return nil, err
		}
		parts[name] = s
	}
	return parts, nil
}

func readFile(l *layout, path string) (*Split, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("reading %s is missing: the folder needs %s to %s and %s, so fetch or copy it again",
			path, l.train[0], l.train[len(l.train)-1], l.test)
	}
	if err != nil {
		return nil, fmt.Errorf("reading %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("reading %w", err)
	}
	return l.read(f, path, info.Size())
}

// join returns the images of several files as one split. It drops each part
// once it is copied, so that memory never holds all images twice.
func join(parts map[string]*Split, names []string) *Split {
	n := 0
	for _, name := range names {
		n += parts[name].Len()
	}
	all := newSplit(cifarShape, n)
	for _, name := range names {
		all.Images = append(all.Images, parts[name].Images...)
		all.Labels = append(all.Labels, parts[name].Labels...)
		delete(parts, name)
	}
	return all
}

// firstImages names the versions of CIFAR-10 that are known by the SHA-256
// (its first 8 bytes) of the first test image's pixels.
var firstImages = map[string]string{
	"73eefb0106f2b7a2": "",
	"d7fec8b38a730300": "JPEG copy",
}

// note says how these images differ from the official ones. Accuracies measured
// on other images must not be compared with published ones.
func note(d *Data, testOnly bool) string {
	sum := sha256.Sum256(d.Test.Image(0))
	version, known := firstImages[hex.EncodeToString(sum[:8])]
	if !known {
		version = "not the original pixels"
	}
	if d.Test.Len() == cifarTest && (testOnly || d.Train.Len() == cifarTrain) {
		return version
	}
	size := fmt.Sprintf("%d test images", d.Test.Len())
	if !testOnly {
		size = fmt.Sprintf("%d training and %s", d.Train.Len(), size)
	}
	if version == "" {
		return size
	}
	return version + ", " + size
}
