package pipeline

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"slices"

	"espalier/configs"
	"espalier/dataset"
)

// dataOptions returns the options that open the experiment's images.
func (r *runner) dataOptions() dataset.Options { return DataOptions(r.e.Data) }

// DataOptions returns the options that open images.
func DataOptions(d configs.Data) dataset.Options {
	height, width := d.Size.Pixels()
	return dataset.Options{
		Set: d.Set, Path: d.Path, Seed: d.Seed, Validation: d.Validation, ValidationShare: d.ValidationShare,
		TrainLimit: d.Train, TestLimit: d.Test, Coarse: d.Labels == configs.Coarse,
		Height: height, Width: width, Channels: d.Channels, Memory: int64(d.Memory * (1 << 30)),
	}
}

// fits returns an error if the data do not fit the network.
func (r *runner) fits(d *dataset.Data) error {
	in := r.net.Input().Shape
	if err := d.Fits(dataset.Shape{H: in.H, W: in.W, C: in.C}, r.net.Classes()); err != nil {
		return fmt.Errorf("read the data: %w", err)
	}
	return nil
}

// readData opens the data set.
func (r *runner) readData() error {
	defer r.begin(StageData, 0, r.e.Data.Set)()
	options := r.dataOptions()
	options.Progress = func(done, total int) {
		r.hub.Publish(Progress{
			Stage: StageData, Done: done, Total: total, Unit: "images",
			Overall: r.estimate.overall(), Remaining: r.estimate.remaining(),
		})
	}
	data, err := r.parts.Open(options)
	if err != nil {
		return fmt.Errorf("read the data: %w", err)
	}
	if data.Train.Len() == 0 || data.Test.Len() == 0 {
		return fmt.Errorf("read the data: %s has %d training and %d test images; an experiment needs both", data.Source, data.Train.Len(), data.Test.Len())
	}
	for _, text := range data.Warnings {
		r.log("warn", "%s", text)
	}
	if err := r.fits(data); err != nil {
		return err
	}
	r.data = data
	// A network keeps the normalisation that it was trained with.
	if r.net.Std == nil {
		if from := r.e.Model.Weights; from != configs.Scratch {
			r.log("warn", "%s does not say how images were normalised for it: it gets the mean and the deviation of %s; others go under model.mean and model.std", from, data.Name)
		}
		r.net.Mean, r.net.Std = slices.Clone(data.Mean), slices.Clone(data.Std)
	}
	data.Mean, data.Std = r.net.Mean, r.net.Std
	hash := imagesHash(data)
	if err := r.sameImages(hash, data.Source); err != nil {
		return err
	}
	r.hub.Publish(DataRead{
		Hash:    hash,
		Dataset: data.Name, Note: data.Note, Source: data.Source,
		Train: data.Train.Len(), Validation: data.Validation.Len(), Test: data.Test.Len(),
	})
	return nil
}

// sameImages returns an error if the images are not those that the run began
// with. If they are and lie elsewhere now, the run keeps the new path.
func (r *runner) sameImages(hash, source string) error {
	if before := r.hub.State().Data; before != nil && before.Hash != "" && before.Hash != hash {
		return fmt.Errorf("read the data: the images in %s are not those that the run began with, from %s: name the folder of the same images with --data", source, before.Source)
	}
	if !r.moved {
		return nil
	}
	document, err := r.e.YAML()
	if err != nil {
		return err
	}
	return r.write(func() error { return r.folder.writeExperiment(document) })
}

// imagesHash returns the SHA-256 of all images and labels, in hexadecimal.
func imagesHash(data *dataset.Data) string {
	h := sha256.New()
	hashImages(h, data.Train, data.Validation, data.Test)
	return hex.EncodeToString(h.Sum(nil))
}

// hashImages writes the pixels and labels of splits to a hash.
func hashImages(h hash.Hash, splits ...*dataset.Split) {
	for _, split := range splits {
		h.Write(split.Images)
		binary.Write(h, binary.LittleEndian, split.Labels)
	}
}

// expectedTrain returns the number of training images that a whole data set
// leaves, before it is read.
func expectedTrain(e configs.Experiment) int {
	n, _ := expectedImages(e.Data.Set)
	n -= e.Data.Validation + int(e.Data.ValidationShare*float64(n))
	if e.Data.Train > 0 {
		n = min(n, e.Data.Train)
	}
	return max(n, 1)
}

// expectedImages returns how many training and test images a data set has,
// before it is read. For the user's own images it is a guess.
func expectedImages(set string) (train, test int) {
	switch set {
	case configs.CIFAR10, configs.CIFAR100:
		return 50000, 10000
	case configs.MNIST, configs.FashionMNIST:
		return 60000, 10000
	case configs.Shapes10:
		return 20000, 4000
	}
	return 10000, 2000
}

// capSizes replaces the sizes above n by n.
func capSizes(sizes []int, n int) []int {
	var capped []int
	for _, size := range sizes {
		if size = min(size, n); !slices.Contains(capped, size) {
			capped = append(capped, size)
		}
	}
	return capped
}
