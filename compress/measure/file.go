package measure

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

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
	// Mixture says why layers have their bits, after Quantize chose them.
	Mixture *quantize.Mixture
	// Repairs are those that Quantize tried, in order.
	Repairs []quantize.Repaired
	// Counts are what the kernels made of calibration images, where Quantize was to
	// count.
	Counts []quantize.LayerCount
	// Notes are sentences for people about what the reader chose or skipped.
	Notes []string
}

// network returns what both kinds of networks have in common.
func (f *File) network() interface {
	Classes() int
	Sparsity() (zero, total int)
} {
	if f.Float != nil {
		return f.Float
	}
	return f.Integer
}

// normalisation returns where the network keeps its mean and std, by channel.
func (f *File) normalisation() (mean, std *[]float32) {
	if f.Float != nil {
		return &f.Float.Mean, &f.Float.Std
	}
	return &f.Integer.Mean, &f.Integer.Std
}

// errNormalisation asks for the mean and std, which many published checkpoints
// lack.
var errNormalisation = errors.New("the file does not say how images were normalised: give --mean and --std, as three numbers or by name (--mean imagenet --std imagenet)")

// A Source says where a network is read from. All but Path may be empty.
type Source struct {
	Path  string
	Key   string // chooses among several networks in a checkpoint (see weights.Open)
	Graph string // the ONNX file with the graph of a state dict (see onnx.ReadGraph)
	// Mean and Std are used in place of the file's own (see dataset.ParseMean).
	Mean, Std string
}

// Open reads a file of weights: safetensors, a PyTorch checkpoint, or an ONNX
// file: any program's in floating point, this program's own in integers. It is an
// error where neither file nor source say how images are normalised.
func Open(from Source) (*File, error) {
	path, mean, std := from.Path, from.Mean, from.Std
	f, err := from.read()
	if err != nil {
		return nil, err
	}
	channels := f.shape().C
	m, s := f.normalisation()
	if mean != "" {
		if *m, err = dataset.ParseMean(mean); err != nil {
			return nil, fmt.Errorf("--%w", err)
		}
	}
	if std != "" {
		if *s, err = dataset.ParseStd(std); err != nil {
			return nil, fmt.Errorf("--%w", err)
		}
	}
	// A single number holds for all channels.
	if len(*m) == 1 && mean != "" {
		*m = slices.Repeat(*m, channels)
	}
	if len(*s) == 1 && std != "" {
		*s = slices.Repeat(*s, channels)
	}
	if len(*m) == 0 {
		*m = make([]float32, channels)
	}
	if len(*s) == 0 || !(slices.Min(*s) > 0) {
		return nil, fmt.Errorf("%s: %w", path, errNormalisation)
	}
	if len(*m) != channels || len(*s) != channels {
		return nil, fmt.Errorf("%s: images are normalised with means %v and deviations %v, and the network takes %d channels: give --mean and --std with one number for each", path, *m, *s, channels)
	}
	return f, nil
}

// read reads the network in a file: one in ONNX by its name's ending, since
// ONNX files have no mark, any other by its content.
func (s Source) read() (*File, error) {
	path := s.Path
	f := &File{Path: path}
	if strings.EqualFold(filepath.Ext(path), ".onnx") {
		if s.Key != "" {
			return nil, fmt.Errorf("%s is an ONNX file and holds one network: leave out --key", path)
		}
		if s.Graph != "" {
			return nil, fmt.Errorf("%s: %w", path, weights.ErrOwnGraph)
		}
		return f, f.readONNX(path)
	}
	held, err := weights.Open(path, s.Key)
	if err != nil {
		return nil, err
	}
	// What is given wins, also over what cannot be read.
	if s.Mean != "" {
		delete(held.Metadata, weights.MetaMean)
	}
	if s.Std != "" {
		delete(held.Metadata, weights.MetaStd)
	}
	tensors := held.Tensors
	f.Metadata, f.Notes = held.Metadata, held.Notes
	switch {
	case s.Graph != "":
		f.Float, f.Notes, err = onnx.ReadGraph(s.Graph, held)
	case quantize.IsQuantized(f.Metadata):
		f.Integer, err = quantize.FromTensors(tensors, f.Metadata)
	default:
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

// OpenAsIs is Open where no images are shown to the network: the file need not
// say how they are normalised.
func OpenAsIs(from Source) (*File, error) { return from.read() }

// OpenGraph reads a network in floating point, and notes about it. The file
// need not say how its images are normalised.
func OpenGraph(from Source) (*model.Graph, []string, error) {
	f, err := OpenAsIs(from)
	if err != nil {
		return nil, nil, err
	}
	if f.Float == nil {
		return nil, nil, fmt.Errorf("%s is quantized; give the network in floating point that it was made from", from.Path)
	}
	return f.Float, f.Notes, nil
}

// MustBeInteger returns an error if the network is in floating point.
func (f *File) MustBeInteger() error {
	if f.Integer == nil {
		return fmt.Errorf("%s is not quantized; quantize it first: espalier quantize %s", f.Path, f.Path)
	}
	return nil
}

// Data returns options that open the images the network was made for: the data
// set called set, else the one at path, else the one in the file's metadata.
// Pictures of a folder are scaled to the network's input size.
func (f *File) Data(set, path string) (dataset.Options, error) {
	in := f.shape()
	o := dataset.Options{
		Set: set, Path: path, Seed: configs.Defaults().Data.Seed,
		Height: in.H, Width: in.W, Channels: in.C, Coarse: f.network().Classes() == 20,
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

// shape returns the shape of the images that the network takes.
func (f *File) shape() dataset.Shape {
	var in model.Shape
	if f.Float != nil {
		in = f.Float.Input().Shape
	} else {
		in = f.Integer.Input().Shape
	}
	return dataset.Shape{H: in.H, W: in.W, C: in.C}
}

// Normalise returns d with the file's normalisation. It fails if d's images or
// number of classes do not fit the network.
func (f *File) Normalise(d *dataset.Data) (*dataset.Data, error) {
	if err := d.Fits(f.shape(), f.network().Classes()); err != nil {
		return nil, fmt.Errorf("%s: %w", f.Path, err)
	}
	images := *d
	mean, std := f.normalisation()
	images.Mean, images.Std = *mean, *std
	return &images, nil
}

// sparsity is the share of convolution and linear weights that are zero.
func (f *File) sparsity() float64 {
	zero, total := f.network().Sparsity()
	return float64(zero) / float64(total)
}
