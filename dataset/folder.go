package dataset

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// testShare is the share of a folder's images that becomes the test part if the
// folder has none: one of five, by class.
const testShare = 5

// maxPicture bounds a picture's file, in bytes.
const maxPicture = 256 << 20

// endings are the file name endings of pictures.
var endings = []string{".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp"}

// A picture is a file whose folder is its class.
type picture struct {
	path  string
	label uint16
}

// A gallery is what a folder of pictures holds, before any is decoded. In each
// part the classes take turns, so that the first images of a part are of all
// classes.
type gallery struct {
	classes                 []string
	train, validation, test []picture
	ownValidation           bool // validation has a folder of its own
}

// openFolder decodes the pictures of a folder.
func openFolder(o Options) (*Data, error) {
	g, err := list(o)
	if err != nil {
		return nil, err
	}
	d := &Data{Name: Folder, Source: o.Path, Shape: o.shape(), Classes: g.classes, Train: &Split{}, Validation: &Split{}}
	if err := d.check(); err != nil {
		return nil, fmt.Errorf("opening %s: %w", o.Path, err)
	}
	if err := g.divide(o); err != nil {
		return nil, fmt.Errorf("dividing %s: %w", o.Path, err)
	}
	total := len(g.train) + len(g.validation) + len(g.test)
	if bytes := int64(total) * int64(d.Shape.Len()); bytes > o.Memory {
		return nil, fmt.Errorf("opening %s: %d images of %s take %.1f GiB, more than the %.1f GiB that images may take: make them smaller (data.size), take fewer (data.train, data.test), or allow more (data.memory, in GiB)",
			o.Path, total, d.Shape, float64(bytes)/(1<<30), float64(o.Memory)/(1<<30))
	}
	r := reading{shape: d.Shape, total: total, progress: o.Progress}
	d.Test = r.decode(g.test)
	d.Train, d.Validation = r.decode(g.train), r.decode(g.validation)
	d.Warnings = r.warnings()
	if d.Test.Len() == 0 || d.Train.Len() == 0 && !o.TestOnly {
		return nil, fmt.Errorf("opening %s: no picture of a part could be read: %s", o.Path, strings.Join(d.Warnings, "; "))
	}
	return d, nil
}

// shape returns the shape of the images that pictures become.
func (o Options) shape() Shape {
	s := Shape{o.Height, o.Width, o.Channels}
	if s.H == 0 && s.W == 0 {
		s.H, s.W = 32, 32
	}
	if s.C == 0 {
		s.C = 3
	}
	return s
}

// list finds the pictures in a folder: train/CLASS/… with test/CLASS/… or
// val/CLASS/…, or CLASS/… alone. In the last case a share becomes the test
// part.
func list(o Options) (*gallery, error) {
	if o.Path == "" {
		return nil, errors.New("the data set folder needs a path: name the folder of pictures with --data or in data.path")
	}
	named := func(names ...string) string {
		for _, name := range names {
			if info, err := os.Stat(filepath.Join(o.Path, name)); err == nil && info.IsDir() {
				return filepath.Join(o.Path, name)
			}
		}
		return ""
	}
	g := &gallery{}
	train, test := named("train"), named("test")
	validation := named("val", "validation", "valid")
	if test == "" {
		test, validation = validation, ""
	}
	if train == "" {
		if err := g.read(o.Path, &g.train); err != nil {
			return nil, err
		}
		g.splitBySeed(o.Seed)
		return g, nil
	}
	if test == "" {
		return nil, fmt.Errorf("opening %s: it has the folder train and neither test nor val: add one of them with a folder for each class, or put the classes' folders into one folder without train", o.Path)
	}
	if err := g.read(train, &g.train); err != nil {
		return nil, err
	}
	if err := g.read(test, &g.test); err != nil {
		return nil, err
	}
	if validation != "" {
		g.ownValidation = true
		return g, g.read(validation, &g.validation)
	}
	return g, nil
}

// read lists the pictures below the folders of dir, whose names are the classes.
// All parts have the classes of the first.
func (g *gallery) read(dir string, to *[]picture) error {
	entries, err := os.ReadDir(dir) // by name
	if err != nil {
		return fmt.Errorf("opening the folder of pictures: %w", err)
	}
	var names []string
	for _, e := range entries {
		if info, err := os.Stat(filepath.Join(dir, e.Name())); err == nil && info.IsDir() && !strings.HasPrefix(e.Name(), ".") {
			names = append(names, e.Name())
		}
	}
	if len(names) == 0 {
		return fmt.Errorf("opening %s: it has no folders: put the pictures of each class into a folder that has the class's name", dir)
	}
	if g.classes == nil {
		g.classes = names
	}
	byClass := make([][]string, len(g.classes))
	for _, name := range names {
		label := slices.Index(g.classes, name)
		if label < 0 {
			return fmt.Errorf("opening %s: the class %q has no pictures to train with: give every part a folder for each class", dir, name)
		}
		if byClass[label], err = picturesIn(filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	if *to = turns(byClass); len(*to) == 0 {
		return fmt.Errorf("opening %s: the classes' folders hold no pictures (%s)", dir, strings.Join(endings, ", "))
	}
	return nil
}

// picturesIn lists the pictures in a folder and in those within it, by path.
func picturesIn(dir string) (paths []string, err error) {
	err = filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil {
			return fmt.Errorf("opening the folder of pictures: %w", err)
		}
		if !strings.HasPrefix(e.Name(), ".") && slices.Contains(endings, strings.ToLower(filepath.Ext(path))) {
			if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
				paths = append(paths, path)
			}
		}
		return nil
	})
	return paths, err
}

// turns puts pictures in the order in which classes take turns.
func turns(byClass [][]string) (all []picture) {
	for i := 0; ; i++ {
		before := len(all)
		for label, paths := range byClass {
			if i < len(paths) {
				all = append(all, picture{paths[i], uint16(label)})
			}
		}
		if len(all) == before {
			return all
		}
	}
}

// splitBySeed moves a share of every class, chosen by the seed, from the training
// part to the test part: at least one picture of every class that has two.
func (g *gallery) splitBySeed(seed uint64) {
	byClass := make([][]string, len(g.classes))
	for _, p := range g.train {
		byClass[p.label] = append(byClass[p.label], p.path)
	}
	tests := make([][]string, len(g.classes))
	for label, paths := range byClass {
		var r rand.PCG
		stream(&r, seed, splitting, 0, uint64(label))
		order := make([]int32, len(paths))
		permute(order, &r)
		n := len(paths) / testShare
		if n == 0 && len(paths) > 1 {
			n = 1
		}
		// Sorted again: the choice is random, the order is not.
		slices.Sort(order[:n])
		slices.Sort(order[n:])
		byClass[label] = nil
		for i, at := range order {
			if i < n {
				tests[label] = append(tests[label], paths[at])
			} else {
				byClass[label] = append(byClass[label], paths[at])
			}
		}
	}
	g.train, g.test = turns(byClass), turns(tests)
}

// divide holds out the validation part and applies the limits.
func (g *gallery) divide(o Options) error {
	if len(g.test) == 0 {
		return errors.New("no class has two pictures, so none can be kept for testing: add pictures")
	}
	if o.TestLimit > 0 {
		g.test = g.test[:min(o.TestLimit, len(g.test))]
	}
	if o.TestOnly {
		g.train, g.validation = nil, nil
		return nil
	}
	if g.ownValidation {
		if o.Validation == 0 && o.ValidationShare == 0 {
			g.validation = nil
		} else if o.Validation > 0 {
			g.validation = g.validation[:min(o.Validation, len(g.validation))]
		}
		o.Validation, o.ValidationShare = 0, 0
	}
	labels := make([]uint16, len(g.train))
	for i, p := range g.train {
		labels[i] = p.label
	}
	train, held, err := o.divide(labels, len(g.classes))
	if err != nil {
		return err
	}
	all := g.train
	g.train = nil
	for _, i := range train {
		g.train = append(g.train, all[i])
	}
	for _, i := range held {
		g.validation = append(g.validation, all[i])
	}
	return nil
}

// A reading decodes pictures and notes which ones cannot be decoded.
type reading struct {
	shape    Shape
	total    int // pictures of all parts
	progress func(done, total int)

	mu      sync.Mutex
	done    int
	skipped []string // "path: why", in the order of the pictures
	large   sync.Mutex
}

// decode returns the pictures that can be decoded, in their order.
func (r *reading) decode(pictures []picture) *Split {
	size := r.shape.Len()
	s := &Split{Shape: r.shape, Images: make([]uint8, len(pictures)*size), Labels: make([]uint16, 0, len(pictures))}
	problems := make([]error, len(pictures))
	spread(len(pictures), 1, func() func(int) {
		return func(i int) {
			pixels, err := r.one(pictures[i].path)
			problems[i] = err
			copy(s.Images[i*size:(i+1)*size], pixels)
			r.step()
		}
	})
	kept := 0
	for i, err := range problems {
		if err != nil {
			r.skipped = append(r.skipped, fmt.Sprintf("%s: %v", pictures[i].path, err))
			continue
		}
		copy(s.Images[kept*size:], s.Images[i*size:(i+1)*size])
		s.Labels = append(s.Labels, pictures[i].label)
		kept++
	}
	s.Images = s.Images[:kept*size]
	return s
}

// one reads and decodes one picture.
func (r *reading) one(path string) ([]uint8, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, errors.Unwrap(err)
	}
	defer f.Close()
	file, err := io.ReadAll(io.LimitReader(f, maxPicture+1))
	if err != nil {
		return nil, err
	}
	if len(file) > maxPicture {
		return nil, fmt.Errorf("it has more than %d MiB", maxPicture>>20)
	}
	if isLarge(file) { // one at a time, so that memory does not grow with the threads
		r.large.Lock()
		defer r.large.Unlock()
	}
	return decodePicture(file, r.shape)
}

func (r *reading) step() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.done++
	if r.progress != nil && (r.done%64 == 0 || r.done == r.total) {
		r.progress(r.done, r.total)
	}
}

// namedPictures is the most left-out pictures that a warning names.
const namedPictures = 20

// warnings names the pictures that were left out.
func (r *reading) warnings() (sentences []string) {
	if len(r.skipped) == 0 {
		return nil
	}
	sentences = []string{fmt.Sprintf("%d of %d pictures were left out", len(r.skipped), r.total)}
	for i, text := range r.skipped {
		if i == namedPictures {
			return append(sentences, fmt.Sprintf("and %d more pictures were left out", len(r.skipped)-i))
		}
		sentences = append(sentences, "left out "+text)
	}
	return sentences
}
