package dataset

import (
	"archive/zip"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"
)

// openNPZ reads a .npz file of NumPy with the arrays x_train, y_train, x_test and
// y_test. Images are [n][h][w][c], [n][c][h][w] or [n][h][w], of bytes, or of
// numbers from 0 to 1 or from 0 to 255. Labels are whole numbers, [n] or [n][1].
func openNPZ(o Options) (*Data, error) {
	if o.Path == "" {
		return nil, fmt.Errorf("the data set npz needs a path: name the file with --data or in data.path")
	}
	f, err := os.Open(o.Path)
	if err != nil {
		return nil, fmt.Errorf("opening the arrays: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("opening the arrays: %w", err)
	}
	return readNPZ(f, info.Size(), o)
}

// arrays are the files in a .npz.
type arrays struct {
	path  string
	files map[string]*zip.File // by name, without .npy
	names []string
}

// readNPZ reads a .npz file, named o.Path in errors.
func readNPZ(r io.ReaderAt, size int64, o Options) (*Data, error) {
	z, err := zip.NewReader(r, size)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w: it is not an .npz file, or it is damaged; write it with numpy.savez", o.Path, err)
	}
	a := arrays{path: o.Path, files: make(map[string]*zip.File)}
	for _, f := range z.File {
		if name, ok := strings.CutSuffix(f.Name, ".npy"); ok && len(a.names) < 100 {
			a.files[name] = f
			a.names = append(a.names, name)
		}
	}
	d := &Data{Name: NPZ, Source: o.Path, Train: &Split{}}
	trainLabels, err := a.labels("y_train")
	if err != nil {
		return nil, err
	}
	testLabels, err := a.labels("y_test")
	if err != nil {
		return nil, err
	}
	classes := 0
	for _, labels := range [][]uint16{trainLabels, testLabels} {
		for _, label := range labels {
			classes = max(classes, int(label)+1)
		}
	}
	for i := range classes {
		d.Classes = append(d.Classes, strconv.Itoa(i))
	}
	test, err := a.images("x_test", testLabels, o.Memory)
	if err != nil {
		return nil, err
	}
	d.Test, d.Shape = test.split, test.split.Shape
	if o.TestOnly {
		return d, nil
	}
	train, err := a.images("x_train", trainLabels, o.Memory-int64(len(d.Test.Images)))
	if err != nil {
		return nil, err
	}
	d.Train = train.split
	if d.Train.Shape != d.Shape {
		return nil, fmt.Errorf("reading %s: x_train has images of %s and x_test of %s: give both the same", o.Path, d.Train.Shape, d.Shape)
	}
	if train.scale != test.scale {
		return nil, fmt.Errorf("reading %s: x_train reaches %g and x_test %g: give both from 0 to 1 or both from 0 to 255", o.Path, train.top, test.top)
	}
	return d, nil
}

// open returns an array's head and its elements.
func (a arrays) open(name string) (h header, r io.ReadCloser, err error) {
	f := a.files[name]
	if f == nil {
		return h, nil, fmt.Errorf("reading %s: it has no array %s, and of others %q: save x_train, y_train, x_test and y_test with numpy.savez", a.path, name, a.names)
	}
	if r, err = f.Open(); err == nil {
		if h, err = readHeader(r); err != nil {
			r.Close()
		}
	}
	if err != nil {
		return h, nil, fmt.Errorf("reading %s, array %s: %w", a.path, name, err)
	}
	return h, r, nil
}

// maxLabels bounds the number of images.
const maxLabels = 100_000_000

// labels reads an array of labels.
func (a arrays) labels(name string) (labels []uint16, err error) {
	h, r, err := a.open(name)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	if h.Kind == 'f' || len(h.shape) != 1 && !(len(h.shape) == 2 && h.shape[1] == 1) || h.shape[0] > maxLabels {
		return nil, fmt.Errorf("reading %s: %s has shape %v and type %s: want whole numbers, one for each image", a.path, name, h.shape, h.Type)
	}
	err = h.each(r, func(i int, v float64) error {
		if v < 0 || v >= maxClasses {
			return fmt.Errorf("label %d is %g: want 0 to %d", i, v, maxClasses-1)
		}
		labels = append(labels, uint16(v))
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading %s, array %s: %w", a.path, name, err)
	}
	return labels, nil
}

// scaled are images and the factor that made bytes of their values.
type scaled struct {
	split *Split
	top   float64 // the largest value
	scale float64 // 255 or 1
}

// images reads an array of images. It is read twice, first for the range of its
// values and then for the values, so that memory only ever holds bytes.
func (a arrays) images(name string, labels []uint16, memory int64) (s scaled, err error) {
	wrap := func(err error) error { return fmt.Errorf("reading %s, array %s: %w", a.path, name, err) }
	h, r, err := a.open(name)
	if err != nil {
		return s, err
	}
	defer r.Close()
	shape, last, err := layoutOf(h.shape)
	if err != nil {
		return s, wrap(err)
	}
	if h.shape[0] != len(labels) {
		return s, wrap(fmt.Errorf("it has %d images, and there are %d labels: give one label for each image", h.shape[0], len(labels)))
	}
	if int64(h.len()) > memory {
		return s, wrap(fmt.Errorf("%d images of %s take %.1f GiB, more than images may take: take fewer or smaller ones, or allow more (data.memory, in GiB)", h.shape[0], shape, float64(h.len())/(1<<30)))
	}
	if err := shape.check(); err != nil {
		return s, wrap(err)
	}
	s.scale = 1
	bottom := 0.0
	err = h.each(r, func(i int, v float64) error {
		if v-v != 0 {
			return fmt.Errorf("value %d is %g: want finite numbers", i, v)
		}
		bottom, s.top = min(bottom, v), max(s.top, v)
		return nil
	})
	if err != nil {
		return s, wrap(err)
	}
	if bottom < 0 || s.top > 255 {
		return s, wrap(fmt.Errorf("values run from %g to %g: give images before normalisation, from 0 to 255, or floats from 0 to 1", bottom, s.top))
	}
	if h.Kind == 'f' && s.top <= 1 {
		s.scale = 255
	}
	_, again, err := a.open(name)
	if err != nil {
		return s, err
	}
	defer again.Close()
	s.split = &Split{Shape: shape, Images: make([]uint8, h.len()), Labels: labels}
	size := shape.Len()
	err = h.each(again, func(i int, v float64) error {
		if last { // channels are neighbours in the file
			image, at := i/size, i%size
			i = image*size + at%shape.C*shape.plane() + at/shape.C
		}
		s.split.Images[i] = uint8(math.Round(v * s.scale))
		return nil
	})
	if err != nil {
		return s, wrap(err)
	}
	return s, nil
}

// layoutOf returns the shape of an array's images, and whether the channels come
// last.
func layoutOf(d []int) (s Shape, last bool, err error) {
	channels := func(n int) bool { return n == 1 || n == 3 }
	switch {
	case len(d) == 3:
		return Shape{d[1], d[2], 1}, false, nil
	case len(d) == 4 && channels(d[3]):
		return Shape{d[1], d[2], d[3]}, true, nil
	case len(d) == 4 && channels(d[1]):
		return Shape{d[2], d[3], d[1]}, false, nil
	}
	return s, false, fmt.Errorf("its shape is %v: want [n, h, w, c], [n, c, h, w] or [n, h, w] with 1 or 3 channels", d)
}
