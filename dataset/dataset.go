// Package dataset holds labelled images and turns them into batches.
//
// The sets are "cifar10" and "cifar100" (the official binary files or
// torchvision's pickles, as a folder or an archive), "mnist" and "fashion-mnist"
// (idx files, also with gzip), "folder" (pictures in a folder for each class),
// "npz" (NumPy arrays), and "shapes10", which the program draws from a seed.
//
// Images are bytes in planes, [channels][height][width], row-major. A Loader
// normalises them to float32 and augments them. Every random choice is a pure
// function of (seed, purpose, epoch, index), so that any batch can be made again
// at any time.
package dataset

import (
	"fmt"
	"slices"
)

// Names of the data sets.
const (
	CIFAR10      = "cifar10"
	CIFAR100     = "cifar100"
	MNIST        = "mnist"
	FashionMNIST = "fashion-mnist"
	Folder       = "folder"
	NPZ          = "npz"
	Shapes10     = "shapes10"
)

// Data is a data set in memory.
type Data struct {
	Name string // as Options.Set
	// Note is what every reader of a result must know about these images, such
	// as "JPEG copy"; empty for the original files.
	Note    string
	Source  string   // the folder or archive that the images came from, or the seed
	Shape   Shape    // of every image
	Classes []string // by label

	// The three parts. None is nil; those that were not asked for are empty.
	Train, Validation, Test *Split

	// Mean and Std [channels] are the training part's, on the 0 to 1 scale.
	// Both are nil if no training part was read.
	Mean, Std []float32

	// Warnings are sentences for the user: which files were left out, and why.
	Warnings []string
}

// A Split is a list of labelled images.
type Split struct {
	Shape  Shape
	Images []uint8  // [n][channels][height][width]
	Labels []uint16 // [n], below the number of classes
}

// Len returns the number of images.
func (s *Split) Len() int { return len(s.Labels) }

// First returns the first n images, or all where there are fewer. They are shared
// with s.
func (s *Split) First(n int) *Split {
	part := *s
	n = min(n, s.Len())
	part.Images, part.Labels = s.Images[:n*s.Shape.Len()], s.Labels[:n]
	return &part
}

// Image returns the pixels of image i, [channels][height][width], shared with s.
func (s *Split) Image(i int) []uint8 {
	n := s.Shape.Len()
	return s.Images[i*n : (i+1)*n : (i+1)*n]
}

// Options says which images to open.
type Options struct {
	Set string // one of the names above
	// Path is the file or folder that holds the images. Where it is empty, the
	// folder in the environment variable ESPALIER_DATA and then CacheDir are
	// searched for CIFAR or MNIST; other sets need a path.
	Path string
	// Validation images are held out of training: the last ones of every class,
	// in proportion. They do not depend on the seed, so a network trained in an
	// earlier run has not seen them either. ValidationShare instead holds out a
	// share of the training images, 0 to 1, at least one image if it is not 0.
	Validation      int
	ValidationShare float64
	// Seed is what shapes10 is drawn from, and what divides a folder without a
	// test part.
	Seed uint64
	// TrainLimit and TestLimit keep that many images, the first ones; 0 keeps
	// all. TrainLimit counts after Validation was held out.
	TrainLimit, TestLimit int
	// TestOnly reads or draws the test part and nothing else. Mean and Std are
	// then those that are published for the set, or unknown, and the caller sets
	// them from the network's file.
	TestOnly bool
	// Coarse takes the 20 coarse labels of CIFAR-100 instead of the 100 fine ones.
	Coarse bool
	// Height, Width and Channels are what the pictures of a folder become; 0 is 32
	// pixels and 3 channels. One channel is grey.
	Height, Width, Channels int
	// Memory is the most bytes that all images of a set may take; 0 is
	// DefaultMemory.
	Memory int64
	// Progress, if not nil, is called now and then with the number of pictures
	// decoded so far. The calls come from any goroutine, one at a time.
	Progress func(done, total int)
}

// DefaultMemory is how many bytes the images of a set may take: 4 GiB.
const DefaultMemory = 4 << 30

// Sets returns the names of the data sets.
func Sets() []string { return []string{CIFAR10, CIFAR100, MNIST, FashionMNIST, Folder, NPZ, Shapes10} }

// Open reads or draws the images that o asks for. Its error wraps ErrMissing if
// CIFAR or MNIST was not found.
func Open(o Options) (*Data, error) {
	if o.Validation < 0 || o.TrainLimit < 0 || o.TestLimit < 0 {
		return nil, fmt.Errorf("opening %s: %d validation images, limits of %d training and %d test images: none may be negative",
			o.Set, o.Validation, o.TrainLimit, o.TestLimit)
	}
	if o.Memory == 0 {
		o.Memory = DefaultMemory
	}
	var (
		d   *Data
		err error
	)
	switch o.Set {
	case CIFAR10, CIFAR100:
		d, err = openCIFAR(o)
	case MNIST, FashionMNIST:
		d, err = openMNIST(o)
	case NPZ:
		d, err = openNPZ(o)
	case Folder:
		d, err = openFolder(o)
	case Shapes10:
		d = openShapes10(o)
	default:
		return nil, fmt.Errorf("data set %q: want one of %q", o.Set, Sets())
	}
	if err != nil {
		return nil, err
	}
	if err := d.check(); err != nil {
		return nil, fmt.Errorf("opening %s: %w", d.Source, err)
	}
	if o.Set != Folder { // which decodes only what it needs
		if err := d.divide(o); err != nil {
			return nil, fmt.Errorf("dividing %s (%s): %w", d.Name, d.Source, err)
		}
	}
	if err := d.guard(); err != nil {
		return nil, fmt.Errorf("opening %s: %w", d.Source, err)
	}
	if mean, known := means[o.Set]; known && o.Set != CIFAR10 {
		d.Mean, d.Std = slices.Clone(mean), slices.Clone(stds[o.Set])
	} else if d.Train.Len() > 0 {
		d.Mean, d.Std = d.Train.Statistics()
	}
	return d, nil
}

// The smallest and largest images and numbers of classes.
const (
	minSide, maxSide       = 8, 224
	minClasses, maxClasses = 2, 1000
)

// check returns an error if the images or the number of classes are outside the
// range that networks accept.
func (d *Data) check() error {
	if err := d.Shape.check(); err != nil {
		return err
	}
	if n := len(d.Classes); n < minClasses || n > maxClasses {
		return fmt.Errorf("%d classes: want %d to %d", n, minClasses, maxClasses)
	}
	return nil
}

// divide holds the validation part out of the training images and applies the
// limits.
func (d *Data) divide(o Options) error {
	train, validation, err := o.divide(d.Train.Labels, len(d.Classes))
	if err != nil {
		return err
	}
	d.Train, d.Validation = d.Train.pick(train), d.Train.pick(validation)
	d.Test = d.Test.pick(first(d.Test.Len(), o.TestLimit))
	return nil
}

// divide chooses which training images to train with and which to hold out,
// given their labels. Both lists keep the old order.
func (o Options) divide(labels []uint16, classes int) (train, validation []int32, err error) {
	n := len(labels)
	if o.TestOnly {
		return nil, nil, nil
	}
	held := o.Validation
	if o.ValidationShare > 0 {
		held = max(1, int(o.ValidationShare*float64(n)))
	}
	if held >= n {
		return nil, nil, fmt.Errorf("%d validation images do not fit into %d training images: hold out fewer", held, n)
	}
	if held == 0 {
		return first(n, o.TrainLimit), nil, nil
	}
	for i, chosen := range firstOfClass(labels, classes, n-held) {
		if chosen {
			train = append(train, int32(i))
		} else {
			validation = append(validation, int32(i))
		}
	}
	if o.TrainLimit > 0 {
		train = train[:min(o.TrainLimit, len(train))]
	}
	return train, validation, nil
}

// first returns 0 to n−1, or to limit−1 if that is less and not 0.
func first(n, limit int) []int32 {
	if limit > 0 {
		n = min(n, limit)
	}
	all := make([]int32, n)
	for i := range all {
		all[i] = int32(i)
	}
	return all
}
