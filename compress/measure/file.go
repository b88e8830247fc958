package measure

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"espalier/compress/prune"
	"espalier/compress/quantize"
	"espalier/configs"
	"espalier/dataset"
	"espalier/model"
	"espalier/model/onnx"
	"espalier/model/weights"
)

// A File is a network as a file holds it: in floating point or in integers.
type File struct {
	Path     string
	Metadata map[string]string
	Float    *model.Graph      // nil for a quantized network
	Integer  *quantize.Network // nil for one in floating point
	// Notes are sentences about what a reader chose or passed over, for people.
	Notes []string

	classes   int
	mean, std []float32 // by channel
}

// errNormalisation asks for what many published checkpoints leave out.
var errNormalisation = errors.New("the file does not say how images were normalised: give --mean and --std, as three numbers or by name (--mean imagenet --std imagenet)")

// Open reads a file of weights: safetensors, a PyTorch checkpoint, or an ONNX
// file: any program's in floating point, this program's own in integers. Mean and std are used in place of the file's
// own where they are given (see dataset.ParseMean); one of both must know them.
// Key chooses among several networks in a file (see weights.Open).
func Open(path, key, mean, std string) (*File, error) {
	f, err := read(path, key, func(metadata map[string]string) {
		// What is given wins, also over what cannot be read.
		if mean != "" {
			delete(metadata, weights.MetaMean)
		}
		if std != "" {
			delete(metadata, weights.MetaStd)
		}
	})
	if err != nil {
		return nil, err
	}
	if f.Float != nil {
		f.classes = f.Float.Classes()
		f.mean, f.std = f.Float.Mean, f.Float.Std
	} else {
		f.classes, f.mean, f.std = f.Integer.Classes(), f.Integer.Mean, f.Integer.Std
	}
	if mean != "" {
		if f.mean, err = dataset.ParseMean(mean); err != nil {
			return nil, fmt.Errorf("--%w", err)
		}
	}
	if std != "" {
		if f.std, err = dataset.ParseStd(std); err != nil {
			return nil, fmt.Errorf("--%w", err)
		}
	}
	in := f.shape()
	// One number that is given serves all channels.
	if len(f.mean) == 1 && mean != "" {
		f.mean = slices.Repeat(f.mean, in.C)
	}
	if len(f.std) == 1 && std != "" {
		f.std = slices.Repeat(f.std, in.C)
	}
	if len(f.mean) == 0 {
		f.mean = make([]float32, in.C)
	}
	if len(f.std) == 0 || !(slices.Min(f.std) > 0) {
		return nil, fmt.Errorf("%s: %w", path, errNormalisation)
	}
	if len(f.mean) != in.C || len(f.std) != in.C {
		return nil, fmt.Errorf("%s: images are normalised with means %v and deviations %v, and the network takes %d channels: give --mean and --std with one number for each", path, f.mean, f.std, in.C)
	}
	if f.Float != nil {
		f.Float.Mean, f.Float.Std = f.mean, f.std
	} else {
		f.Integer.Mean, f.Integer.Std = f.mean, f.std
	}
	return f, nil
}

// read reads the network in a file: one in ONNX by its name's ending, since
// ONNX files have no mark, any other by its content.
func read(path, key string, given func(metadata map[string]string)) (*File, error) {
	f := &File{Path: path}
	var err error
	if strings.EqualFold(filepath.Ext(path), ".onnx") {
		if key != "" {
			return nil, fmt.Errorf("%s is an ONNX file and holds one network: leave out --key", path)
		}
		return f, f.readONNX(path)
	}
	held, err := weights.Open(path, key)
	if err != nil {
		return nil, err
	}
	tensors := held.Tensors
	f.Metadata, f.Notes = held.Metadata, held.Notes
	given(f.Metadata)
	if quantize.IsQuantized(f.Metadata) {
		f.Integer, err = quantize.FromTensors(tensors, f.Metadata)
	} else {
		var more []string
		f.Float, more, err = weights.NotedNetwork(tensors, f.Metadata)
		f.Notes = append(f.Notes, more...)
	}
	if err != nil {
		return nil, fmt.Errorf("building a network from %s: %w", path, err)
	}
	return f, nil
}

// readONNX reads an ONNX file: any program's in floating point, this program's own
// in integers.
func (f *File) readONNX(path string) error {
	file, err := onnx.Read(path)
	if err != nil {
		return err
	}
	f.Float, f.Metadata, f.Notes = file.Float, file.Metadata, file.Notes
	if f.Float != nil {
		return nil
	}
	if f.Integer, err = quantize.FromTensors(file.Integer, f.Metadata); err == nil {
		err = file.Check(f.Integer)
	}
	if err != nil {
		return fmt.Errorf("reading ONNX from %s: %w", path, err)
	}
	return nil
}

// OpenGraph reads the network in floating point in a file, and notes about it,
// however its images are normalised. Key chooses among several networks.
func OpenGraph(path, key string) (*model.Graph, []string, error) {
	f, err := read(path, key, func(map[string]string) {})
	if err != nil {
		return nil, nil, err
	}
	if f.Float == nil {
		return nil, nil, fmt.Errorf("%s is quantized; give the network in floating point that it was made from", path)
	}
	return f.Float, f.Notes, nil
}

// MustBeInteger refuses a network in floating point.
func (f *File) MustBeInteger() error {
	if f.Integer == nil {
		return fmt.Errorf("%s is not quantized; make an int8 network of it with: espalier quantize %s", f.Path, f.Path)
	}
	return nil
}

// Data says which images the file's network was made for, and how to open
// them: the data set from set, or else the one at path, or else from the file's
// metadata. The pictures of a folder become images of the network's input size.
func (f *File) Data(set, path string) (dataset.Options, error) {
	in := f.shape()
	o := dataset.Options{
		Set: set, Path: path, Seed: configs.Defaults().Data.Seed,
		Height: in.H, Width: in.W, Channels: in.C, Coarse: f.classes == 20,
	}
	if o.Set == "" && path != "" {
		o.Set = dataset.Recognise(path)
	}
	if o.Set == "" {
		o.Set = f.Metadata[weights.MetaDataset]
	}
	if o.Set == "" {
		o.Set = dataset.CIFAR10
	}
	if text, ok := f.Metadata[weights.MetaDataSeed]; ok {
		seed, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return o, fmt.Errorf("%s: metadata %q is %q: want a whole number", f.Path, weights.MetaDataSeed, text)
		}
		o.Seed = seed
	}
	return o, nil
}

// shape returns that of the images that the network takes.
func (f *File) shape() dataset.Shape {
	var in model.Shape
	if f.Float != nil {
		in = f.Float.Input().Shape
	} else {
		in = f.Integer.Input().Shape
	}
	return dataset.Shape{H: in.H, W: in.W, C: in.C}
}

// Fits returns an error where the network takes other images than those of d or
// tells another number of classes apart.
func (f *File) Fits(d *dataset.Data) error {
	if err := d.Fits(f.shape(), f.classes); err != nil {
		return fmt.Errorf("%s: %w", f.Path, err)
	}
	return nil
}

// normalise gives images the file's normalisation.
func (f *File) normalise(d *dataset.Data) (*dataset.Data, error) {
	if err := f.Fits(d); err != nil {
		return nil, err
	}
	images := *d
	images.Mean, images.Std = f.mean, f.std
	return &images, nil
}

// sparsity is the share of convolution and linear weights that are zero.
func (f *File) sparsity() float64 {
	if f.Float != nil {
		return prune.Measure(f.Float).Share()
	}
	zero, total := 0, 0
	for _, l := range f.Integer.Layers() {
		for _, w := range l.Weight {
			if w == 0 {
				zero++
			}
		}
		total += len(l.Weight)
	}
	return float64(zero) / float64(total)
}
