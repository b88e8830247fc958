package dataset

import (
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
)

// LoaderOptions says how images become batches.
type LoaderOptions struct {
	Batch int // images in a batch; the last one of an epoch may have fewer
	// Shuffle gives every epoch its own order of images.
	Shuffle bool
	// Augment crops and flips at random, see augment; NoFlip leaves flips out.
	Augment, NoFlip bool
	// Cutout is the side in pixels of the square that augmentation sets to the
	// mean; 0 for none.
	Cutout int
	// Seed is that of the order and of the augmentation.
	Seed uint64
	// Only lists the images to use, in this order; nil uses all.
	Only []int32
}

// A Loader makes batches of normalised images. It allocates nothing after
// NewLoader. The batch of an epoch and index is always the same, whenever it is
// loaded. A Loader is not safe for concurrent use.
type Loader struct {
	split *Split
	o     LoaderOptions
	// value [channel][byte] is the normalised float of every byte.
	value [][256]float32
	order []int32 // of the images in the epoch that is current
	epoch int     // that order belongs to; −1 before the first

	x      []float32 // Epoch's batch
	labels []uint16
}

// NewLoader returns a Loader of batches from s, which is a part of d,
// normalised with d.Mean and d.Std. It panics if these are nil: they come from
// the training part or from a network's file.
func (d *Data) NewLoader(s *Split, o LoaderOptions) *Loader {
	if len(d.Mean) == 0 || len(d.Mean) != d.Shape.C || len(d.Std) != d.Shape.C || !(slices.Min(d.Std) > 0) {
		panic(fmt.Sprintf("dataset: NewLoader for images of %s with mean %v and deviation %v", d.Shape, d.Mean, d.Std))
	}
	if o.Batch < 1 {
		panic(fmt.Sprintf("dataset: NewLoader with batches of %d images", o.Batch))
	}
	n := s.Len()
	if o.Only != nil {
		n = len(o.Only)
	}
	l := &Loader{split: s, o: o, value: make([][256]float32, d.Shape.C), order: make([]int32, n), epoch: -1}
	for c := range l.value {
		for v := range l.value[c] {
			// In the order and precision of torchvision's ToTensor and Normalize.
			l.value[c][v] = (float32(v)/255 - d.Mean[c]) / d.Std[c]
		}
	}
	return l
}

// Batches returns the number of batches in an epoch.
func (l *Loader) Batches() int { return (len(l.order) + l.o.Batch - 1) / l.o.Batch }

// Load fills x [n][channels][height][width] and labels [n] with batch index, counted from
// 0, of an epoch, and returns n. It panics if index is not below Batches or a slice is
// too short for a batch.
func (l *Loader) Load(epoch, index int, x []float32, labels []uint16) (n int) {
	if index < 0 || index >= l.Batches() {
		panic(fmt.Sprintf("dataset: batch %d of %d", index, l.Batches()))
	}
	if l.epoch != epoch {
		l.arrange(epoch)
	}
	first := index * l.o.Batch
	n = min(l.o.Batch, len(l.order)-first)
	size := l.split.Shape.Len()
	for i, image := range l.order[first : first+n] {
		to := x[i*size : (i+1)*size]
		if l.o.Augment {
			l.augment(to, l.split.Image(int(image)), epoch, int(image))
		} else {
			l.normalise(to, l.split.Image(int(image)))
		}
		labels[i] = l.split.Labels[image]
	}
	return n
}

// Epoch yields the batches of an epoch in order, as x
// [n][channels][height][width] and labels [n]. Both are overwritten by the next batch.
func (l *Loader) Epoch(epoch int) iter.Seq2[[]float32, []uint16] {
	size := l.split.Shape.Len()
	if l.x == nil {
		l.x = make([]float32, l.o.Batch*size)
		l.labels = make([]uint16, l.o.Batch)
	}
	return func(yield func([]float32, []uint16) bool) {
		for index := range l.Batches() {
			n := l.Load(epoch, index, l.x, l.labels)
			if !yield(l.x[:n*size], l.labels[:n]) {
				return
			}
		}
	}
}

// arrange sets order to that of an epoch.
func (l *Loader) arrange(epoch int) {
	if l.o.Shuffle {
		var g rand.PCG
		stream(&g, l.o.Seed, shuffling, uint64(epoch), 0)
		permute(l.order, &g)
	} else {
		for i := range l.order {
			l.order[i] = int32(i)
		}
	}
	if l.o.Only != nil {
		for i, at := range l.order {
			l.order[i] = l.o.Only[at]
		}
	}
	l.epoch = epoch
}
