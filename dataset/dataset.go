// Package dataset holds labelled 32×32 RGB images and turns them into batches.
//
// There are two data sets. "cifar10" is read from the official binary files or
// from torchvision's pickles, each as a folder or inside the official archive,
// and can be fetched. "shapes10" is drawn by the program from a seed.
//
// Images are bytes in planes, [3][32][32] for R, G and B, row-major, as
// CIFAR-10's files have them. A Loader normalises them to float32 and
// augments them. Every random choice is a pure function of (seed, purpose,
// epoch, index), so that any batch can be made again at any time.
package dataset

import (
	"fmt"
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
	Name string // CIFAR10 or Shapes10
	// Note is what every reader of a result must know about these images, as
	// "JPEG copy"; empty for the original files.
	Note    string
	Source  string   // the folder or archive that the images came from, or the seed
	Shape   Shape    // of every image
	Classes []string // by label

	// The three parts. None is nil; those that were not asked for are empty.
	Train, Validation, Test *Split

	// Mean and Std [channels] are those of the training part, on the 0 to 1
	// scale. Both are nil where no training part was read.
	Mean, Std []float32
}

// A Split is a list of labelled images.
type Split struct {
	Shape  Shape
	Images []uint8  // [n][channels][height][width]
	Labels []uint16 // [n], below the number of classes
}

// Len returns the number of images.
func (s *Split) Len() int { return len(s.Labels) }

// Image returns the pixels of image i, [channels][height][width], shared with s.
func (s *Split) Image(i int) []uint8 {
	n := s.Shape.Len()
	return s.Images[i*n : (i+1)*n : (i+1)*n]
}

// Options says which images to open.
type Options struct {
	Set string // CIFAR10 or Shapes10
	// Path is the folder or archive of CIFAR-10. Where it is empty, the folder
	// in the environment variable ESPALIER_DATA and then CacheDir are searched.
	Path string
	// Validation images are held out of training: the last ones of every class,
	// in proportion, whatever the seed, so that a network trained in an earlier
	// run has not seen them either.
	Validation int
	// Seed is what shapes10 is drawn from.
	Seed uint64
	// TrainLimit and TestLimit keep that many images, the first ones; 0 keeps
	// all. TrainLimit counts after Validation was held out.
	TrainLimit, TestLimit int
	// TestOnly reads or draws the test part and nothing else. Mean and Std are
	// then unknown, and the caller sets them from the network's file.
	TestOnly bool
}

// Open reads or draws the images that o asks for. It fails with an *ErrMissing
// where CIFAR-10 was not found.
func Open(o Options) (*Data, error) {
	if o.Validation < 0 || o.TrainLimit < 0 || o.TestLimit < 0 {
		return nil, fmt.Errorf("opening %s: %d validation images, limits of %d training and %d test images: none may be negative",
			o.Set, o.Validation, o.TrainLimit, o.TestLimit)
	}
	var (
		d   *Data
		err error
	)
	switch o.Set {
	case CIFAR10:
		d, err = openCIFAR10(o)
	case Shapes10:
		d = openShapes10(o)
	default:
		return nil, fmt.Errorf("data set %q: want %q or %q", o.Set, CIFAR10, Shapes10)
	}
	if err != nil {
		return nil, err
	}
	if err := d.divide(o); err != nil {
		return nil, fmt.Errorf("dividing %s (%s): %w", d.Name, d.Source, err)
	}
	if d.Train.Len() > 0 {
		d.Mean, d.Std = d.Train.Statistics()
	}
	return d, nil
}

// divide holds the validation part out of the training images and applies the
// limits.
func (d *Data) divide(o Options) error {
	d.Validation = &Split{}
	if !o.TestOnly {
		if n := d.Train.Len(); o.Validation >= n {
			return fmt.Errorf("%d validation images do not fit into %d training images: hold out fewer", o.Validation, n)
		}
		if o.Validation > 0 {
			d.Train, d.Validation = d.Train.partition(firstOfClass(d.Train.Labels, len(d.Classes), d.Train.Len()-o.Validation))
		}
		d.Train = d.Train.first(o.TrainLimit)
	}
	d.Test = d.Test.first(o.TestLimit)
	return nil
}
